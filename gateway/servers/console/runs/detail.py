"""The step of a run that is looked at: what its model was asked, what a call was sent and came back with."""

import json
import secrets
from typing import Any, NamedTuple

from gateway.servers.console.runs.steps import Step
from gateway.servers.console.runs.view import View
from toolward.errors import NotFound
from toolward.types import AgentProvider, Principal, TurnMessage, TurnRequest, TurnTool

EARLIER = 40
"""Messages of earlier turns that a page shows of a request; the whole of it is a link away."""


class Asked(NamedTuple):
    """What the model was asked: the messages that it had been sent before, as far as they are shown, and the new
    ones."""

    earlier: tuple[TurnMessage, ...]
    left_out: int
    new: tuple[TurnMessage, ...]
    tools: tuple[TurnTool, ...]
    digest: str


class Detail(NamedTuple):
    """`arguments` and `result` are values where they are JSON, else None, and the step has the text. `retry_after`
    is the event from which a new run would do the step again, 0 where none can; `key` is for starting that one
    once."""

    asked: Asked | None = None
    arguments: Any = None
    written: Any = None  # the model's own arguments, where a person changed them
    result: Any = None
    retry_after: int = 0
    key: str = ""


async def detail(agents: AgentProvider, principal: Principal, view: View) -> Detail:
    """Raises what `get_model_request` raises, but for a request that is not on record."""
    step = view.chosen
    if step is None:
        return Detail()
    found = Detail(retry_after=_retry_after(step), key=secrets.token_urlsafe(12))
    if step.kind == "turn" and step.data["request"]:
        try:
            asked = await agents.get_model_request(principal, view.run.id, step.data["turn"])
        except NotFound:  # its words were erased
            return found
        return found._replace(asked=_asked(asked, step.data["request"].get("keep", 0)))
    if step.kind == "call":
        return _call(step, found)
    if step.kind == "request" and step.end is not None:
        return found._replace(arguments=_value(str(step.end["arguments_json"] or "")))
    return found


def _call(step: Step, found: Detail) -> Detail:
    written = str(step.data["arguments_json"] or "")
    found = found._replace(arguments=_value(step.arguments))
    if step.arguments != written:
        found = found._replace(written=_value(written))
    if step.end is not None and step.end["structured"]:
        found = found._replace(result=_value(str(step.end["text"])))
    return found


def _asked(request: TurnRequest, keep: int) -> Asked:
    earlier = request.messages[:keep]
    left_out = max(len(earlier) - EARLIER, 0)
    return Asked(earlier[left_out:], left_out, request.messages[keep:], request.tools, request.digest)


def _retry_after(step: Step) -> int:
    if step.kind in ("turn", "call"):
        return step.seq - 1
    return step.seq if step.kind in ("input", "message") else 0


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
