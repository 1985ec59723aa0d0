"""The parts of a session, each with its own upstream and its own participants."""

import re
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.gateway import counted, layers, others, participants
from benchmarks.gateway.load import PATIENCE, Sample, Target, WrongAnswer, burst, message
from benchmarks.gateway.participants import Opening
from benchmarks.gateway.processes import free_port, go_on, own_python, process, upstream, used, wait_for_port
from benchmarks.gateway.rounds import Row, opened, say, take_turns

IN_FLIGHT = (1, 16, 64)
MANY = 64
SLOW_ROUNDS, SLOW_SECONDS = 2, 8  # of gateways that make tens of calls a second

COMPARED: dict[str, Opening] = {
    "nginx": participants.nginx,
    "direct": participants.direct,
    "toolward": participants.toolward,
}
LAYERED: dict[str, Opening] = {name: partial(participants.layer, name=name) for name in layers.LAYERS}
LAYERED["toolward"] = participants.toolward


class Bounds(msgspec.Struct, frozen=True):
    """How long the session is: of bursts in seconds; of counted calls, how many."""

    rounds: int = 5
    seconds: float = 3
    grpc_calls: int = 6000
    memory_step: int = 20_000
    memory_steps: int = 10
    listings: int = 200
    others: bool = True


class Compared(msgspec.Struct):
    rows: list[Row]
    absent: dict[str, str]


def compare(program: Path, folder: Path, bounds: Bounds) -> Compared:
    openings = COMPARED | (others.OPENINGS if bounds.others else {})

    def one(target: Target, in_flight: int) -> Sample:
        slow = target.name in others.OPENINGS
        return burst(target, in_flight, SLOW_SECONDS if slow else bounds.seconds, folder)

    with upstream(program, folder) as at, opened(openings, at, folder) as field:
        fewer = dict.fromkeys(others.OPENINGS, SLOW_ROUNDS)
        return Compared(take_turns(field, IN_FLIGHT, bounds.rounds, one, fewer=fewer), field.absent)


def curve(program: Path, folder: Path, bounds: Bounds) -> list[Row]:
    """By layer."""

    def one(target: Target, in_flight: int) -> Sample:
        return burst(target, in_flight, bounds.seconds, folder)

    with upstream(program, folder) as at, opened(LAYERED, at, folder) as field:
        return take_turns(field, (MANY,), bounds.rounds, one)


# --- a large catalog --------------------------------------------------------------------------------------

LARGE = 5000
OF_ONE = 1000  # tools that the catalog takes of one backend
_CURSOR = re.compile(rb'"nextCursor":"([^"]+)"')


class Catalog(msgspec.Struct):
    """`list_ms` is a whole listing of the large catalog, page by page over one kept connection, with the client's
    reading of it; `list_cpu_ms` the gateway's part. `rows` are calls with 10 tools and with many."""

    pages: int
    megabytes: float
    first_ms: float
    list_ms: float
    list_cpu_ms: float
    direct_ms: float
    rows: list[Row]


