"""The gateway's backends tell a server for whom they call: over every transport, to those that are to know."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.core.spec import GrpcSpec, HttpSpec, Spec
from tests.integration.scripted_tools import ADA, failing
from tests.integration.served import served
from tests.integration.test_backends import backends, free_port, listing, over_http, python, stdio
from toolward.errors import Unauthenticated
from toolward.types import CallContext, Principal, ToolCall

MODULE = "tests.servers.trusted"
KEY = "a key that gateway and server share"
ALL = {"id": "ada", "roles": ["support"], "tenant": "default"}
LEA = ("user:lea", "role:support-lead")
LOCAL = {"id": "local", "roles": ["operator"], "tenant": "default"}


def _over_grpc() -> GrpcSpec:
    target = f"127.0.0.1:{free_port()}"
    return GrpcSpec(name="it", address=target, target=target, start=python("-m", MODULE, "--grpc", target))


TRANSPORTS: dict[str, Callable[[], Spec]] = {
    "stdio": lambda: stdio("it", "-m", MODULE),
    "http": lambda: over_http("it", free_port(), MODULE),
    "grpc": _over_grpc,
}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_server_knows_for_whom_the_gateway_calls_where_it_is_to_know(
    tmp_path: Path, transport: str
) -> None:
    spec = TRANSPORTS[transport]()
    told, untold = replace(spec, on_behalf_of=True), spec
    for one, expected in ((told, ALL), (untold, LOCAL)):
        async with backends(tmp_path, one) as pool:
            assert listing(pool, "it").problem == ""
            asked = CallContext(timeout=20, on_behalf_of="a caller's own word, which is not passed on")
            found = await pool.call("it", ADA, ToolCall("whoami"), asked)
            assert found.structured == expected
            approved = CallContext(timeout=20, approved_by=LEA)
            found = await pool.call("it", ADA, ToolCall("approvers"), approved)
            assert found.structured == (list(LEA) if one is told else [])


async def test_a_server_that_runs_elsewhere_believes_the_key_that_it_shares(tmp_path: Path) -> None:
    with served(TOOLWARD_TOKEN="t", TOOLWARD_PRINCIPAL_KEY=KEY) as at:
        spec = HttpSpec(name="it", address=at.url, url=f"{at.url}/mcp", token="t", on_behalf_of=True)
        async with backends(tmp_path, replace(spec, principal_key=KEY)) as pool:
            found = await pool.call(
                "it", Principal("bo", (), "acme"), ToolCall("whoami"), CallContext(timeout=20)
            )
            assert found.structured == {"id": "bo", "roles": [], "tenant": "acme"}
        async with backends(tmp_path, replace(spec, principal_key=KEY[::-1])) as pool:
            error = await failing(pool.call("it", ADA, ToolCall("whoami"), CallContext(timeout=20)))
            assert isinstance(error, Unauthenticated)
        async with backends(tmp_path, spec) as pool:  # no key: nobody is called in the gateway's own name
            assert "there is no key for that" in listing(pool, "it").problem
