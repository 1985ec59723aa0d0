"""The egress rule on real sockets: what a name leads to is what is connected to, and nothing else is; nobody sees a
request or a credential that was not for them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2
import pytest

from tests.integration.certificates import tls_pair
from tests.integration.raw_server import OK, Behaviour, Line, Served, always, serving, silent
from tests.integration.scripted_tools import ADA, CALL, NOBODY, Tools, failing
from tests.integration.served import served
from toolward.auth import bearer
from toolward.auth.keys import keys_at
from toolward.client import connect
from toolward.client.grpc import GrpcClient
from toolward.client.mcp import McpClient
from toolward.doors.grpc import serve_grpc
from toolward.errors import ConfigurationError, Denied, Unavailable
from toolward.outbound.egress import Origins
from toolward.outbound.for_httpx import HttpxTransport
from toolward.outbound.for_httpx2 import Httpx2Transport
from toolward.outbound.pool import Pool
from toolward.outbound.reach import Reach
from toolward.types import NO_CONTEXT, CallContext, ToolCall

pytestmark = pytest.mark.anyio

OPEN, CLOSED = "127.0.0.2", "127.0.0.1"
"""An address that the tests' configuration opens for names, and one that it does not."""


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


class Names:
    """A name server: each answer is given once, but the last, which stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers: list[Sequence[str]] = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def reach(*answers: Sequence[str], networks: Sequence[str] = (OPEN,)) -> tuple[Reach, Names]:
    names = Names(*answers)
    return Reach(networks, names), names


@asynccontextmanager
async def both(behaviour: Behaviour) -> AsyncGenerator[tuple[Served, Served, int]]:
    """A server at the open address and one at the closed, on the same port."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(serving(behaviour, host=OPEN))
        port = urlsplit(first.url).port or 0
        second = await stack.enter_async_context(serving(behaviour, host=CLOSED, port=port))
        yield first, second, port


async def once_then_close(line: Line) -> None:
    await line.request()
    await line.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")


# --- names ------------------------------------------------------------------------------------------------


async def test_what_was_checked_is_what_is_connected_to_and_the_host_stays_the_name() -> None:
    seen: list[str] = []

    async def behave(line: Line) -> None:
        seen.append((await line.request())[0])
        await line.send(OK)

    where, names = reach([OPEN])
    async with both(behave) as (opened, closed, port), Pool(f"http://tools.test:{port}", reach=where) as pool:
        assert (await pool.request("GET", "/")).body == b"ok"
        assert (len(opened.lines), len(closed.lines)) == (1, 0)
    assert names.asked == ["tools.test"]  # nobody resolves a second time
    assert f"host: tools.test:{port}\r\n" in seen[0]


async def test_a_name_that_leads_where_it_must_not_is_not_connected_to() -> None:
    where, _ = reach([CLOSED])
    async with (
        both(always(OK)) as (opened, closed, port),
        Pool(f"http://tools.test:{port}", reach=where) as pool,
    ):
        error = await failing(pool.request("GET", "/"))
        assert isinstance(error, Denied)
        assert f"networks: [{CLOSED}]" in error.hint
        assert opened.lines == closed.lines == []


async def test_a_name_that_is_bound_anew_between_two_connections_is_checked_anew() -> None:
    where, names = reach([OPEN], [CLOSED])
    async with (
        both(once_then_close) as (opened, closed, port),
        Pool(f"http://tools.test:{port}", reach=where) as pool,
    ):
        assert (await pool.request("GET", "/")).body == b"ok"
        assert isinstance(await failing(pool.request("GET", "/")), Denied)
        assert (len(opened.lines), len(closed.lines), len(names.asked)) == (1, 0, 2)


async def test_the_next_address_is_tried_where_the_first_does_not_answer() -> None:
    where, _ = reach(["127.0.0.3", OPEN], networks=["127.0.0.2/31"])
    async with (
        both(always(OK)) as (opened, _closed, port),
        Pool(f"http://tools.test:{port}", reach=where) as pool,
    ):
        assert (await pool.request("GET", "/")).body == b"ok"
        assert len(opened.lines) == 1


