"""The files of desktop clients, changed by us: one entry put in or taken out, and all the rest as it was.

Before the first change the file's bytes are kept (`clients/` in the home directory). While nothing else has
changed, taking the entry out brings exactly them back; else only the entry goes.
"""

import hashlib
import os
import stat
from collections.abc import Container, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Literal, NamedTuple, cast

import msgspec

from gateway.config.source import shown
from gateway.config.whole_files import one_writer, put, sweep
from gateway.desktop.clients import URL_KEYS, Client, starts_this_gateway
from gateway.desktop.edits import difference, value_at
from gateway.desktop.entries import FORMATS, Server, entry, place, snippet
from toolward.errors import ConfigurationError, Conflict
from toolward.places import HOME
from toolward.types import Json, JsonObject

MAX_BYTES = 32 * 1024 * 1024
"""Of a client's file: Claude Code keeps whole histories in its own."""

_BOM = "\ufeff"
_OF_TRANSPORT = frozenset(
    (
        *("command", "args", "env", "env_vars", "cwd", "type", "source", *URL_KEYS),
        *("headers", "bearer_token_env_var", "http_headers", "env_http_headers"),
    )
)
"""What an entry says of how to reach a server."""


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """What we did to a file. Digests are SHA-256 of its bytes: `before` is empty where there was no file, `after`
    is what we left. `made` counts the objects around the entry that we made, `folders` are those that we did,
    `variables` are the names that we gave it for its environment."""

    client: str
    path: str
    name: str
    before: str
    after: str
    made: int = 0
    folders: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


class Change(NamedTuple):
    """What is to be done to a file. Of `none` (it is connected) and `gone` (it is not) nothing is."""

    client: Client
    path: Path
    name: str
    kind: Literal["none", "gone", "add", "change", "restore", "remove"]
    before: bytes | None
    after: bytes | None
    """None where the file is to go."""
    made: int = 0
    """How many objects around the entry were made for it."""
    variables: tuple[str, ...] = ()
    """What we give it for its environment."""

    @property
    def difference(self) -> str:
        name = shown(self.path)
        return difference(_plain(self.before or b""), _plain(self.after or b""), name)


