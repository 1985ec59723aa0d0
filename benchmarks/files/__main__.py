"""`python -m benchmarks.files [--hunks 400] [--repository .] [--without-peer] [--json]`: takes some minutes.

Each hunk of the repository's own commits is one `edit_file` call on the file as it was before: here, and at npm's
`server-filesystem`, one after the other, over stdio by the same client. Right is what is git's, byte for byte.
Then a file of 10 GB, nearly all of it a hole, is read at both ends.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psutil

from benchmarks.files.hunks import Hunk, hunks, in_latin_1, with_crlf
from toolward.client import Client, connect
from toolward.types import ToolResult

PEER = "@modelcontextprotocol/server-filesystem@2026.8.31"
GIGABYTES = 10
_EDGE = "".join(f"line {number}: {'x' * 60}\n" for number in range(2000)).encode()


class Server(NamedTuple):
    """One of those that are measured; `root` is its folder, `edit` and `ends` are how it is asked."""

    name: str
    client: Client
    process: psutil.Process
    root: Path
    edit: Callable[[Path, Hunk], dict[str, Any]]
    ends: Callable[[Path], list[tuple[str, dict[str, Any]]]]


class Replayed(NamedTuple):
    """`wrong` said that they had succeeded; tokens are characters / 4 of arguments, and of an answer's text."""

    server: str
    variant: str
    hunks: int
    right: int
    refused: int
    wrong: int
    call_tokens: float
    answer_tokens: float
    seconds: float
    """Of one call."""


class ReadEnd(NamedTuple):
    server: str
    end: str
    seconds: float
    lines: int
    """Of the 50 that were asked for."""
    more_memory_mb: float
    """By how much the process was larger at its largest than before the call."""


def _our_edit(path: Path, hunk: Hunk) -> dict[str, Any]:
    return {"path": path.name, "edits": [{"old": hunk.old, "new": hunk.new}]}


def _their_edit(path: Path, hunk: Hunk) -> dict[str, Any]:
    return {"path": str(path), "edits": [{"oldText": hunk.old, "newText": hunk.new}]}


def _our_ends(path: Path) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("read_file", {"path": path.name, "count": 50}),
        ("read_file", {"path": path.name, "line": -50}),
    ]


def _their_ends(path: Path) -> list[tuple[str, dict[str, Any]]]:
    return [("read_text_file", {"path": str(path), end: 50}) for end in ("head", "tail")]


@asynccontextmanager
async def servers(folder: Path, *, peer: bool) -> AsyncGenerator[list[Server]]:
    """Each with a folder of its own."""
    ours, theirs = folder / "ours", folder / "theirs"
    for root in (ours, theirs):
        root.mkdir()
    words = ["--root", str(ours), "--state", str(folder / "state")]
    commands = [("toolward", [sys.executable, "-m", "toolservers.files", *words], ours, _our_edit, _our_ends)]
    if peer:
        command = ["npx", "-y", PEER, str(theirs)]
        commands.append(("server-filesystem", command, theirs, _their_edit, _their_ends))
    async with AsyncExitStack() as stack:
        opened: list[Server] = []
        for name, command, root, edit, ends in commands:
            before = set(psutil.Process().children(recursive=True))
            client = await stack.enter_async_context(connect(command, timeout=120))
            started = set(psutil.Process().children(recursive=True)) - before
            process = max(started, key=lambda one: one.memory_info().rss)  # npx has a shell between them
            opened.append(Server(name, client, process, root, edit, ends))
        yield opened


async def replay(opened: Sequence[Server], variant: str, given: Sequence[Hunk]) -> list[Replayed]:
    """Each hunk at every server before the next one."""
    outcomes = {server.name: Counter[str]() for server in opened}
    spent = {server.name: [0.0, 0.0, 0.0] for server in opened}
    for number, hunk in enumerate(given):
        for server in opened if number % 2 else reversed(opened):
            path = server.root / f"{number}{Path(hunk.path).suffix}"
            path.write_bytes(hunk.before)
            arguments = server.edit(path, hunk)
            began = time.perf_counter()
            result = await server.client.call("edit_file", arguments)
            took = time.perf_counter() - began
            outcomes[server.name][_outcome(result, path, hunk)] += 1
            for at, more in enumerate((len(msgspec.json.encode(arguments)) / 4, len(result.text) / 4, took)):
                spent[server.name][at] += more
            path.unlink()
    found: list[Replayed] = []
    for server in opened:
        how = outcomes[server.name]
        call, answer, took = (figure / len(given) for figure in spent[server.name])
        counts = (how["right"], how["refused"], how["wrong"])
        found.append(Replayed(server.name, variant, len(given), *counts, call, answer, took))
    return found


