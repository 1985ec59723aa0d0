"""What a run leaves behind for those who watch the gateway: spans and metrics, at a real collector and a scrape."""

import asyncio
import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from gateway.core.ports import EndpointFacts, ModelReply, ToolUse, Usage
from gateway.runs.telemetry import RunTelemetry
from tests.e2e.command import toolward
from tests.integration.collector import Collector, collecting
from tests.integration.run_house import ADA, LEAD, Hanging, House, calls, ended, says, waiting
from tests.twins import TwinModel
from toolward.errors import Unavailable
from toolward.telemetry.metrics import render
from toolward.telemetry.tracing import OtelTracing
from toolward.types import Answer, RunState, text_result


def attributes(span: Span) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in span.attributes:
        kind = one.value.WhichOneof("value")
        value = getattr(one.value, str(kind))
        found[one.key] = [each.string_value for each in value.values] if kind == "array_value" else value
    return found


@contextmanager
def observed(house: House, *, content: bool = False) -> Generator[tuple[Collector, RunTelemetry], None, None]:
    """With spans at a collector as soon as they end."""
    with collecting() as collector:
        provider = TracerProvider()
        exporter = OTLPSpanExporter(f"{collector.url}/v1/traces")
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        house.observer = telemetry = RunTelemetry(
            OtelTracing(provider.get_tracer("toolward")), content=content
        )
        try:
            yield collector, telemetry
        finally:
            provider.shutdown()


def scraped(telemetry: RunTelemetry) -> list[str]:
    return render(*telemetry.metrics.all).decode().splitlines()


class Priced(TwinModel):
    facts = EndpointFacts("big", "model-1", "openai")


def thinking(text: str, *wishes: tuple[str, str], **more: Any) -> ModelReply:
    uses = tuple(
        ToolUse(f"use_{number}", f"crm__{tool}", f'{{"id":"{record}"}}')
        for number, (tool, record) in enumerate(wishes, 1)
    )
    return ModelReply(
        text,
        uses,
        "tool_use" if uses else "final",
        Usage(100, 20, 80, 5, 7),
        "model-1-2026",
        response_id="resp_1",
        cost=1_500_000,
        endpoint="big",
        **more,
    )


async def test_a_run_is_a_tree_of_spans_and_the_tools_carry_it_on(tmp_path: Path) -> None:
    house = House(tmp_path / "ledger.db")
    house.model = Priced([thinking("", ("get", "A"), ("delete", "B")), thinking("Done.")])
    house.backends.answers["crm.get"] = Unavailable("It is down.")
    with observed(house) as (collector, telemetry):
        async with house.open() as runs:
            run = await runs.start_run(ADA, "support", "Where is it?")
            await ended(runs, run)
        spans = collector.spans
    (root,), (got,), (deleted,) = (
        spans[name] for name in ("invoke_agent support", "execute_tool crm.get", "execute_tool crm.delete")
    )
    first, second = spans["chat model-1"]
    assert {span.parent_span_id for span in (first, second, got, deleted)} == {root.span_id}
    assert {span.trace_id for found in spans.values() for span in found} == {root.trace_id}
    assert (root.kind, first.kind) == (Span.SPAN_KIND_INTERNAL, Span.SPAN_KIND_CLIENT)
    for span in (root, first, got):
        assert attributes(span)["gen_ai.conversation.id"] == run.id
        assert attributes(span)["gen_ai.agent.name"] == "support"
    said = attributes(first)
    assert (
        said.items()
        >= {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "model-1",
            "gen_ai.response.model": "model-1-2026",
            "gen_ai.response.id": "resp_1",
            "gen_ai.response.finish_reasons": ["tool_call"],
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20,
            "gen_ai.usage.cache_read.input_tokens": 80,
            "gen_ai.usage.cache_creation.input_tokens": 5,
            "gen_ai.usage.reasoning.output_tokens": 7,
            "toolward.model.endpoint": "big",
            "toolward.model.cost_usd": 0.0015,
            "toolward.run.turn": 1,
        }.items()
    )
    assert attributes(root)["gen_ai.usage.input_tokens"] == 200
    assert attributes(root)["toolward.run.state"] == "completed"
    failed, denied = attributes(got), attributes(deleted)
    assert (failed["error.type"], got.status.code) == ("unavailable", Status.STATUS_CODE_ERROR)
    assert (denied["error.type"], denied["toolward.decision.effect"]) == ("denied", "deny")
    assert denied["toolward.decision.rule"] == "no-deletes"
    sent = {context.traceparent[:-3] for _, call, context in house.backends.calls if call.name == "get"}
    assert sent == {f"00-{got.trace_id.hex()}-{got.span_id.hex()}"}
    assert "Where is it?" not in str(collector.requests)  # nor anything else that was said
    lines = scraped(telemetry)
    for line in (
        'toolward_model_tokens_total{agent="support",endpoint="big",kind="input"} 200',
        'toolward_model_tokens_total{agent="support",endpoint="big",kind="reasoning"} 14',
        'toolward_model_cost_usd_total{agent="support",endpoint="big"} 0.003',
        'toolward_model_calls_total{agent="support",endpoint="big",outcome="tool_use"} 1',
        'toolward_model_call_seconds_count{endpoint="big"} 2',
        'toolward_run_turn_seconds_count{agent="support"} 2',
        'toolward_run_calls_total{agent="support",tool="crm.get",outcome="unavailable"} 1',
        'toolward_run_call_seconds_count{tool="crm.get"} 1',
        'toolward_run_decisions_total{agent="support",effect="deny"} 1',
        'toolward_runs_total{agent="support",state="running"} 1',
        'toolward_run_ends_total{agent="support",state="completed",code="ok"} 1',
        "toolward_runs_in_work 0",
    ):
        assert line in lines


