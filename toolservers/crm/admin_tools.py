"""The tools by which an operator controls the world. Off by default (`--admin true`); no agent needs them."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import Connection

from toolservers.crm import outbox
from toolservers.crm.actor import CUSTOMER, OPERATOR
from toolservers.crm.desk import Desk
from toolservers.crm.faults import Fault, FaultKind
from toolservers.crm.kinds import ADMIN, RecordType
from toolservers.crm.outbox import Events
from toolservers.crm.passing import Passed, advance
from toolservers.crm.storage.moments import Snapshot
from toolservers.crm.work import View
from toolservers.crm.world.difference import difference
from toolservers.crm.world.tables import world
from toolward.errors import ConfigurationError, Denied, ToolError
from toolward.kit import Context, ToolServer, Transaction
from toolward.types import Principal

Tx = Transaction[Connection]
Name = Annotated[str, Field(max_length=40)]
Short = Annotated[str, Field(max_length=200)]

_CHANGES = {"readOnlyHint": False, "destructiveHint": True, "openWorldHint": False}
_READS = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}


def _require_operator(by: Principal) -> None:
    """Raises Denied. A customer is never one, whatever else they are."""
    if OPERATOR not in by.roles or CUSTOMER in by.roles:
        raise Denied("The world is an operator's to control.", hint="Call with the role operator.")


@dataclass(frozen=True, slots=True)
class Difference:
    """`changed` has of each column what it was and what it is. Rows by table and id."""

    count: int
    added: dict[str, dict[str, dict[str, Any]]]
    removed: dict[str, dict[str, dict[str, Any]]]
    changed: dict[str, dict[str, dict[str, tuple[Any, Any]]]]
    left_out: int


@dataclass(frozen=True, slots=True)
class Armed:
    faults: list[dict[str, Any]]


async def reset_world(
    ctx: Context[Desk],
    tx: Tx,
    pack: Annotated[Name, "tiny, support or large; default: this world's."] = "",
    seed: Annotated[int | None, Field(ge=0)] = None,
) -> Snapshot:
    """Begin this world anew. Records, events and kept idempotency keys are as on the first day."""
    _require_operator(ctx.principal)
    return await tx.run(reset, ctx.state, pack, seed)


async def advance_clock(
    ctx: Context[Desk],
    tx: Tx,
    days: Annotated[int, Field(ge=0, le=400), "Days of Amsterdam."] = 0,
    hours: Annotated[int, Field(ge=0, le=9600)] = 0,
    to: Annotated[datetime | None, "Instead: an instant; without an offset: Amsterdam."] = None,
) -> Passed:
    """Let time pass: what is due happens, day by day. Orders are packed, parcels arrive or are late, refunds are
    paid, subscriptions go on."""
    _require_operator(ctx.principal)
    return await ctx.state.do(tx, ctx, advance, days, hours, to)


async def inject_fault(
    ctx: Context[Desk],
    kind: FaultKind | Literal["list", "clear"],
    tool: Annotated[Short, "Glob over tool names."] = "*",
    record_id: Annotated[Short, "Only calls that name this record."] = "",
    principal: Annotated[Short, "Only calls by this caller."] = "",
    count: Annotated[int, Field(ge=1, le=10_000), "So many calls are struck."] = 1,
    skip: Annotated[int, Field(ge=0, le=10_000), "Matching calls that pass before."] = 0,
    every: Annotated[int, Field(ge=1, le=1_000), "Then each n-th."] = 1,
    milliseconds: Annotated[int, Field(ge=0, le=60_000)] = 0,
    code: Annotated[Name, "For error: a code such as unavailable, or tool_error."] = "unavailable",
    message: Short = "",
    retry_after: Annotated[int, Field(ge=1, le=3_600), "Seconds, for rate_limit."] = 1,
) -> Armed:
    """Make the next matching calls in this world fail; list or clear the faults that are armed.

    commit_then_timeout: it is done, but the caller hears of a timeout. stale_read: a read misses the last change.
    """
    _require_operator(ctx.principal)
    faults = ctx.state.faults
    if kind == "clear":
        faults.clear()
    elif kind != "list":
        wanted = Fault(
            kind, tool, record_id, principal, count, skip, every, milliseconds, code, message, retry_after
        )
        await faults.arm(ctx.state, wanted)
    return Armed([_shown(fault) for fault in faults.armed])


def save_snapshot(ctx: Context[Desk], name: Name, replace: bool = False) -> Snapshot:
    """Keep this moment of the world, with its idempotency keys, under a name (a-z 0-9 _ -)."""
    _require_operator(ctx.principal)
    return ctx.state.snapshots.save(name, replace=replace)


async def restore_snapshot(ctx: Context[Desk], tx: Tx, name: Name) -> Snapshot:
    """Bring a kept moment back. Keys kept since then are forgotten, as their effects are gone."""
    _require_operator(ctx.principal)
    return await tx.run(ctx.state.snapshots.restore, name)


async def diff_world(
    ctx: Context[Desk],
    since: Annotated[Name, "A snapshot; default: the world's beginning."] = "",
    limit: Annotated[int, Field(ge=1, le=200), "Rows that are shown."] = 50,
) -> Difference:
    """What has become of the world: rows added, removed, changed."""
    _require_operator(ctx.principal)
    return await ctx.state.see(ctx.principal, compare, ctx.state, since, limit)


async def list_events(
    ctx: Context[Desk],
    after: Annotated[int, Field(ge=0), "Events behind this seq."] = 0,
    types: Annotated[list[Short], Field(max_length=20), "Globs: order.*, refund.created."] = [],  # noqa: B006
    record_id: Short = "",
    record_type: RecordType | None = None,
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
) -> Events:
    """What has happened, oldest first, and how far the webhook has told it."""
    _require_operator(ctx.principal)
    return await ctx.state.see(ctx.principal, outbox.listed, after, types, record_id, record_type, limit)


def reset(connection: Connection, desk: Desk, pack: str, seed: int | None) -> Snapshot:
    """Raises ToolError for a pack that there is not."""
    row = connection.execute(world.select()).one()
    try:
        return desk.snapshots.reset(connection, pack or row.pack, row.seed if seed is None else seed)
    except ConfigurationError as error:
        raise ToolError(error.text) from None


def compare(view: View, desk: Desk, since: str, limit: int | None) -> Difference:
    """Raises ToolError for a snapshot that there is not."""
    row = view.connection.execute(world.select()).one()
    snapshots = desk.snapshots
    kept = snapshots.kept(since) if since else snapshots.beginning(row.pack, row.seed)
    with kept.opened() as before:
        found = difference(before, view.connection, at_most=limit)
    return Difference(found.count, found.added, found.removed, found.changed, found.left_out)


def _shown(fault: Fault) -> dict[str, Any]:
    """Without what stands at its default."""
    usual = asdict(Fault(fault.kind))
    always = ("kind", "tool", "count", "number", "matched", "struck")
    return {name: value for name, value in asdict(fault).items() if name in always or value != usual[name]}


_TOOLS = (
    (reset_world, "Reset the world", _CHANGES),
    (advance_clock, "Advance the clock", _CHANGES),
    (inject_fault, "Inject a fault", _CHANGES),
    (save_snapshot, "Save a snapshot", _CHANGES | {"destructiveHint": False}),
    (restore_snapshot, "Restore a snapshot", _CHANGES),
    (diff_world, "Compare the world", _READS),
    (list_events, "List events", _READS),
)
_SECONDS = 120.0
"""That one of them may take: a large world is built and compared in a while."""


@contextmanager
def offered(server: ToolServer[Any]) -> Generator[None]:
    """While this is open, the server has them too."""
    for function, title, annotations in _TOOLS:
        server.tool(title=title, annotations=dict(annotations), deadline=_SECONDS)(function)
    try:
        yield
    finally:
        for name in ADMIN:
            server.remove_tool(name)
