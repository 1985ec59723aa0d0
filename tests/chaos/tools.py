"""The process of the tools: the real CRM server, and a desk of the tests whose tools keep no keys.

One line of JSON comes in a connection, one goes back. It outlives the gateway that it serves, whose calls it
finishes. A call can say that the gateway (or this process too) is to be struck in the middle of it.
"""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import msgspec

from gateway.core.ports import Listing
from tests.chaos.points import LEDGER, strike
from toolservers.crm.tools import Settings
from toolservers.crm.tools import server as crm
from toolward.errors import ToolwardError
from toolward.types import NO_CONTEXT, JsonObject, Principal, Tool, ToolCall, ToolResult, text_result

_TEXT: JsonObject = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}
DESK = tuple(Tool(name, f"Tool {name}.", _TEXT) for name in ("note", "look", "wait"))
SOCKET, NOTES, DATABASE = "tools.sock", "notes", "crm.db"


class Strike(msgspec.Struct):
    """In the middle of a call: `before` or after its effect, `signal` to `pid`; `too` kills the tools' process."""

    pid: int
    signal: int
    before: bool
    too: bool = False

    def now(self, *, before: bool) -> None:
        if self.before is not before:
            return
        if self.too:
            Path(SOCKET).unlink()  # says that this process is going, before the other is gone
        strike(self.pid, self.signal, Path(LEDGER))
        if self.too:
            os.kill(os.getpid(), signal.SIGKILL)


class Asked(msgspec.Struct):
    backend: str
    tool: str
    arguments: str
    key: str = ""
    strike: Strike | None = None


class Told(msgspec.Struct):
    text: str = ""
    structured: str | None = None
    is_error: bool = False

    def result(self) -> ToolResult:
        if self.structured is None:
            return text_result(self.text, is_error=self.is_error)
        return ToolResult(structured_json=self.structured.encode(), is_error=self.is_error)


async def serve(folder: Path) -> None:
    """Until it is killed."""
    os.chdir(folder)
    async with crm.running(Settings(folder / DATABASE)):
        tools = _Tools(folder)
        async with await asyncio.start_unix_server(tools.serve, folder / SOCKET):
            await asyncio.Future()


class _Tools:
    def __init__(self, folder: Path) -> None:
        self._notes = folder / NOTES
        self._calls: set[asyncio.Task[Told]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = msgspec.json.decode(await reader.readline(), type=Asked)
            call = asyncio.create_task(self._made(asked))
            self._calls.add(call)  # it comes to its end, whoever has gone
            call.add_done_callback(self._calls.discard)
            writer.write(msgspec.json.encode(await asyncio.shield(call)) + b"\n")
            await writer.drain()
        except (ConnectionError, msgspec.DecodeError):
            pass
        finally:
            writer.close()

    async def _made(self, asked: Asked) -> Told:
        if asked.strike:
            asked.strike.now(before=True)
        told = await (self._crm(asked) if asked.backend == "crm" else self._desk(asked))
        if asked.strike:
            asked.strike.now(before=False)
        return told

    async def _crm(self, asked: Asked) -> Told:
        call = ToolCall(asked.tool, asked.arguments.encode(), idempotency_key=asked.key)
        try:
            result = await crm.call_tool(Principal("gateway"), call, NO_CONTEXT)
        except ToolwardError as error:
            return Told(error.text, is_error=True)
        structured = result.structured_json
        return Told(result.text, structured.decode() if structured else None, result.is_error)

    async def _desk(self, asked: Asked) -> Told:
        text: str = msgspec.json.decode(asked.arguments)["text"]
        match asked.tool:
            case "note":
                with self._notes.open("a", encoding="utf-8") as notes:
                    notes.write(f"{text}\n")
            case "wait":
                await asyncio.sleep(0.01)
            case "happened":
                return Told(str(text in notes_in(self._notes.parent)))
            case _:
                pass
        return Told(f"{asked.tool} {text}")


def notes_in(folder: Path) -> list[str]:
    file = folder / NOTES
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


async def ask(folder: Path, asked: Asked) -> Told:
    """Raises OSError when nobody is there, EOFError when there is no answer."""
    reader, writer = await asyncio.open_unix_connection(folder / SOCKET)
    try:
        writer.write(msgspec.json.encode(asked) + b"\n")
        await writer.drain()
        line = await reader.readline()
    finally:
        writer.close()
    if not line.endswith(b"\n"):
        raise EOFError
    return msgspec.json.decode(line, type=Told)


async def listings() -> tuple[Listing, ...]:
    found = await crm.list_tools(Principal("gateway"))
    return Listing("crm", "stdio", "crm", found.tools), Listing("desk", "stdio", "desk", DESK)


def happened(text: str) -> Asked:
    """Whether the note was written; everything that was asked before it has been done by then."""
    return Asked("desk", "happened", msgspec.json.encode({"text": text}).decode())


def shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()
