"""Run logs for tests, written event by event."""

from collections.abc import Sequence

from gateway.agent import events as ev
from gateway.agent.definition import AgentDefinition, Limits
from gateway.agent.state import RunStateData, fold
from gateway.agent.stored import encode
from gateway.core.ports import StopReason, ToolUse, Usage
from tests.twins import restored
from toolward.types import RequestKind, RunEvent

DEFINITION = AgentDefinition(
    name="support", instructions="Help.", tools=("crm.*",), limits=Limits(turns=5, calls=10)
)
STARTED = ev.RunStarted(
    agent="support", owner="ada", tenant="default", input="Where is ORD-1?", definition=DEFINITION
)


def log_of(*events: ev.Event, first: ev.RunStarted = STARTED) -> tuple[RunEvent, ...]:
    """As the ledger gives it: numbered, one a millisecond, the fields as JSON has them."""
    log: list[RunEvent] = []
    for seq, event in enumerate((first, *events), 1):
        stored = encode(event)
        texts = {digest: body.decode() for digest, body in stored.texts.items()}
        log.append(RunEvent("run_1", seq, stored.type, 1_000 + seq, restored(stored, texts)))
    return tuple(log)


def state_of(*events: ev.Event) -> RunStateData:
    return fold(log_of(*events))


def reply(
    turn: int,
    text: str = "",
    uses: Sequence[ToolUse] = (),
    stop: StopReason = "final",
    *,
    last: bool = False,
    heard: int = 0,
) -> ev.ModelReplied:
    return ev.ModelReplied(
        turn=turn,
        text=text,
        tool_uses=tuple(uses),
        stop="tool_use" if uses else stop,
        usage=Usage(10, 5),
        model="scripted",
        duration_ms=1,
        last=last,
        heard=heard,
    )


def use(number: int = 1, name: str = "crm__get_record", arguments: str = '{"id":"ORD-1"}') -> ToolUse:
    return ToolUse(f"use_{number}", name, arguments)


def called(
    turn: int, index: int = 0, *, tool: str = "crm.get_record", arguments: str = '{"id":"ORD-1"}'
) -> ev.ToolCalled:
    return ev.ToolCalled(
        turn=turn,
        index=index,
        call_id=f"call_{turn}_{index}",
        use_id=f"use_{index + 1}",
        tool=tool,
        alias="crm__get_record",
        arguments_json=arguments,
        key=f"run_1/{turn}/{index}",
    )


def returned(turn: int, index: int = 0, *, code: str = "ok", text: str = "{}") -> ev.ToolReturned:
    return ev.ToolReturned(call_id=f"call_{turn}_{index}", code=code, is_error=code != "ok", text=text)


def asked(turn: int, index: int = 0, request: str = "req_1") -> ev.InputRequested:
    return ev.InputRequested(
        call_id=f"call_{turn}_{index}", request_id=request, kind=RequestKind.APPROVAL, prompt="May it?"
    )


def answered(request: str = "req_1", *, approve: bool = True, reason: str = "") -> ev.InputAnswered:
    return ev.InputAnswered(request_id=request, approve=approve, reason=reason, by="lead")
