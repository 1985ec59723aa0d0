"""`toolward run show`: a run turn by turn, or exactly what its model was asked in one."""

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from gateway.agent import trajectory as tr
from gateway.cli.colours import coloured
from gateway.cli.output import EXIT_OK, print_json, shorten
from gateway.cli.session import Common, open_session
from gateway.cli.watch import dollars
from gateway.runs.trajectories import told, trajectory
from toolward.printable import printable_lines
from toolward.types import TurnRequest, TurnToolUse

_LONG = 300
_ARGUMENTS = 200


def show(
    run_id: str,
    /,
    *,
    request: Annotated[
        int, Parameter(name="--request", help="instead: what the model was asked in this turn, word for word")
    ] = 0,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Show one run, turn by turn."""
    return asyncio.run(_show_request(run_id, request, common) if request else _show(run_id, common))


async def _show(run_id: str, common: Common) -> int:
    async with open_session(common, tools=False) as session:
        found = await trajectory(session.agents, session.principal, run_id)
    if common.json:
        print_json({"run": found.run, "events": found.events})
        return EXIT_OK
    for line in _lines(told(found)):
        print(line)
    return EXIT_OK


async def _show_request(run_id: str, turn: int, common: Common) -> int:
    async with open_session(common, tools=False) as session:
        asked = await session.agents.get_model_request(session.principal, run_id, turn)
    if common.json:
        print_json(asked)
        return EXIT_OK
    for line in _request_lines(asked):
        print(line)
    return EXIT_OK


# --- a run ----------------------------------------------------------------------------------------------


def _lines(run: tr.TrajectoryLine) -> Iterator[str]:
    about = run.run
    yield f"{_coloured(about.id, 'bold')}  {about.state.value}"
    yield f"agent {about.agent}, for {about.owner}, started {_moment(about.created_at)}"
    yield (
        f"{_counted(about.turns, 'turn')}, {_counted(about.calls, 'call')},"
        f" {about.input_tokens:,} + {about.output_tokens:,} tokens{_cost(about)}"
    )
    if run.erased:
        yield "Words of this run were erased."
    yield ""
    yield _said(about.owner, run.input)
    for _, lines in sorted(_happened(run), key=lambda one: one[0]):
        yield from lines
    yield ""
    yield from _ending(run)


def _happened(run: tr.TrajectoryLine) -> Iterator[tuple[int, list[str]]]:
    """What stands in a run, with the number of its event."""
    for retry in run.retries:
        yield retry.seq, list(_retried(retry))
    for message in run.messages:
        yield message.seq, [_said(message.by, message.text)]
    for turn in run.turns:
        yield turn.seq, list(_turn(turn))
    for asked in run.asked:
        yield asked.seq, list(_asked(asked, ""))
    for pause in run.pauses:
        why = f": {shorten(pause.reason, _LONG)}" if pause.reason else ""
        until = f", resumed by {pause.resumed_by} {_moment(pause.resumed_at)}" if pause.resumed_at else ""
        yield pause.seq, [f"paused by {pause.by} {_moment(pause.at)}{why}{until}"]
    for note in run.notes:
        yield (
            note.seq,
            [_coloured(_NOTES[note.type].format(turn=note.turn, text=shorten(note.text, _LONG)), "dim")],
        )
    for rating in run.ratings:
        comment = f": {shorten(rating.comment, _LONG)}" if rating.comment else ""
        yield rating.seq, [f"rated {rating.score:g} by {rating.by}{comment}"]


_NOTES = {
    "results_folded": "the results up to turn {turn} are folded: the model sees a line of each",
    "turns_summarised": "the turns up to {turn} are summarised: {text}",
    "input_classified": "turn {turn} begins with what is called {text}",
    "limit_reached": "a limit is reached: {text}",
}


def _cost(about: tr.About) -> str:
    said = f", {dollars(about.cost)}" if about.cost else ""
    return f"{said}, some without a price" if about.cost and about.unpriced else said


def _said(who: str, text: str) -> str:
    return f"{_coloured(f'{who}:', 'bold')} {printable_lines(text)}"


def _retried(retry: tr.Branched) -> Iterator[str]:
    yield f"retried by {retry.by} from event {retry.after} of {retry.parent}; what that one did behind it:"
    for effect in retry.effects:
        yield f"  {effect.tool}  {shorten(effect.arguments_json, _ARGUMENTS)}  {effect.code}"
    if not retry.effects:
        yield "  nothing that changes things"


def _turn(turn: tr.TurnTold) -> Iterator[str]:
    tokens = f"{turn.input_tokens:,} + {turn.output_tokens:,} tokens"
    last = ", the last: no tools were offered" if turn.last else ""
    yield ""
    over = f", after {', '.join(turn.passed_over)}" if turn.passed_over else ""
    yield _coloured(f"turn {turn.turn}  {turn.model}{over}, {tokens}, {turn.duration_ms:,} ms{last}", "dim")
    if turn.reply.text:
        yield f"  {printable_lines(turn.reply.text)}"
    called = {call.index for call in turn.calls}
    for call in turn.calls:
        yield from _call(call)
    for index, use in enumerate(turn.reply.tool_uses):
        if index not in called:
            yield f"  {shorten(use.name, 80)}  {shorten(use.arguments_json, _ARGUMENTS)}  not called"


def _call(call: tr.Called) -> Iterator[str]:
    again = f"  made {len(call.sent_at)} times" if len(call.sent_at) > 1 else ""
    yield f"  {call.tool or shorten(call.alias, 80)}  {shorten(call.arguments_json, _ARGUMENTS)}{again}"
    if call.decision is not None:
        rule = f" by the rule {call.decision.rule}" if call.decision.rule else ""
        yield f"    {_coloured(call.decision.effect, call.decision.effect)}{rule}"
    for asked in call.asked:
        yield from _asked(asked, "    ")
    if (outcome := call.outcome) is None:
        yield "    waits for an answer" if call.asked else "    no outcome yet"
        return
    late = ", late" if outcome.late else ""
    code = _coloured(outcome.code, "failed" if outcome.is_error else "ok")
    yield f"    {code} in {outcome.duration_ms:,} ms, {outcome.trust}{late}: {shorten(outcome.text, _LONG)}"


def _asked(asked: tr.Asked, indent: str) -> Iterator[str]:
    yield f"{indent}asked ({asked.kind.value}, {asked.request_id}): {shorten(asked.prompt, _LONG)}"
    if (answer := asked.answer) is None:
        return
    by = answer.by or "nobody"
    if answer.void:
        said = f"void: {shorten(answer.void, _LONG)}"
    elif answer.expired:
        said = "nobody answered in time"
    elif answer.approve is not None:
        why = f": {shorten(answer.reason, _LONG)}" if answer.reason else ""
        said = f"{'approved' if answer.approve else 'denied'} by {by}{why}"
    else:
        words = ": ".join(filter(None, (answer.choice, answer.text)))
        said = f"{by} answered: {shorten(words, _LONG)}"
    yield f"{indent}  {said}"
    if answer.arguments_json:
        yield f"{indent}  sent instead: {shorten(answer.arguments_json, _ARGUMENTS)}"


def _ending(run: tr.TrajectoryLine) -> Iterator[str]:
    if run.end is None:
        yield f"{run.run.state.value}: no answer yet"
        return
    if run.end.code:
        yield f"{run.end.state.value} ({run.end.code}): {printable_lines(run.end.message)}"
    if run.end.answer:
        yield printable_lines(run.end.answer)


# --- a request ------------------------------------------------------------------------------------------


def _request_lines(asked: TurnRequest) -> Iterator[str]:
    sizes = f"{_counted(len(asked.messages), 'message')}, {_counted(len(asked.tools), 'tool')}"
    yield f"turn {asked.turn} of {asked.run_id}: {sizes}"
    yield f"rebuilt from the log; it fits the digest {asked.digest}"
    for message in asked.messages:
        failed = " (failed)" if message.is_error else ""
        of = f" for {message.tool_use_id}" if message.tool_use_id else ""
        yield ""
        yield _coloured(f"{message.role}{of}{failed}", "bold")
        if message.text:
            yield printable_lines(message.text)
        yield from map(_use, message.tool_uses)
    yield ""
    yield _coloured("tools", "bold")
    for tool in asked.tools:
        yield f"{tool.alias}  {shorten(tool.description, _LONG)}"


def _use(use: TurnToolUse) -> str:
    return f"calls {shorten(use.name, 80)} ({shorten(use.id, 80)})  {printable_lines(use.arguments_json)}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _coloured(text: str, colour: str) -> str:
    return coloured(text, colour, sys.stdout)
