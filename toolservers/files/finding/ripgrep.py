"""ripgrep, where it is installed, for what it is faster at: one large file of UTF-8.

It never opens a path: the file that we opened beneath the root is its standard input. What is a match is RE2's
to say (queries.py), so that only queries go to ripgrep on which both agree; what it cannot do, our own engine does.
"""

import base64
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import lru_cache
from selectors import EVENT_READ, DefaultSelector

import msgspec

from toolservers.files.finding.matching import Line
from toolservers.files.finding.queries import Query
from toolservers.files.text.blocks import MAX_LINE, Source

MEMORY = 512 << 20
"""Bytes of its address space: it keeps the longest line in memory."""

_MAX_EVENT = 4 * MAX_LINE  # bytes of one line of its output
_LOOK_SECONDS = 0.1  # how often it is asked whether anybody still waits

_PLAIN = re.compile(
    r"""(?: [A-Za-z0-9\ _,:;'"<>=@%!~/#&-] | \\[.()\[\]{}*+?|\\^$]
          | \[(?:[A-Za-z0-9](?:-[A-Za-z0-9])?|_)+\] | \((?:\?:|(?!\?)) | [)|*+?] | \{\d+(?:,\d*)?\} )+""",
    re.VERBOSE,
)
"""Expressions that mean the same to RE2 and to Rust. Not among them: `.`, `^`, `$`, `\\d`, `\\w`, `\\s`, `\\b` and
what is not ASCII: ends of lines, Unicode's versions and broken UTF-8 are told differently."""


class Failed(Exception):
    """It did not do it all; our own engine has to."""


class _Text(msgspec.Struct):
    text: str | None = None
    bytes: str = ""  # base64, where it is no UTF-8


class _Span(msgspec.Struct):
    start: int
    end: int


class _Found(msgspec.Struct):
    lines: _Text
    line_number: int
    submatches: list[_Span]


class _Event(msgspec.Struct):
    type: str
    data: msgspec.Raw


@lru_cache(maxsize=1)
def program() -> str | None:
    found = shutil.which("rg") if sys.platform == "linux" else None
    return found if found and os.path.isabs(found) else None


def agrees(query: Query) -> bool:
    """Whether both engines find the same by it."""
    if not query.regex:
        return "\0" not in query.text and (query.text.isascii() or not query.ignore_case)
    return _PLAIN.fullmatch(query.text) is not None and query.first(b"", 0, 0) is None


def suits(source: Source, query: Query) -> bool:
    return (
        source.data is None
        and source.encoding.codec == "utf-8"
        and not source.old_mac
        and program() is not None
        and agrees(query)
    )


def lines(
    source: Source, query: Query, context: int, most: int, goes_on: Callable[[], bool]
) -> Generator[Line]:
    """As `matching_lines` gives them, `most` that match; until `goes_on` says no. Raises Failed."""
    os.lseek(source.descriptor, len(source.encoding.bom), os.SEEK_SET)  # where its standard input begins
    with _running(source.descriptor, query, context, most) as process:
        for event in _events(process, goes_on):
            if (line := _line(event)) is not None:
                yield line
        if goes_on() and process.wait() not in (0, 1):
            raise Failed


@contextmanager
def _running(descriptor: int, query: Query, context: int, most: int) -> Generator[subprocess.Popen[bytes]]:
    command = [
        *(
            program() or "rg",
            "--no-config",
            "--json",
            "--text",
            "--encoding=none",
            "--threads=1",
            "--no-messages",
        ),
        *(f"--max-count={most}", f"--context={context}", f"--regexp={query.text}"),
        *([] if query.regex else ["--fixed-strings"]),
        *(["--ignore-case"] if query.ignore_case else ["--case-sensitive"]),
        "-",
    ]
    try:
        process = subprocess.Popen(  # noqa: S603 -- no shell; the query is the value of one argument
            command, stdin=descriptor, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/"
        )
    except OSError:
        raise Failed from None
    try:
        if sys.platform == "linux":
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _events(process: "subprocess.Popen[bytes]", goes_on: Callable[[], bool]) -> Iterator[bytes]:
    """Lines of its output."""
    if process.stdout is None:
        raise Failed
    output, rest = process.stdout.fileno(), b""
    with DefaultSelector() as selector:
        selector.register(output, EVENT_READ)
        while goes_on():
            if not selector.select(_LOOK_SECONDS):
                continue
            data = os.read(output, 1 << 16)
            if not data:
                return
            *whole, rest = (rest + data).split(b"\n")
            yield from whole
            if len(rest) > _MAX_EVENT:
                raise Failed


def _line(event: bytes) -> Line | None:
    try:
        said = msgspec.json.decode(event, type=_Event)
        if said.type not in ("match", "context"):
            return None
        found = msgspec.json.decode(said.data, type=_Found)
    except msgspec.DecodeError:
        raise Failed from None
    text = base64.b64decode(found.lines.bytes) if found.lines.text is None else found.lines.text.encode()
    if len(text) > MAX_LINE:
        raise Failed  # ours searches it in pieces
    text = text.removesuffix(b"\r\n") if text.endswith(b"\r\n") else text.removesuffix(b"\n")
    if said.type == "context":
        return Line(found.line_number, text, None)
    if not found.submatches:
        raise Failed
    return Line(found.line_number, text, (found.submatches[0].start, found.submatches[0].end))
