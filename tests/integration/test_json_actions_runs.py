"""A whole run with an endpoint that has no tool calling, through the real loop, ledger and dispatch."""

from pathlib import Path

import pytest

from gateway.core.ports import EndpointFacts
from gateway.models.chat_wire import ChatWire
from gateway.models.http_endpoint import HttpEndpoint
from gateway.models.json_actions import JsonActions
from gateway.models.wire import WireSettings
from tests.endpoints import says, scripted_endpoint
from tests.integration.run_house import ADA, House, ended
from toolward.types import RunState

pytestmark = pytest.mark.anyio

CALL = '{"type": "tool", "name": "crm__get", "arguments": {"id": "A"}'
FINAL = '{"type": "final", "answer": "A is there."}'


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_model_corrects_itself(tmp_path: Path) -> None:
    """What cannot be read is a mistake like any other: the run goes on, and the model sees its own words."""
    settings = WireSettings(source="gpt", model="small")
    wire = JsonActions(ChatWire(settings), settings)
    async with (
        scripted_endpoint() as endpoint,
        HttpEndpoint("gpt", endpoint.url, wire, facts=EndpointFacts(model="small")) as model,
    ):
        endpoint.script([says(CALL), says(f"{CALL}}}"), says("A is here."), says(FINAL)])
        house = House(tmp_path / "ledger.db")
        house.model = model
        async with house.open() as runs:
            run = await ended(runs, await runs.start_run(ADA, "support", "Where is A?"))
        told = [request.json["messages"][-2:] for request in endpoint.requests[1:]]
    assert (run.state, run.answer) == (RunState.COMPLETED, "A is there.")
    assert house.made == ["get A"]
    broken, called, prose = told
    assert broken[0] == {"role": "assistant", "content": CALL}
    assert "could not be read: its JSON is broken" in broken[1]["content"]
    assert '"tool":"crm__get"' in called[1]["content"]
    assert prose[0] == {"role": "assistant", "content": "A is here."}
    assert "there is no action in it" in prose[1]["content"]