async def test_no_address_that_answers_is_a_server_that_is_not_there() -> None:
    where, _ = reach(["127.0.0.3", OPEN], networks=["127.0.0.2/31"])
    async with serving(silent, host=OPEN) as gone:
        port = urlsplit(gone.url).port
    async with Pool(f"http://tools.test:{port}", reach=where) as pool:
        with pytest.raises(Unavailable, match="connection refused"):
            await pool.request("GET", "/")


async def test_a_name_server_that_does_not_answer_holds_nobody_up() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with Pool("http://tools.test", reach=Reach((), resolve), connect_timeout=0.05) as pool:
        with pytest.raises(Unavailable, match=r"no connection in 0\.05 s"):
            await pool.request("GET", "/")


async def test_localhost_is_resolved_and_reached() -> None:
    async with serving(always(OK)) as served, Pool(served.url.replace(CLOSED, "localhost")) as pool:
        assert (await pool.request("GET", "/")).body == b"ok"


async def test_by_tls_the_address_must_prove_to_be_the_name(tmp_path: Path) -> None:
    tls = tls_pair(tmp_path)
    said: list[str | None] = []
    tls.server.set_servername_callback(lambda _socket, name, _context: said.append(name))
    where, _ = reach([CLOSED], networks=[CLOSED])
    async with serving(always(OK), tls.server) as served:
        port = urlsplit(served.url).port
        async with Pool(f"https://tools.test:{port}", tls=tls.client, reach=where) as pool:
            assert (await pool.request("GET", "/")).body == b"ok"
        async with Pool(f"https://other.test:{port}", tls=tls.client, reach=where) as pool:
            with pytest.raises(Unavailable, match="certificate is not trusted"):
                await pool.request("GET", "/")
    assert said == ["tools.test", "other.test"]


# --- every road -------------------------------------------------------------------------------------------


async def test_httpx_and_httpx2_go_the_same_road() -> None:
    where, _ = reach([CLOSED])
    async with both(always(OK)) as (_opened, closed, port):
        url = f"http://tools.test:{port}"
        async with (
            httpx.AsyncClient(transport=HttpxTransport(Origins([url]), reach=where), trust_env=False) as old,
            httpx2.AsyncClient(
                transport=Httpx2Transport(Origins([url]), reach=where), trust_env=False
            ) as new,
        ):
            for http in (old, new):
                with pytest.raises(Denied):
                    await http.get(url)
        assert closed.lines == []


async def test_a_backend_over_mcp_goes_the_same_road() -> None:
    where, _ = reach([CLOSED])
    async with both(always(OK)) as (_opened, closed, port):
        with pytest.raises(Denied, match="which is no public address"):
            await McpClient(f"http://tools.test:{port}/mcp", reach=where).__aenter__()
        assert closed.lines == []


async def test_a_backend_whose_name_is_bound_anew_is_out_of_reach_which_is_no_denial_of_the_call() -> None:
    where, names = reach([CLOSED], networks=[CLOSED])
    with served(TOOLWARD_HOSTS="tools.test") as at:
        url = at.url.replace(CLOSED, "tools.test")
        async with McpClient(f"{url}/mcp", name="crm", reach=where) as client:
            names.answers = [["10.0.0.1"]]
            error = await failing(client.call_tool(NOBODY, ToolCall("whoami"), CallContext(timeout=20)))
    assert isinstance(error, Unavailable)
    assert error.message.startswith("crm cannot be reached. No request may go to tools.test")


async def test_a_client_of_the_sdk_takes_networks() -> None:
    with pytest.raises(ConfigurationError, match="is no network"):
        connect("http://tools.test/mcp", networks=["corp"])
    where = connect("http://localhost:1/mcp", networks=["private"])
    assert isinstance(await failing(where.__aenter__()), Unavailable)


async def test_the_keys_of_an_identity_provider_come_the_same_road() -> None:
    where, _ = reach([CLOSED])
    async with both(always(OK)) as (_opened, closed, port):
        keys = keys_at(f"https://idp.test:{port}/keys", where)
        with pytest.raises(Unavailable, match="which is no public address"):
            await keys.look("any")
        assert closed.lines == []


