"""Agents as tools, as the catalog lists them: `agents.NAME` for every configured agent, and what one does with a
run of theirs: `agents.get_run`, `agents.send_message`, `agents.cancel_run`. They are the gateway's own, like
`gateway.core.people`, and the other way round: there outside runs, and in none, since no agent calls another.

What a call of one does is in `gateway.runs.agent_tools`.
"""

from collections.abc import Mapping
from functools import lru_cache

from gateway.core.entries import ToolFacts
from gateway.core.ports import Listing
from toolward.types import Agent, JsonObject, RequestKind, RunState, Tool

AGENTS = "agents"
"""The name that stands before theirs; no backend may have it."""

GET_RUN, SEND_MESSAGE, CANCEL_RUN = "get_run", "send_message", "cancel_run"
"""Their own names, without the backend's: no agent may be called so."""

NEEDS: Mapping[str, str] = {
    GET_RUN: "run.read",
    SEND_MESSAGE: "run.message",
    CANCEL_RUN: "run.cancel",
}
"""The operation of each, which policy must allow beside the tool."""

WAIT, MOST_WAIT = 50, 55
"""Seconds that a call waits for its run where it does not say, and at most. Clients of MCP give up after 60 s as a
rule, and so does the gateway (`gateway.core.admission.Bounds.timeout`)."""

MAX_TEXT = 100_000
"""Characters of a run's input, and of a message to it."""


def _object(required: tuple[str, ...], **properties: JsonObject) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_WAIT: JsonObject = {
    "type": "integer",
    "minimum": 0,
    "maximum": MOST_WAIT,
    "description": f"How many seconds to wait for the answer; {WAIT} if left out, 0 to hand back the run at once.",
}
_RUN_ID: JsonObject = {
    "type": "string",
    "minLength": 1,
    "maxLength": 128,
    "description": "The run, as the call that started it has named it.",
}


def _text(description: str) -> JsonObject:
    # \S: a text of nothing but spaces says nothing
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_TEXT,
        "pattern": r"\S",
        "description": description,
    }


_REQUEST = _object(
    ("id", "kind", "prompt"),
    id={"type": "string"},
    kind={"enum": [kind.value for kind in RequestKind]},
    prompt={"type": "string"},
    choices={"type": "array", "items": {"type": "string"}},
)
OUTPUT = _object(
    ("run_id", "state", "answer", "note"),
    run_id={"type": "string"},
    state={"enum": [state.value for state in RunState]},
    answer={"type": "string", "description": "What the agent says; empty as long as it works."},
    note={"type": "string", "description": "How the run stands, and what to do next."},
    error=_object(("code", "message"), code={"type": "string"}, message={"type": "string"}),
    input_requests={
        "type": "array",
        "items": _REQUEST,
        "description": "What people must answer before the run goes on.",
    },
)

_OWN = (
    Tool(
        GET_RUN,
        "Look again at a run of an agent: its state, and its answer if it has ended. Waits up to `wait_seconds` for"
        " that, unless the run waits for a person or is paused.",
        _object(("run_id",), run_id=_RUN_ID, wait_seconds=_WAIT),
        output_schema=OUTPUT,
        title="Look at a run",
        annotations={"readOnlyHint": True},
    ),
    Tool(
        SEND_MESSAGE,
        "Go on with the conversation of a run, also of one that has ended, and wait for the agent's next answer."
        " This answers no input request: that is done by a person, in the gateway's inbox.",
        _object(
            ("run_id", "text"), run_id=_RUN_ID, text=_text("What to say to the agent."), wait_seconds=_WAIT
        ),
        output_schema=OUTPUT,
        title="Go on with a run",
        annotations={"readOnlyHint": False, "openWorldHint": True},
    ),
    Tool(
        CANCEL_RUN,
        "Cancel a run. What its agent has done by then stays done.",
        _object(("run_id",), run_id=_RUN_ID),
        output_schema=OUTPUT,
        title="Cancel a run",
        annotations={"readOnlyHint": False, "idempotentHint": True},
    ),
)

FACTS: Mapping[str, ToolFacts] = {
    f"{AGENTS}.*": ToolFacts(changes=True, keeps_keys=True),
    f"{AGENTS}.{GET_RUN}": ToolFacts(
        changes=False
    ),  # not idempotent: an old answer of it is none to a new call
    f"{AGENTS}.{CANCEL_RUN}": ToolFacts(changes=True, idempotent=True),
}
"""By qualified name, as the operator's facts are."""


def agent_called(own_name: str) -> str:
    """The agent that a tool of ours puts to work; empty for the tools that are of runs."""
    return "" if own_name in NEEDS else own_name


@lru_cache(maxsize=8)
def listing(agents: tuple[Agent, ...]) -> Listing:
    """Beside the listings of the backends; the same one as long as the agents are the same. Without agents there
    are no runs to look at, and it has no tools."""
    tools = (*map(_tool, agents), *_OWN) if agents else ()
    return Listing(AGENTS, "built-in", "this gateway", tools)


def _tool(agent: Agent) -> Tool:
    does = f" {agent.description.strip()}" if agent.description.strip() else ""
    return Tool(
        agent.name,
        f"Give work to the agent {agent.title or agent.name}.{does}\nThe result has its answer, or what a person"
        " must answer first. If it takes longer than `wait_seconds`, the result has the run's id, and the run goes"
        f" on: look again with {AGENTS}.{GET_RUN}.",
        _object(
            ("input",), input=_text("What it shall do, with all that it needs to know."), wait_seconds=_WAIT
        ),
        output_schema=OUTPUT,
        title=agent.title or agent.name,
        annotations={"readOnlyHint": False, "openWorldHint": True},
    )