class ClientFiles:
    """`home` is where state lies."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "clients"

    def connecting(self, client: Client, path: Path, server: Server, *, replace: bool = False) -> Change:
        """Nothing is written. Raises ConfigurationError where the file cannot be read or changed, with what to put
        into it by hand; Conflict where somebody else's entry has the name; InvalidRequest."""
        wanted, at = entry(client, server), place(client, server.name)
        path = _real(path)
        known = self._known(path, server.name)
        try:
            raw = _read(path)
            text, mark = _decoded(raw or b"", path)
            said = FORMATS[client.format].read(text, shown(path))
            there = value_at(said, at)
            ours = _merged(there, wanted, known)
            is_ours = known is not None or there is None or _is_ours(there)
            if not is_ours and not replace and there != ours:
                raise Conflict(
                    f"{shown(path)} has a server {server.name!r} already, and it is not ours.",
                    hint="Call ours something else (--name), or replace that one (--force).",
                )
            if there == ours:
                return Change(client, path, server.name, "none", raw, raw)
            _writable(path)
            after = FORMATS[client.format].put(text, at, ours, shown(path))
            if value_at(FORMATS[client.format].read(after, shown(path)), at) != ours:
                raise ConfigurationError(f"{shown(path)} cannot be changed so that it can be read again.")
        except ConfigurationError as error:
            raise ConfigurationError(
                error.message,
                hint=f"{error.hint}\nOr put this there yourself:\n{snippet(client, server)}".strip(),
            ) from None
        kind = "add" if there is None else "change"
        made = int(value_at(said, at[:-1]) is None)
        given = (*server.env, *server.passed)
        return Change(client, path, server.name, kind, raw, (mark + after).encode(), made, given)

    def disconnecting(self, client: Client, path: Path, name: str, *, replace: bool = False) -> Change:
        """Nothing is written. Raises ConfigurationError; Conflict where the entry is not ours."""
        path, at = _real(path), place(client, name)
        raw, known = _read(path), self._known(path, name)
        if raw is None:
            return Change(client, path, name, "gone", None, None)
        text, mark = _decoded(raw, path)
        there = value_at(FORMATS[client.format].read(text, shown(path)), at)
        if there is None:
            return Change(client, path, name, "gone", raw, raw)
        if known is None and not replace and not _is_ours(there):
            raise Conflict(
                f"The server {name!r} in {shown(path)} is not one that we put there.",
                hint="To remove it all the same, add --force.",
            )
        _writable(path)
        if known and known.after == _digest(raw) and (before := self._kept(known)) is not _LOST:
            return Change(client, path, name, "restore", raw, before)
        made = known.made if known else 0
        after = FORMATS[client.format].take(text, at, shown(path), made=made)
        return Change(client, path, name, "remove", raw, (mark + after).encode())

    def apply(self, change: Change) -> None:
        """Raises Conflict where the file has changed since; ConfigurationError where it cannot be written."""
        if change.kind == "gone":
            self._forget(change)
        if change.kind in ("none", "gone"):
            return
        adds = change.kind in ("add", "change")
        try:
            folders: list[Path] = []
            if adds:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                folders += _make_folders(change.path.parent)
            ours = one_writer(self._folder) if self._folder.is_dir() else nullcontext()
            with ours, one_writer(change.path.parent):
                sweep(self._folder, "*")
                sweep(change.path.parent, change.path.name)
                if _read(change.path) != change.before:
                    raise Conflict(
                        f"{shown(change.path)} has changed since it was read.",
                        hint="Try again, and look again.",
                    )
                if adds:
                    self._remember(change, folders)
                self._write(change)
                if _read(change.path) != change.after:
                    raise Conflict(f"{shown(change.path)} was written by another program at the same moment.")
            if not adds:
                self._forget(change)
        except OSError as error:
            raise ConfigurationError(
                f"{shown(change.path)} cannot be written: {error.strerror or error}.",
                hint="Check who may write there.",
            ) from None

    def _write(self, change: Change) -> None:
        if change.after is None:
            change.path.unlink()
            return
        try:
            put(change.path, change.after, 0o600)
        except OSError:
            if change.kind == "add":  # nothing of it is there, so nothing is kept for it
                self._forget(change)
            raise

    def all(self) -> list[Connection]:
        """What we did and have not undone."""
        found: list[Connection] = []
        for file in sorted(self._folder.glob("*.json")) if self._folder.is_dir() else ():
            with suppress(OSError, msgspec.DecodeError):
                found.append(msgspec.json.decode(file.read_bytes(), type=Connection))
        return found

    def connected(self, client: Client, path: Path) -> list[str]:
        """The names under which we put something into this file, where it still is. Raises ConfigurationError."""
        path = _real(path)
        names = [one.name for one in self.all() if (one.client, one.path) == (client.name, str(path))]
        if not names or (raw := _read(path)) is None:
            return []
        said = FORMATS[client.format].read(_decoded(raw, path)[0], shown(path))
        return [name for name in names if value_at(said, place(client, name)) is not None]

    def _known(self, path: Path, name: str) -> Connection | None:
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(self._record(path, name).read_bytes(), type=Connection)
        return None

    def _record(self, path: Path, name: str, kind: str = "json") -> Path:
        return self._folder / f"{_digest(f'{path}{chr(0)}{name}'.encode())[:24]}.{kind}"

    def _kept(self, known: Connection) -> bytes | None:
        """The bytes before; None where there was no file."""
        if not known.before:
            return None
        with suppress(OSError):
            kept = self._record(Path(known.path), known.name, "before").read_bytes()
            if _digest(kept) == known.before:
                return kept
        return _LOST

    def _remember(self, change: Change, folders: list[Path]) -> None:
        """The bytes of the first change stay: of a second one they are still what was before, as long as nobody
        else has changed the file between the two."""
        known, raw = self._known(change.path, change.name), change.before
        assert change.after is not None  # noqa: S101 -- a type guard: something is put in
        after = _digest(change.after)
        if known is not None and change.kind == "change":
            same = raw is not None and known.after == _digest(raw)
            record = msgspec.structs.replace(known, after=after if same else "", variables=change.variables)
        else:
            record = Connection(
                client=change.client.name,
                path=str(change.path),
                name=change.name,
                before="" if raw is None else _digest(raw),
                after=after,
                made=change.made,
                folders=tuple(map(str, folders)),
                variables=change.variables,
            )
            if raw is not None:
                put(self._record(change.path, change.name, "before"), raw, 0o600)
        put(self._record(change.path, change.name), msgspec.json.encode(record), 0o600)

    def _forget(self, change: Change) -> None:
        known = self._known(change.path, change.name)
        for kind in ("json", "before"):
            self._record(change.path, change.name, kind).unlink(missing_ok=True)
        if known is not None and change.after is None:
            for folder in reversed(known.folders):  # that we made; what else came into one stays
                with suppress(OSError):
                    Path(folder).rmdir()


