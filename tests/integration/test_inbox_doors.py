"""Answering, changing and withdrawing input requests at the gateway's doors: REST, gRPC, the command line."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.bootstrap import open_doors, open_gateway, secret_file
from gateway.config.parse import read_settings
from gateway.core.questions import escalation_request, unknown_outcome_request
from gateway.ledger.ledger import Ledger
from tests.contract.drivers import FIXTURE
from tests.e2e.command import toolward
from tests.integration.served import there
from toolward.client.connecting import connect
from toolward.errors import ApprovalRequired, Conflict, Denied, InvalidArguments, NotFound
from toolward.types import Answer, Principal, RequestState, RunScope

CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:GRPC
backends:
  fixture: {command: [COMMAND], env: {PYTHONPATH: ROOT}}
policies: [policy.yaml]
principals:
  - {id: ada, roles: [support], token: adas-token-0123456789}
  - {id: leo, roles: [lead], token: leos-token-0123456789}
  - {id: eve, roles: [support], tenant: elsewhere, token: eves-token-0123456789}
  - {id: lea, roles: [lead]}
"""
POLICY = """
version: 1
rules:
  - {id: sums, principals: ["role:support"], tools: [fixture.add], effect: ask, approvers: ["role:lead"],
     when: "!given.b || args.b != 0"}
  - {id: nothing-added, principals: ["role:support"], tools: [fixture.add], effect: allow,
     args: {required: [b], properties: {b: {type: integer, const: 0}}}}
  - {id: inbox, operations: [request.read, request.answer], effect: allow}
"""


class Place:
    def __init__(self, home: Path, config: Path, http: httpx.AsyncClient, grpc: str, ledger: Ledger) -> None:
        self.home, self.config, self.http, self.grpc, self.ledger = home, config, http, grpc, ledger

    async def rest(self, who: str, method: str, path: str, body: Any = None) -> httpx.Response:
        token = secret_file(self.home).read_text().strip() if who == "lea" else f"{who}s-token-0123456789"
        headers = {"authorization": f"Bearer {token}"}
        return await self.http.request(method, path, json=body, headers=headers)

    async def ask(self, a: int, b: int) -> str:
        """Ada's call, and the id of what it waits for."""
        answer = await self.rest("ada", "POST", "/v1/tools/fixture.add/calls", {"a": a, "b": b})
        assert answer.json()["code"] == "approval_required", answer.text
        return answer.json()["request_id"]

    async def cli(self, *words: str) -> Any:
        """As lea, who is the local person."""
        return await asyncio.to_thread(toolward, self.home, *words, "--config", str(self.config))


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Place, None]:
    folder = tmp_path_factory.mktemp("inbox")
    command = ", ".join(f'"{word}"' for word in FIXTURE)
    text = CONFIG.replace("COMMAND", command).replace("ROOT", f'"{Path(__file__).parents[2]}"')
    (folder / "policy.yaml").write_text(POLICY)
    config = folder / "toolward.yaml"
    config.write_text(text.replace("GRPC", "0"))
    async with AsyncExitStack() as stack:
        settings = read_settings(config)
        gateway = await stack.enter_async_context(open_gateway(settings, folder / "home", environment={}))
        await there(gateway, "fixture.add")
        at = await stack.enter_async_context(open_doors(gateway))
        assert at.grpc is not None
        config.write_text(text.replace("GRPC", str(at.grpc.port)))  # where the command line looks for it
        client = httpx.AsyncClient(base_url=f"http://{at.http}", timeout=30)
        async with client:
            yield Place(folder / "home", config, client, f"grpc://{at.grpc}", gateway.ledger)


