"""`toolward ledger tail|verify|export|erase|prune|rotate-key`."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice, takewhile
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter, validators

from gateway.bootstrap import ledger_file
from gateway.bootstrap.ledger import Ledger, RecordedCall, open_ledger, recorded_calls, verify_ledger
from gateway.cli.colours import coloured
from gateway.cli.output import EXIT_FAILED, EXIT_OK, note, print_json, shorten
from gateway.cli.permitted import permit
from gateway.cli.session import Common, settings_of
from gateway.cli.tables import print_table
from gateway.cli.times import since_ms
from toolward.errors import InvalidRequest

_DAY_MS = 24 * 3600 * 1000
_EVERY = 0.5  # seconds between two looks of --follow
_OVERLAP_MS = 10_000  # a record is stored a moment after the time that it bears
_HEADER = ("time", "call", "principal", "tool", "decided", "rule", "outcome", "ms", "run")


def tail(
    *,
    limit: Annotated[
        int,
        Parameter(name=("--limit", "-n"), help="at most this many calls", validator=validators.Number(gte=0)),
    ] = 20,
    follow: Annotated[
        bool, Parameter(name=("--follow", "-f"), help="go on with new ones", negative=())
    ] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Show the newest calls, oldest first."""
    settings, home = settings_of(common)
    permit(settings, "ledger.read")
    file = ledger_file(home)
    newest_first = recorded_calls(file, payloads=False)
    shown = list(islice(newest_first, min(limit, sys.maxsize)))[::-1]
    _show(shown, common)
    if follow:
        newest = shown[-1].record.at if shown else 0
        before = takewhile(lambda one: one.record.at >= newest - _OVERLAP_MS, newest_first)
        _follow(file, [*before, *shown], newest, common)
    return EXIT_OK


def _follow(file: Path, seen: Sequence[RecordedCall], newest: int, common: Common) -> None:
    """A call is shown once more when its outcome comes."""
    known = {one.record.id: _state(one) for one in seen}
    while True:
        time.sleep(_EVERY)
        since = newest - _OVERLAP_MS
        found = recorded_calls(file, since=since, newest_first=False, payloads=False)
        fresh = [one for one in found if known.get(one.record.id) != _state(one)]
        _show(fresh, common)
        known |= {one.record.id: _state(one) for one in fresh}
        newest = max([newest, *(one.record.at for one in fresh)])
        known = {name: state for name, state in known.items() if state[0] >= newest - _OVERLAP_MS}


def _state(one: RecordedCall) -> tuple[int, bool]:
    return one.record.at, one.outcome is not None


def _show(calls: Sequence[RecordedCall], common: Common) -> None:
    if common.json:
        for one in calls:
            print_json(_line(one, payloads=False))
    elif calls:
        print_table(_HEADER, [_row(one) for one in calls])


