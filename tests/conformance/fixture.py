"""A server on the kit with the tools, resources and prompts that the official conformance suites ask for by name.
What those names are to do is the suites' wish; that each takes a few lines is the kit's.
"""

import asyncio
from typing import Annotated, Any

from toolward.kit import Context, ToolError, ToolServer
from toolward.offers import PromptMessage
from toolward.types import (
    AudioContent,
    EmbeddedResource,
    ImageContent,
    ResourceBody,
    TextContent,
    ToolResult,
)

server: ToolServer[Any] = ToolServer("conformance", instructions="For the official conformance suites.")

# A PNG of one red pixel, and a WAV of one silent sample.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000"
    "000301010018dd8db00000000049454e44ae426082"
)
WAV = bytes.fromhex(
    "524946462500000057415645666d74201000000001000100401f0000401f00000100080064617461010000008000"
)
PAUSE = 0.05  # seconds; the suites want to see news while the work goes on


@server.tool
async def test_simple_text() -> str:
    """Text."""
    return "This is a simple text response for testing."


@server.tool
async def test_image_content() -> ImageContent:
    """An image."""
    return ImageContent(PNG, "image/png")


@server.tool
async def test_audio_content() -> AudioContent:
    """A sound."""
    return AudioContent(WAV, "audio/wav")


@server.tool
async def test_embedded_resource() -> EmbeddedResource:
    """A resource inside the result."""
    return EmbeddedResource(
        ResourceBody("test://embedded-resource", "text/plain", "This is an embedded resource content.")
    )


@server.tool
async def test_multiple_content_types() -> ToolResult:
    """Several kinds of content."""
    data = ResourceBody("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
    text = TextContent("Multiple content types test:")
    return ToolResult((text, ImageContent(PNG, "image/png"), EmbeddedResource(data)))


@server.tool
async def test_error_handling() -> str:
    """A failure of the tool's own."""
    raise ToolError("This tool intentionally returns an error for testing")


@server.tool
async def test_tool_with_logging(ctx: Context[None]) -> str:
    """Log while working."""
    ctx.log("info", "Tool execution started")
    await asyncio.sleep(PAUSE)
    ctx.log("info", "Tool processing data")
    await asyncio.sleep(PAUSE)
    ctx.log("info", "Tool execution completed")
    return "logged"


@server.tool
async def test_logging_tool(ctx: Context[None]) -> str:
    """Log, for nobody who did not ask."""
    ctx.log("error", "only for those who asked")
    return "logged"


@server.tool
async def test_tool_with_progress(ctx: Context[None]) -> str:
    """Tell progress."""
    for done in (0, 50, 100):
        ctx.progress(done, 100, f"{done} of 100")
        await asyncio.sleep(PAUSE)
    return "done"


@server.tool
async def test_trigger_tool_change() -> str:
    """Change the list of tools."""

    async def passing() -> str:
        """Here for a moment."""
        return ""

    server.tool(name="test_passing")(passing)
    server.remove_tool("test_passing")
    return "changed"


@server.resource("test://static-text")
async def static_text() -> str:
    """A text."""
    return "This is the content of the static text resource."


@server.resource("test://static-binary", mime_type="image/png")
async def static_binary() -> bytes:
    """An image."""
    return PNG


@server.resource("test://template/{id}/data")
async def template(id: str) -> dict[str, Any]:  # noqa: A002 -- the suite's name for it
    """One of many."""
    return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}


@server.prompt
async def test_simple_prompt() -> str:
    """Without arguments."""
    return "This is a simple prompt for testing."


@server.prompt
async def test_prompt_with_arguments(
    arg1: Annotated[str, "First test argument"], arg2: Annotated[str, "Second test argument"]
) -> str:
    """With arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@server.prompt
async def test_prompt_with_embedded_resource(
    resourceUri: Annotated[str, "URI of the resource to embed"],  # noqa: N803 -- the suite's name for it
) -> list[PromptMessage | str]:
    """With a resource inside."""
    body = ResourceBody(resourceUri, "text/plain", "Embedded resource content for testing.")
    return [PromptMessage(EmbeddedResource(body)), "Please process the embedded resource above."]


@server.prompt
async def test_prompt_with_image() -> list[ImageContent | str]:
    """With an image."""
    return [ImageContent(PNG, "image/png"), "Please analyze the image above."]


if __name__ == "__main__":
    from toolward.kit.command import run

    run(server)
