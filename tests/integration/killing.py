"""A tool server that is killed (-9) again and again while keyed calls are under way, and what came of each call."""

import asyncio
import json
import random
import sqlite3
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolward.wire.errors import META_KEY
from toolward.wire.mcp import KEY_META

AT_ONCE = 4
LONGEST = 0.1
"""Seconds to the kill at most, from the first call or from its answer: the process warms up in between."""

COLD = 0.3
"""The part of the kills that may come before anything was answered."""

UNKNOWN = "outcome unknown"


class Target(ABC):
    """A tool that changes something in `folder`, and how to see how often it did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def call(self, number: int) -> tuple[str, dict[str, Any]]:
        """Tool and arguments of a call whose effect can be told from that of every other."""

    @abstractmethod
    def effects(self) -> Counter[int]:
        """How often each call has taken effect."""


class Messages(Target):
    """The CRM's tool: a row of its database."""

    @property
    def command(self) -> list[str]:
        return ["-m", "toolservers.crm", "--database", str(self.folder / "crm.db")]

    def call(self, number: int) -> tuple[str, dict[str, Any]]:
        return "add_ticket_message", {"ticket_id": "TCK-3003", "body": f"message {number}"}

    def effects(self) -> Counter[int]:
        connection = sqlite3.connect(self.folder / "crm.db")
        try:
            rows = connection.execute("SELECT body FROM messages WHERE body LIKE 'message %'")
            return Counter(int(body.split()[1]) for (body,) in rows)
        finally:
            connection.close()


class Writes(Target):
    """The files server's tool: lines at the end of one file, and every third time a file of its own."""

    @property
    def command(self) -> list[str]:
        folders = ["--root", str(self.folder / "root"), "--state", str(self.folder / "state")]
        return ["-m", "toolservers.files", *folders]

    def call(self, number: int) -> tuple[str, dict[str, Any]]:
        if number % 3 == 0:
            return "write_file", {"path": f"made/{number}", "content": f"{number}"}
        return "write_file", {"path": "log", "content": f"{number}\n", "mode": "append"}

    def effects(self) -> Counter[int]:
        root = self.folder / "root"
        lines = (root / "log").read_text().split() if (root / "log").exists() else []
        made = [path.read_text() for path in root.glob("made/[0-9]*")]
        return Counter(int(text) for text in (*lines, *made))


@dataclass
class Story:
    """Every call that was ever sent, by its number. An answer is the result, or UNKNOWN."""

    answers: dict[int, Any] = field(default_factory=dict[int, Any])
    open: list[int] = field(default_factory=list[int])
    sent: int = 0
    kills: int = 0
    interrupted: int = 0  # calls that had no answer when the process was killed
    done_unanswered: int = 0  # those of them that had taken effect

    def next_calls(self) -> Iterator[int]:
        """What is open first, then new ones without end."""
        yield from tuple(self.open)
        while True:
            self.sent += 1
            self.open.append(self.sent)
            yield self.sent

    def answered(self, number: int, answer: Any) -> None:
        """A call that was answered before must get the same answer again."""
        assert self.answers.setdefault(number, answer) == answer, f"call {number} got two answers"
        if number in self.open:
            self.open.remove(number)


class Server:
    """One process of the target's, over MCP on stdio."""

    def __init__(self, target: Target, process: asyncio.subprocess.Process) -> None:
        self._target = target
        self._process = process
        self._killed = False

    @classmethod
    async def start(cls, target: Target) -> "Server":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *target.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        server = cls(target, process)
        server._send("ping", 0, {})
        assert (await server._read())[0] == 0
        return server

    def call(self, number: int) -> None:
        tool, arguments = self._target.call(number)
        params = {"name": tool, "arguments": arguments, "_meta": {KEY_META: f"key-{number}"}}
        self._send("tools/call", number, params)

    def _send(self, method: str, number: int, params: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        with suppress(ConnectionError):  # killed meanwhile
            self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def answer(self) -> tuple[int, Any] | None:
        """The next one; None when the process is gone. Raises AssertionError for a failure."""
        number, message = await self._read()
        if message is None:
            return None
        assert "result" in message, message
        result = message["result"]
        if result.get("_meta", {}).get(META_KEY, {}).get("code") == "outcome_unknown":
            return number, UNKNOWN
        assert not result["isError"], result
        return number, result["structuredContent"]

    async def _read(self) -> tuple[int, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):  # killed while it wrote
            return -1, None
        message = json.loads(line)
        return message["id"], message

    def kill(self) -> None:
        if not self._killed:  # a second one would take the exit status from who waits for it
            self._killed = True
            self._process.kill()

    async def end(self) -> None:
        self.kill()
        await self._process.wait()


async def kill_once(target: Target, story: Story, chance: random.Random) -> None:
    """Calls, some at a time and without a pause, until a kill at a random moment. What the process had written
    by then counts as answered."""
    server = await Server.start(target)
    calls = story.next_calls()
    try:
        for _ in range(AT_ONCE):
            server.call(next(calls))
        cold, seconds = chance.random() < COLD, chance.uniform(0, LONGEST)
        answer = None if cold else await server.answer()
        asyncio.get_running_loop().call_later(seconds, server.kill)
        while answer := answer or await server.answer():
            story.answered(*answer)
            server.call(next(calls))
            answer = None
    finally:
        await server.end()
    story.kills += 1
    story.interrupted += len(story.open)
    effects = target.effects()
    story.done_unanswered += sum(effects[number] for number in story.open)


async def settle(target: Target, story: Story, again: int) -> None:
    """Repeat what has no answer yet, and some of what has."""
    server = await Server.start(target)
    numbers = [*story.open, *sorted(story.answers)[-again:]]
    try:
        for number in numbers:
            server.call(number)
        for _ in numbers:
            answer = await server.answer()
            assert answer is not None
            story.answered(*answer)
    finally:
        await server.end()
