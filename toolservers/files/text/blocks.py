"""An opened file as blocks of whole lines in UTF-8, whatever its encoding and its ends of lines, in flat memory."""

import codecs
import os
from collections.abc import Iterator
from typing import NamedTuple

from toolservers.files.text.encodings import HEAD, Encoding, encoding_of, read_whole

BLOCK = 128 * 1024
"""Bytes that are read and searched at once."""

MAX_LINE = 1 << 20
"""Bytes of the longest line that is searched as a whole; a longer one is searched in pieces."""

OVERLAP = 8_192
"""Bytes that two pieces of a line have in common, so that what is shorter is never cut in two; more than a query's
characters have bytes."""


class Block(NamedTuple):
    """Lines from number `line` on: `text[start:end]`, each ended by one `\\n`, the file's last maybe not. What lies
    around `start` and `end` is the same line's, so that it does not seem to begin or end there."""

    text: bytes
    line: int
    start: int
    end: int


class Source(NamedTuple):
    """An opened file that is text. `data`, in UTF-8, is None where it is larger than goes through memory: then
    it is judged by its head. `old_mac`: lines end with a lone `\\r`."""

    descriptor: int
    size: int
    encoding: Encoding
    old_mac: bool
    data: bytes | None


def source(descriptor: int, size: int, path: str) -> Source:
    """`size` bytes of a regular file are read from it. Raises NotText, OSError."""
    data = read_whole(descriptor)
    head = os.pread(descriptor, HEAD, 0) if data is None else data
    encoding = encoding_of(head, path, whole=data is not None)
    text = _utf8(head, encoding)
    old_mac = b"\r" in text and b"\n" not in text
    return Source(descriptor, size, encoding, old_mac, None if data is None else text)


def blocks(source: Source, *, block: int = BLOCK, longest: int = MAX_LINE) -> Iterator[Block]:
    """Raises OSError."""
    texts = (
        _streamed(source, block) if source.data is None else _slices(_with_feeds(source.data, source), block)
    )
    return _cut(texts, longest)


def _utf8(data: bytes, encoding: Encoding) -> bytes:
    data = data[len(encoding.bom) :]
    return data if encoding.codec == "utf-8" else data.decode(encoding.codec, "replace").encode()


def _with_feeds(text: bytes, source: Source) -> bytes:
    if b"\r" not in text:  # much faster than `replace`, which looks for the pair
        return text
    return text.replace(b"\r", b"\n") if source.old_mac else text.replace(b"\r\n", b"\n")


def _slices(text: bytes, size: int) -> Iterator[bytes]:
    if len(text) <= size:
        yield text
        return
    for start in range(0, len(text), size):
        yield text[start : start + size]


def _streamed(source: Source, block: int) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(source.encoding.codec)("replace")
    is_utf8 = source.encoding.codec == "utf-8"
    position, held = len(source.encoding.bom), b""  # held: a `\r` whose `\n` may come
    while position < source.size and (
        data := os.pread(source.descriptor, min(block, source.size - position), position)
    ):
        position += len(data)
        text = held + (data if is_utf8 else decoder.decode(data).encode())
        held = b"\r" if text.endswith(b"\r") and not source.old_mac else b""
        yield _with_feeds(text[: len(text) - len(held)], source)
    yield held + decoder.decode(b"", final=True).encode()


def _cut(texts: Iterator[bytes], longest: int) -> Iterator[Block]:
    rest, line, before = b"", 1, 0  # before: bytes of `rest` that only show that its line began earlier
    for text in texts:
        rest += text
        end = rest.rfind(b"\n") + 1
        if end > before:
            yield Block(rest[:end], line, before, end)
            line += rest.count(b"\n", before, end)
            rest, before = rest[end:], 0
        while len(rest) - before > longest:
            end = before + longest
            while rest[end] & 0xC0 == 0x80 and end > before + longest - 3:  # not in a character's middle
                end -= 1
            yield Block(rest[: end + 1], line, before, end)
            rest, before = rest[end - min(OVERLAP, longest // 2) - 1 :], 1
    if len(rest) > before:
        yield Block(rest, line, before, len(rest))
