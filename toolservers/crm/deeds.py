"""What `toolserver crm world` does, once the world is open."""

import argparse
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from anyio.to_thread import run_sync
from sqlalchemy import Connection, select

from toolservers.crm import admin_tools, outbox
from toolservers.crm.actor import Actor
from toolservers.crm.desk import Desk
from toolservers.crm.passing import advance
from toolservers.crm.storage.moments import Snapshot
from toolservers.crm.truth import contradictions
from toolservers.crm.work import View, Work
from toolservers.crm.world import clock
from toolservers.crm.world.digest import digest
from toolservers.crm.world.tables import world
from toolward.errors import ToolError
from toolward.store import read_transaction, write_transaction

T = TypeVar("T")
Deed = Callable[[Desk, argparse.Namespace], Awaitable[tuple[Any, str]]]

_OPERATOR = Actor("operator", frozenset({"operator"}))


async def _build(desk: Desk, _asked: argparse.Namespace) -> tuple[Any, str]:
    row = await _see(desk, lambda view: view.connection.execute(select(world)).one())
    found = {"pack": row.pack, "seed": row.seed, "now": clock.aware(row.now)}
    return found, f"A world of the pack {row.pack} (seed {row.seed}); it is {found['now'].isoformat()} there."


async def _reset(desk: Desk, asked: argparse.Namespace) -> tuple[Any, str]:
    seed = None if asked.seed is None else int(asked.seed)
    found = await _write(desk, lambda work: admin_tools.reset(work.connection, desk, asked.pack or "", seed))
    return found, f"The world begins anew: {_shown(found)}"


async def _clock(desk: Desk, asked: argparse.Namespace) -> tuple[Any, str]:
    if not (asked.days or asked.hours or asked.to):
        now = await _see(desk, lambda view: view.now)
        return {"now": now}, f"{now.isoformat()} ({clock.local(now):%A %H:%M} in Amsterdam)"
    if asked.days < 0 or asked.hours < 0:
        raise ToolError("Time does not go back. To go back, restore a snapshot or reset the world.")
    passed = await _write(desk, lambda work: advance(work, asked.days, asked.hours, asked.to))
    lines = [f"It was {passed.was.isoformat()}, and is {passed.now.isoformat()} ({passed.shop_time})."]
    return passed, "\n".join([*lines, *(f"  {count:6d}  {kind}" for kind, count in passed.happened.items())])


async def _snapshot(desk: Desk, asked: argparse.Namespace) -> tuple[Any, str]:
    kept = desk.snapshots
    if asked.deed == "list":
        found = await run_sync(kept.all)
        return found, "\n".join(map(_shown, found)) or "There are none."
    if not asked.name:
        raise ToolError(f"Which one? Write: toolserver crm world snapshot {asked.deed} NAME")
    if asked.deed == "save":
        saved = await run_sync(lambda: kept.save(asked.name, replace=asked.replace))
        return saved, f"Kept: {_shown(saved)}"
    restored = await _write(desk, lambda work: kept.restore(work.connection, asked.name))
    return restored, f"It is as it was: {_shown(restored)}"


async def _diff(desk: Desk, asked: argparse.Namespace) -> tuple[Any, str]:
    found = await _see(desk, lambda view: admin_tools.compare(view, desk, asked.since, asked.limit))
    parts = (("+", found.added), ("-", found.removed))
    lines = [f"{sign} {table} {key}" for sign, part in parts for table, rows in part.items() for key in rows]
    lines += [
        f"~ {table} {key}  {name}: {before} -> {after}"
        for table, rows in found.changed.items()
        for key, columns in rows.items()
        for name, (before, after) in columns.items()
    ]
    left = [f"... and {found.left_out} rows more"] if found.left_out else []
    return found, "\n".join([*lines, *left]) or "Nothing is different."


async def _events(desk: Desk, asked: argparse.Namespace) -> tuple[Any, str]:
    def look(view: View) -> outbox.Events:
        return outbox.listed(view, asked.after, asked.type, asked.record, None, asked.limit)

    found = await _see(desk, look)
    lines = [f"{one.seq:6d}  {one.at:%Y-%m-%d %H:%M}  {one.type}  {one.record_id}" for one in found.events]
    more = [f"... go on with --after {found.next_after}"] if found.next_after else []
    return found, "\n".join([*lines, *more]) or "Nothing has happened."


async def _check(desk: Desk, _asked: argparse.Namespace) -> tuple[Any, str]:
    found = await _see(desk, lambda view: contradictions(view.connection))
    return found, "\n".join(found) or "The world does not contradict itself."


async def _digest(desk: Desk, _asked: argparse.Namespace) -> tuple[Any, str]:
    found = await _see(desk, lambda view: digest(view.connection))
    return {"sha256": found}, found


DEEDS: dict[str, Deed] = {
    "build": _build,
    "reset": _reset,
    "clock": _clock,
    "snapshot": _snapshot,
    "diff": _diff,
    "events": _events,
    "check": _check,
    "digest": _digest,
}


def _shown(one: Snapshot) -> str:
    return f"{one.name}: pack {one.pack}, seed {one.seed}, {one.now.isoformat()}, {one.kilobytes} KB"


async def _see(desk: Desk, look: Callable[[View], T]) -> T:
    def seen() -> T:
        with read_transaction(desk.database.writer.execution_options(toolward_writes=False)) as connection:
            return look(View(connection, _OPERATOR))

    return await run_sync(seen)


async def _write(desk: Desk, change: Callable[[Work], T]) -> T:
    def done(connection: Connection) -> T:
        return change(Work(connection, _OPERATOR, "enforce"))

    def written() -> T:
        with write_transaction(desk.database.writer) as connection:
            return done(connection)

    return await run_sync(written)
