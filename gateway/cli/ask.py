"""`toolward ask`: one question to an agent, its work shown live, the answer last."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Annotated

import msgspec
from cyclopts import Parameter

from gateway.cli.colours import coloured
from gateway.cli.output import EXIT_FAILED, EXIT_OK, EXIT_WAITING, note, print_json, shorten
from gateway.cli.session import Common, Session, open_session
from gateway.cli.watch import Narrator
from toolward.errors import Unavailable
from toolward.printable import printable, printable_lines
from toolward.types import Answer, InputRequest, RequestKind, RequestState, Run, RunEvent, RunState, TextDelta


def ask(
    question: Annotated[str, Parameter(help="what the agent is to do")],
    /,
    *,
    agent: Annotated[str, Parameter(help="which agent")] = "support",
    reasoning: Annotated[
        bool, Parameter(help="show the model's reasoning, too, where its endpoint does", negative=())
    ] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Ask an agent, and watch it work."""
    return asyncio.run(_ask(question, agent, reasoning, common))


async def _ask(question: str, agent: str, reasoning: bool, common: Common) -> int:
    narrator = Narrator(reasoning=reasoning)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(common))
        if session.own is not None and not common.json:
            await _introduce(session)
        started = await session.agents.start_run(session.principal, agent, question)
        live = reasoning or (sys.stderr.isatty() and not common.json)
        run = await follow(session, started.id, deltas=live, narrator=narrator, as_json=common.json)
    return concluded(run, narrator, as_json=common.json)


def concluded(run: Run, narrator: Narrator | None = None, *, as_json: bool) -> int:
    """Print what a run that was followed came to; not the answer once more to a terminal that showed it while it
    came."""
    shown = narrator is not None and narrator.showed(run.answer) and sys.stdout.isatty()
    if as_json:
        print_json(run)
    elif run.answer and not shown:
        note()
        print(printable_lines(run.answer))
    return code_of(run)


async def follow(
    session: Session,
    run_id: str,
    *,
    after: int = 0,
    deltas: bool = False,
    narrator: Narrator | None = None,
    as_json: bool,
) -> Run:
    """Watch a run to its end, from behind event `after`, asking the person here whatever it asks. Returns early
    when it is paused, or waits for somebody and there is no terminal to ask at."""
    try:
        return await _follow(session, run_id, after, deltas, narrator or Narrator(), as_json=as_json)
    except Unavailable as gone:
        hint = f"The run goes on where a gateway runs (toolward up). Watch it: toolward run watch {run_id}"
        raise Unavailable(f"{run_id} is not watched any more. {gone.message}", hint=hint) from None


async def _follow(
    session: Session, run_id: str, after: int, deltas: bool, narrator: Narrator, *, as_json: bool
) -> Run:
    run = await session.agents.get_run(session.principal, run_id)
    if run.last_seq <= after and await _stands(session, run, as_json=as_json):
        return run
    first = after if as_json else 0  # for people, what comes is told with the calls that it speaks of
    async for news in session.agents.watch_run(session.principal, run_id, first, deltas):
        if isinstance(news, RunEvent) and news.seq <= after:
            narrator.know(news)
            continue
        if as_json:
            print_json(news)
        else:
            narrator.tell(news)
        if isinstance(news, TextDelta) or news.seq < run.last_seq:
            continue  # what came before it stands still, if it does
        run = await session.agents.get_run(session.principal, run_id)
        if news.seq == run.last_seq and await _stands(session, run, as_json=as_json):
            return run
    return await session.agents.get_run(session.principal, run_id)


async def _stands(session: Session, run: Run, *, as_json: bool) -> bool:
    """Whether nothing more comes of it before somebody does something elsewhere."""
    if run.state is RunState.PAUSED:
        return True
    return run.state is RunState.INPUT_REQUIRED and not await _answered(session, run.id, as_json=as_json)


def code_of(run: Run) -> int:
    if run.state is RunState.COMPLETED:
        return EXIT_OK
    if run.state is RunState.INPUT_REQUIRED:
        note("\nThe run waits for a person. See what it asks: toolward inbox list")
        return EXIT_WAITING
    if run.state is RunState.PAUSED:
        note(f"\nThe run is paused. Let it go on: toolward run resume {run.id}")
        return EXIT_WAITING
    note(f"toolward: the run ended {run.state}: {run.error_message}")
    return EXIT_FAILED


async def _answered(session: Session, run_id: str, *, as_json: bool) -> bool:
    """Ask the person at the terminal; False where there is none, or they would rather decide later."""
    if as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    for request in await session.agents.list_input_requests(session.principal, run_id):
        if request.state is RequestState.TAKEN:  # somebody is at it
            return False
        if (answer := await asyncio.to_thread(_put, request)) is None:
            return False
        await session.agents.answer_input_request(session.principal, request.id, answer)
    return True


def _put(request: InputRequest) -> Answer | None:
    note()
    note(coloured(printable_lines(request.prompt), "bold"))
    for name, value in request.detail.items():
        shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        note(f"  {name:<10} {shorten(shown, 400)}")
    if request.choices:
        return _choose(request.choices)
    if request.kind is not RequestKind.APPROVAL:
        text = _read("Your answer: ")
        return Answer(text=text) if text else None
    while True:
        word = _read("Approve this one call? [y]es, [n]o, [l]ater: ").lower()
        if word in ("y", "yes"):
            return Answer(approve=True)
        if word in ("n", "no"):
            return Answer(approve=False, reason=_read("Why not? The agent will see it: "))
        if word in ("", "l", "later"):
            return None


def _choose(choices: Sequence[str]) -> Answer | None:
    for number, choice in enumerate(choices, 1):
        note(f"  {number}. {printable(choice)}")
    while True:
        word = _read(f"Your choice, 1 to {len(choices)}; nothing to decide later: ")
        if not word:
            return None
        if word in choices:
            return Answer(choice=word, text=_read("Anything to say with it? ") or None)
        if word.isdecimal() and 1 <= int(word) <= len(choices):
            return Answer(choice=choices[int(word) - 1], text=_read("Anything to say with it? ") or None)


def _read(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


async def _introduce(session: Session) -> None:
    assert session.own is not None  # noqa: S101 -- the caller has looked
    models = session.own.models
    note(coloured(f"model: {models.said}", "dim"))
    if models.is_offline:
        from gateway.cli.up_said import offer_local_models

        await offer_local_models()
