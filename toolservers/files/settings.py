"""What may be set: one root folder by flags, or several, each with its rights, in a TOML file."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from toolward.errors import ConfigurationError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_UNITS = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_AMOUNT = re.compile(r"(\d{1,15})\s*(|B|kB|MB|GB|TB)")


@dataclass(frozen=True)
class Settings:
    root: Annotated[Path, "folder that the tools may use; made if it is missing"] = Path(".")
    roots: Annotated[Path | str, "TOML file with several named roots and their rights, instead of --root"] = (
        ""
    )
    state: Annotated[
        Path | str,
        "folder for idempotency keys and the record of changes, outside the roots; "
        "default: files-state in the data folder",
    ] = ""
    read_only: Annotated[bool, "offer no tool that changes anything in --root"] = False
    trusted: Annotated[bool, "results of --root are not marked as untrusted input"] = False


class RootSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One root, as a table of the roots file has it; the table's name is the root's."""

    path: str
    writable: bool = False
    trusted: bool = False
    hidden: tuple[str, ...] = ()
    """Globs, beside those that are hidden anyway."""
    protected: tuple[str, ...] = ()
    """Globs of what is never changed, beside those that never are."""
    keep_bytes: str | int = "2 GB"
    """What was deleted and earlier versions, for `undo_change`; the oldest go first."""
    max_bytes: str | int = ""
    """All files of the root, those that are kept among them, where a change would add to them; empty for no bound
    but the disk's."""


def amount(value: str | int, where: str) -> int:
    """Bytes of `10 GB` or 10000. Raises ConfigurationError."""
    found = _AMOUNT.fullmatch(str(value).strip())
    if found is None:
        raise ConfigurationError(
            f"{where} is {value!r}, which is no amount of bytes.",
            hint="Write it as `500 MB`, `10 GB` or 500000.",
        )
    return int(found[1]) * _UNITS[found[2]]


def root_specs(settings: Settings) -> dict[str, RootSpec]:
    """The roots by name; that of `--root` alone has the name `root`. Raises ConfigurationError."""
    if not settings.roots:
        return {
            "root": RootSpec(str(settings.root), writable=not settings.read_only, trusted=settings.trusted)
        }
    file = Path(settings.roots)
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"The roots file {file} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The roots file {file} is not TOML: {error}.") from None
    if not tables:
        raise ConfigurationError(
            f"The roots file {file} names no root.",
            hint='Write at least [notes] and path = "/path/of/notes".',
        )
    return {name: _spec(name, table, file) for name, table in tables.items()}


def _spec(name: str, table: Any, file: Path) -> RootSpec:
    if NAME.fullmatch(name) is None:
        raise ConfigurationError(
            f"The root {name!r} of {file} needs another name.", hint="Use letters, digits, `-` and `_`."
        )
    try:
        spec = msgspec.convert(table, RootSpec)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"The root {name!r} of {file} cannot be used: {error}.") from None
    amount(spec.keep_bytes, f"keep_bytes of the root {name!r} of {file}")
    if spec.max_bytes != "":
        amount(spec.max_bytes, f"max_bytes of the root {name!r} of {file}")
    path = (file.parent / Path(spec.path).expanduser()).resolve()
    return msgspec.structs.replace(spec, path=str(path))