async def test_over_rest(place: Place) -> None:
    request = f"/v1/input-requests/{await place.ask(1, 2)}"
    assert (await place.rest("eve", "GET", request)).status_code == 404
    for path in (f"{request}/answer", f"{request}/withdraw"):
        assert (await place.rest("eve", "POST", path, {"approve": True})).status_code == 404
    mine = await place.rest("ada", "POST", f"{request}/answer", {"approve": True})
    assert (mine.status_code, mine.json()["code"]) == (403, "denied")
    wrong = await place.rest("leo", "POST", f"{request}/answer", {"approve": True, "arguments": {"a": "x"}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_arguments")
    changed = await place.rest(
        "leo", "POST", f"{request}/answer", {"approve": True, "arguments": {"a": 1, "b": 3}}
    )
    another = changed.json()
    assert (another["state"], another["detail"]["edited_by"]) == ("open", ["leo"])
    assert (await place.rest("ada", "GET", request)).json()["state"] == "void"
    again = f"/v1/input-requests/{another['id']}/answer"
    assert (await place.rest("leo", "POST", again, {"approve": True})).status_code == 403
    assert (await place.rest("lea", "POST", again, {"approve": True})).json()["state"] == "approved"
    made = await place.rest("ada", "POST", "/v1/tools/fixture.add/calls", {"a": 1, "b": 2})
    assert made.status_code == 200
    assert "4" in made.text.partition("changed the arguments")[0]  # 1 + 3, not 1 + 2
    assert "A person (leo) changed the arguments" in made.text


async def test_over_grpc(place: Place) -> None:
    async with (
        connect(place.grpc, token="adas-token-0123456789") as ada,
        connect(place.grpc, token="leos-token-0123456789") as leo,
        connect(place.grpc, token="eves-token-0123456789") as eve,
    ):
        with pytest.raises(ApprovalRequired) as caught:
            await ada.call("fixture.add", {"a": 10, "b": 2})
        request_id = caught.value.request_id
        with pytest.raises(NotFound):
            await eve.agents.input_request(request_id)
        with pytest.raises(InvalidArguments):
            await leo.agents.answer(request_id, Answer(approve=True, arguments_json=b'{"a": 1.5}'))
        allowed = Answer(approve=True, arguments_json=b'{"a":10,"b":0}')
        answered = await leo.agents.answer(request_id, allowed)
        assert answered.state is RequestState.APPROVED  # policy would have let it through without a yes
        assert "changed the arguments" in (await ada.call("fixture.add", {"a": 10, "b": 2})).text
        assert (await ada.agents.input_request(request_id)).state is RequestState.CONSUMED
        with pytest.raises(ApprovalRequired) as caught:
            await ada.call("fixture.add", {"a": 11, "b": 2})
        with pytest.raises(Denied):
            await leo.agents.withdraw(caught.value.request_id)
        assert (await ada.agents.withdraw(caught.value.request_id)).state is RequestState.VOID


async def test_on_the_command_line(place: Place) -> None:
    request_id = await place.ask(20, 2)
    shown = await place.cli("inbox", "show", request_id)
    assert shown.code == 0, shown.err
    rows = [line.split(maxsplit=1) for line in shown.out.splitlines()]
    for row in (["who", "ada"], ["argument", "a: 20"], ["argument", "b: 2"], ["rule", "sums"]):
        assert row in rows
    assert ["tool", "fixture.add (changes things)"] in rows
    assert any(name == "until" for name, *_ in rows)
    not_json = await place.cli("inbox", "approve", request_id, "--arguments", "b=3")
    assert (not_json.code, "JSON object" in not_json.err) == (1, True)
    changed = await place.cli("inbox", "approve", request_id, "--arguments", '{"a":20,"b":3}', "--json")
    assert changed.code == 5, changed.err
    another = changed.json["id"]
    assert (await place.cli("inbox", "approve", another)).code == 3
    gone = await place.cli("inbox", "show", request_id)
    assert f"in its place     {another}" in gone.out
    assert (await place.cli("inbox", "withdraw", another)).code == 3
    assert (
        await place.rest("leo", "POST", f"/v1/input-requests/{another}/answer", {"approve": False})
    ).json()["state"] == "denied"


async def test_what_is_no_approval_on_the_command_line_of_a_gateway_that_runs(place: Place) -> None:
    ada, scope = Principal("ada", ("support",)), RunScope("", "clerk", ("*",), people=("role:lead",))
    now = time.time_ns() // 1_000_000
    case = escalation_request("req_case", ada, scope, "Too much.", now=now, lifetime=3600)
    call = unknown_outcome_request(
        "req_call", ada, scope, tool="fixture.add", arguments={"a": 1}, call_id="call_1", since=now,
        known="The gateway stopped.", now=now,
    )  # fmt: skip
    for spec in (case, call):
        await place.ledger.open_request(spec)
    took = await place.cli("inbox", "take", "req_case", "--json")
    assert took.code == 0, took.err
    assert (took.json["state"], took.json["detail"]["taken"]["by"]) == ("taken", "lea")
    listed = (await place.cli("inbox", "list", "--json")).json["input_requests"]
    assert {(one["id"], one["state"]) for one in listed} >= {("req_case", "taken"), ("req_call", "open")}
    async with connect(place.grpc, token="leos-token-0123456789") as leo:
        with pytest.raises(Conflict, match="lea has taken"):
            await leo.agents.answer("req_case", Answer(text="x"))
    back = await place.cli("inbox", "return", "req_case", "Done by hand.", "--json")
    assert (back.code, back.json["detail"]["answer"]["text"]) == (0, "Done by hand."), back.err
    wrong = await place.cli("inbox", "answer", "req_call", "--choice", "happend")
    assert (wrong.code, "Did you mean 'happened'?" in wrong.err) == (2, True), wrong.err
    done = await place.cli("inbox", "answer", "req_call", "--choice", "happened", "--note", "seen", "--json")
    assert done.code == 0, done.err
    assert (done.json["choices"], done.json["detail"]["answer"]["choice"]) == (
        list(call.request.choices),
        "happened",
    )