async def test_a_name_is_checked_before_a_grpc_channel_is_opened() -> None:
    async with serve_grpc(f"{CLOSED}:0", Tools(), bearer({"right": ADA}), name="test") as door:
        refused, _ = reach([CLOSED])
        with pytest.raises(Denied):
            await GrpcClient(f"tools.test:{door.port}", "right", reach=refused).__aenter__()
        opened, names = reach([CLOSED], networks=["127.0.0.0/8"])
        async with GrpcClient(f"tools.test:{door.port}", "right", reach=opened) as client:
            for _ in range(2):
                await client.call_tool(NOBODY, CALL, NO_CONTEXT)
        assert names.asked == ["tools.test"]  # gRPC was given the address, and resolves nothing
        with pytest.raises(Denied):  # what gRPC is to resolve again and again is checked at least once
            await GrpcClient(f"dns:///tools.test:{door.port}", "right", reach=refused).__aenter__()
        for target in ("dns:///localhost", f"ipv4:{CLOSED}", "localhost"):
            async with GrpcClient(f"{target}:{door.port}", "right") as client:
                await client.call_tool(NOBODY, CALL, NO_CONTEXT)


# --- redirects and credentials -----------------------------------------------------------------------------

SECRETS = {"authorization": "Bearer hunter2", "x-key": "hunter3"}


def redirect(to: str, status: int = 307) -> bytes:
    return b"HTTP/1.1 %d Moved\r\nlocation: %b\r\ncontent-length: 0\r\n\r\n" % (status, to.encode())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed_and_nobody_else_sees_a_credential(status: int) -> None:
    async with serving(always(OK)) as elsewhere, serving(always(redirect(elsewhere.url, status))) as served:
        with pytest.raises(Unavailable, match=f"answers with a redirect \\(HTTP {status}\\)"):
            await McpClient(f"{served.url}/mcp", token="hunter2", headers={"x-key": "hunter3"}).__aenter__()
        assert elsewhere.lines == []


async def test_a_redirect_within_the_origin_is_not_followed_either() -> None:
    asked: list[str] = []

    async def behave(line: Line) -> None:
        while True:
            head, _ = await line.request()
            asked.append(head.split(" ")[1])
            await line.send(redirect("/admin"))

    async with serving(behave) as served:
        with pytest.raises(Unavailable, match="redirects are not followed"):
            await McpClient(f"{served.url}/mcp").__aenter__()
    assert set(asked) == {"/mcp"}


async def test_credentials_go_to_their_origin_only() -> None:
    heads: list[str] = []

    async def behave(line: Line) -> None:
        heads.append((await line.request())[0])
        await line.send(OK)

    async with serving(behave) as served, serving(behave) as other:
        where, mine = Origins([served.url, other.url]), {f"{served.url}/mcp": SECRETS}
        async with (
            httpx.AsyncClient(transport=HttpxTransport(where, credentials=mine), trust_env=False) as old,
            httpx2.AsyncClient(transport=Httpx2Transport(where, credentials=mine), trust_env=False) as new,
        ):
            for http in (old, new):
                await http.get(f"{served.url}/any/path")
                await http.get(other.url)
    assert ["hunter2" in head and "hunter3" in head for head in heads] == [True, False] * 2


@pytest.mark.parametrize("transport", [HttpxTransport, Httpx2Transport])
def test_credentials_of_an_origin_that_is_not_configured_are_refused(
    transport: type[HttpxTransport | Httpx2Transport],
) -> None:
    with pytest.raises(Denied):
        transport(Origins(["https://a.example"]), credentials={"https://b.example": SECRETS})


async def test_a_refusal_of_a_backend_shows_no_credential() -> None:
    where, _ = reach([CLOSED])
    client = McpClient("http://tools.test/mcp", token="hunter2", headers=SECRETS, reach=where)
    error = await failing(client.__aenter__())
    assert "hunter" not in error.text
