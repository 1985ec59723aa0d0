"""So many calls, counted and not timed, by h2load: over HTTP/1.1, and over gRPC (one connection, many streams)."""

import json
import re
import struct
import subprocess
from pathlib import Path
from statistics import median, quantiles

import grpc

from benchmarks.gateway.grpc_ends import SERVICE, TEXT
from benchmarks.gateway.load import ARGUMENTS, PATIENCE, Sample, Target, WrongAnswer, check
from benchmarks.gateway.processes import needed, used, used_once_idle
from toolward.v1 import tools_pb2 as pb

_COUNTS = re.compile(
    r"requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed, (\d+) errored"
)
_SECONDS = re.compile(r"finished in ([\d.]+)(us|ms|s|m)")
_DATA = re.compile(r"\((\d+)\) data")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
MOST_SECONDS = 300


def calls(target: Target, count: int, in_flight: int, folder: Path) -> Sample:
    """MCP over HTTP/1.1, as many connections as calls in flight. Raises WrongAnswer, Missing."""
    check(target)
    said = folder / "call.json"
    said.write_bytes(target.said)
    words = ["--h1", f"-c{in_flight}", "-m1", f"-d{said}"]
    return _measured(target, count, words, target.all_headers, target.path, folder)


def grpc_calls(target: Target, count: int, in_flight: int, folder: Path) -> Sample:
    """`CallTool` at the target's gRPC door. Raises WrongAnswer, Missing."""
    request = pb.CallToolRequest(name=target.tool, arguments_json=json.dumps(ARGUMENTS))
    expected = _asked(target, request)
    said = folder / "call.bin"
    message = request.SerializeToString()
    said.write_bytes(struct.pack(">BI", 0, len(message)) + message)
    headers = {"content-type": "application/grpc", "te": "trailers"} | dict(target.headers)
    words = ["-c1", f"-m{in_flight}", f"-d{said}"]
    at = Target(target.name, int(target.grpc.rpartition(":")[2]), target.pid)
    return _measured(at, count, words, headers, f"/{SERVICE}/CallTool", folder, expected)


def _asked(target: Target, request: pb.CallToolRequest) -> int:
    """The bytes of a right answer: where calls fail, no answer has any, and h2load would count them as good."""
    metadata = tuple(target.headers.items())
    with grpc.insecure_channel(target.grpc) as channel:
        call = channel.unary_unary(
            f"/{SERVICE}/CallTool",
            request_serializer=pb.CallToolRequest.SerializeToString,
            response_deserializer=pb.CallToolResponse.FromString,
        )
        try:
            answer = call(request, metadata=metadata, timeout=PATIENCE)
        except grpc.RpcError as error:
            raise WrongAnswer(f"{target.name} does not answer the call: {error}") from None
    if answer.result.content[0].text.text != TEXT:
        raise WrongAnswer(f"{target.name} does not answer the call: {answer}")
    return 5 + len(answer.SerializeToString())


def _measured(
    target: Target,
    count: int,
    words: list[str],
    headers: dict[str, str],
    path: str,
    folder: Path,
    expected: int | None = None,
) -> Sample:
    log = folder / "h2load.log"
    log.unlink(missing_ok=True)
    command = [needed("h2load", "nghttp2-client"), f"-n{count}", *words, f"--log-file={log}"]
    command += [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    before = used(target.pid)
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{target.port}{path}"],
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=True,
    )
    after = used_once_idle(target.pid)
    counts, lasted, data = (pattern.search(done.stdout) for pattern in (_COUNTS, _SECONDS, _DATA))
    if counts is None or lasted is None or data is None:
        raise WrongAnswer(f"{target.name}: h2load says {done.stdout[-300:]!r}")
    if int(counts[1]) != count or (expected is not None and int(data[1]) != expected * count):
        raise WrongAnswer(f"{target.name}: {counts[0]}; {data[0]}, not {expected} each")
    took = [int(line.split("\t")[2]) / 1000 for line in log.read_text().splitlines()]
    return Sample(
        calls_per_second=count / (float(lasted[1]) * _UNITS[lasted[2]]),
        p50_ms=median(took),
        p99_ms=quantiles(took, n=100)[98],
        cpu_us=(after.cpu - before.cpu) * 1e6 / count,
        rss_mb=after.rss / 1e6,
        calls=count,
    )
