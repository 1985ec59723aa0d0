"""A large ledger, written by the ledger itself: runs with their events and calls, and calls without a run, over a
month that ends now. The same seed gives the same ledger, but for its salts and keys."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.agent import events as ev
from gateway.agent.definition import AgentDefinition
from gateway.agent.stored import encode
from gateway.core.ports import (
    CallOutcome,
    CallRecord,
    ModelUse,
    RequestSpec,
    RunAppend,
    RunRecord,
    ToolUse,
    Usage,
)
from gateway.ledger.ledger import Ledger
from toolward.types import (
    InputRequest,
    RequestKind,
    RequestState,
    Run,
    RunState,
    TextContent,
    ToolResult,
)

HOUR = 3_600_000
SPAN = 30 * 24 * HOUR
"""Milliseconds that the ledger goes back."""

CALLS_OF_RUN = 5
TENANT = "default"
AGENTS = ("support", "research", "billing", "triage")
OWNERS = ("local", "user:ada", "user:grace", "user:alan", "service:nightly")
MODELS = (("fast", "fast-1", 200), ("large", "large-2", 3_000), ("near", "near-7b", None))
"""Endpoint, model, price of a token in billionths of a dollar (None = unpriced)."""
TOOLS = (
    ("calculator.evaluate", False, 2),
    ("calculator.convert", False, 2),
    ("search.search", False, 18),
    ("search.read", False, 7),
    ("crm.find_records", False, 12),
    ("crm.get_record", False, 4),
    ("crm.update_record", True, 9),
    ("crm.issue_refund", True, 14),
    ("crm.send_message", True, 11),
    ("files.read_text", False, 5),
    ("files.write_text", True, 8),
    ("files.delete", True, 3),
)
"""Name, whether it changes things, its usual milliseconds."""
RULES = ("read-anything", "own-records", "small-refunds", "write-in-workspace", "messages-to-customers")
CODES = ("ok",) * 44 + (
    "tool_error",
    "tool_error",
    "unavailable",
    "deadline_exceeded",
    "invalid_request",
    "ok",
)


class Size(NamedTuple):
    runs: int = 10_000
    calls: int = 100_000


WHOLE = Size()
SMALL = Size(60, 600)


class _Said(NamedTuple):
    record: CallRecord
    arguments: bytes
    outcome: CallOutcome


class Seeded(NamedTuple):
    """What pages are asked for."""

    run: str
    call: str
    denied: str


async def seed(file: Path, now: int, size: Size = WHOLE) -> Seeded:
    """Makes the ledger in `file`; `now` is Unix ms."""
    drawn = random.Random(11)
    clock = [now - SPAN]
    run = denied = ""
    step, direct = SPAN // (size.runs + 1), max(size.calls // max(size.runs, 1) - CALLS_OF_RUN, 0)
    async with Ledger.open(file, now=lambda: clock[0]) as ledger:
        for number in range(size.runs):
            at = clock[0] = now - SPAN + step * (number + 1)
            run = f"run_{number:08d}"
            await _run(ledger, drawn, clock, run, at)
            records = [
                _record(drawn, f"call_{number:08d}_d{index}", at + index * 900, "", "")
                for index in range(direct)
            ]
            await _keep_all(ledger, drawn, records)
            denied = next((one.id for one in records if one.effect == "deny"), denied)
    return Seeded(run, f"call_{size.runs - 1:08d}_0", denied)


async def _run(ledger: Ledger, drawn: random.Random, clock: list[int], run_id: str, at: int) -> None:
    agent, owner = drawn.choice(AGENTS), drawn.choice(OWNERS)
    endpoint = drawn.choice(MODELS)
    definition = AgentDefinition(name=agent, instructions="Help.", tools=("*",))
    text = f"Where is my order ORD-{drawn.randrange(9_000):04d}, and what does it cost?"
    first = ev.RunStarted(agent=agent, owner=owner, tenant=TENANT, input=text, definition=definition)
    run = Run(run_id, agent, owner, RunState.QUEUED, text, created_at=at, updated_at=at, last_seq=1)
    await ledger.create(RunRecord(run, TENANT, ("customer",)), [encode(first)])
    records = [
        _record(drawn, f"call_{run_id[4:]}_{index}", at + 700 + index * 300, run_id, agent, owner)
        for index in range(CALLS_OF_RUN)
    ]
    log = list(_events(drawn, endpoint, records))
    replies = [one for one in log if isinstance(one, ev.ModelReplied)]
    failed = drawn.random() < 0.06
    log.append(
        ev.RunFailed(code="limit_reached", message="It has taken all of its turns.")
        if failed
        else ev.RunCompleted(answer="It is on its way, and costs 24.90 euros.")
    )
    costs = [one.cost for one in replies]
    done = Run(
        *(run_id, agent, owner, RunState.FAILED if failed else RunState.COMPLETED, text),
        answer="" if failed else "It is on its way, and costs 24.90 euros.",
        error_code="limit_reached" if failed else "",
        turns=len(replies),
        calls=len(records),
        input_tokens=sum(one.usage.input_tokens for one in replies),
        output_tokens=sum(one.usage.output_tokens for one in replies),
        cost=sum(one or 0 for one in costs),
        unpriced=None in costs,
        created_at=at,
        updated_at=at + 9_000,
        last_seq=1 + len(log),
    )
    use = ModelUse((f"run {run_id}",), done.input_tokens + done.output_tokens, done.cost)
    await ledger.append(RunAppend(run_id, 1, tuple(map(encode, log)), done, use=use))
    await _keep_all(ledger, drawn, records)
    if drawn.random() < 0.05:
        await _approval(ledger, drawn, clock, records[0])


# Long because it is one story: a run from its start to its end.
def _events(
    drawn: random.Random, endpoint: tuple[str, str, int | None], records: list[CallRecord]
) -> Iterator[ev.Event]:
    name, model, price = endpoint
    yield ev.RunTakenUp()
    uses = tuple(
        ToolUse(f"use_{index}", record.tool.replace(".", "__"), '{"id":"ORD-1003"}')
        for index, record in enumerate(records)
    )
    for turn, (text, wished) in enumerate((("", uses), ("It is on its way.", ())), 1):
        usage = Usage(drawn.randrange(800, 6_000), drawn.randrange(20, 400))
        tokens = usage.input_tokens + usage.output_tokens
        yield ev.ModelReplied(
            turn=turn,
            text=text,
            tool_uses=wished,
            stop="tool_use" if wished else "final",
            usage=usage,
            model=model,
            duration_ms=int(drawn.lognormvariate(7, 0.6)),
            endpoint=name,
            cost=None if price is None else tokens * price,
        )
        for index, record in enumerate(records if wished else ()):
            yield ev.ToolCalled(
                turn=turn,
                index=index,
                call_id=record.id,
                use_id=f"use_{index}",
                tool=record.tool,
                alias=record.tool.replace(".", "__"),
                arguments_json='{"id":"ORD-1003"}',
                key=f"{record.run_id}/{turn}/{index}",
            )
        for record in records if wished else ():
            yield ev.ToolReturned(
                call_id=record.id,
                code="ok",
                is_error=False,
                text='{"id":"ORD-1003","state":"sent"}',
                effect=record.effect,
                rule=record.rule,
                duration_ms=12,
            )


def _record(drawn: random.Random, call: str, at: int, run_id: str, agent: str, owner: str = "") -> CallRecord:
    tool, changes, _ = drawn.choice(TOOLS)
    chance = drawn.random()
    effect = "deny" if chance < 0.04 else "ask" if chance < 0.09 else "allow"
    rule = {"deny": drawn.choice(("no-deletes", "")), "ask": "ask-before-money"}.get(
        effect, drawn.choice(RULES)
    )
    return CallRecord(
        *(call, at, owner or drawn.choice(OWNERS), TENANT, tool, effect, rule, "policy-1", changes),
        roles=("customer",),
        tool_digest="digest",
        run_id=run_id,
        agent=agent,
    )


async def _keep_all(ledger: Ledger, drawn: random.Random, records: list[CallRecord]) -> None:
    """At once: the ledger's commits are shared."""
    await asyncio.gather(*[_keep(ledger, _said(drawn, record)) for record in records])


