"""What who calls an agent's tool is told of its run: the result, and the news while the call waits."""

from collections.abc import Sequence

import msgspec

from gateway.core.agent_tools import AGENTS, GET_RUN
from toolward.types import InputRequest, JsonObject, Run, RunEvent, RunState, TextContent, ToolResult

UNDONE = (RunState.FAILED, RunState.CANCELLED)
"""Of a run that did not do what it was started for."""

_AGAIN = f"{AGENTS}.{GET_RUN}"


def rests(run: Run) -> bool:
    """Whether it cannot go on by itself."""
    return run.state.ended or run.state in (RunState.INPUT_REQUIRED, RunState.PAUSED)


def report(run: Run, requests: Sequence[InputRequest], *, is_error: bool) -> ToolResult:
    """The answer first, for clients that show text alone; all of it as structured content."""
    note = _note(run, requests)
    said: JsonObject = {"run_id": run.id, "state": run.state.value, "answer": run.answer, "note": note}
    if run.error_code:
        said["error"] = {"code": run.error_code, "message": run.error_message}
    if requests:
        said["input_requests"] = [_shown(one) for one in requests]
    texts = (run.answer, note) if run.answer else (note,)
    return ToolResult(tuple(map(TextContent, texts)), msgspec.json.encode(said), is_error)


def news_of(event: RunEvent) -> str:
    """One line for whoever listens while the call waits; empty for what says nothing to them."""
    match event.type:
        case "model_replied":
            return f"Turn {event.data['turn']}"
        case "tool_called":
            return f"Calls {event.data['tool'] or event.data['alias']}"
        case "input_requested":
            return "Asks a person"
        case _:
            return ""


def _note(run: Run, requests: Sequence[InputRequest]) -> str:
    match run.state:
        case RunState.COMPLETED:
            return f"The agent {run.agent} has answered, in the run {run.id}."
        case RunState.FAILED:
            return f"The run {run.id} has failed ({run.error_code}): {run.error_message}"
        case RunState.CANCELLED:
            return f"The run {run.id} is cancelled."
        case RunState.PAUSED:
            return f"The run {run.id} is paused, and goes on when somebody resumes it."
        case RunState.INPUT_REQUIRED:
            asked = "".join(f"\n- {one.id} ({one.kind.value}): {one.prompt}" for one in requests)
            return (
                f"The run {run.id} waits until a person answers, in the gateway's inbox (toolward inbox)."
                f" Tell the person, and look again with {_AGAIN} when they have.{asked}"
            )
        case _:
            return (
                f"The agent {run.agent} is still at work. Look again with {_AGAIN}: its run_id is {run.id}."
            )


def _shown(request: InputRequest) -> JsonObject:
    shown: JsonObject = {"id": request.id, "kind": request.kind.value, "prompt": request.prompt}
    return shown | {"choices": request.choices} if request.choices else shown
