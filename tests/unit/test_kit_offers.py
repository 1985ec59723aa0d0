"""Resources and prompts of a tool server."""

import asyncio
from typing import Annotated, Any, Literal

import pytest

from toolward.errors import (
    ConfigurationError,
    DeadlineExceeded,
    Internal,
    InvalidArguments,
    InvalidRequest,
    NotFound,
)
from toolward.kit import Context, ToolError, ToolServer
from toolward.kit.resources import UriTemplate
from toolward.offers import Prompt, PromptArgument, PromptMessage, PromptText, Resource, offers_of
from toolward.types import NO_CONTEXT, CallContext, ImageContent, Principal, ResourceBody, TextContent

ADA = Principal("ada")


@pytest.fixture
def server() -> ToolServer[Any]:
    server: ToolServer[Any] = ToolServer("kb")

    @server.resource("kb://about")
    async def about() -> str:
        """What this is."""
        return "A knowledge base."

    @server.resource("kb://articles/{id}", title="An article")
    async def article(ctx: Context[Any], id: int) -> dict[str, Any]:  # noqa: A002 -- the variable's name
        """One article."""
        if id > 100:
            raise NotFound(f"There is no article {id}.")
        return {"id": id, "reader": ctx.principal.id}

    @server.resource("kb://files/{+path}")
    def file(path: str) -> bytes:
        """Bytes of a file."""
        return path.encode()

    @server.resource("kb://both", mime_type="text/markdown")
    async def both() -> list[ResourceBody]:
        """Two bodies."""
        return [ResourceBody("kb://both#1", text="one"), ResourceBody("kb://both#2", blob=b"two")]

    @server.resource("kb://broken/{how}")
    async def broken(how: Literal["bug", "failure", "slow"]) -> str:
        """Fails."""
        raise {"bug": RuntimeError("secret"), "slow": TimeoutError(), "failure": ToolError("empty; fill it")}[
            how
        ]

    add_prompts(server)
    return server


def add_prompts(server: ToolServer[Any]) -> None:
    @server.prompt(title="Greet")
    async def greet(name: Annotated[str, "who"], times: int = 1) -> str:
        """Greet somebody."""
        return f"Hello {name}! " * times

    @server.prompt
    async def look() -> list[Any]:
        """Look at something."""
        return ["Look:", ImageContent(b"png", "image/png"), PromptMessage(TextContent("Nice."), "assistant")]


async def read(server: ToolServer[Any], uri: str) -> tuple[ResourceBody, ...]:
    assert server.resources is not None
    return await server.resources.read_resource(ADA, uri, NO_CONTEXT)


async def get(server: ToolServer[Any], prompt: str, **arguments: str) -> PromptText:
    assert server.prompts is not None
    return await server.prompts.get_prompt(ADA, prompt, arguments, NO_CONTEXT)


async def test_resources_and_templates_are_listed_apart(server: ToolServer[Any]) -> None:
    assert server.resources is not None
    listed = (await server.resources.list_resources(ADA)).resources
    assert listed[0] == Resource("kb://about", "about", None, "What this is.", "text/plain")
    assert [one.uri for one in listed] == ["kb://about", "kb://both"]
    templates = (await server.resources.list_templates(ADA)).templates
    assert [(one.uri_template, one.title, one.mime_type) for one in templates] == [
        ("kb://articles/{id}", "An article", "application/json"),
        ("kb://files/{+path}", None, "application/octet-stream"),
        ("kb://broken/{how}", None, "text/plain"),
    ]


async def test_a_resource_is_what_its_function_gives(server: ToolServer[Any]) -> None:
    assert await read(server, "kb://about") == (
        ResourceBody("kb://about", "text/plain", "A knowledge base."),
    )
    assert len(await read(server, "kb://both")) == 2


async def test_variables_of_a_uri_become_arguments(server: ToolServer[Any]) -> None:
    (body,) = await read(server, "kb://articles/7")
    assert (body.mime_type, body.text) == ("application/json", '{"id":7,"reader":"ada"}')
    (body,) = await read(server, "kb://files/notes/a%20b.md")
    assert body.blob == b"notes/a b.md"


@pytest.mark.parametrize(
    ("uri", "kind", "said"),
    [
        ("kb://nothing", NotFound, "no resource at 'kb://nothing'"),
        ("kb://articles/1/2", NotFound, "no resource at"),
        ("kb://articles/101", NotFound, "There is no article 101"),
        ("kb://articles/seven", InvalidArguments, "/id: Input should be a valid integer"),
        ("kb://broken/bug", Internal, "failed inside"),
        ("kb://broken/slow", DeadlineExceeded, "longer than 30 seconds"),
        ("kb://broken/failure", InvalidRequest, "empty; fill it"),
    ],
)
async def test_what_cannot_be_read_says_why(
    server: ToolServer[Any], uri: str, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        await read(server, uri)
    assert "secret" not in str(caught.value)


async def test_prompts_are_listed_with_their_arguments(server: ToolServer[Any]) -> None:
    assert server.prompts is not None
    greet, look = (await server.prompts.list_prompts(ADA)).prompts
    arguments = (PromptArgument("name", "who", True), PromptArgument("times"))
    assert greet == Prompt("greet", "Greet somebody.", "Greet", arguments)
    assert look.arguments == ()


async def test_a_prompt_is_filled_in(server: ToolServer[Any]) -> None:
    filled = await get(server, "greet", name="Bo", times="2")
    assert filled.messages == (PromptMessage(TextContent("Hello Bo! Hello Bo! ")),)
    assert [one.role for one in (await get(server, "look")).messages] == ["user", "user", "assistant"]


@pytest.mark.parametrize(
    ("name", "arguments", "kind", "said"),
    [
        ("greed", {"name": "Bo"}, NotFound, "no prompt named 'greed'"),
        ("greet", {}, InvalidArguments, "Missing required argument"),
        (
            "greet",
            {"name": "Bo", "times": "twice"},
            InvalidArguments,
            "/times: Input should be a valid integer",
        ),
        ("greet", {"name": "Bo", "time": "2"}, InvalidArguments, "/time: "),
    ],
)
async def test_a_prompt_that_cannot_be_filled_in_says_why(
    server: ToolServer[Any], name: str, arguments: dict[str, str], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        await get(server, name, **arguments)


async def test_a_reading_ends_at_its_callers_deadline(server: ToolServer[Any]) -> None:
    @server.resource("kb://slow")
    async def slow() -> str:
        """Never ends."""
        await asyncio.Event().wait()
        return ""

    assert server.resources is not None
    with pytest.raises(DeadlineExceeded):
        await server.resources.read_resource(ADA, "kb://slow", CallContext(timeout=0.01))


def test_a_server_without_them_offers_none() -> None:
    offers = offers_of(ToolServer("t"))
    assert offers.resources is None
    assert offers.prompts is None


@pytest.mark.parametrize(
    "text", ["kb://{", "kb://{id", "kb://{?id}", "kb://{id}/{id}", "kb://{+a}/{+b}", "kb://{a-b}"]
)
def test_a_template_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="URI template"):
        UriTemplate(text)


def test_parameters_and_variables_must_be_the_same(server: ToolServer[Any]) -> None:
    with pytest.raises(ConfigurationError, match="not the same names"):

        @server.resource("kb://x/{id}")
        async def wrong(name: str) -> str:
            return name

    with pytest.raises(ConfigurationError, match="two resources at kb://about"):
        server.resource("kb://about")
