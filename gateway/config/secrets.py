"""`${env:NAME}`, `${file:PATH}` and `${keychain:NAME}` in the values of a configuration."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, cast

from gateway.config.keychain import from_keychain
from gateway.config.source import Place, YamlSource
from toolward.errors import ConfigurationError
from toolward.types import Json, JsonObject

MAX_SECRET_BYTES = 64 * 1024

_REFERENCE = re.compile(r"(\$?)\$\{([^{}]*)\}")
_KINDS = "write ${env:NAME}, ${file:PATH} or ${keychain:NAME}, or $${...} for the plain text"
_PLAIN = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_OF_EDITORS = (
    "workspaceFolder",
    "workspaceFolderBasename",
    "workspaceRoot",
    "userHome",
    "pathSeparator",
    "/",
)


class Substituted(str):
    """A value that came from outside the file. It shows itself as the file wrote it, so that no error text, log
    line or repr holds what it stands for."""

    shown: str

    def __new__(cls, value: str, shown: str) -> "Substituted":
        made = super().__new__(cls, value)
        made.shown = shown
        return made

    def __repr__(self) -> str:
        return repr(self.shown)


def as_written(value: str) -> str:
    """The text of a value that may be shown to people."""
    return value.shown if isinstance(value, Substituted) else value


def plain(value: Json) -> Json:
    """A value without that wrapping, for those who write it out."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list):
        return [plain(one) for one in cast(list[Json], value)]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in cast(JsonObject, value).items()}
    return value


class Problem(NamedTuple):
    place: Place
    said: str


def substitute(
    source: YamlSource, environment: Mapping[str, str], directory: Path, files: list[Path] | None = None
) -> tuple[YamlSource, list[Problem]]:
    """The source with every reference filled in, and what could not be. Paths are relative to `directory`;
    `files` gets those that were looked for."""
    filler = _Filler(environment, directory, files)
    return source.with_data(filler.fill(source.data, ())), filler.problems


def substitute_as_clients_do(
    value: Json,
    place: Place,
    environment: Mapping[str, str],
    directory: Path,
    files: list[Path] | None = None,
) -> tuple[Json, list[Problem]]:
    """The same for a value of an `mcpServers` file, where `${NAME}` and `${NAME:-default}` are variables too, and
    what only an editor knows (`${input:...}`, `${workspaceFolder}`) is a problem."""
    filler = _ClientFiller(environment, directory, files)
    return filler.fill(value, place), filler.problems


class _Filler:
    def __init__(self, environment: Mapping[str, str], directory: Path, files: list[Path] | None) -> None:
        self._environment = environment
        self._directory = directory
        self._files = [] if files is None else files
        self.problems: list[Problem] = []

    def fill(self, value: Json, place: Place) -> Json:
        if isinstance(value, str):
            return self._text(value, place) if "${" in value else value
        for key, child in _children(value):
            value[key] = self.fill(child, (*place, key))
        return value

    def _text(self, text: str, place: Place) -> str:
        found = False

        def replace(match: re.Match[str]) -> str:
            nonlocal found
            if match[1]:
                return f"${{{match[2]}}}"
            found = True
            return self._look_up(match[2], place)

        filled = _REFERENCE.sub(replace, text)
        return Substituted(filled, text) if found else filled

    def _look_up(self, reference: str, place: Place) -> str:
        kind, _, name = reference.partition(":")
        if kind == "env" and name:
            return self._variable(name, place)
        if kind == "file" and name:
            return self._file(name, place)
        if kind == "keychain" and name:
            return self._kept(name, place)
        return self._wrong(place, f"holds ${{{reference}}}, which is no reference: {_KINDS}")

    def _wrong(self, place: Place, said: str) -> str:
        self.problems.append(Problem(place, said))
        return ""

    def _variable(self, name: str, place: Place) -> str:
        value = self._environment.get(name)
        if value is None:
            said = f"needs the environment variable {name}, which is not set; set it, or remove the reference"
            return self._wrong(place, said)
        return value

    def _file(self, name: str, place: Place) -> str:
        path = self._directory / Path(name).expanduser()
        if path.exists() and not path.is_file():  # opening a pipe could wait for ever
            return self._wrong(place, f"needs {path}, which is no file")
        self._files.append(path)
        try:
            with path.open("rb") as opened:
                raw = opened.read(MAX_SECRET_BYTES + 1)
            if len(raw) > MAX_SECRET_BYTES:
                return self._wrong(place, f"needs {path}, which is larger than 64 KiB")
            return raw.decode("utf-8").rstrip("\r\n")
        except OSError as error:
            said = f"needs the file {path}, which cannot be read: {error.strerror or error}"
        except UnicodeDecodeError:
            said = f"needs the file {path}, which is not UTF-8 text"
        return self._wrong(place, said)

    def _kept(self, name: str, place: Place) -> str:
        try:
            return from_keychain(name)
        except ConfigurationError as error:
            return self._wrong(
                place, f"needs {name[:60]!r} of the system's keychain: {error.message} {error.hint}"
            )


class _ClientFiller(_Filler):
    def _look_up(self, reference: str, place: Place) -> str:
        written = f"${{{reference}}}"
        if reference.startswith(("input:", "command:", "config:")) or reference in _OF_EDITORS:
            said = f"holds {written}, which only an editor can fill in; write the value, or ${{env:NAME}}"
            return self._wrong(place, said)
        if (plain := _PLAIN.fullmatch(reference)) is None:
            return super()._look_up(reference, place)
        name, default = plain.groups()
        if default is not None:
            return self._environment.get(name) or default
        return self._variable(name, place)


def _children(value: Json) -> Iterator[tuple[str | int, Json]]:
    if isinstance(value, dict):
        yield from list(value.items())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] -- JSON
    elif isinstance(value, list):
        yield from enumerate(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] -- JSON
