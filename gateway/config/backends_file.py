"""`toolward.yaml` with one backend more or one less, as text: every other byte of it stays as it is.

Only what is written in block style is changed; where the lines cannot be told apart for sure, the person is told
what to write, and nothing is changed.
"""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn, cast

import msgspec

from gateway.config.parse import read_settings
from gateway.config.settings import Settings
from gateway.config.source import YamlSource, parse_yaml, shown
from gateway.config.whole_files import one_writer, put
from toolward.errors import ConfigurationError, Conflict, NotFound
from toolward.names import closest
from toolward.types import Json, JsonObject

_SECTION = "backends"
_EMPTY = ("{}", "null", "~")
_BOM = "\ufeff"


class _Lines(NamedTuple):
    """The lines of a file with their ends, and where its values stand."""

    lines: list[str]
    source: YamlSource
    end: str

    def indent(self, index: int) -> int:
        line = self.lines[index]
        return len(line) - len(line.lstrip(" "))

    def says(self, index: int) -> bool:
        """Whether it is more than blank or a comment."""
        stripped = self.lines[index].strip()
        return bool(stripped) and not stripped.startswith("#")

    def behind(self, index: int) -> int:
        """The line behind the block that begins in this one; blank lines and comments in between are the next's."""
        own, at, last = self.indent(index), index + 1, index + 1
        while at < len(self.lines) and not (self.says(at) and self.indent(at) <= own):
            at += 1
            last = at if self.says(at - 1) else last
        return last


def add_backend(path: Path, name: str, entry: Mapping[str, Json]) -> Settings:
    """Write the backend into the file; the settings as they are then. Raises ConfigurationError, and Conflict where
    there is one of that name."""
    with one_writer(path.resolve().parent):
        before = read_settings(path)
        if name in {spec.name for spec in before.backends}:
            raise Conflict(
                f"There is a backend {name} already.",
                hint=f"Take that away first: toolward backend remove {name}",
            )
        text = with_backend(_read(path), shown(path), name, entry)
        return _put(path, text, before, {name})


def remove_backend(path: Path, name: str) -> Settings:
    """Take the backend out of the file; the settings as they are then. Raises ConfigurationError and NotFound."""
    with one_writer(path.resolve().parent):
        before = read_settings(path)
        if name not in (known := [spec.name for spec in before.backends]):
            near = closest(name, known)
            hint = f"Did you mean {near}?" if near else f"There are: {', '.join(known) or 'none'}."
            raise NotFound(f"There is no backend {name[:64]!r}.", hint=hint)
        text = without_backend(_read(path), shown(path), name)
        return _put(path, text, before, {name})


def with_backend(text: str, file: str, name: str, entry: Mapping[str, Json]) -> str:
    """Raises ConfigurationError, with what to write, where it cannot be done for sure."""
    found = _lines(text, file)
    line = found.source.line_of((_SECTION,)) if _SECTION in _members(found.source.data) else None
    if line is None:
        whole = text if not text or text.endswith("\n") else text + found.end
        return f"{whole}{_SECTION}:{found.end}{_block(name, entry, 2, found.end)}"
    index = line - 1
    rest = _value_on(found.lines[index])
    children = list(_members(_members(found.source.data)[_SECTION]))
    if rest in _EMPTY:
        found.lines[index] = found.lines[index].replace(rest, "", 1).replace(": ", ":", 1)
    elif rest:
        _refuse(f"{file}:{line}: the backends are written in braces", name, entry)
    first = found.source.line_of((_SECTION, children[0])) if children else None
    indent = found.indent(first - 1) if first else found.indent(index) + 2
    at = found.behind(index)
    if at > 0 and not found.lines[at - 1].endswith("\n"):
        found.lines[at - 1] += found.end
    return "".join((*found.lines[:at], _block(name, entry, indent, found.end), *found.lines[at:]))


def without_backend(text: str, file: str, name: str) -> str:
    """Raises ConfigurationError where it cannot be done for sure, or the backend comes from elsewhere."""
    found = _lines(text, file)
    members = _members(_members(found.source.data).get(_SECTION))
    if name not in members:
        raise ConfigurationError(
            f"The backend {name} is not written in {file}: it comes from a file that mcp_servers names.",
            hint="Take it out there.",
        )
    section = cast(int, found.source.line_of((_SECTION,))) - 1
    first = cast(int, found.source.line_of((_SECTION, name))) - 1
    if _value_on(found.lines[section]) or found.lines[first].lstrip(" ")[: len(name) + 1] != f"{name}:":
        raise ConfigurationError(
            f"{file}:{first + 1}: the backend {name} is not written in lines of its own.",
            hint="Take it out by hand.",
        )
    if len(members) == 1:
        found.lines[section] = found.lines[section].replace(f"{_SECTION}:", f"{_SECTION}: {{}}", 1)
    return "".join((*found.lines[:first], *found.lines[found.behind(first) :]))


def _put(path: Path, text: str, before: Settings, changed: set[str]) -> Settings:
    """Whole or not at all, and only where nothing but these backends is another. Raises ConfigurationError."""
    real = path.resolve()  # what it names is beside that
    trial = real.with_name(f".{real.name}.new")
    try:
        put(trial, text.encode(), real.stat().st_mode & 0o777)
        try:
            after = read_settings(trial)
        except ConfigurationError as error:
            said = error.message.replace(shown(trial), shown(path))
            raise ConfigurationError(
                f"It was not written: {said}", hint=error.hint or "Nothing was changed."
            ) from None
        if _rest(before, changed) != _rest(after, changed):
            raise ConfigurationError(
                f"{shown(path)} would say more than that differently, so it was not written.",
                hint="Change it by hand.",
            )
        put(real, text.encode())
    except OSError as error:
        raise ConfigurationError(
            f"{shown(path)} cannot be written: {error.strerror or error}.",
            hint="Check the folder and who may write to it.",
        ) from None
    finally:
        trial.unlink(missing_ok=True)
    return read_settings(path)


def _rest(settings: Settings, without: set[str]) -> Settings:
    backends = tuple(spec for spec in settings.backends if spec.name not in without)
    facts = {name: one for name, one in settings.facts.items() if name.partition(".")[0] not in without}
    return msgspec.structs.replace(
        settings, backends=backends, facts=facts, source="", digest="", watched=(),
        trusted_annotations=settings.trusted_annotations - without,
    )  # fmt: skip


def _read(path: Path) -> str:
    """Raises ConfigurationError."""
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{shown(path)} cannot be read: {error}.", hint="Check the file.") from None


def _lines(text: str, file: str) -> _Lines:
    lines = io.StringIO(text, newline="\n").readlines()
    return _Lines(lines, parse_yaml(text.removeprefix(_BOM), file), "\r\n" if "\r\n" in text else "\n")


def _members(value: Json) -> JsonObject:
    return cast(JsonObject, value) if isinstance(value, dict) else {}


def _value_on(line: str) -> str:
    """What stands behind the colon, without a comment."""
    return line.partition(":")[2].partition(" #")[0].strip()


def _block(name: str, entry: Mapping[str, Json], indent: int, end: str) -> str:
    """In JSON, which YAML holds: whatever is in a value is quoted right."""
    rows = [f"{' ' * indent}{name}:"]
    rows += [
        f"{' ' * (indent + 2)}{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()
    ]
    return "".join(f"{row}{end}" for row in rows)


def _refuse(why: str, name: str, entry: Mapping[str, Json]) -> NoReturn:
    written = json.dumps(dict(entry), ensure_ascii=False)
    raise ConfigurationError(f"{why}, so it was not changed.", hint=f"Write there: {name}: {written}")
