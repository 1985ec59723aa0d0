"""A server's settings: a frozen dataclass, filled from flags and `TOOLWARD_<SERVER>_<FIELD>` variables.

@dataclass(frozen=True)
class Settings:
    root: Annotated[Path, "folder that the tools may use"] = Path(".")
"""

import argparse
import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

from toolward.errors import ConfigurationError

SettingsT = TypeVar("SettingsT")


@dataclass(frozen=True)
class NoSettings:
    """For servers that have nothing to set."""


def variable(server: str, field: str) -> str:
    """Of a server's own setting; without `server`, of one that every server has."""
    return "_".join(part for part in ("TOOLWARD", server, field) if part).upper().replace("-", "_")


class Flags(Protocol):
    """A parser, or a group of its flags."""

    def add_argument(self, *names: str, metavar: str, default: Any, help: str) -> Any: ...  # noqa: A002 -- argparse's


def add_flags(parser: Flags, server: str, settings: type[Any]) -> None:
    """One flag a field; flags that are not given stay out of the namespace."""
    hints = get_type_hints(settings, include_extras=True)
    for field in dataclasses.fields(settings):
        words = [part for part in get_args(hints[field.name])[1:] if isinstance(part, str)]
        shown = "" if field.default in (dataclasses.MISSING, None, "") else f"; default: {field.default}"
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            metavar=field.name.upper(),
            default=argparse.SUPPRESS,
            help=f"{' '.join(words)} [{variable(server, field.name)}{shown}]",
        )


def read(
    server: str,
    settings: type[SettingsT],
    given: Mapping[str, Any],
    environment: Mapping[str, str] = os.environ,
) -> SettingsT:
    """Flags before variables before defaults. Raises ConfigurationError, naming the flag or the variable."""
    hints = get_type_hints(settings, include_extras=True)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(settings):  # pyright: ignore[reportArgumentType] -- any dataclass
        name = variable(server, field.name)
        if field.name in given:
            values[field.name] = _convert(
                given[field.name], hints[field.name], f"--{field.name.replace('_', '-')}"
            )
        elif name in environment:
            values[field.name] = _convert(environment[name], hints[field.name], name)
    return settings(**values)


def _convert(text: str, hint: Any, where: str) -> Any:
    kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if kind is bool:
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        if text.lower() not in words:
            raise ConfigurationError(f"{where} is {text!r}; it must be true or false.")
        return words[text.lower()]
    if get_origin(kind) in (Union, UnionType) and str in get_args(
        kind
    ):  # a path, or the URL of something else
        return text
    if kind not in (str, int, Path):
        raise ConfigurationError(f"{where} has a type that settings cannot have: {kind!r}.")
    try:
        return kind(text)
    except ValueError:
        raise ConfigurationError(f"{where} is {text!r}; it must be a whole number.") from None
