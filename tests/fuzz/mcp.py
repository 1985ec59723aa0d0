"""JSON-RPC at `/mcp`: envelopes of both eras that are right, nearly right, and nothing at all."""

import json
import random
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.bytes import changed
from tests.fuzz.house import Finding, House
from tests.fuzz.running import given_each
from tests.fuzz.wire import Answer, Hung, Line

VERSIONS = ("2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "1999-01-01", "x")
METHODS = (
    "tools/call", "tools/list", "initialize", "ping", "server/discover", "resources/list", "resources/read",
    "resources/templates/list", "prompts/list", "prompts/get", "completion/complete", "logging/setLevel",
    "notifications/initialized", "notifications/cancelled", "subscriptions/listen", "tasks/get", "rpc.discover",
)  # fmt: skip
TOOLS = (
    "fixture.add",
    "fixture.echo",
    "fixture.fail",
    "fixture.show",
    "fixture.count",
    "fixture.none",
    "x",
    "",
)
CHANGES = 9
"""Of the bytes of every body that is drawn."""

NOTHING: dict[str, Any] = {}
ASKS: dict[str, Any] = {"elicitation": {"form": {}}}
META = "io.modelcontextprotocol/"

words = st.text(max_size=12)
numbers = st.one_of(
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.sampled_from([2**53 + 1, 2**64, -(2**63)]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, words, st.just("\ud800"))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
ids = st.one_of(st.integers(0, 9), words, st.none(), st.floats(), st.just(10**300), st.just({}), st.just([1]))
metas = st.fixed_dictionaries(
    {},
    optional={
        f"{META}protocolVersion": st.sampled_from(VERSIONS) | values,
        f"{META}clientCapabilities": st.just(NOTHING) | st.just(ASKS) | values,
        "progressToken": st.integers() | words,
        "traceparent": words,
        "toolward/on_behalf_of": words,
    },
)
params = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(TOOLS) | values,
        "arguments": st.just({"a": 1, "b": 2}) | st.just({"value": 1}) | st.just({"steps": 3}) | values,
        "_meta": metas | values,
        "cursor": words,
        "uri": words,
        "protocolVersion": st.sampled_from(VERSIONS) | values,
        "capabilities": st.just(NOTHING) | values,
        "clientInfo": st.just({"name": "x", "version": "1"}) | values,
        "requestState": words,
        "inputResponses": values,
        "requestId": ids,
    },
)
envelopes = st.fixed_dictionaries(
    {"jsonrpc": st.sampled_from(["2.0", "2.0", "2.0", "2.0", "1.0", 2, None])},
    optional={
        "id": ids,
        "method": st.sampled_from(METHODS) | values,
        "params": params | values,
        "result": values,
        "error": values,
    },
)


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A message with something wrong in its bytes."""
    raw = _dumped(draw(envelopes))
    at = draw(st.integers(0, len(raw)))
    match draw(st.sampled_from(["cut", "put", "twice", "deep", "utf-16", "bom", "nan", "behind"])):
        case "cut":
            return raw[:at]
        case "put":
            return raw[:at] + draw(st.binary(min_size=1, max_size=4)) + raw[at:]
        case "twice":
            return raw[:-1] + b',"id":1,"method":"ping","id":2}'
        case "deep":
            depth = draw(st.sampled_from([30, 70, 200, 5_000]))
            opening, closing = draw(st.sampled_from([(b"[", b"]"), (b'{"a":', b"}")]))
            inner = opening * depth + b"1" + closing * depth
            call = (
                b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"fixture.echo","arguments":'
            )
            return call + b'{"value":' + inner + b"}}}"
        case "utf-16":
            return raw.decode().encode("utf-16")
        case "bom":
            return b"\xef\xbb\xbf" + raw
        case "nan":
            return raw.replace(b"1", b"1e999")
        case _:
            return raw + draw(
                st.sampled_from([b" ", b"\x00", b"{}", b"]", b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"])
            )


bodies = st.one_of(
    envelopes.map(_dumped),
    envelopes.map(_dumped),
    envelopes.map(_dumped),
    spoilt(),
    st.lists(envelopes, max_size=3).map(_dumped),
    values.map(_dumped),
    st.binary(max_size=40),
)
_printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
extra_headers = st.fixed_dictionaries(
    {},
    optional={
        "mcp-protocol-version": st.sampled_from(VERSIONS) | _printable,
        "mcp-method": st.sampled_from(METHODS) | _printable,
        "mcp-name": st.sampled_from(TOOLS[:-1]) | st.just("=?base64?ZWNobw==?=") | _printable,
        "mcp-session-id": _printable,
        "mcp-param-a": _printable,
        "last-event-id": _printable,
        "traceparent": _printable,
        "idempotency-key": _printable,
        "toolward-hops": _printable,
    },
)
accepts = st.sampled_from(
    ["application/json, text/event-stream"] * 6 + ["*/*", "application/json", "text/html", ""]
)
kinds = st.sampled_from(["application/json"] * 6 + ["application/json; charset=utf-16", "text/plain", ""])
methods = st.sampled_from(["POST"] * 20 + ["GET", "DELETE", "PUT", "HEAD", "OPTIONS"])


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, dict[str, str], bytes]:
    body = draw(bodies)
    headers = draw(extra_headers)
    if draw(st.booleans()):  # headers that agree
        headers = {**headers, **_agreeing(body)}
    return draw(methods), {"accept": draw(accepts), "content-type": draw(kinds), **headers}, body


def _agreeing(body: bytes) -> dict[str, str]:
    try:
        message = json.loads(body)
        found = {
            "mcp-protocol-version": message["params"]["_meta"][f"{META}protocolVersion"],
            "mcp-method": message["method"],
            "mcp-name": message["params"].get("name"),
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, str) and value.isascii() and value.isprintable() and value.strip() == value != ""
    }


def fuzz(house: House, inputs: int, seed: int) -> None:
    """Raises Finding."""
    line = Line(house.http)

    def send(method: str, headers: dict[str, str], body: bytes) -> None:
        nonlocal line
        request = (method, headers, body)
        head = "".join(f"{name}: {value}\r\n" for name, value in (house.headers | headers).items())
        raw = (
            f"{method} /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode()
        )
        line.send(raw + body)
        try:
            answer = line.read(head_only=method == "HEAD")
        except Hung:
            raise Finding("it hangs", request) from None
        if answer is None:
            raise Finding("it closed without an answer", request)
        _check(answer, request)
        if answer.open or answer.headers.get("connection") == "close":
            line.close()
            line = Line(house.http)
        elif surplus := line.surplus():
            raise Finding(f"two answers: {surplus!r}", request)
        house.progress()

    def each(request: tuple[str, dict[str, str], bytes]) -> None:
        method, headers, body = request
        send(method, headers, body)
        chance = random.Random(body)
        for _ in range(CHANGES):
            send(method, headers, changed(chance, body))

    try:
        given_each(requests(), each, inputs // (CHANGES + 1), seed)
    finally:
        line.close()


def _check(answer: Answer, request: tuple[str, dict[str, str], bytes]) -> None:
    if answer.status >= 500:
        raise Finding(f"{answer.status}: {answer.body[:500]!r}", request)
    if not answer.headers.get("content-type", "").startswith("application/json") or not answer.body:
        return
    told: dict[str, Any] = json.loads(answer.body)
    if "error" in told and told["error"]["code"] == -32603:
        raise Finding(f"an internal error: {told}", request)
    if "result" in told and told.get("id") != _id_of(request[2], told):
        raise Finding(f"an answer to another, or to none: {told}", request)


def _id_of(body: bytes, told: dict[str, Any]) -> Any:
    """Of the request. What is too deep to be read whole is told so as a result, with the id that it begins with."""
    try:
        asked = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return told.get("id") if told["result"].get("isError") else Finding
    return asked.get("id") if isinstance(asked, dict) else Finding  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] -- JSON
