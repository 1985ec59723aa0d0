"""API keys on disk: `TOOLWARD_HOME/keys.json`, for its owner's eyes alone. `toolward key` writes it, a running
gateway reads it again when it changes.

{"version": 1, "keys": [{"prefix": "3mX…", "sha256": "…", "owner": "ci", "roles": ["support"], "tenant": "default",
 "scopes": ["crm.*"], "name": "", "created": "2026-11-26T08:00:00Z", "expires": …, "revoked": null}]}
"""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from gateway.config.source import shown
from gateway.config.whole_files import one_writer, put
from gateway.core.scopes import flaw_in_scope
from toolward.auth.api_keys import ApiKey
from toolward.errors import ConfigurationError

NAME = "keys.json"
VERSION = 1
MAX_KEYS = 10_000
MAX_BYTES = 16 * 1024 * 1024

_MEND = "Mend it, or move it away and make new keys: toolward key create. Until then no API key is taken."


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    keys: tuple[ApiKey, ...]


def keys_file(home: Path) -> Path:
    return home / NAME


def read_keys(home: Path) -> tuple[ApiKey, ...]:
    """All of them, or none: of a file with one flaw nothing counts. Without a file there are no keys. Raises
    ConfigurationError."""
    path = keys_file(home)
    try:
        raw = _read(path)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigurationError(
            f"{shown(path)} cannot be read: {error.strerror or error}.", hint="Check who may read it."
        ) from None
    return _decoded(raw, shown(path))


def change_keys(home: Path, change: Callable[[tuple[ApiKey, ...]], Sequence[ApiKey]]) -> None:
    """Put in place what `change` makes of the keys; two that change them at once lose nothing. Raises
    ConfigurationError, also for a file that cannot be read: it is not written over; and what `change` raises."""
    path = keys_file(home)
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with one_writer(home):
            before = read_keys(home)
            after = tuple(change(before))
            if after != before:
                put(path.resolve(), _encoded(after), 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{shown(path)} cannot be written: {error.strerror or error}.",
            hint="Check the folder and who may write to it.",
        ) from None


def added(keys: tuple[ApiKey, ...], key: ApiKey) -> tuple[ApiKey, ...]:
    """With one more; where there are as many as may be, those that were over first make room. Raises
    ConfigurationError where all are good."""
    if len(keys) < MAX_KEYS:
        return (*keys, key)
    over = next((one for one in keys if one.over(key.created.timestamp())), None)
    if over is None:
        raise ConfigurationError(
            f"There are {MAX_KEYS:,} API keys, and no more are kept.", hint="Revoke those that nobody uses."
        )
    return (*(one for one in keys if one is not over), key)


def _read(path: Path) -> bytes:
    """Raises OSError; ConfigurationError for a file that others could have read, or written."""
    # NONBLOCK, or a pipe in its place would hold us for ever.
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(file, "rb") as opened:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            raise ConfigurationError(f"{shown(path)} is no file.", hint=_MEND)
        if mode & 0o077:
            raise ConfigurationError(
                f"{shown(path)} can be read or written by others, so it proves nothing.",
                hint=f"Look at it, then run: chmod 600 {path}",
            )
        return opened.read(MAX_BYTES + 1)


def _decoded(raw: bytes, file: str) -> tuple[ApiKey, ...]:
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(f"{file} is too large to be ours.", hint=_MEND)
    try:
        found = msgspec.json.decode(raw, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{file} cannot be used: {error}.", hint=_MEND) from None
    if found.version != VERSION:
        raise ConfigurationError(
            f"{file} has version {found.version}, and {VERSION} is known here.", hint="Use a newer Toolward."
        )
    if len(found.keys) > MAX_KEYS:
        raise ConfigurationError(f"{file} has more than {MAX_KEYS:,} keys.", hint=_MEND)
    if len({key.prefix for key in found.keys}) < len(found.keys):
        raise ConfigurationError(f"{file} has two keys with one prefix.", hint=_MEND)
    for key in found.keys:
        for scope in key.scopes or ():
            if flaw := flaw_in_scope(scope):
                raise ConfigurationError(
                    f"{file}: the scope {scope!r} of the key {key.prefix} {flaw}.", hint=_MEND
                )
    return found.keys


def _encoded(keys: tuple[ApiKey, ...]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_File(VERSION, keys)), indent=2) + b"\n"