async def test_waiting_for_people_is_measured_and_lies_in_no_span(tmp_path: Path) -> None:
    house = House(tmp_path / "ledger.db")
    house.script(calls(("refund", "A")), says("Done."))
    with observed(house) as (collector, telemetry):
        async with house.open() as runs:
            run = await runs.start_run(ADA, "support", "Refund it.")
            request = await waiting(runs, run)
            house.clock.advance(120)
            await runs.answer_input_request(LEAD, request.id, Answer(approve=True))
            await ended(runs, run)
        spans = collector.spans
    first, second = spans["invoke_agent support"]
    assert attributes(first)["toolward.run.state"] == "input_required"
    assert first.trace_id != second.trace_id
    asked, made = spans["execute_tool crm.refund"]
    assert (asked.parent_span_id, made.parent_span_id) == (first.span_id, second.span_id)
    lines = scraped(telemetry)
    assert 'toolward_run_waited_seconds_sum{agent="support"} 120' in lines
    assert 'toolward_run_waited_seconds_count{agent="support"} 1' in lines
    assert 'toolward_model_unpriced_total{agent="support",endpoint="default"} 2' in lines
    assert 'toolward_run_turn_seconds_count{agent="support"} 1' in lines  # that of the answer alone


async def test_what_was_said_is_in_spans_where_it_is_asked_for_and_bounded(tmp_path: Path) -> None:
    house = House(tmp_path / "ledger.db")
    house.script(calls(("get", "A"), text="I look."), says("Done. " + "x" * 10_000))
    house.backends.answers["crm.get"] = text_result("y" * 200_000)
    with observed(house, content=True) as (collector, _):
        async with house.open() as runs:
            run = await runs.start_run(ADA, "support", "Where is it?")
            await ended(runs, run)
        spans = collector.spans
    first, second = map(attributes, spans["chat"])
    assert json.loads(first["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]}
    ]
    (answer,) = json.loads(first["gen_ai.output.messages"])
    assert [part["type"] for part in answer["parts"]] == ["text", "tool_call"]
    assert "Help." in json.loads(first["gen_ai.system_instructions"])[0]["content"]
    (made,) = map(attributes, spans["execute_tool crm.get"])
    assert made["gen_ai.tool.call.arguments"] == '{"id":"A"}'
    assert set(made["gen_ai.tool.call.result"]) == {"y"}
    assert all(len(str(value)) < 40_000 for one in (first, second, made) for value in one.values())
    (said,) = json.loads(second["gen_ai.output.messages"])
    assert len(said["parts"][0]["content"]) == 4096


async def test_a_cancelled_run_ends_its_spans_as_cancelled(tmp_path: Path) -> None:
    house = House(tmp_path / "ledger.db")
    house.script(calls(("get", "A")))
    house.backends.answers["crm.get"] = slow = Hanging()
    with observed(house) as (collector, telemetry):
        async with house.open() as runs:
            run = await runs.start_run(ADA, "support", "Look.")
            await slow.reached.wait()
            assert (await runs.cancel_run(ADA, run.id)).state is RunState.CANCELLED
        spans = collector.spans
    (root,), (made,) = spans["invoke_agent support"], spans["execute_tool crm.get"]
    assert attributes(root)["error.type"] == attributes(made)["error.type"] == "cancelled"
    assert 'toolward_run_ends_total{agent="support",state="cancelled",code="cancelled"} 1' in scraped(
        telemetry
    )


async def test_the_gateway_sends_what_the_environment_asks_for(tmp_path: Path) -> None:
    with collecting() as collector:
        done = await asyncio.to_thread(
            toolward,
            tmp_path / "home",
            "ask",
            "Where is my order ORD-1003?",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        )
        spans, metrics = collector.spans, collector.metrics
    assert done.code == 0
    (root,) = spans["invoke_agent support"]
    made = [span for name, found in spans.items() if name.startswith("execute_tool") for span in found]
    assert made
    assert {span.parent_span_id for span in made} == {root.span_id}
    (tokens,) = {point.count for point in metrics["gen_ai.client.token.usage"].histogram.data_points}
    seconds = metrics["gen_ai.client.operation.duration"].histogram.data_points
    assert [point.count for point in seconds] == [tokens]
    resources = [one.resource for request in collector.requests for one in request.resource_spans]
    resources += [one.resource for request in collector.metered for one in request.resource_metrics]
    of = [{each.key: each.value.string_value for each in one.attributes} for one in resources]
    (instance,) = {one["service.instance.id"] for one in of}
    assert instance, "sums of several processes are kept apart by it"


@pytest.mark.parametrize("traced", [False, True])
async def test_where_nobody_looks_a_run_carries_no_trace(tmp_path: Path, traced: bool) -> None:
    house = House(tmp_path / "ledger.db")
    house.script(calls(("get", "A")), says("Done."))
    if traced:
        house.observer = RunTelemetry()
    async with house.open() as runs:
        run = await runs.start_run(ADA, "support", "Look.")
        await ended(runs, run)
    ((_, _, context),) = house.backends.calls
    assert context.traceparent == ""
