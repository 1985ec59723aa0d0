"""`tools.lock` on disk: JSON with sorted keys and a line for each line of a description, so that git shows what
changed.

{"version": 1, "backends": {"crm": {"origin": {"url": "http://..."}, "tools": {"get_record": {"digest": "...",
 "description": ["..."], "input_schema": {...}}}}}}
"""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.config.source import shown
from gateway.config.whole_files import one_writer, put
from gateway.core.lock import BackendPins, Pin, ToolsLock, tool_digest
from toolward.errors import ConfigurationError
from toolward.json_bounds import depth_exceeds
from toolward.types import JsonObject, Tool

NAME = "tools.lock"
VERSION = 1
MAX_BYTES = 256 * 1024 * 1024
MAX_DEPTH = 80  # a schema's own bound, and what the file puts around it

_AGAIN = "Mend it, or move it away: then every backend is pinned anew as it is next seen."


class _Tool(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    digest: str
    description: list[str] = []
    input_schema: JsonObject = msgspec.field(default_factory=lambda: {"type": "object"})
    output_schema: JsonObject | None = None
    title: str | None = None
    annotations: JsonObject | None = None


class _Backend(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    origin: JsonObject
    tools: dict[str, _Tool] = {}


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    backends: dict[str, _Backend]


def lock_path(beside: Path | None, home: Path) -> Path:
    """Where the lock lies: `beside` the configuration if it is there or can be, else in `home`."""
    if beside is not None and (beside.exists() or os.access(beside.parent, os.W_OK)):
        return beside
    return home / NAME


class LockFile:
    """A `tools.lock`. Several processes may use one: a writer reads again first, and puts the whole file in place
    at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, ...] | None = None

    def load(self) -> ToolsLock:
        """Without a file nothing is pinned. Raises ConfigurationError."""
        self._seen = self._stamp()
        try:
            with self.path.open("rb") as opened:
                raw = opened.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return ToolsLock()
        except OSError as error:
            raise ConfigurationError(
                f"{shown(self.path)} cannot be read: {error.strerror or error}.",
                hint="Check who may read it.",
            ) from None
        return _decoded(raw, shown(self.path))

    def is_changed(self) -> bool:
        """Whether the file is another one than `load` or `update` last saw. Cheap: it looks at the file's stamp."""
        return self._stamp() != self._seen

    def update(self, change: Callable[[ToolsLock], ToolsLock]) -> ToolsLock:
        """What the file holds now, changed, and written if that is something else. Raises ConfigurationError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with one_writer(self.path.parent):
                before = self.load()
                after = change(before)
                if after is not before:
                    put(self.path.resolve(), _encoded(after))
                    self._seen = self._stamp()
                return after
        except OSError as error:
            raise ConfigurationError(
                f"{shown(self.path)} cannot be written: {error.strerror or error}.",
                hint="Give this user the right to write there; until then nothing new is pinned.",
            ) from None

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def _decoded(raw: bytes, file: str) -> ToolsLock:
    if len(raw) > MAX_BYTES or depth_exceeds(raw, MAX_DEPTH):
        raise ConfigurationError(f"{file} is too large or too deep to be a lock of ours.", hint=_AGAIN)
    try:
        found = msgspec.json.decode(raw, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be used: {error}.", hint=_AGAIN) from None
    if found.version != VERSION:
        raise ConfigurationError(
            f"{file} has version {found.version}, and {VERSION} is known here.", hint="Use a newer Toolward."
        )
    backends: dict[str, BackendPins] = {}
    for name, of_backend in found.backends.items():
        tools = {own: _pin(own, one, f"{name}.{own}", file) for own, one in of_backend.tools.items()}
        backends[name] = BackendPins(of_backend.origin, tools)
    return ToolsLock(backends)


def _pin(own: str, one: _Tool, name: str, file: str) -> Pin:
    said = "\n".join(one.description)
    tool = Tool(own, said, one.input_schema, one.output_schema, one.title, one.annotations)
    if tool_digest(tool) != one.digest:  # what a person reads there must be what is pinned
        raise ConfigurationError(
            f"{file}: the digest of {name} is not that of its text.",
            hint="The file was edited or merged by hand. Remove that tool from it, then: toolward tool review",
        )
    return Pin(one.digest, tool)


def _encoded(lock: ToolsLock) -> bytes:
    backends = {
        name: _Backend(pins.origin, {own: _written(pin) for own, pin in pins.tools.items()})
        for name, pins in lock.backends.items()
    }
    text = msgspec.json.encode(_File(VERSION, backends), order="sorted")
    return msgspec.json.format(text, indent=2) + b"\n"


def _written(pin: Pin) -> _Tool:
    tool = pin.tool
    lines = tool.description.split("\n") if tool.description else []
    return _Tool(pin.digest, lines, tool.input_schema, tool.output_schema, tool.title, tool.annotations)
