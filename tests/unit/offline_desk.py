"""The loop around a model in its shortest form, over the four real tool servers."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from gateway.core.ports import Message, ModelRequest, ModelTool
from gateway.models.offline import OfflineModel
from toolservers.calculator.tools import server as calculator
from toolservers.crm.tools import Settings as CrmSettings
from toolservers.crm.tools import server as crm
from toolservers.files.tools import Settings as FilesSettings
from toolservers.files.tools import server as files
from toolservers.search.tools import Settings as SearchSettings
from toolservers.search.tools import server as search
from toolward.errors import ToolwardError
from toolward.kit import ToolServer
from toolward.types import NO_CONTEXT, Principal, ToolCall

CALLER = Principal("ada", roles=("support",))
SERVERS: dict[str, ToolServer[Any]] = {"calculator": calculator, "files": files, "crm": crm, "search": search}

Call = tuple[str, dict[str, Any]]


class Told(NamedTuple):
    """A conversation that came to its end."""

    calls: list[Call]
    answer: str
    messages: tuple[Message, ...]


class Desk:
    """Asks the model, and calls what it wants. `denied` maps a tool to the reason why policy denies it."""

    def __init__(self, tools: tuple[ModelTool, ...]) -> None:
        self.tools = tools
        self.denied: dict[str, str] = {}

    async def ask(self, question: str, before: tuple[Message, ...] = ()) -> Told:
        messages = [*before, Message("user", question)]
        calls: list[Call] = []
        for _ in range(20):
            reply = await OfflineModel().reply(ModelRequest(tuple(messages), self.tools))
            messages.append(Message("assistant", reply.text, reply.tool_uses))
            if not reply.tool_uses:
                assert reply.stop == "final"
                return Told(calls, reply.text, tuple(messages))
            assert reply.stop == "tool_use"
            calls += [(use.name, json.loads(use.arguments_json)) for use in reply.tool_uses]
            messages += [await self._call(use.id, use.name, use.arguments_json) for use in reply.tool_uses]
        raise AssertionError(f"no end after twenty turns: {calls}")

    async def _call(self, use_id: str, alias: str, arguments: str) -> Message:
        if alias in self.denied:
            return Message("tool", self.denied[alias], tool_use_id=use_id, is_error=True)
        backend, _, name = alias.partition("__")
        try:
            call = ToolCall(name, arguments.encode(), idempotency_key=use_id)
            result = await SERVERS[backend].call_tool(CALLER, call, NO_CONTEXT)
        except ToolwardError as error:
            return Message("tool", error.text, tool_use_id=use_id, is_error=True)
        text = result.structured_json.decode() if result.structured_json else result.text
        return Message("tool", text, tool_use_id=use_id, is_error=result.is_error)


async def offered(servers: Mapping[str, ToolServer[Any]] = SERVERS) -> tuple[ModelTool, ...]:
    pages = [(name, await server.list_tools(CALLER)) for name, server in servers.items()]
    return tuple(
        ModelTool(f"{name}__{tool.name}", tool.description, tool.input_schema)
        for name, page in pages
        for tool in page.tools
    )


@asynccontextmanager
async def open_desk(folder: Path) -> AsyncGenerator[Desk]:
    """The four servers at work; the file server's root is `folder/root`, with notes/old.md."""
    notes = folder / "root" / "notes"
    notes.mkdir(parents=True)
    (notes / "old.md").write_text("Call Marta back.\n", encoding="utf-8")
    async with AsyncExitStack() as opened:
        await opened.enter_async_context(calculator.running())
        await opened.enter_async_context(search.running(SearchSettings(embeddings="none")))
        await opened.enter_async_context(crm.running(CrmSettings(folder / "crm.db")))
        await opened.enter_async_context(
            files.running(FilesSettings(folder / "root", state=folder / "state"))
        )
        yield Desk(await offered())


# --- calls, as the tests expect them ----------------------------------------------------------------------------


def get(record: str) -> Call:
    return "crm__get_record", {"record_id": record}


def find(kind: str, **more: Any) -> Call:
    return "crm__find_records", {"record_type": kind, **more}


def look_for(query: str, document: str) -> list[Call]:
    return [("search__search", {"query": query}), ("search__fetch", {"id": document})]


def sums(expression: str) -> Call:
    return "calculator__calculate", {"expression": expression}


def write(path: str, content: str, **more: Any) -> Call:
    return "files__write_file", {"path": path, "content": content, **more}


def refund(payment: str, amount: int, reason: str) -> Call:
    arguments = {"payment_id": payment, "amount_minor": amount, "reason": reason}
    return "crm__refund_payment", arguments


def note(ticket: str, body: str, **more: Any) -> Call:
    return "crm__add_ticket_message", {"ticket_id": ticket, "body": body, **more}