def catalog(program: Path, folder: Path, bounds: Bounds) -> Catalog:
    few: dict[str, Opening] = {"10 tools": participants.toolward}
    many: dict[str, Opening] = {f"{LARGE} tools": partial(participants.toolward, backends=LARGE // OF_ONE)}

    def one(target: Target, in_flight: int) -> Sample:
        return burst(target, in_flight, bounds.seconds, folder)

    with (
        upstream(program, folder) as small,
        upstream(program, folder, OF_ONE) as large,
        upstream(program, folder, LARGE) as whole,
        opened(few, small, folder) as field,
        opened(many, large, folder) as more,
    ):
        field.targets |= more.targets
        rows = take_turns(field, (1, MANY), bounds.rounds, one)
        target = field.targets[f"{LARGE} tools"]
        found = _listings(target, bounds.listings)
        direct = _listings(Target("direct", whole, 0), bounds.listings)
        return msgspec.structs.replace(found, rows=rows, direct_ms=direct.list_ms)


def _listings(target: Target, count: int) -> Catalog:
    if target.pid:
        go_on(target.pid)  # it stood still
    connection = HTTPConnection("127.0.0.1", target.port, timeout=PATIENCE)
    first, pages, size = _whole(connection, target)
    before = used(target.pid).cpu if target.pid else 0.0
    took = [_whole(connection, target)[0] for _ in range(count)]
    after = used(target.pid).cpu if target.pid else 0.0
    connection.close()
    return Catalog(pages, size / 1e6, first, median(took), (after - before) * 1000 / count, 0.0, [])


def _whole(connection: HTTPConnection, target: Target) -> tuple[float, int, int]:
    """Milliseconds, pages, bytes. Raises WrongAnswer where it is not all of them."""
    cursor, pages, size, tools, began = "", 0, 0, 0, time.perf_counter()
    while True:
        said = message("tools/list", {"cursor": cursor} if cursor else {})
        connection.request("POST", target.path, said, target.all_headers)
        body = connection.getresponse().read()
        pages, size, tools = pages + 1, size + len(body), tools + body.count(b'"inputSchema"')
        found = _CURSOR.search(body, max(0, len(body) - 400)) or _CURSOR.search(body[:200])
        if found is None:
            break
        cursor = found[1].decode()
    took = (time.perf_counter() - began) * 1000
    if tools < LARGE:
        raise WrongAnswer(f"{target.name} lists {tools} tools, not {LARGE}")
    return took, pages, size


# --- memory -----------------------------------------------------------------------------------------------


def memory(program: Path, folder: Path, bounds: Bounds) -> list[float]:
    """Megabytes of RSS before the first call, and after each so many calls."""
    with upstream(program, folder) as at:
        (folder / "toolward").mkdir()
        with participants.toolward(at, folder / "toolward") as target:
            found = [used(target.pid).rss / 1e6]
            for number in range(bounds.memory_steps):
                found.append(counted.calls(target, bounds.memory_step, MANY, folder).rss_mb)
                say(f"{(number + 1) * bounds.memory_step:,} calls: {found[-1]:.1f} MB")
    return found


# --- gRPC -------------------------------------------------------------------------------------------------


def grpc(program: Path, folder: Path, bounds: Bounds) -> list[Row]:
    """A hop of bare grpc.aio, and ours from each protocol to each."""

    def one(target: Target, in_flight: int) -> Sample:
        by = counted.calls if target.name.startswith("MCP") else counted.grpc_calls
        return by(target, bounds.grpc_calls, in_flight, folder)

    with upstream(program, folder) as mcp, _grpc_upstream(folder) as address:
        before_grpc = partial(participants.toolward, grpc=address)
        openings: dict[str, Opening] = {
            "bare grpc.aio hop": partial(_bare_hop, address=address),
            "gRPC to gRPC": before_grpc,
            "gRPC to MCP": participants.toolward,
            "MCP to gRPC": before_grpc,
            "MCP to MCP": participants.toolward,
        }
        with opened(openings, mcp, folder) as field:
            for name, target in field.targets.items():
                field.targets[name] = msgspec.structs.replace(target, name=name)
            return take_turns(field, (1, MANY), bounds.rounds, one)


@contextmanager
def _grpc_upstream(folder: Path) -> Generator[str, None, None]:
    port = free_port()
    command = own_python("-m", "benchmarks.gateway.grpc_ends", "upstream", str(port))
    with process(command, measured=False, folder=folder) as started:
        wait_for_port(started, port, folder)
        yield f"127.0.0.1:{port}"


@contextmanager
def _bare_hop(upstream: int, folder: Path, *, address: str) -> Generator[Target, None, None]:
    port = free_port()
    command = own_python("-m", "benchmarks.gateway.grpc_ends", "hop", str(port), address)
    with process(command, measured=True, folder=folder) as started:
        wait_for_port(started, port, folder)
        yield Target("bare hop", port, started.pid, grpc=f"127.0.0.1:{port}")


# --- workers ----------------------------------------------------------------------------------------------


def workers(program: Path, folder: Path, bounds: Bounds, counts: Sequence[int] = (1, 2)) -> Compared:
    """Pinned nowhere: it takes as many free processors as there are workers, and one for load and upstream."""

    def one(target: Target, in_flight: int) -> Sample:
        return burst(target, in_flight, bounds.seconds, folder)

    openings: dict[str, Opening] = {
        f"{count} workers": partial(participants.toolward, options=("--workers", str(count)), pinned=False)
        for count in counts
    }
    with upstream(program, folder) as at, opened(openings, at, folder) as field:
        return Compared(take_turns(field, (MANY,), bounds.rounds, one), field.absent)
