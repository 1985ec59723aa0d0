"""A copy of all that an installation keeps, and the way back.

A copy is a folder: `manifest.json`, the home directory under `home/`, the configuration and what it names under
`config/` (for people: a restore leaves the configuration where it is alone). Databases are copied by SQLite's own
means, so that each is of one moment while others write. The ledger's checkpoints are copied before it: what they
cover is in it.

What comes back knows nothing of what happened since. So on the way back every approval that was open or not used is
void, and every run that was not over is paused: a person lets it go on, and then calls that were under way are made
again only where that cannot do a thing twice; of the others a person is asked whether they happened.
"""

import asyncio
import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.agent import events as ev
from gateway.agent.state import RunStateData
from gateway.bootstrap.house import ledger_file
from gateway.bootstrap.system import SystemClock
from gateway.config.exchange import content, exchange, finish, is_begun, settle, staged
from gateway.config.settings import Settings
from gateway.config.whole_files import one_writer
from gateway.core.requests import voided
from gateway.ledger.ledger import Ledger
from gateway.runs.feed import Feed
from gateway.runs.journal import Journals
from gateway.runs.presence import any_present
from toolward.errors import ConfigurationError, Conflict, Unavailable
from toolward.types import RequestKind, RunState

VERSION = 1
MANIFEST = "manifest.json"
_HOME = "home"
_PASSING = ("gateways", "sign-in", "logs", "demo")
"""Of the home directory what is good for this moment alone; so is what a restore left there."""

_SQLITE = b"SQLite format 3\x00"
_BESIDE = ("-wal", "-shm", "-journal")
_MAX_MANIFEST = 64 * 1024 * 1024
_BY = "restore"


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`files` are the SHA-256 of each, by its path in the copy; `at` is in Unix ms."""

    version: int
    program: str
    at: int
    files: dict[str, str]


class Paused(NamedTuple):
    """A run that was not over. `under_way` are the tools of its calls of which nobody knows what became."""

    run: str
    agent: str
    owner: str
    under_way: tuple[str, ...] = ()


class Restored(NamedTuple):
    """`voided` counts approvals; `kept` is where what was there lies now."""

    voided: int
    paused: tuple[Paused, ...]
    kept: Path | None


def back_up(settings: Settings, home: Path, to: Path, program: str) -> Manifest:
    """Into a folder that is not there yet, or is empty; for its owner's eyes alone. Raises ConfigurationError, and
    Conflict for a folder that holds something."""
    if not home.is_dir():
        raise ConfigurationError(f"There is nothing to copy: {home} is not there.", hint="Set TOOLWARD_HOME.")
    if to.resolve().is_relative_to(home.resolve()):
        raise Conflict(f"{to} lies in what is to be copied.", hint="Name a folder elsewhere.")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise Conflict(f"{to} is there already and not empty.", hint="Name a folder that is not there yet.")
    at = time.time_ns() // 1_000_000
    made = not to.exists()
    try:
        finish(home)
        to.mkdir(parents=True, exist_ok=True, mode=0o700)
        to.chmod(0o700)
        for file, inside in _to_copy(settings, home):
            _copy(file, to / inside)
        files = {str(one.relative_to(to)): _digest(one) for one in _files(to)}
        manifest = Manifest(VERSION, program, at, files)
        (to / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    except (OSError, sqlite3.Error) as error:
        _clear(to, made)
        raise ConfigurationError(
            f"The copy could not be made in {to}: {_why(error)}. Nothing is left of it.",
            hint="Mend that, and copy anew.",
        ) from None
    return manifest


def read_copy(folder: Path) -> Manifest:
    """Raises ConfigurationError for what is no copy, or is not as it was written."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            manifest = msgspec.json.decode(file.read(_MAX_MANIFEST), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(
            f"{folder} is no backup: {said}.", hint="Name what `toolward backup` made."
        ) from None
    if manifest.version != VERSION:
        raise ConfigurationError(
            f"{folder} is of another version of Toolward.", hint=f"It was made by {manifest.program}."
        )
    there = {str(one.relative_to(folder)): one for one in _files(folder)}
    links = [str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_symlink()]
    wrong = [
        name for name, digest in manifest.files.items() if name not in there or _digest(there[name]) != digest
    ]
    wrong += [name for name in there if name not in manifest.files and name != MANIFEST]
    wrong += links
    if wrong:
        raise ConfigurationError(
            f"The backup {folder} is not as it was written: {wrong[0]} is missing, changed or new.",
            hint="Take another one.",
        )
    return manifest


def put_back(home: Path, folder: Path, *, replace: bool) -> Restored:
    """What is there is moved aside with `replace`, else it raises Conflict; also where a gateway runs on it. Killed
    at any point it leaves what was there, or what the next start makes whole."""
    _not_at_work(home)
    manifest = read_copy(folder)
    made = not home.exists()
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with one_writer(home):
            settle(home)
            if any(content(home)) and not replace:
                raise Conflict(
                    f"{home} holds an installation.", hint="Add --replace: it is moved aside, not removed."
                )
            return _put_back(home, folder, manifest)
    except OSError as error:
        hint = "the next start goes on with it" if is_begun(home) else "restore again: nothing was changed"
        raise ConfigurationError(
            f"The backup could not be put in place: {_why(error)}.", hint=f"Mend that; {hint}."
        ) from None
    finally:
        if made:
            with suppress(OSError):  # where nothing came into it
                home.rmdir()


