"""An MCP server over bare lines that answers with another request's id when it is asked to, or with garbage, or
floods. Nothing of ours or of the SDK's is on this side, so that nothing keeps it honest."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

PID = {"content": [{"type": "text", "text": "ok"}], "structuredContent": {"pid": os.getpid()}}
MANY = int(os.environ.get("MANY", "0"))  # tools beside its own
FAT = int(os.environ.get("FAT", "0"))  # bytes of one more tool on every page of a list without end
FLOOD = float(os.environ.get("FLOOD", "1"))  # seconds
CHANGED: list[str] = []


def ok(id_: int, last: int) -> None:
    answer(id_)


def other_id(id_: int, last: int) -> None:
    answer(id_ + 1000)


def stale_id(id_: int, last: int) -> None:
    answer(last)


def garbage(id_: int, last: int) -> None:
    for _ in range(200):
        print("}{ not JSON", flush=True)


def huge(id_: int, last: int) -> None:
    """200 MB."""
    sys.stdout.write(f'{{"jsonrpc":"2.0","id":{id_},"result":{{"content":[{{"type":"text","text":"')
    for _ in range(200):
        sys.stdout.write("x" * 1_000_000)
    sys.stdout.write('"}]}}\n')
    sys.stdout.flush()


def notify(id_: int, last: int) -> None:
    for _ in while_flooding():
        say({"method": "notifications/tools/list_changed"})
    answer(id_)


def shout(id_: int, last: int) -> None:
    for _ in while_flooding():
        sys.stderr.write("all is lost " * 1000 + "\n")
    answer(id_)


def change(id_: int, last: int) -> None:
    CHANGED.append(f"new{len(CHANGED)}")
    say({"method": "notifications/tools/list_changed"})
    answer(id_)


def hang(id_: int, last: int) -> None:
    """No answer at all."""


def crash(id_: int, last: int) -> None:
    os._exit(9)


OWN: dict[str, Callable[[int, int], None]] = {
    act.__name__: act for act in (ok, other_id, stale_id, garbage, huge, notify, shout, change, hang, crash)
}


def main() -> None:
    last = 0
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        if message["method"] == "tools/call":
            OWN.get(message["params"]["name"], ok)(message["id"], last)
        else:
            say({"id": message["id"], "result": hello(message["method"])})
        last = message["id"]


def hello(method: str) -> Any:
    if method == "tools/list":
        names = [*OWN, *CHANGED, *(f"t{number}" for number in range(MANY))]
        tools: list[dict[str, Any]] = [{"name": name, "inputSchema": {"type": "object"}} for name in names]
        if FAT:
            return {
                "tools": [*tools, {**tools[0], "name": "fat", "description": "x" * FAT}],
                "nextCursor": "more",
            }
        return {"tools": tools}
    return {
        "protocolVersion": "2025-06-18",
        "capabilities": {"tools": {"listChanged": True}},
        "serverInfo": {"name": "lying", "version": "1"},
    }


def while_flooding() -> Iterator[None]:
    ends = time.monotonic() + FLOOD
    while time.monotonic() < ends:
        yield


def answer(id_: int) -> None:
    say({"id": id_, "result": PID})


def say(message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


if __name__ == "__main__":
    main()
