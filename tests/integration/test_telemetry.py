"""What a server says of itself: probes, metrics, spans, logs; as a process, over real sockets."""

import asyncio
import json
import subprocess
import sys

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.integration.collector import collecting
from tests.integration.scripted_tools import NOBODY, failing
from tests.integration.served import BOTH, ENVELOPE, Served, call, served
from toolward.client.grpc import GrpcClient
from toolward.client.mcp import McpClient
from toolward.types import NO_CONTEXT, CallContext, Progress, ToolCall

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


async def get(at: Served, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(at.url + path, headers=headers)


# --- probes and metrics ----------------------------------------------------------------------------------


async def test_probes_answer_anybody_and_metrics_those_who_may_call() -> None:
    with served(TOOLWARD_TOKEN="t") as at:
        for path in ("/healthz", "/readyz"):
            assert (await get(at, path, host="10.0.0.7:8080")).status_code == 200
        assert (await get(at, "/metrics")).status_code == 401
        assert (await get(at, "/metrics", authorization="Bearer t", host="evil.example")).status_code == 403
        allowed = await get(at, "/metrics", authorization="Bearer t")
        assert allowed.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'toolward_refused_total{door="http",code="unauthenticated"} 1' in allowed.text
        assert (await get(at, "/nothing")).status_code == 404


async def test_calls_are_counted_by_door_tool_and_outcome() -> None:
    with served() as at:
        async with GrpcClient(at.grpc) as grpc, McpClient(f"{at.url}/mcp") as mcp:
            for client in (grpc, mcp):
                await client.call_tool(NOBODY, ToolCall("whoami"), CallContext(timeout=20))
            await failing(grpc.call_tool(NOBODY, ToolCall("wait", b"{}"), NO_CONTEXT))
            await failing(mcp.call_tool(NOBODY, ToolCall("a caller's fancy"), CallContext(timeout=20)))
        said = (await get(at, "/metrics")).text
    for line in (
        'toolward_calls_total{door="grpc",tool="whoami",outcome="ok"} 1',
        'toolward_calls_total{door="http",tool="whoami",outcome="ok"} 1',
        'toolward_calls_total{door="grpc",tool="wait",outcome="invalid_arguments"} 1',
        'toolward_calls_total{door="http",tool="(other)",outcome="unknown_tool"} 1',
        'toolward_call_seconds_count{door="grpc",tool="whoami"} 1',
        "toolward_calls_in_work 0",
    ):
        assert line in said.splitlines()
    assert "fancy" not in said


def test_nothing_says_ready_before_the_lifespan_is_up() -> None:
    """The server's own start-up takes half a second here; until then nobody answers at all."""
    code = (
        "import asyncio\n"
        "from tests.servers.trusted import server\n"
        "from toolward.kit.command import run\n"
        "@server.lifespan\n"
        "async def slow(_):\n"
        "    print('starting', flush=True)\n"
        "    await asyncio.sleep(0.5)\n"
        "    print('up', flush=True)\n"
        "    yield None\n"
        "run(server, ['--http', '127.0.0.1:0'])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        said = [process.stdout.readline().split(":")[0].strip() for _ in range(3)]
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert said == ["starting", "up", "trusted"]


async def test_while_it_leaves_it_is_alive_and_not_ready_and_still_answers() -> None:
    with served("--drain-delay", "2") as at:
        assert (await get(at, "/readyz")).json() == {"status": "ready"}
        at.stop()
        async with asyncio.timeout(10):
            while (found := await get(at, "/readyz")).status_code != 503:
                pass
        assert found.json() == {"status": "draining"}
        assert (await get(at, "/healthz")).status_code == 200
        async with GrpcClient(at.grpc) as client:
            await client.call_tool(NOBODY, ToolCall("whoami"), NO_CONTEXT)
        assert at.process.wait(20) == 0


# --- logs ------------------------------------------------------------------------------------------------


def test_logs_can_be_json_lines() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.servers.trusted", "--log-format", "json"],
        input=json.dumps(call("complain")) + "\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    ready, line = [json.loads(line) for line in done.stderr.splitlines()]
    assert ready["message"].startswith("ready: ")
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "error", "logger": "trusted", "message": "something odd", "order": "ORD-1"}


# --- spans -----------------------------------------------------------------------------------------------


def ignore(_: Progress) -> None:
    pass


async def test_every_door_has_a_span_below_the_callers() -> None:
    with collecting() as collector:
        with served(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="100") as at:
            asked = CallContext(timeout=20, traceparent=TRACEPARENT)
            async with GrpcClient(at.grpc) as grpc, McpClient(f"{at.url}/mcp") as mcp:
                await grpc.call_tool(NOBODY, ToolCall("whoami"), asked)
                await mcp.call_tool(NOBODY, ToolCall("whoami"), asked)
                with_progress = CallContext(timeout=20, traceparent=TRACEPARENT, progress=ignore)
                await mcp.call_tool(NOBODY, ToolCall("whoami"), with_progress)
                await failing(grpc.call_tool(NOBODY, ToolCall("wait", b"{}"), asked))
            async with httpx.AsyncClient() as client:
                headers = {"accept": BOTH, "traceparent": TRACEPARENT}
                await client.post(f"{at.url}/mcp", json=call("whoami"), headers=headers)
        spans = collector.spans
    doors = [_attributes(span)["toolward.door"] for span in spans["tools/call whoami"]]
    assert sorted(doors) == ["grpc", "http", "http", "http"]
    for span in (*spans["tools/call whoami"], *spans["tools/call wait"]):
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
        assert span.kind == Span.SPAN_KIND_SERVER
    (failed,) = spans["tools/call wait"]
    assert _attributes(failed)["error.type"] == "invalid_arguments"
    assert _attributes(failed)["gen_ai.tool.name"] == "wait"


def test_over_stdio_there_is_a_span_too() -> None:
    message = call("whoami")
    message["params"]["_meta"] = {"traceparent": TRACEPARENT}
    with collecting() as collector:
        subprocess.run(
            [sys.executable, "-m", "tests.servers.trusted"],
            input=json.dumps(message) + "\n",
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
            env={"PATH": "", "PYTHONPATH": ":".join(sys.path), "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url},
        )
        (span,) = collector.spans["tools/call whoami"]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert _attributes(span)["toolward.door"] == "stdio"


async def test_spans_and_the_collectors_key_follow_no_redirect() -> None:
    with collecting() as elsewhere, collecting(f"{elsewhere.url}/v1/traces") as collector:
        with served(
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_EXPORTER_OTLP_HEADERS="x-key=hunter2"
        ) as at:
            async with GrpcClient(at.grpc) as grpc:
                await grpc.call_tool(NOBODY, ToolCall("whoami"), CallContext(timeout=20))
        assert collector.requests
        assert elsewhere.requests == []


def _attributes(span: Span) -> dict[str, str]:
    return {one.key: one.value.string_value for one in span.attributes}


def test_without_being_asked_a_server_loads_nothing_of_opentelemetry() -> None:
    code = (
        "import sys, toolward.kit.command, toolward.doors.mcp_stdio\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'joserfc', 'grpc', 'mcp.'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("disabled", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}])
async def test_spans_can_be_switched_off(disabled: dict[str, str]) -> None:
    with collecting() as collector:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} | disabled
        with served(**environment) as at:
            async with httpx.AsyncClient() as client:
                message = call("whoami")
                message["params"]["_meta"] = ENVELOPE | {"traceparent": TRACEPARENT}
                await client.post(f"{at.url}/mcp", json=call("whoami"), headers={"accept": BOTH})
        assert collector.requests == []