def verify(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Check that nothing was changed, removed, added or reordered."""
    settings, home = settings_of(common)
    permit(settings, "ledger.verify")
    found = verify_ledger(settings, home, _telling(common))
    if common.json:
        print_json(
            {"whole": found.is_whole, **msgspec.structs.asdict(found)}
            | {"findings": _findings(found.findings)}
        )
        return EXIT_OK if found.is_whole else EXIT_FAILED
    for one in found.findings:
        note(f"{coloured('broken', 'failed')}  {one.where}: {one.what}")
    checked = (
        f"{found.entries:,} entries in {found.segments} segments, {found.checkpoints} checkpoints;"
        f" {found.removed_segments} segments removed and the payloads of {found.erased} calls, the words of"
        f" {found.erased_runs} runs and of {found.erased_requests} input requests erased on purpose"
    )
    if found.is_whole:
        until = (
            _time(found.covered_until) if found.covered_until else "never: there is no checkpoint outside yet"
        )
        print(f"whole: {checked}")
        print(
            f"Last checkpoint outside the database: {until}. What was cut off the end since then cannot be found."
        )
        return EXIT_OK
    print(f"NOT whole: {len(found.findings)} breaks, the first at {found.findings[0].where}: {checked}")
    return EXIT_FAILED


def _findings(findings: Sequence[Any]) -> list[dict[str, str]]:
    return [one._asdict() for one in findings]


def _telling(common: Common) -> Callable[[int], None]:
    """Tells of long ones how far it is."""
    told = time.monotonic()

    def tell(entries: int) -> None:
        nonlocal told
        if time.monotonic() - told > 2:
            told = time.monotonic()
            note(f"{entries:,} entries were looked at")

    return tell


def export(
    *,
    since: Annotated[str, Parameter(help="made at most so long ago (12h, 2d), or from 2026-11-25 on")] = "",
    until: Annotated[str, Parameter(help="made longer ago than this, or before this time")] = "",
    payloads: Annotated[bool, Parameter(help="with arguments and results", negative=())] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Write every call as a line of JSON, oldest first."""
    settings, home = settings_of(common)
    permit(settings, "ledger.export")
    first, end = since_ms(since, "--since"), since_ms(until, "--until") or None
    for one in recorded_calls(
        ledger_file(home), since=first, until=end, newest_first=False, payloads=payloads
    ):
        print_json(_line(one, payloads=payloads))
    return EXIT_OK


def erase(
    *calls: Annotated[str, Parameter(help="ids of calls")],
    run: Annotated[str, Parameter(help="one run, with its calls and input requests, instead")] = "",
    principal: Annotated[str, Parameter(help="everything of this one that is over, instead")] = "",
    tenant: Annotated[str, Parameter(help="the principal's")] = "default",
    reason: Annotated[str, Parameter(help="why; it goes on record")] = "",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Erase what people, models and tools said; the records stay."""
    if sum(map(bool, (calls, run, principal))) != 1:
        raise InvalidRequest(
            "Name calls, or one run, or one principal.", hint="toolward ledger erase call_1m7w…"
        )

    return _erase(common, calls, run=run, principal=principal, tenant=tenant, reason=reason)


def erase_run(
    run_id: str,
    /,
    *,
    reason: Annotated[str, Parameter(help="why; it goes on record")] = "",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Erase what was said in one run."""
    return _erase(common, (), run=run_id, principal="", tenant="", reason=reason)


def _erase(
    common: Common, calls: Sequence[str], *, run: str, principal: str, tenant: str, reason: str
) -> int:
    async def work(ledger: Ledger) -> Any:
        return await ledger.erase(calls, run=run, principal=principal, tenant=tenant, reason=reason)

    erased = asyncio.run(_with_ledger("ledger.erase", work, common))
    if common.json:
        print_json(msgspec.structs.asdict(erased))
        return EXIT_OK
    print(
        f"erased: {erased.payloads} payloads of calls, the words of {erased.runs} runs and of"
        f" {erased.requests} input requests"
    )
    if erased.kept:
        note(f"not over, and kept: {', '.join(erased.kept)}")
    return EXIT_OK


def prune(
    *,
    days: Annotated[int, Parameter(help="keep this many")],
    reason: Annotated[str, Parameter(help="why; it goes on record")] = "",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Remove segments of which everything is older than this."""
    if days < 1:
        raise InvalidRequest("At least one day is kept.", hint="toolward ledger prune --days 365")
    before = time.time_ns() // 1_000_000 - days * _DAY_MS

    async def work(ledger: Ledger) -> int:
        return len(await ledger.remove_before(before, reason or f"kept for {days} days"))

    removed = asyncio.run(_with_ledger("ledger.prune", work, common))
    print_json({"removed_segments": removed}) if common.json else print(f"{removed} segments removed")
    return EXIT_OK


def rotate_key(
    *,
    reason: Annotated[str, Parameter(help="why; it goes on record")] = "",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Sign with a new key from now on."""

    async def work(ledger: Ledger) -> str:
        return await ledger.rotate_key(reason)

    key = asyncio.run(_with_ledger("ledger.rotate-key", work, common))
    print_json({"key_id": key}) if common.json else print(f"the key {key} is in force")
    return EXIT_OK


async def _with_ledger(operation: str, work: Callable[[Ledger], Any], common: Common) -> Any:
    settings, home = settings_of(common)
    permit(settings, operation)
    async with open_ledger(settings, home) as ledger:
        return await work(ledger)


def _line(one: RecordedCall, *, payloads: bool) -> dict[str, Any]:
    """All that is needed to decide the call again, but the arguments where they are not kept or not wanted."""
    record = one.record
    line: dict[str, Any] = {
        "id": record.id,
        "at": record.at,
        "principal": {"id": record.principal, "roles": record.roles, "tenant": record.tenant},
        "tool": record.tool,
        "tool_digest": record.tool_digest,
        "changes": record.changes,
        "decision": {"effect": record.effect, "rule": record.rule, "version": record.version},
        "run": {"id": record.run_id, "agent": record.agent} if record.run_id else None,
        "idempotency_key": record.idempotency_key,
        "trace_id": record.trace_id,
        "arguments_digest": one.arguments_digest,
        "outcome": one.outcome and {
            "at": one.outcome.at,
            "code": one.outcome.code,
            "message": one.outcome.message,
            "duration_us": one.outcome.duration_us,
            "result_digest": one.result_digest,
        },
    }  # fmt: skip
    if payloads:
        line |= {"arguments": _json(one.arguments_json), "result": _json(one.result_json)}
    return line


def _json(body: bytes | None) -> Any:
    """Arguments of refused calls need not be JSON."""
    if body is None:
        return None
    try:
        msgspec.json.decode(body)
        return msgspec.Raw(body)
    except (msgspec.DecodeError, RecursionError):
        return body.decode(errors="replace")


def _row(one: RecordedCall) -> tuple[object, ...]:
    record, outcome = one.record, one.outcome
    return (
        _time(record.at), record.id, record.principal, record.tool,
        record.effect, record.rule,
        outcome.code if outcome else "under way", f"{outcome.duration_us / 1000:.1f}" if outcome else "",
        shorten(record.run_id, 30),
    )  # fmt: skip


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
