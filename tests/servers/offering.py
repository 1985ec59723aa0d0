"""A server on the kit with resources, a template and a prompt beside its tool."""

from typing import Annotated, Any

from toolward.kit import ToolServer
from toolward.offers import PromptMessage
from toolward.types import TextContent

server: ToolServer[Any] = ToolServer("offering")


@server.tool
async def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


@server.resource("test://about", title="About")
async def about() -> str:
    """What this is."""
    return "A fixture."


@server.resource("test://things/{id}")
async def thing(id: int) -> dict[str, int]:  # noqa: A002 -- the variable's name
    """One of many."""
    return {"id": id}


@server.prompt
async def greet(name: Annotated[str, "who"]) -> list[PromptMessage | str]:
    """Greet somebody."""
    return [f"Hello {name}!", PromptMessage(TextContent("Hello."), "assistant")]


if __name__ == "__main__":
    from toolward.kit.command import run

    run(server)
