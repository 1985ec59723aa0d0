"""Our client before the suites' servers. Whatever scenario they play, it does what a gateway does with a backend:
it lists what there is, calls the tools (with the arguments that the scenario names, if it does), reads the rest."""

import asyncio
import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from toolward.client.mcp import McpClient
from toolward.errors import ToolwardError
from toolward.offers import offers_of
from toolward.outbound.reach import Reach
from toolward.types import CallContext, JsonObject, Principal, Tool, ToolCall

ANYBODY = Principal("conformance")
CONTEXT = CallContext(timeout=10)


async def play(url: str, context: JsonObject) -> str:
    """What came of it, line by line. Raises ToolwardError where the server cannot be talked to at all."""
    told: list[str] = []
    async with McpClient(url, name="the suite", reach=Reach(["127.0.0.0/8"])) as client:
        tools = (await client.list_tools(ANYBODY)).tools
        given = {call["name"]: call["arguments"] for call in context.get("toolCalls", [])}
        for tool in tools:
            arguments = given.get(tool.name) or _arguments(tool, tools[0])
            call = ToolCall(tool.name, json.dumps(arguments).encode())
            try:
                told.append(f"{tool.name}: {await client.call_tool(ANYBODY, call, CONTEXT)}")
            except ToolwardError as error:
                told.append(f"{tool.name}: {error.code}: {error.text}")
        offers = offers_of(client)
        if (resources := offers.resources) is not None:
            listed = (await resources.list_resources(ANYBODY)).resources
            told += [str(await resources.read_resource(ANYBODY, one.uri, CONTEXT)) for one in listed]
        if (prompts := offers.prompts) is not None:
            begun = (await prompts.list_prompts(ANYBODY)).prompts
            told += [str(await prompts.get_prompt(ANYBODY, one.name, {}, CONTEXT)) for one in begun]
    return "\n".join(told)


def _arguments(tool: Tool, first: Tool) -> JsonObject:
    """Some that its schema takes, as far as these suites go. One wants back what arrived of its first tool's."""
    if tool.name == "json_schema_echo":
        return {"schema": first.input_schema}
    of_type: dict[str, Any] = {"number": 2, "integer": 2, "string": "x", "boolean": True}
    properties: JsonObject = tool.input_schema.get("properties", {})
    return {name: of_type.get(one.get("type", ""), {}) for name, one in properties.items()}


@contextmanager
def serving(path: Path) -> Generator[None, None, None]:
    """While this is open, plays for whoever asks at the socket `path` (`tests.conformance.ask`)."""
    loop = asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = json.loads(await reader.readline())
        try:
            said = f"done\n{await play(asked['url'], asked['context'])}"
        except Exception as error:
            said = f"failed: {error!r}"
        writer.write(said.encode())
        await writer.drain()
        writer.close()

    server = loop.run_until_complete(asyncio.start_unix_server(serve, path))
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        yield
    finally:
        server.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
