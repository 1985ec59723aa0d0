"""The egress rule, and httpx and httpx2 over the pool against a real server."""

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endpoints import Raw, Silence, refuses, scripted_endpoint
from tests.integration.certificates import tls_pair
from toolward.errors import ConfigurationError, Denied, InvalidResult
from toolward.outbound.egress import Origin, Origins
from toolward.outbound.for_httpx import HttpxTransport
from toolward.outbound.for_httpx2 import Httpx2Transport
from toolward.outbound.sse import Event, EventReader

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# --- origins --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://127.0.0.1:8710/mcp", "http://127.0.0.1:8710"),
        ("HTTPS://API.Example.COM./v1", "https://api.example.com"),
        ("https://api.example.com:443", "https://api.example.com"),
        ("http://[0:0::1]:8710/", "http://[::1]:8710"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_one_origin_has_one_spelling(url: str, origin: str) -> None:
    assert str(Origin.of(url)) == origin
    assert Origins([url]).check(f"{origin}/anything?at=all") == Origin.of(origin)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8711/",  # another port
        "https://127.0.0.1:8710/",  # another scheme
        "http://localhost:8710/",  # another name, whatever it resolves to
        "http://127.0.0.1:8710.evil.example/",
        "http://127.0.0.1:8710@evil.example/",
        "http://evil.example\\@127.0.0.1:8710/",
        "http://evil.example#@127.0.0.1:8710/",
        "http://127.1:8710/",
        "//127.0.0.1:8710/",
        "file:///etc/passwd",
        "http://127.0.0.1:8710\t/",
        "http://127.0.0.1:99999/",
        "",
    ],
)
def test_nothing_goes_to_another_origin(url: str) -> None:
    with pytest.raises(Denied):
        Origins(["http://127.0.0.1:8710/mcp"]).check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://ada:hunter2@host.example/",
        "ftp://host.example",
        "host.example:80",
        "http://",
        "http://h:0",
        "http://a b",
    ],
)
def test_a_base_url_is_plain_and_holds_no_credentials(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Origins([url])
    assert "hunter2" not in caught.value.text


def test_a_refusal_repeats_no_credentials_and_no_query() -> None:
    with pytest.raises(Denied) as caught:
        Origins(["http://host.example"]).check("http://ada:hunter2@host.example/?token=hunter3")
    assert "hunter" not in caught.value.text


# --- httpx and httpx2 ------------------------------------------------------------------------------------


class Library(NamedTuple):
    """One of the two packages, and our transport for it."""

    its: Any
    transport: Any

    def client(self, *base_urls: str, **more: Any) -> Any:
        return self.its.AsyncClient(transport=self.transport(Origins(base_urls), **more), trust_env=False)


@pytest.fixture(
    params=[Library(httpx, HttpxTransport), Library(httpx2, Httpx2Transport)], ids=["httpx", "httpx2"]
)
def library(request: pytest.FixtureRequest) -> Library:
    return request.param


async def test_httpx_speaks_through_the_pool(library: Library) -> None:
    async with scripted_endpoint() as endpoint, library.client(endpoint.url) as http:
        endpoint.script([Raw((b'{"a":', b"1}"))] * 2)
        for _ in range(2):
            response = await http.post(f"{endpoint.url}/x?q=a%20b", json={"b": 2}, headers={"x-y": "z"})
            assert response.json() == {"a": 1}
        request = endpoint.requests[0]
        assert (request.method, request.path, request.json) == ("POST", "/v1/x?q=a%20b", {"b": 2})
        assert request.headers["x-y"] == "z"
        assert request.headers["host"] == endpoint.url.split("/")[2]


async def test_httpx_does_not_leave_the_configured_origins_not_even_by_a_redirect(library: Library) -> None:
    async with (
        scripted_endpoint() as endpoint,
        scripted_endpoint() as elsewhere,
        library.client(endpoint.url) as http,
    ):
        endpoint.script([refuses(302, headers={"location": elsewhere.url})] * 2)
        for follow in (False, True):
            response = await http.get(endpoint.url, follow_redirects=follow)
            assert (response.status_code, response.next_request) == (302, None)
        with pytest.raises(Denied, match="the configuration does not name it"):
            await http.get(elsewhere.url)
        assert elsewhere.requests == []


async def test_failures_are_the_ones_that_users_of_httpx_know(library: Library) -> None:
    async with scripted_endpoint() as endpoint, library.client(endpoint.url) as http:
        endpoint.script([Raw((b"half",), cut=True), Raw((b"",), 200, {"content-length": "1"}), Silence()])
        with pytest.raises(library.its.ReadError, match="in the middle of its reply"):
            await http.get(endpoint.url)
        with pytest.raises(library.its.RemoteProtocolError, match="Content-Length"):
            await http.get(endpoint.url)
        with pytest.raises(library.its.ReadTimeout):
            await http.get(endpoint.url, timeout=0.05)
        await endpoint.left.wait()  # and the connection is not left open
    async with library.client(endpoint.url) as http:
        with pytest.raises(library.its.ConnectError, match="connection refused"):
            await http.get(endpoint.url)


async def test_https_goes_the_same_way_and_under_the_same_rule(tmp_path: Path, library: Library) -> None:
    tls = tls_pair(tmp_path)
    async with scripted_endpoint(tls.server) as endpoint, scripted_endpoint(tls.server) as elsewhere:
        async with library.client(endpoint.url, tls=tls.client) as http:
            endpoint.script([Raw((b'{"a":1}',))])
            assert (await http.get(endpoint.url)).json() == {"a": 1}
            with pytest.raises(Denied):
                await http.get(elsewhere.url)
        assert elsewhere.requests == []


async def test_a_cancelled_httpx_request_closes_its_connection(library: Library) -> None:
    async with scripted_endpoint() as endpoint, library.client(endpoint.url) as http:
        endpoint.script([Silence()])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await http.get(endpoint.url, timeout=None)
        await endpoint.left.wait()


# --- server-sent events ---------------------------------------------------------------------------------

STREAM = (
    b"\xef\xbb\xbfdata: one\n\n: a comment\ndata:two\r\ndata: lines\r\n\r\nevent: tick\rid: 7\rdata\r\r"
    b"retry: 1\nid: 8\n\ndata:  \xc3\xa9\n\ndata: cut off"
)
EVENTS = [
    Event(b"one"),
    Event(b"two\nlines"),
    Event(b"", "tick", "7"),
    Event(" é".encode(), "message", "8"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_events_are_the_same_however_the_stream_is_cut(size: int) -> None:
    reader = EventReader("here")
    found: list[Any] = []
    for at in range(0, len(STREAM), size):
        found += reader.feed(STREAM[at : at + size])
    assert found == EVENTS


PARTS = st.sampled_from(
    [
        b"data: x\n\n",
        b"data: y\n",
        b"event: e\n",
        b"id: 1\n",
        b": c\n\n",
        b"data\n\n",
        b"\n",
        b"data: z\r\n\r\n",
        b"\r",
    ]
)


@settings(max_examples=50, deadline=None)
@given(st.lists(PARTS, max_size=12))
def test_whole_events_at_once_are_what_they_are_byte_by_byte(parts: list[bytes]) -> None:
    at_once, slowly = EventReader("here"), EventReader("here")
    found = [event for part in parts for event in at_once.feed(part)]
    assert found == [event for byte in b"".join(parts) for event in slowly.feed(bytes([byte]))]


@pytest.mark.parametrize("piece", [b"data: aaaaaaaaa\n", b"aaaaaaaaaaaaaaa"])
def test_an_event_without_end_is_refused(piece: bytes) -> None:
    reader = EventReader("here", max_event=1000)

    def feed_on() -> None:
        for _ in range(1000):
            reader.feed(piece)

    with pytest.raises(InvalidResult, match="here sent an event of over 1,000 bytes"):
        feed_on()
