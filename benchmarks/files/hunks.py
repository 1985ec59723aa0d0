"""Hunks of a repository's commits: files as they were before, and as they are with this hunk alone."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class Hunk(NamedTuple):
    """`old` and `new` are what a model would give: whole lines with some context, ends of lines as `\\n`."""

    path: str
    before: bytes
    after: bytes
    old: str
    new: str


class _Found(NamedTuple):
    commit: str
    path: str
    numbers: tuple[int, int, int, int]  # old line and count, new line and count


def hunks(repository: Path, context: int, count: int) -> list[Hunk]:
    """At most `count` hunks with `context` lines around the change, evenly from all commits that change UTF-8
    files; the same ones for the same history. Raises CalledProcessError."""
    found = list(_found(repository, context))
    step = max(1, len(found) // max(count, 1))
    taken = (_hunk(repository, one) for one in found[::step])
    return [hunk for hunk in taken if hunk is not None][:count]


def _found(repository: Path, context: int) -> Iterator[_Found]:
    words = [
        "log",
        "-p",
        "--no-merges",
        "--diff-filter=M",
        "--no-renames",
        "--no-color",
        "--format=commit %H",
    ]
    commit = path = ""
    for line in _git(repository, *words, f"--unified={context}").decode(errors="replace").split("\n"):
        if line.startswith("commit "):
            commit = line[7:]
        elif line.startswith("+++ b/"):
            path = line[6:]
        elif line.startswith("@@ ") and (match := _HUNK.match(line)):
            old, old_count, new, new_count = match.groups(default="1")
            yield _Found(commit, path, (int(old), int(old_count), int(new), int(new_count)))


def _hunk(repository: Path, found: _Found) -> Hunk | None:
    """None where a file is no UTF-8 text with `\\n` alone, or nothing stood there before."""
    before, after = (_git(repository, "show", f"{found.commit}{which}:{found.path}") for which in ("^", ""))
    if not _is_plain(before) or not _is_plain(after):
        return None
    old_line, old_count, new_line, new_count = found.numbers
    old_lines, new_lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
    above, below = old_lines[: old_line - 1], old_lines[old_line - 1 + old_count :]
    old = b"".join(old_lines[old_line - 1 : old_line - 1 + old_count])
    new = b"".join(new_lines[new_line - 1 : new_line - 1 + new_count])
    if not old or old == new:
        return None
    return Hunk(found.path, before, b"".join((*above, new, *below)), old.decode(), new.decode())


def _is_plain(data: bytes) -> bool:
    """Python splits bytes at `\\r` too, git does not."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\r" not in data and b"\0" not in data


def _git(repository: Path, *words: str) -> bytes:
    return subprocess.run(["git", "-C", str(repository), *words], check=True, capture_output=True).stdout


def with_crlf(hunk: Hunk) -> Hunk:
    """The file has `\\r\\n`; what a model gives stays."""
    return hunk._replace(before=hunk.before.replace(b"\n", b"\r\n"), after=hunk.after.replace(b"\n", b"\r\n"))


def in_latin_1(hunk: Hunk) -> Hunk:
    """The file is ISO-8859-1, with one more line at its top that shows it; characters that it lacks become `?`."""
    top = "# Größe, café, garçon\n"
    before, after = (_latin_1(top + data.decode()) for data in (hunk.before, hunk.after))
    return Hunk(
        hunk.path, before, after, *(_latin_1(text).decode("latin-1") for text in (hunk.old, hunk.new))
    )


def _latin_1(text: str) -> bytes:
    return text.encode("latin-1", "replace")