def _put_back(home: Path, folder: Path, manifest: Manifest) -> Restored:
    fresh = staged(home)
    try:
        shutil.copytree(folder / _HOME, fresh)
        fresh.chmod(0o700)
        made_void, paused = asyncio.run(_safely(fresh, manifest.at))
        _not_at_work(home)  # still
        kept = exchange(home, time.strftime("%Y%m%d-%H%M%S", time.gmtime()))
    except (ConfigurationError, Unavailable) as error:  # of the ledger in the copy
        raise ConfigurationError(
            f"The backup cannot be put back: {error.message.replace(str(fresh), str(folder / _HOME))}",
            hint=f"Nothing was changed. Take another one; this was made by Toolward {manifest.program}.",
        ) from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    home.chmod(0o700)
    return Restored(made_void, paused, kept)


def _not_at_work(home: Path) -> None:
    if any_present(home / "gateways"):
        raise Conflict(f"A gateway runs in {home}.", hint="Stop it first.")


async def _safely(home: Path, at: int) -> tuple[int, tuple[Paused, ...]]:
    """How many approvals are void now, and the runs that are paused."""
    file = ledger_file(home)
    if not file.exists():
        return 0, ()
    clock = SystemClock()
    reason = f"the gateway was put back to {time.strftime('%Y-%m-%d %H:%M:%SZ', time.gmtime(at / 1000))}"
    made_void, paused = 0, list[Paused]()
    # Checkpoints outside the home stay as they are: they cover what came after the copy.
    async with Ledger.open(file) as ledger:
        for spec in await ledger.live_requests():
            if spec.request.kind in (RequestKind.APPROVAL, RequestKind.PLAN_REVIEW):
                await ledger.close_request(
                    spec.request.id, voided(spec.request, reason, clock.now_ms(), by=_BY), _BY
                )
                made_void += 1
        for holder in await ledger.holders():  # who worked on a run when it was copied does not here
            await ledger.bury(holder)
        journals = Journals(ledger, clock, Feed())
        for run_id in await ledger.not_over():
            journal = await journals.take(run_id)
            await journal.amend(lambda state: _pause(state, reason))
            if journal.state.run.state is RunState.PAUSED:
                paused.append(_paused(journal.state))
            journals.release(journal)
    return made_void, tuple(paused)


def _paused(state: RunStateData) -> Paused:
    under_way = tuple(call.tool for call in state.calls() if call.in_flight)
    return Paused(state.run.id, state.run.agent, state.run.owner, under_way)


def _pause(state: RunStateData, reason: str) -> tuple[ev.Event, ...]:
    if state.run.state.ended or state.run.state is RunState.PAUSED:
        return ()
    return (ev.RunPaused(by=_BY, reason=reason),)


def _to_copy(settings: Settings, home: Path) -> Iterator[tuple[Path, Path]]:
    """In the order in which it is safe: checkpoints before the ledger."""
    tops = [one for one in content(home) if one.name not in _PASSING]  # what lies elsewhere by a link, too
    inside = [file for top in tops for file in (_files(top) if top.is_dir() else (top,)) if file.is_file()]
    for file in sorted(inside, key=lambda one: one.name != "checkpoints.jsonl"):
        if not file.name.endswith(_BESIDE):
            yield file, Path(_HOME) / file.relative_to(home)
    number = 0
    for file in dict.fromkeys((*settings.watched, *settings.policies, *settings.agents)):
        if file.is_file() and not file.resolve().is_relative_to(home.resolve()):
            number += 1
            yield file, Path("config") / f"{number}-{file.name}"


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            file = Path(parent, name)
            if file.is_file() and not file.is_symlink():
                yield file


def _copy(file: Path, to: Path) -> None:
    """Nothing where it is gone meanwhile: files come and go while a gateway works."""
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with file.open("rb") as opened:
            is_database = opened.read(len(_SQLITE)) == _SQLITE
        if is_database:
            _copy_database(file, to)
        else:
            shutil.copy2(file, to)
    except FileNotFoundError:
        if file.exists():
            raise
        to.unlink(missing_ok=True)


def _copy_database(file: Path, to: Path) -> None:
    to.touch(mode=0o600)
    with (
        closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(to)) as target,
    ):
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    shutil.copystat(file, to)


def _clear(folder: Path, made: bool) -> None:
    """Of a copy that is not whole: it holds secrets, and room."""
    for one in folder.iterdir() if folder.is_dir() else ():
        if one.is_dir():
            shutil.rmtree(one, ignore_errors=True)
        else:
            one.unlink(missing_ok=True)
    if made:
        with suppress(OSError):
            folder.rmdir()


def _why(error: Exception) -> str:
    """Of the many that copying a tree collects, the first."""
    if isinstance(error, shutil.Error):
        return str(error.args[0][0][-1])
    return str(error)


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