_LOST = b"\0"
"""For bytes that are not to be had: no client's file is this."""


def _real(path: Path) -> Path:
    """One name for a file, however it is spelt; through links, which stay."""
    return Path(os.path.realpath(path.expanduser()))


def _read(path: Path) -> bytes | None:
    """Raises ConfigurationError."""
    try:
        if path.exists() and not path.is_file():
            raise ConfigurationError(f"{shown(path)} is no file.", hint="Check the path.")
        with path.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(
            f"{shown(path)} cannot be read: {error.strerror or error}.", hint="Check who may read it."
        ) from None
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(
            f"{shown(path)} is larger than {MAX_BYTES:,} bytes.", hint="Is it the right file?"
        )
    return raw


def _decoded(raw: bytes, path: Path) -> tuple[str, str]:
    """The text, and the mark of UTF-8 that stood before it, if one did. Raises ConfigurationError."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{shown(path)} is not UTF-8.", hint="Save it as UTF-8.") from None
    return (text[1:], _BOM) if text.startswith(_BOM) else (text, "")


def _plain(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").removeprefix(_BOM)


def _writable(path: Path) -> None:
    """Raises ConfigurationError for what its owner has set read-only: replacing it whole would not ask."""
    with suppress(FileNotFoundError):
        if not stat.S_IMODE(path.stat().st_mode) & 0o222 or not os.access(path, os.W_OK):
            raise ConfigurationError(f"{shown(path)} is read-only.", hint="Allow writing to it first.")


def _make_folders(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        yield from _make_folders(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        yield folder


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _merged(there: Json | None, wanted: JsonObject, known: Connection | None) -> JsonObject:
    """What an entry should say, with what a person added to it (`disabled`, `autoApprove`, variables): that is
    theirs."""
    theirs = cast(JsonObject, there) if isinstance(there, dict) else {}
    ours = _OF_TRANSPORT | wanted.keys()
    added = {key: one for key, one in theirs.items() if key not in ours}
    if "command" in wanted and (known is not None or _is_ours(theirs)):
        added |= _variables(theirs, wanted, (HOME,) if known is None else known.variables)
    return wanted | added


def _variables(theirs: JsonObject, wanted: JsonObject, ours: Container[Json]) -> JsonObject:
    """With those that a person added, where one did."""
    found: JsonObject = {}
    values, passed = theirs.get("env"), theirs.get("env_vars")
    if isinstance(values, dict):
        added = {name: one for name, one in cast(JsonObject, values).items() if name not in ours}
        found |= {"env": added | cast(JsonObject, wanted.get("env", {}))} if added else {}
    if isinstance(passed, list):
        of_us = cast(list[Json], wanted.get("env_vars", []))
        more = [one for one in cast(list[Json], passed) if one not in ours and one not in of_us]
        found |= {"env_vars": [*of_us, *more]} if more else {}
    return found


def _is_ours(there: Json) -> bool:
    """Whether it starts this gateway, whoever wrote it: our pages show it to copy."""
    command, args = value_at(there, ("command",)), value_at(there, ("args",))
    words = [command, *(cast(list[Json], args) if isinstance(args, list) else ())]
    return starts_this_gateway(map(str, words))
