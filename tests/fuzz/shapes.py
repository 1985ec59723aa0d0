"""A corpus of requests in HTTP/1.1 that somebody could read in two ways, or in none; and rightly formed ones.

A request that must not be heard is hidden in many of them: a GET of CANARY, behind or inside of another. `hears` says
how many requests may be heard at most, all in all; None = by what the reference parser makes of it.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

CANARY = b"/canary"
HIDDEN = b"GET " + CANARY + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"

CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"fixture.add","arguments":{"a":1,"b":2}}}'


class Shape(NamedTuple):
    name: str
    raw: bytes
    hears: int = 1


class Target(NamedTuple):
    """A request line, headers that it needs, and a body that it takes."""

    name: str
    line: bytes
    headers: bytes
    body: bytes


def targets(token: str) -> tuple[Target, ...]:
    known = f"authorization: Bearer {token}\r\ncontent-type: application/json\r\n".encode()
    accept = b"accept: application/json, text/event-stream\r\n"
    return (
        Target("mcp", b"POST /mcp HTTP/1.1", b"host: 127.0.0.1\r\n" + known + accept, CALL),
        Target(
            "rest",
            b"POST /v1/tools/fixture.add/calls HTTP/1.1",
            b"host: 127.0.0.1\r\n" + known,
            b'{"a":1,"b":2}',
        ),
    )


def _length(body: bytes) -> bytes:
    return b"content-length: %d\r\n" % len(body)


def _chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


BAD_LENGTHS = (
    b"+%d", b"-%d", b" %d 1", b"0x%x", b"%d_0", b"%d,%d", b"%d, %d", b"\xd9\xa5%d", b"%d\x00", b"%de0", b"%d.0", b"%d;",
    b"\x0b%d", b"%d\x0c", b"", b"18446744073709551616%d", b"99999999999999999999999999999999%d", b"nan", b"\"%d\"",
)  # fmt: skip
BAD_CODINGS = (
    b"xchunked", b"chunked, identity", b"identity", b"identity, chunked", b"chunked, chunked", b"chunked;q=1", b"\x0bchunked",
    b"chunked\x00", b"chun\tked", b"gzip", b"", b"chunked ,", b"'chunked'", b"cow", b"chunkedx", b"chunked\r\n x",
)  # fmt: skip
LINES = (
    b"POST  %b HTTP/1.1", b"POST %b  HTTP/1.1", b"POST\t%b\tHTTP/1.1", b"POST %b", b"POST %b HTTP/1.2", b"POST %b HTTP/2.0",
    b"POST %b HTTP/0.9", b"POST %b HTTP/1.10", b"POST %b http/1.1", b"POST %b HTTP/1.1 x", b" POST %b HTTP/1.1", b"\r\nPOST %b HTTP/1.1",
    b"post %b HTTP/1.1", b"POS\x00T %b HTTP/1.1", b"POST %b\x00 HTTP/1.1", b"POST %b\xff HTTP/1.1", b"POST %b#a HTTP/1.1",
    b"POST %b?a=%%00&b=\xc3 HTTP/1.1", b"POST //evil.example%b HTTP/1.1", b"POST http://127.0.0.1%b HTTP/1.1",
    b"POST http://evil.example%b HTTP/1.1", b"POST https://127.0.0.1:1%b HTTP/1.1", b"POST %%2e%%2e%b HTTP/1.1", b"POST \\%b HTTP/1.1",
    b"CONNECT %b HTTP/1.1", b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nx: %b", b"OPTIONS * HTTP/1.1\r\nx: %b", b"TRACE %b HTTP/1.1", b"GET %b HTTP/1.1",
    b"PRI * HTTP/2.0\r\nx: %b", b"BREW %b HTTP/1.1", b"%b HTTP/1.1", b"POST HTTP/1.1 %b", b"QUERY %b HTTP/1.1", b"HEAD %b HTTP/1.1",
)  # fmt: skip
ODD_HEADERS = (
    b"x: a\r\n b\r\n", b"x: a\r\n\tcontent-length: 1\r\n", b" x: a\r\n", b"x : a\r\n", b"x\t: a\r\n", b": a\r\n", b"x\r\n", b"x\x00: a\r\n",
    b"x: a\x00b\r\n", b"x: a\nb: c\r\n", b"x: a\rb: c\r\n", b"x: a\n\n", b"x: \xff\xfe\r\n", b"x: \x7f\r\n", b"(x): a\r\n", b"x[]: a\r\n", b"\xc3\xa9: a\r\n",
    b"x: " + b"a" * 9_000 + b"\r\n", b"x: a\r\n" * 200, b"x" * 3_000 + b": a\r\n", b"host: 127.0.0.1\r\n", b"host: evil.example\r\n", b"Host:\r\n",
    b"connection: close\r\n", b"connection: content-length\r\n", b"connection: keep-alive, x\r\n", b"connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n",
    b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    b"expect: 100-continue\r\n", b"expect: 200-ok\r\n", b"te: trailers\r\n", b"trailer: content-length\r\n", b"content-encoding: gzip\r\n",
    b"x-forwarded-for: 1.2.3.4\r\n", b"x-http-method-override: DELETE\r\n", b":certificate: CN=root\r\n", b":path: /x\r\n", b"proxy-connection: close\r\n",
    b"authorization: Bearer other\r\n", b"content-type: text/plain\r\n", b"keep-alive: timeout=1\r\n", b"range: bytes=0-1\r\n", b"x-toolward-run-id: r\r\n",
)  # fmt: skip
CHUNKS = (
    b"%x;a=b\r\n%b\r\n0\r\n\r\n", b"%x;" + b"a" * 5_000 + b"\r\n%b\r\n0\r\n\r\n", b'%x;a="\r\n"\r\n%b\r\n0\r\n\r\n', b"%x \r\n%b\r\n0\r\n\r\n",
    b"0x%x\r\n%b\r\n0\r\n\r\n", b"+%x\r\n%b\r\n0\r\n\r\n", b"-%x\r\n%b\r\n0\r\n\r\n", b"000000000000000000000%x\r\n%b\r\n0\r\n\r\n", b"%x\n%b\n0\n\n",
    b"%x\r\n%b0\r\n\r\n", b"%x\r\n%b\r\n0\r\ncontent-length: 5\r\n\r\n", b"%x\r\n%b\r\n0\r\nx: a\r\n\r\n", b"%x\r\n%b\r\n00\r\n\r\n", b"%x\r\n%b\r\n0;\r\n\r\n",
    b"FFFFFFFFFFFFFFFF%x\r\n%b\r\n0\r\n\r\n", b"7FFFFFFFFFFFFFFF\r\n%d%b", b"%x\x00\r\n%b\r\n0\r\n\r\n", b"\r\n%x\r\n%b\r\n0\r\n\r\n", b"%x\r%b\r0\r\r", b"%x;\n%b\r\n0\r\n\r\n",
)  # fmt: skip


def _formatted(template: bytes, *values: object) -> bytes:
    """As far as the template has places."""
    places = template.replace(b"%%", b"").count(b"%")
    return (
        template % tuple(itertools.islice(itertools.cycle(values), places))
        if places
        else template.replace(b"%%", b"%")
    )


# Long because it is one list, a shape a line.
def _framing(target: Target) -> Iterator[Shape]:
    name, line, headers, body = target
    start = line + b"\r\n" + headers
    size = _length(body)
    yield Shape(f"{name}: plain", start + size + b"\r\n" + body)
    yield Shape(f"{name}: chunked", start + b"transfer-encoding: chunked\r\n\r\n" + _chunked(body))
    yield Shape(f"{name}: no length", start + b"\r\n" + body)
    yield Shape(f"{name}: a request as its body", start + _length(HIDDEN) + b"\r\n" + HIDDEN)
    for number, both in enumerate(
        (size + b"transfer-encoding: chunked\r\n", b"transfer-encoding: chunked\r\n" + size)
    ):
        yield Shape(f"{name}: both {number}", start + both + b"\r\n" + _chunked(body) + HIDDEN)
        yield Shape(f"{name}: both, ended at once {number}", start + both + b"\r\n" + b"0\r\n\r\n" + HIDDEN)
    yield Shape(f"{name}: two lengths", start + size + _length(body + HIDDEN) + b"\r\n" + body + HIDDEN)
    yield Shape(
        f"{name}: the other two lengths", start + _length(body + HIDDEN) + size + b"\r\n" + body + HIDDEN
    )
    yield Shape(f"{name}: the same length twice", start + size + size + b"\r\n" + body, 2)
    for bad in BAD_LENGTHS:
        told = _formatted(bad, len(body), len(body))
        yield Shape(
            f"{name}: length {told!r}", start + b"content-length: " + told + b"\r\n\r\n" + body + HIDDEN
        )
    for bad in BAD_CODINGS:
        told = b"transfer-encoding: " + bad + b"\r\n"
        yield Shape(f"{name}: coding {bad!r}", start + told + b"\r\n" + _chunked(body) + HIDDEN, 2)
        yield Shape(f"{name}: coding {bad!r} and a length", start + told + size + b"\r\n" + body + HIDDEN)
    for space in (b" ", b"\t", b"\x00"):
        yield Shape(
            f"{name}: {space!r} before the colon",
            start + size.replace(b":", space + b":") + b"\r\n" + body + HIDDEN,
        )
        coding = b"transfer-encoding" + space + b": chunked\r\n"
        yield Shape(
            f"{name}: {space!r} before the coding's colon", start + size + coding + b"\r\n" + body + HIDDEN
        )
    yield Shape(
        f"{name}: a folded length", start + b"content-length:\r\n %d\r\n\r\n" % len(body) + body + HIDDEN
    )
    yield Shape(
        f"{name}: a folded coding", start + size + b"transfer-encoding:\r\n chunked\r\n\r\n" + body + HIDDEN
    )
    yield Shape(
        f"{name}: 1.0 and chunked",
        start.replace(b"HTTP/1.1", b"HTTP/1.0")
        + b"transfer-encoding: chunked\r\n\r\n"
        + _chunked(body)
        + HIDDEN,
    )
    for number, chunks in enumerate(CHUNKS):
        coding = start + b"transfer-encoding: chunked\r\n\r\n"
        yield Shape(f"{name}: chunks {number}", coding + _formatted(chunks, len(body), body), 2)
        short = _formatted(chunks, len(body) + len(HIDDEN), body + HIDDEN)
        yield Shape(f"{name}: chunks with a request {number}", coding + short)


def _heads(target: Target) -> Iterator[Shape]:
    name, line, headers, body = target
    path = line.split(b" ")[1]
    rest = headers + _length(body) + b"\r\n" + body
    for template in LINES:
        yield Shape(f"{name}: line {template!r}", _formatted(template, path) + b"\r\n" + rest, 2)
    for odd in ODD_HEADERS:
        yield Shape(f"{name}: header {odd[:40]!r}", line + b"\r\n" + odd + rest, 2)
        yield Shape(
            f"{name}: last header {odd[:40]!r}",
            line + b"\r\n" + headers + _length(body) + odd + b"\r\n" + body,
            2,
        )
    whole = line + b"\r\n" + rest
    head, _, _ = whole.partition(b"\r\n\r\n")
    yield Shape(f"{name}: bare line feeds", head.replace(b"\r\n", b"\n") + b"\n\n" + body)
    yield Shape(f"{name}: bare carriage returns", head.replace(b"\r\n", b"\r") + b"\r\r" + body)
    yield Shape(f"{name}: no host", line + b"\r\n" + rest.replace(b"host: 127.0.0.1\r\n", b""))
    yield Shape(f"{name}: two heads end", head + b"\r\n\r\n" + b"\r\n\r\n" + body, 2)


def _others() -> Iterator[Shape]:
    yield Shape("nothing", b"")
    yield Shape("HTTP/0.9", b"GET /\r\n")
    yield Shape(
        "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    )
    yield Shape("TLS", bytes.fromhex("16030100c8010000c40303") + bytes(190))
    yield Shape("an answer", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    yield Shape("NUL bytes", bytes(2_000))
    yield Shape("line ends", b"\r\n" * 2_000)
    yield Shape("a long target", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    yield Shape("many headers", b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n")
    yield Shape("a head without an end", b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\na: " + b"b" * 200_000)


def _pipelined(ones: tuple[Target, ...]) -> Iterator[Shape]:
    whole = [one.line + b"\r\n" + one.headers + _length(one.body) + b"\r\n" + one.body for one in ones]
    yield Shape("pipelined", b"".join(whole) * 3, 6)
    yield Shape(
        "pipelined behind a GET", HIDDEN.replace(CANARY, b"/healthz") + whole[0] + whole[1] + whole[0], 4
    )
    yield Shape("half a request behind a whole one", whole[0] + whole[0][:100], 1)
    for one in whole:
        yield Shape("rubbish behind a whole one", one + b"\x00\x01 rubbish\r\n\r\n", 2)
        yield Shape("line ends before the next", one + b"\r\n\r\n" + one, 2)
        yield Shape(
            "it closes, and more comes", one.replace(b"\r\nhost", b"\r\nconnection: close\r\nhost") + HIDDEN
        )


def corpus(token: str = "t") -> tuple[Shape, ...]:
    ones = targets(token)
    mine = (shape for one in ones for shape in (*_framing(one), *_heads(one)))
    return (*mine, *_others(), *_pipelined(ones))
