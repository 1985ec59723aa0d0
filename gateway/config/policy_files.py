"""Policy files as people look at them and change them: their texts, and how one is put in the place of another."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gateway.config.shipped import shipped_folder
from gateway.config.source import MAX_BYTES, parse_yaml, read_file, shown
from gateway.config.tables import ENDING
from gateway.config.whole_files import one_writer, put
from gateway.core.digests import SHORT
from gateway.core.policy import Policy, PolicySource, parse_policy
from gateway.oversight.policies import PolicyFile
from toolward.errors import ConfigurationError, Conflict, Denied

KEPT = 100
"""Texts from before that are kept of all files; the oldest go first."""

_BOM = b"\xef\xbb\xbf"
_HINT = "Change it in an editor, or keep a copy of your own and name that in toolward.yaml."


def read_policy_files(paths: Iterable[Path]) -> tuple[PolicyFile, ...]:
    """In their order. Raises ConfigurationError where one cannot be read."""
    return tuple(map(_read, paths))


def policy_of(files: Sequence[PolicyFile]) -> Policy:
    """What the texts say together. Raises ConfigurationError with every mistake, its file and line."""
    return parse_policy([_source(file) for file in files])


def tables_beside(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The decision tables in the folders of these files."""
    folders = dict.fromkeys(path.parent for path in paths)
    return tuple(table for folder in folders for table in sorted(folder.glob(f"*{ENDING}")))


def write_policy_file(path: Path, text: str, digest: str, copies: Path, now: float) -> Path:
    """Put `text` in the place of the one with this digest: whole or not at all, with the same permissions, line
    ends and byte order mark. The bytes from before go to the folder `copies`, which is made where it is missing;
    their path is given. `now` is Unix seconds. Raises Conflict where the file has changed meanwhile, Denied where
    it is not to be changed from here, ConfigurationError where it cannot be."""
    name = shown(path)
    if kept := why_kept(path):
        raise Denied(f"{name} is not changed here: {kept}.", hint=_HINT)
    target = path.resolve()  # the file itself, where a symbolic link names it
    try:
        with one_writer(target.parent):
            before = target.read_bytes()
            if hashlib.sha256(before).hexdigest() != digest:
                raise Conflict(
                    f"{name} has changed since it was read; nothing was saved.",
                    hint="Load the page again: it shows the file as it is now.",
                )
            new = _as_it_was(text, before)
            if len(new) > MAX_BYTES:
                raise ConfigurationError(
                    f"{name} would be larger than {MAX_BYTES:,} bytes.", hint="Split it."
                )
            copy = _keep(target, before, copies, now)
            put(target, new)
    except OSError as error:
        raise ConfigurationError(
            f"{name} cannot be written: {error.strerror or error}.",
            hint="Check the folder and who may write to it.",
        ) from None
    return copy


def why_kept(path: Path) -> str:
    """Why a file is not changed from here; empty where it may be."""
    target = path.resolve()
    if target.is_relative_to(shipped_folder("policies").resolve()):
        return "it came with Toolward, and the next version of it replaces it"
    if not os.access(target, os.W_OK) or not os.access(target.parent, os.W_OK | os.X_OK):
        return "the gateway may not write to it"
    return ""


def _read(path: Path) -> PolicyFile:
    found = read_file(path)
    return PolicyFile(found.file, found.text.replace("\r\n", "\n"), found.digest, why_kept(path))


def _source(file: PolicyFile) -> PolicySource:
    source = parse_yaml(file.text, file.name)
    return PolicySource(source.file, source.data, source.line_of)


def _as_it_was(text: str, before: bytes) -> bytes:
    """The text in the manner of the file before: its line ends, its byte order mark, a line end at the end."""
    ended = text if text.endswith("\n") else f"{text}\n"
    if b"\r\n" in before and before.count(b"\n") == before.count(b"\r\n"):
        ended = ended.replace("\n", "\r\n")
    return (_BOM if before.startswith(_BOM) else b"") + ended.encode()


def _keep(path: Path, data: bytes, folder: Path, now: float) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    at = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S%fZ")
    copy = folder / f"{at}-{hashlib.sha256(data).hexdigest()[:SHORT]}-{path.name}"
    put(copy, data, mode=0o600)
    for old in sorted(folder.iterdir())[:-KEPT]:
        old.unlink(missing_ok=True)
    return copy