def _said(drawn: random.Random, record: CallRecord) -> _Said:
    arguments = b'{"id":"ORD-%04d","note":"as the customer asked"}' % drawn.randrange(9_000)
    ended = record.at + 20
    if record.effect == "deny":
        return _Said(
            record, arguments, CallOutcome(record.id, ended, "denied", 0, f"Denied by {record.rule}.")
        )
    usual = next(ms for name, _, ms in TOOLS if name == record.tool)
    code = drawn.choice(CODES)
    took = int(usual * 1_000 * drawn.lognormvariate(0, 0.7))
    return _Said(
        record,
        arguments,
        CallOutcome(record.id, ended, code, took, "" if code == "ok" else "The server said no."),
    )


async def _keep(ledger: Ledger, said: _Said) -> None:
    if said.outcome.code not in ("ok", "tool_error"):
        ledger.refuse(*said)
        return
    await ledger.intend(said.record, said.arguments)
    text = '{"id":"ORD-1003","state":"sent","total":24.9}'
    failed = said.outcome.code == "tool_error"
    ledger.settle(said.outcome, ToolResult((TextContent(text),), text.encode(), is_error=failed))


async def _approval(ledger: Ledger, drawn: random.Random, clock: list[int], record: CallRecord) -> None:
    asked = InputRequest(
        f"req_{record.id[5:]}",
        RequestKind.APPROVAL,
        RequestState.OPEN,
        f"{record.principal} wants to call {record.tool}.",
        record.run_id,
        {"arguments": {"id": "ORD-1003"}},
        ("role:support-lead",),
        record.at,
        record.at + HOUR,
    )
    clock[0] = record.at
    await ledger.open_request(RequestSpec(asked, record.principal, TENANT, record.tool, "digest"))
    clock[0] = record.at + drawn.randrange(20_000, HOUR)
    state = drawn.choice((RequestState.APPROVED, RequestState.APPROVED, RequestState.DENIED))
    await ledger.close_request(asked.id, msgspec.structs.replace(asked, state=state), "user:grace")
