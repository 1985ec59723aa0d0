"""The corpus of malformed HTTP over real connections: every input has its answers or none, in time, and nothing
that was hidden in one is heard."""

import asyncio
import random
from contextlib import suppress

from tests.fuzz.bytes import changed
from tests.fuzz.house import PATIENCE, Finding, House
from tests.fuzz.shapes import CANARY, Shape, corpus

AT_ONCE = 48
QUIET = 0.06
"""Seconds without a word, after which a client says that it has no more to say."""


def fuzz(house: House, inputs: int, seed: int) -> None:
    """The whole corpus as often as it goes into half of `inputs`, and changes of it. Raises Finding."""
    chance = random.Random(seed)
    shapes = corpus(house.token)
    rounds = max(inputs // 2 // len(shapes), 1)
    mine = [(shape, chance.random()) for _ in range(rounds) for shape in shapes][:inputs]
    small = [shape for shape in shapes if len(shape.raw) < 10_000]
    for _ in range(inputs - len(mine)):
        shape = chance.choice(small)
        mine.append((Shape(f"{shape.name}, changed", changed(chance, shape.raw), -1), chance.random()))
    asyncio.run(_all(house, mine))


async def _all(house: House, shapes: list[tuple[Shape, float]]) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(shape: Shape, cut: float) -> None:
        async with turns:
            await _send(house, shape, cut)
            house.progress()

    for start in range(0, len(shapes), 1_000):
        async with asyncio.TaskGroup() as group:
            for shape, cut in shapes[start : start + 1_000]:
                group.create_task(one(shape, cut))


async def _send(house: House, shape: Shape, cut: float) -> None:
    """In two pieces where `cut` says so, which is a share of its length."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.http)
    try:
        async with asyncio.timeout(PATIENCE * 2):
            said = await _talk(reader, writer, shape.raw, int(len(shape.raw) * cut * 2))
    except TimeoutError:
        raise Finding(f"it hangs ({shape.name})", shape.raw) from None
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    _check(shape, said)


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes, at: int) -> bytes:
    """All that comes back until it closes, or was closed on our side and on theirs."""
    said = b""
    with suppress(ConnectionError):
        writer.write(raw[:at])
        await writer.drain()
        if at < len(raw):
            await asyncio.sleep(0.002)
            writer.write(raw[at:])
            await writer.drain()
        while True:
            try:
                more = await asyncio.wait_for(reader.read(65_536), QUIET)
            except TimeoutError:
                break
            if not more:
                return said
            said += more
        writer.write_eof()
        while more := await reader.read(65_536):
            said += more
    return said


def _check(shape: Shape, said: bytes) -> None:
    statuses = [int(status) for status in _statuses(shape, said)]
    if any(status >= 500 for status in statuses):
        raise Finding(f"{statuses} ({shape.name}): {said[:500]!r}", shape.raw)
    if shape.hears < 0:
        return
    heard = [status for status in statuses if status >= 200]
    refused = heard[-1:] == [400]
    if len(heard) > shape.hears + refused:
        raise Finding(f"{statuses} to {shape.hears} ({shape.name}): {said[:1_500]!r}", shape.raw)
    if shape.hears == 1 and CANARY in said:
        raise Finding(f"what was hidden in it was heard ({shape.name}): {said[:1_500]!r}", shape.raw)


def _statuses(shape: Shape, said: bytes) -> list[bytes]:
    """Of the answers, which follow each other without a gap."""
    found: list[bytes] = []
    while said:
        head, end, rest = said.partition(b"\r\n\r\n")
        first = head.split(b"\r\n")[0].split(b" ")
        if first[0] not in (b"HTTP/1.1", b"HTTP/1.0") or len(first) < 2 or not first[1].isdigit() or not end:
            raise Finding(f"no answer ({shape.name}): {said[:500]!r}", shape.raw)
        found.append(first[1])
        lines = {
            line.partition(b":")[0].lower(): line.partition(b":")[2].strip()
            for line in head.split(b"\r\n")[1:]
        }
        if lines.get(b"transfer-encoding") == b"chunked":
            _, _, rest = (b"\r\n" + rest).partition(b"\r\n0\r\n\r\n")
        elif b"content-length" in lines and not shape.raw.lstrip().startswith(b"HEAD"):
            rest = rest[int(lines[b"content-length"]) :]
        elif lines.get(b"connection") == b"close" or (b"content-length" not in lines and first[1] != b"100"):
            rest = b""  # to the end
        said = rest
    return found
