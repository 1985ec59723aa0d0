"""Windows of files that are too large for memory: their bytes go by in blocks.

Encoding and ends of lines are judged by the beginning. What turns out to be no text of that encoding further on is
shown escaped, and counted; nobody edits such a file by what was shown.
"""

import codecs
import os
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from toolservers.documents.kinds import binary_kind
from toolservers.files.text.encodings import (
    HEAD,
    Encoding,
    EndOfLine,
    NotText,
    encoding_of,
    end_of_line,
    terminator,
)
from toolservers.files.text.windows import (
    MAX_CHARACTERS,
    Asked,
    Window,
    behind_end,
    behind_line,
    cut,
    require_line,
)
from toolward.errors import ToolError

BLOCK = 1 << 20
MAX_SCAN = 20_000_000_000
"""Bytes that one call goes through on its way to a line."""

_ODD = re.compile("[\0\ud800-\udfff]")


def _never() -> bool:
    return False


class LargeWindow(NamedTuple):
    window: Window
    escaped: int
    """Bytes that are shown as `\\xNN`, and halves of surrogate pairs as `\\uNNNN`."""


class LargeFile:
    """An opened file, read by its descriptor; blocking. `cancelled` is asked before each block."""

    def __init__(self, descriptor: int, path: str, cancelled: Callable[[], bool] = _never) -> None:
        """Raises NotText, OSError."""
        self._descriptor, self._path, self._cancelled = descriptor, path, cancelled
        head = os.pread(descriptor, HEAD, 0)
        self.encoding: Encoding = encoding_of(head, path, whole=False)
        self._begin, self._unit = len(self.encoding.bom), self.encoding.unit
        self._errors = "surrogateescape" if self._unit == 1 else "surrogatepass"
        self.end_of_line: EndOfLine = end_of_line(self._decoder().decode(head[self._begin :]))
        self._end = terminator(self.end_of_line)
        self._end_bytes = self._end.encode(self.encoding.codec)

    def window(self, asked: Asked) -> LargeWindow:
        """Raises ToolError where it lies behind the end, or too far from both; NotText where it has no text."""
        require_line(asked.line)
        size = os.fstat(self._descriptor).st_size
        total = None
        if asked.line > 0:
            line, start = asked.line, self._line_from_begin(asked.line)
        else:
            line, start, total = self._line_from_end(-asked.line, size)
        try:
            start = self._skip(start, line, asked.column)
            piece = self._piece(start, size if line < 0 else None)
        except UnicodeDecodeError:  # UTF-32 alone has what stands for no character at all
            raise NotText(self._path, f"damaged {self.encoding.name} text") from None
        found = cut(piece, self._end, Asked(line, asked.count, asked.column), total)
        text, escaped = _ODD.subn(_escape, found.text)
        if escaped > max(100, len(found.text) // 10):
            raise NotText(self._path, f"{binary_kind(b'')} from byte {start:,} on, though it begins as text")
        return LargeWindow(found._replace(text=text), escaped)

    def _line_from_begin(self, line: int) -> int:
        """The byte at which it begins."""
        left, at, last = line - 1, self._begin, b""
        if not left:
            return at
        while block := self._block(at, at + BLOCK, at):
            ends = self._count(block)
            if ends >= left:
                start = at + self._nth(block, left) + self._unit
                if os.pread(self._descriptor, 1, start):
                    return start
            left, at, last = left - ends, at + len(block), block
        total = line - 1 - left + (last != b"" and not last.endswith(self._end_bytes))
        raise behind_end(line, total)

    def _line_from_end(self, lines: int, size: int) -> tuple[int, int, int | None]:
        """Line, the byte at which it begins, and how many lines there are; the line is below 0 where that is not
        known."""
        size -= (size - self._begin) % self._unit
        ended = os.pread(self._descriptor, self._unit, max(size - self._unit, 0)) == self._end_bytes
        left, at = lines + ended, size
        while at > self._begin:
            above = max(self._begin, at - BLOCK)
            block = self._block(above, at, size - above)
            ends = self._count(block)
            if ends >= left:
                return -lines, above + self._nth(block, ends - left + 1) + self._unit, None
            left, at = left - ends, above
        return 1, self._begin, lines + ended - left + (not ended)

    def _skip(self, start: int, line: int, column: int) -> int:
        """The byte at which the column of the line begins whose first byte is `start`."""
        left, at, decoder, begin = column - 1, start, self._decoder(), start
        while left:
            block = self._block(at, at + BLOCK, at - start)
            text = decoder.decode(block, not block)
            found = text.find(self._end, 0, left)
            if found >= 0 or not block:
                raise behind_line(line, column, column - 1 - left + (found + 1 if found >= 0 else len(text)))
            if len(text) > left:
                return begin + len(text[:left].encode(self.encoding.codec, self._errors))
            left, at = left - len(text), at + len(block)
            begin = at - len(decoder.getstate()[0])
        if column > 1 and not os.pread(self._descriptor, 1, begin):
            raise behind_line(line, column, column - 1)
        return begin

    def _piece(self, start: int, stop: int | None) -> str:
        """Not beyond `stop`, from which lines were counted: the file may have grown."""
        decoder, text, at, most = self._decoder(), "", start, 4 * (MAX_CHARACTERS + 1)
        while len(text) <= MAX_CHARACTERS:
            block = os.pread(self._descriptor, most if stop is None else min(most, max(stop - at, 0)), at)
            text, at = text + decoder.decode(block, not block), at + len(block)
            if not block:
                break
        return text[: MAX_CHARACTERS + 1]

    def _decoder(self) -> codecs.IncrementalDecoder:
        return codecs.getincrementaldecoder(self.encoding.codec)(self._errors)

    def _block(self, start: int, stop: int, gone: int) -> bytes:
        if self._cancelled():
            raise ToolError("The reading was stopped, since nobody waits for it any more.")
        if gone > MAX_SCAN:
            raise ToolError(
                f"That is more than {MAX_SCAN:,} bytes from the end that it is counted from; read nearer to the "
                "beginning, or from the end with a `line` below 0."
            )
        block = os.pread(self._descriptor, stop - start, start)
        return block[: len(block) - len(block) % self._unit] or block

    def _count(self, block: bytes) -> int:
        return block.count(self._end_bytes) if self._unit == 1 else sum(1 for _ in self._wide_ends(block))

    def _nth(self, block: bytes, number: int) -> int:
        """Where the end of line with this number, from 1, stands in the block."""
        if self._unit > 1:
            return next(at for count, at in enumerate(self._wide_ends(block), start=1) if count == number)
        at = -1
        for _ in range(number):
            at = block.index(self._end_bytes, at + 1)
        return at

    def _wide_ends(self, block: bytes) -> Iterator[int]:
        """Only where a character begins: U+0A0D and what follows it have the same bytes between them."""
        at = block.find(self._end_bytes)
        while at >= 0:
            if at % self._unit == 0:
                yield at
            at = block.find(self._end_bytes, at + 1)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return rf"\x{code & 0xFF:02x}" if code == 0 or 0xDC80 <= code <= 0xDCFF else rf"\u{code:04x}"
