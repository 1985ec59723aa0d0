"""What a child writes to stderr: kept in a bounded file, its end at hand for saying why the child died."""

import os
from io import FileIO
from pathlib import Path

MAX_BYTES = 1024 * 1024
"""Of the file; the one before it is kept beside it, with `.1` at the end."""

_TAIL = 4096
_SHOWN_LINES = 3
_SHOWN = 400  # characters


class LogFile:
    """Appends to `path`, which only its owner may read."""

    def __init__(self, path: Path, hidden: tuple[str, ...] = ()) -> None:
        """Raises OSError."""
        self._path = path
        self._hidden = hidden
        self._tail = b""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = self._open()

    def write(self, data: bytes) -> None:
        """Raises OSError."""
        self._tail = (self._tail + data)[-_TAIL:]
        if self._file.tell() + len(data) > MAX_BYTES:
            self._file.close()
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            self._file = self._open()
        self._file.write(data[-MAX_BYTES:])

    def last_words(self) -> str:
        """The last lines, as one, without the values that must not be shown."""
        text = self._tail.decode("utf-8", "replace")
        for secret in self._hidden:
            text = text.replace(secret, "***")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return " | ".join(lines[-_SHOWN_LINES:])[-_SHOWN:]

    def close(self) -> None:
        self._file.close()

    def _open(self) -> FileIO:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return FileIO(descriptor, "ab")
