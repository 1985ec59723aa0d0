"""Plain calls at one address, by wrk: so many connections, each with one call in flight."""

import http.client
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from benchmarks.gateway.processes import needed, used, used_once_idle

VERSION = "2025-06-18"
ARGUMENTS = {"customer": "C-1003", "amount_minor": 4250, "path": "notes/ORD-1003.md"}
ANSWER = "Order ORD-1003: shipped by Nordpost"
PATIENCE = 30  # seconds for one answer

_SCRIPT = """wrk.method = "POST"
wrk.body = {body}
{headers}
wrong = 0
local threads = {{}}
function setup(thread) table.insert(threads, thread) end
{reading}
function done(summary, latency, requests)
  local errors, wrongs = summary.errors, 0
  for _, thread in ipairs(threads) do wrongs = wrongs + thread:get("wrong") end
  io.write("\\nRESULT " .. string.format(
    '{{"answers":%d,"bytes":%d,"seconds":%.6f,"p50_ms":%.4f,"p99_ms":%.4f,' ..
    '"refused":%d,"broken":%d,"late":%d,"wrong":%d}}\\n',
    summary.requests, summary.bytes, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status, errors.connect + errors.read + errors.write, errors.timeout, wrongs))
end
"""


_READING = """function response(status, headers, body)
  if not string.find(body, {answer}, 1, true) then wrong = wrong + 1 end
end
"""


class Target(msgspec.Struct, frozen=True):
    """Where a tool is called, and as who. `pid` is who is measured; 0 where nobody is in between."""

    name: str
    port: int
    pid: int
    path: str = "/mcp"
    tool: str = "tool_0"
    headers: Mapping[str, str] = {}
    body: bytes = b""
    """Where it is no `tools/call`."""
    reads: bool = False
    """The load reads every answer, and does not only count its bytes: for those so slow that this costs nothing."""
    grpc: str = ""
    """The address of its gRPC door, where it has one."""

    @property
    def said(self) -> bytes:
        return self.body or message("tools/call", {"name": self.tool, "arguments": ARGUMENTS})

    @property
    def all_headers(self) -> dict[str, str]:
        plain = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": VERSION,
        }
        return plain | dict(self.headers)


class Sample(msgspec.Struct, frozen=True):
    """One burst. `cpu_us` is what the measured process took for a call, in microseconds; `rss_mb` at its end."""

    calls_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    rss_mb: float
    calls: int


class WrongAnswer(Exception):
    """What came back is not what a call gives: the figures would be of something else."""


def message(method: str, params: Mapping[str, Any], id_: int = 1) -> bytes:
    said = {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}
    return json.dumps(said, separators=(",", ":")).encode()


def ask(target: Target) -> tuple[bytes, int]:
    """One answer, and the bytes of it with its head. Raises WrongAnswer."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=PATIENCE)
    try:
        connection.request("POST", target.path, target.said, target.all_headers)
        reply = connection.getresponse()
        body = reply.read()
    except (OSError, http.client.HTTPException) as error:
        raise WrongAnswer(f"{target.name} does not answer: {error!r}") from None
    finally:
        connection.close()
    if reply.status != 200:
        raise WrongAnswer(f"{target.name} answers HTTP {reply.status}: {body[:300]!r}")
    head = sum(len(name) + len(value) + 4 for name, value in reply.getheaders())
    return body, head + len(body)


def check(target: Target) -> int:
    """The bytes of a right answer. Raises WrongAnswer."""
    body, size = ask(target)
    if not target.body and (ANSWER.encode() not in body or b'"isError":true' in body.replace(b" ", b"")):
        raise WrongAnswer(f"{target.name} does not answer the call: {body[:300]!r}")
    return size


def burst(target: Target, connections: int, seconds: float, folder: Path) -> Sample:
    """Raises WrongAnswer, also where answers were refused, broken, late, or not of the length of the one that was
    looked at. Raises Missing without wrk."""
    size = check(target)
    before = used(target.pid) if target.pid else None
    found = _wrk(target, connections, seconds, folder)
    after = used_once_idle(target.pid) if target.pid else None
    answers = int(found["answers"])
    wrong = found["refused"] + found["broken"] + found["late"] + found["wrong"]
    if not answers:
        raise WrongAnswer(f"{target.name}: no answer within {seconds:g} s, {connections} connections")
    if wrong:
        raise WrongAnswer(f"{target.name}, {connections} connections: {found}")
    if (
        not target.reads and not 0.97 * size < (found["bytes"] / answers) < 1.03 * size + 40
    ):  # 40: the line of the status
        raise WrongAnswer(f"{target.name}: answers of {found['bytes'] / answers:.0f} bytes, not of {size}")
    return Sample(
        calls_per_second=answers / found["seconds"],
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
        cpu_us=0.0 if before is None or after is None else (after.cpu - before.cpu) * 1e6 / answers,
        rss_mb=0.0 if after is None else after.rss / 1e6,
        calls=answers,
    )


def _wrk(target: Target, connections: int, seconds: float, folder: Path) -> dict[str, Any]:
    script = folder / "load.lua"
    headers = "\n".join(
        f"wrk.headers[{_lua(name)}] = {_lua(value)}" for name, value in target.all_headers.items()
    )
    reading = _READING.format(answer=_lua(ANSWER)) if target.reads else ""
    script.write_text(_SCRIPT.format(body=_lua(target.said.decode()), headers=headers, reading=reading))
    # wrk counts in whole seconds
    words = [
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        f"--timeout={PATIENCE}s",
        "-s",
        str(script),
    ]
    done = subprocess.run(
        [needed("wrk", "wrk"), *words, f"http://127.0.0.1:{target.port}{target.path}"],
        capture_output=True,
        text=True,
        timeout=seconds + 2 * PATIENCE,
        check=True,
    )
    return json.loads(done.stdout.rpartition("RESULT ")[2])


def _lua(text: str) -> str:
    """A literal: bytes by number, so that nothing in it means anything."""
    return (
        '"'
        + "".join(
            chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03d}"
            for byte in text.encode()
        )
        + '"'
    )


def summary(samples: list[Sample]) -> Sample:
    """Medians; the calls of all."""

    def middle(name: str) -> float:
        return median(getattr(one, name) for one in samples)

    return Sample(
        *(middle(name) for name in ("calls_per_second", "p50_ms", "p99_ms", "cpu_us", "rss_mb")),
        calls=sum(one.calls for one in samples),
    )