def _outcome(result: ToolResult, path: Path, hunk: Hunk) -> str:
    """Refused is only what changed nothing."""
    data = path.read_bytes()
    if result.is_error:
        return "refused" if data == hunk.before else "wrong"
    return "right" if data == hunk.after else "wrong"


async def read_ends(server: Server, gigabytes: int) -> list[ReadEnd]:
    path = server.root / "large.log"
    with path.open("wb") as file:
        file.write(_EDGE)
        file.seek(gigabytes * 10**9)
        file.write(b"\n" + _EDGE)
    lines = _EDGE.decode().splitlines()
    found: list[ReadEnd] = []
    for (tool, arguments), end, wanted in zip(
        server.ends(path), ("head", "tail"), (lines[:50], lines[-50:]), strict=True
    ):
        before, began = _resident(server.process), time.perf_counter()
        call = asyncio.create_task(server.client.call(tool, arguments))
        most = before
        while not call.done():
            await asyncio.wait([call], timeout=0.02)
            most = max(most, _resident(server.process))
        took = time.perf_counter() - began
        lines_read = set(call.result().text.splitlines())
        found.append(ReadEnd(server.name, end, took, len(lines_read & set(wanted)), (most - before) / 1e6))
    path.unlink()
    return found


def _resident(process: psutil.Process) -> int:
    return process.memory_info().rss


async def measure(
    repository: Path, count: int, *, peer: bool, gigabytes: int
) -> tuple[list[Replayed], list[ReadEnd]]:
    wide, narrow = hunks(repository, 3, count), hunks(repository, 1, count)
    variants = {
        "UTF-8, `\\n`": wide,
        "one line of context": narrow,
        "`\\r\\n`": [with_crlf(hunk) for hunk in wide],
        "ISO-8859-1": [in_latin_1(hunk) for hunk in wide],
    }
    with tempfile.TemporaryDirectory(prefix="toolward-bench-") as folder:
        async with servers(Path(folder), peer=peer) as opened:
            replayed = [row for name, given in variants.items() for row in await replay(opened, name, given)]
            ends = [row for server in opened for row in await read_ends(server, gigabytes)]
    return replayed, ends


def tables(replayed: Sequence[Replayed], ends: Sequence[ReadEnd], gigabytes: int) -> str:
    lines = [
        "| hunks | server | right at first try | refused | wrong, unsaid | tokens: call | answer | calls/s |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += (
        f"| {row.variant} | {row.server} | {row.right} of {row.hunks} ({row.right / row.hunks:.1%}) "
        f"| {row.refused} | {row.wrong} | {row.call_tokens:,.0f} | {row.answer_tokens:,.0f} "
        f"| {1 / row.seconds:,.0f} |"
        for row in replayed
    )
    lines += [
        "",
        f"| {gigabytes} GB, 50 lines | server | lines | time | more memory |",
        "|---|---|---|---:|---:|",
    ]
    lines += (
        f"| {row.end} | {row.server} | {row.lines} | {row.seconds * 1e3:,.0f} ms "
        f"| {row.more_memory_mb:,.1f} MB |"
        for row in ends
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.files", description=__doc__)
    parser.add_argument("--hunks", type=int, default=400, help="of each kind")
    parser.add_argument("--repository", type=Path, default=Path(__file__).parents[2])
    parser.add_argument("--gigabytes", type=int, default=GIGABYTES)
    parser.add_argument("--without-peer", action="store_true", help="npm is not needed then")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    began = time.monotonic()
    replayed, ends = asyncio.run(
        measure(given.repository, given.hunks, peer=not given.without_peer, gigabytes=given.gigabytes)
    )
    if given.json:
        found = {"replayed": [row._asdict() for row in replayed], "ends": [row._asdict() for row in ends]}
        print(msgspec.json.encode(found).decode())
        return
    seconds = time.monotonic() - began
    print(f"{os.cpu_count()} processors, {seconds:.0f} s\n\n{tables(replayed, ends, given.gigabytes)}")


if __name__ == "__main__":
    main()
