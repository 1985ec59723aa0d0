"""`offline`: what answers when no model endpoint is configured. It is a deterministic stand-in and not a language
model: it cuts a request into steps (`words`, `plan`), gives each to the offered tool that fits by a visible count
of points (`offers`, `plan`), fills the arguments (`fill`) and tells what came back (`compose`)."""

import re
from collections.abc import Callable
from typing import NamedTuple, cast

import msgspec

from gateway.core.ports import Message, ModelReply, ModelRequest, ToolUse, Usage
from gateway.models.offline.compose import Done, answer, best_hit, introduction, recap, summary
from gateway.models.offline.fill import Filling, fill
from gateway.models.offline.offers import Offer, read_offer
from gateway.models.offline.plan import Plan, Step, make_plan
from gateway.models.offline.words import FIND, LOOK, is_conditional, is_greeting, tokens
from toolward.types import Json

__all__ = ["OfflineModel"]


_CONDITIONAL = "it hangs on a condition, which I cannot weigh; order it outright, or use a real model"


class OfflineModel:
    """A ModelPort without a model. It keeps nothing: each reply follows from the request alone."""

    async def reply(self, request: ModelRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        """Calls for all steps that are ready, or the answer when none is. Raises nothing."""
        text, uses = _next(request)
        if on_text is not None:
            for piece in re.findall(r"\S+\s*|\s+", text):
                on_text(piece)
        given = len(msgspec.json.encode(request.messages)) + len(msgspec.json.encode(request.tools))
        made = len(text) + sum(len(use.name) + len(use.arguments_json) for use in uses)
        return ModelReply(
            text=text,
            tool_uses=uses,
            stop="tool_use" if uses else "final",
            usage=Usage(given // 4, made // 4),  # four characters to a token, roughly
            model="offline",
        )


class _Call(NamedTuple):
    place: int  # of its step in the plan
    name: str
    filling: Filling


def _next(request: ModelRequest) -> tuple[str, tuple[ToolUse, ...]]:
    offers = tuple(read_offer(tool) for tool in request.tools)
    if not offers and any(message.tool_uses for message in request.messages):
        return recap(_calls(request.messages)), ()
    asked = max((place for place, one in enumerate(request.messages) if one.role == "user"), default=-1)
    text = request.messages[asked].text if asked >= 0 else ""
    if not offers or not text.strip() or is_greeting(text):
        return introduction(offers), ()
    state = _State(make_plan(text, offers), _results(request.messages[:asked]))
    state.replay(request.messages[asked + 1 :])
    calls = state.ready()
    if not calls:
        return answer(state.plan, state.done, state.lacking()), ()
    made = sum(len(message.tool_uses) for message in request.messages)
    wanted = dict.fromkeys((one.name, msgspec.json.encode(one.filling.arguments).decode()) for one in calls)
    return "", tuple(
        ToolUse(f"call_{made + number}", name, arguments)
        for number, (name, arguments) in enumerate(wanted, 1)
    )


class _State:
    """How far a plan has come. Replaying the conversation asks, turn by turn, what was ready then; so each call
    finds its step again without anything being kept between turns."""

    def __init__(self, plan: Plan, earlier: tuple[Json, ...]) -> None:
        self.plan = plan
        self.done: dict[int, Done] = {}
        self._earlier = earlier  # results from before this request, newest first

    def replay(self, messages: tuple[Message, ...]) -> None:
        answers = {message.tool_use_id: message for message in messages if message.role == "tool"}
        for message in messages:
            ready = self.ready() if message.tool_uses else []
            for use in message.tool_uses:
                made = _parsed(use.arguments_json)
                same = [one for one in ready if one.name == use.name and one.filling.arguments == made]
                for call in same or self._unplaced(use.name, made):
                    self._settle(call, answers.get(use.id))

    def _unplaced(self, name: str, made: Json) -> list[_Call]:
        """For a call made while other tools were offered, and so by another plan: the first open step that would
        call the same tool, which is not to call it again."""
        for place, step in enumerate(self.plan.steps):
            if place not in self.done and step.offer and step.offer.tool.name == name:
                return [_Call(place, name, Filling(made if isinstance(made, dict) else {}, ()))]
        return []

    def _settle(self, call: _Call, said: Message | None) -> None:
        text = said.text if said else "no result came back"
        failed = said is None or said.is_error
        data = None if failed else _parsed(text)
        self.done[call.place] = Done(call.filling.arguments, text, data, failed, call.filling.currency)

    def ready(self) -> list[_Call]:
        """The calls that can be made now. One that changes something waits for all steps before it; every step
        waits for such a one, and for what it lacks while an open step may still give it."""
        found: list[_Call] = []
        opened = changing = False  # an earlier step is still to be done; and one that changes something
        for place, step in enumerate(self.plan.steps):
            if place in self.done or step.offer is None:
                continue
            filling = self._fill(place, opened)
            if filling is None or (filling.missing and not opened):
                continue  # nothing that is still to come could help it
            waits = changing or (opened and (step.offer.changes or filling.missing))
            if not waits:
                found.append(_Call(place, step.offer.tool.name, filling))
            opened, changing = True, changing or step.offer.changes
        return found

    def lacking(self) -> dict[int, str]:
        """Why each step that was not tried was not, once nothing is ready."""
        reasons: dict[int, str] = {}
        for place, step in enumerate(self.plan.steps):
            if step.offer is None:
                conditional = is_conditional(step.text)
                reasons[place] = _CONDITIONAL if conditional else "none of the offered tools does that"
            elif place not in self.done and (filling := self._fill(place, opened=False)) and filling.missing:
                names = " and ".join(f"`{name}`" for name in filling.missing)
                reasons[place] = f"{step.offer.tool.name} needs {names}, and I found no clear value to give"
        return reasons

    def _fill(self, place: int, opened: bool) -> Filling | None:
        """The arguments as far as they are known; None where the step is not needed or not possible any more."""
        step = self.plan.steps[place]
        offer = cast(Offer, step.offer)
        if step.follows is not None:
            if (search := self.done.get(step.follows)) is None:
                return Filling({}, (offer.required[0].name,)) if opened else None
            hit = best_hit(search.data)
            return Filling({offer.required[0].name: hit}, ()) if hit else None
        situation = self.plan.situation(step)._replace(
            results=self._known(place) if self.done or opened else self._earlier,
            summary=lambda: summary(self.plan, self.done, _title(step)),
        )
        return fill(offer, situation)

    def _known(self, place: int) -> tuple[Json, ...]:
        """What a step may point back at, newest first. Nothing from before a look-up that failed: `its total` is
        then nobody's, rather than another's."""
        found: list[Json] = []
        for number in sorted((number for number in self.done if number < place), reverse=True):
            offer, one = self.plan.steps[number].offer, self.done[number]
            if one.is_error and offer and offer.family in (LOOK, FIND):
                break
            if one.data is not None:
                found.append(one.data)
        return tuple(found)


def _title(step: Step) -> str:
    """A file's name without folder and extension."""
    paths = tokens(step.text, "path")
    return paths[-1].text.rpartition("/")[2].rpartition(".")[0] if paths else "Summary"


def _calls(messages: tuple[Message, ...]) -> list[tuple[str, Done]]:
    names = {use.id: use.name for message in messages for use in message.tool_uses}
    answers = ((names.get(one.tool_use_id, "tool"), one) for one in messages if one.role == "tool")
    return [
        (name, Done({}, one.text, None if one.is_error else _parsed(one.text), one.is_error))
        for name, one in answers
    ]


def _results(messages: tuple[Message, ...]) -> tuple[Json, ...]:
    parsed = (_parsed(one.text) for one in reversed(messages) if one.role == "tool" and not one.is_error)
    return tuple(data for data in parsed if data is not None)


def _parsed(text: str) -> Json:
    """The value of a JSON text; None for any other."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
