"""HTTP/1.1 answers, read strictly off a socket, so that a byte too many is seen."""

import socket
import time
from contextlib import suppress
from dataclasses import dataclass

from tests.fuzz.house import PATIENCE, Finding


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    open: bool = False  # a stream that goes on


class Hung(Exception):
    """No answer in time."""


class Line:
    """One connection. `read` gives the next answer, None where the server has closed."""

    def __init__(self, port: int, patience: float = PATIENCE) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._patience = patience
        self._left = b""

    def close(self) -> None:
        self.socket.close()

    def send(self, raw: bytes) -> None:
        with suppress(ConnectionError, TimeoutError):  # it may refuse to read on, and say why: `read` sees
            self.socket.sendall(raw)

    def read(self, *, head_only: bool = False) -> Answer | None:
        """Raises Hung, and Finding for what is no answer."""
        until = time.monotonic() + self._patience
        head = self._until(b"\r\n\r\n", until)
        if head is None:
            return None
        first, *lines = head.split(b"\r\n")
        version, _, rest = first.partition(b" ")
        if version not in (b"HTTP/1.1", b"HTTP/1.0") or not rest[:3].isdigit():
            raise Finding("an answer does not begin as one", head)
        pairs = (line.partition(b":") for line in lines)
        headers = {name.decode().lower(): value.decode("latin-1").strip() for name, _, value in pairs}
        status = int(rest[:3])
        if head_only or status in (204, 304) or status < 200:
            return Answer(status, headers, b"")
        if "content-length" in headers:
            return Answer(status, headers, self._exactly(int(headers["content-length"]), until))
        if headers.get("transfer-encoding") == "chunked":
            return self._chunked(status, headers, until)
        return Answer(status, headers, self._rest(until))

    def surplus(self) -> bytes:
        """What is there although nothing more was asked for."""
        self.socket.setblocking(False)
        try:
            self._left += self.socket.recv(65_536)
        except (BlockingIOError, ConnectionError):
            pass
        finally:
            self.socket.settimeout(self._patience)
        return self._left

    def _chunked(self, status: int, headers: dict[str, str], until: float) -> Answer:
        body = b""
        streams = headers.get("content-type", "").startswith("text/event-stream")
        while True:
            try:
                size = self._until(b"\r\n", min(until, time.monotonic() + 1) if streams else until)
            except Hung:
                if streams:
                    return Answer(status, headers, body, open=True)
                raise
            if size is None:
                raise Finding("a chunked answer was cut", body)
            length = int(size, 16)
            body += self._exactly(length, until)
            if self._exactly(2, until) != b"\r\n":
                raise Finding("a chunk does not end as one", body)
            if length == 0:
                return Answer(status, headers, body)

    def _more(self, until: float) -> bool:
        self.socket.settimeout(max(until - time.monotonic(), 0.001))
        try:
            found = self.socket.recv(65_536)
        except TimeoutError:
            raise Hung from None
        except ConnectionError:
            return False
        self._left += found
        return bool(found)

    def _until(self, mark: bytes, until: float) -> bytes | None:
        while mark not in self._left:
            if not self._more(until):
                if self._left:
                    raise Finding("an answer was cut", self._left)
                return None
        found, _, self._left = self._left.partition(mark)
        return found

    def _exactly(self, count: int, until: float) -> bytes:
        while len(self._left) < count:
            if not self._more(until):
                raise Finding("an answer's body was cut", self._left)
        found, self._left = self._left[:count], self._left[count:]
        return found

    def _rest(self, until: float) -> bytes:
        while self._more(until):
            pass
        found, self._left = self._left, b""
        return found
