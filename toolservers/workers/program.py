"""What a worker process runs: `python -I -m toolservers.workers.program OPERATIONS SERVER LIMITS`.

Started by `toolservers.workers.process` alone, with the module of its table of operations, the server's process id
and the limits as JSON. It answers one request after another from standard input, and ends with its server.
"""

import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from importlib import import_module

import msgspec

from toolservers.workers.messages import HEADER, Operation, Reply, Request, framed
from toolservers.workers.work import Limits
from toolward.errors import ToolError

_SET_PDEATHSIG = 1
_EXIT_MEMORY = 3


class Worker:
    def __init__(
        self, operations: Mapping[str, Operation], limits: Limits, requests: int, replies: int
    ) -> None:
        self._operations = operations
        self._limits = limits
        self._requests = requests
        self._replies = replies
        self._saying = threading.Lock()

    def serve(self) -> int:
        """Until the server closes the pipe, or memory has run out. The first operation of the table is loaded
        before the rest, which a thread loads meanwhile: one that takes long keeps nobody from the first."""
        first, *rest = self._operations
        self._load(first)
        threading.Thread(target=self._load_rest, args=(rest,), daemon=True).start()
        while (request := self._next()) is not None:
            # Should the server not be there to stop this: it ends by itself. `timeout` sends SIGALRM.
            signal.setitimer(signal.ITIMER_REAL, 2 * self._limits.call_seconds)
            reply = self._answer(request)
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._say(reply)
            if reply.kind == "memory":  # what is left of it, and in what state, nobody knows
                return _EXIT_MEMORY
        return 0

    def _load_rest(self, names: list[str]) -> None:
        for name in names:
            self._load(name)
        gc.collect()
        gc.freeze()  # what is loaded is not looked at again for garbage
        self._say(Reply("warm"))

    def _load(self, name: str) -> None:
        operation = self._operations[name]
        try:
            function = operation.load()
            if operation.sample is not None:
                function(**operation.sample)
        except Exception as error:  # each call of it will say what is wrong
            print(f"{name} is not loaded: {error}", file=sys.stderr)
        self._say(Reply("loaded", name))

    def _next(self) -> Request | None:
        header = self._read(HEADER)
        if len(header) < HEADER:
            return None
        return msgspec.json.decode(self._read(int.from_bytes(header, "big")), type=Request)

    def _read(self, size: int) -> bytes:
        """Less than `size` where the server has closed its end."""
        parts: list[bytes] = []
        while size and (part := os.read(self._requests, size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _answer(self, request: Request) -> Reply:
        try:
            arguments = request.arguments
            if request.attached is not None:
                arguments |= {"data": self._read(request.attached)}
            result = self._operations[request.operation].load()(**arguments)
            encoded = msgspec.json.encode(result)
        except ToolError as error:
            return Reply("refused", text=str(error))
        except MemoryError:
            return Reply("memory")
        except ImportError as error:
            return Reply("unavailable", text=f"a package is missing: {error.name}")
        except Exception:  # a bug: for the server's log
            return Reply("bug", text=traceback.format_exc(limit=-20)[-self._limits.max_error :])
        if len(encoded) > self._limits.max_message - self._limits.max_error:
            return Reply(
                "refused", text=f"The result has {len(encoded):,} bytes, which is too long to be sent."
            )
        return Reply("result", result=msgspec.Raw(encoded))

    def _say(self, reply: Reply) -> None:
        data = memoryview(framed(reply))
        with self._saying:
            while data:
                data = data[os.write(self._replies, data) :]


def _bounded(most_memory: int) -> None:
    """No memory beyond the limit, no core dumps. macOS takes the limit on addresses and does not keep it: there
    the deadline alone bounds memory."""
    import resource

    for kind, most in ((resource.RLIMIT_AS, most_memory), (resource.RLIMIT_CORE, 0)):
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):
            if sys.platform == "linux":
                raise


def _end_with(server: int) -> None:
    """Also while it computes, when it would not see that standard input is closed."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != server:  # it died before we asked
        os._exit(0)


def main() -> int:
    table, server, said = sys.argv[1:]
    limits = msgspec.json.decode(said, type=Limits)
    _end_with(int(server))
    _bounded(limits.max_memory)
    requests, replies = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what anything prints goes to the server's log, not between the replies
    operations: Mapping[str, Operation] = import_module(table).OPERATIONS
    try:
        return Worker(operations, limits, requests, replies).serve()
    except BrokenPipeError:  # the server has ended
        return 0


if __name__ == "__main__":
    sys.stderr.flush()
    os._exit(main())  # nothing here needs to be put away, and a thread may still be loading
