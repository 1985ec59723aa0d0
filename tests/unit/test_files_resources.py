"""Files as MCP resources: through the same roots and guards as the tools."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.files_calls import CALLER
from tests.unit.files_maze import SECRET, maze
from toolservers.files.resources import MAX_RESOURCE
from toolservers.files.tools import Settings, server
from toolward.errors import InvalidRequest, NotFound, ToolwardError
from toolward.offers import offers_of
from toolward.types import NO_CONTEXT, ResourceBody


@pytest.fixture
async def root(tmp_path: Path) -> AsyncIterator[Path]:
    folder = maze(tmp_path)
    async with server.running(Settings(root=folder)):
        yield folder


async def resource(uri: str) -> ResourceBody:
    offered = offers_of(server).resources
    assert offered is not None
    (body,) = await offered.read_resource(CALLER, uri, NO_CONTEXT)
    return body


async def test_text_is_text_and_the_rest_a_blob(root: Path) -> None:
    (root / "a b.md").write_text("täglich")
    (root / "picture.png").write_bytes(b"\x89PNG\0")
    (root / "none").write_bytes(b"a\0b")
    assert await resource("files://root/a%20b.md") == ResourceBody(
        "files://root/a%20b.md", "text/markdown", text="täglich"
    )
    assert await resource("files://root/picture.png") == ResourceBody(
        "files://root/picture.png", "image/png", blob=b"\x89PNG\0"
    )
    assert (await resource("files://root/./none")).mime_type == "application/octet-stream"
    assert (await resource("files://root/folder/inside.txt")).text == "fine"
    assert server.resources is not None
    (template,) = (await server.resources.list_templates(CALLER)).templates
    assert template.uri_template == "files://{root}/{+path}"


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "files://root/../outside/secret.txt",
            "files://root/%2e%2e/outside/secret.txt",
            "files://root//etc/passwd",
        ),
        *(
            "files://root/to-file",
            "files://root/hard",
            "files://root/pipe",
            "files://root/folder",
            "files://root/.env",
        ),
        *("files://root/a%00b", "files://root/%ff", "files://root/none", "files://root/large"),
    ],
)
async def test_what_tools_may_not_read_is_no_resource(root: Path, uri: str) -> None:
    (root / ".env").write_text(SECRET)
    (root / "large").write_bytes(bytes(MAX_RESOURCE + 1))
    with pytest.raises(InvalidRequest) as caught:
        await resource(uri)
    assert SECRET not in str(caught.value)


async def test_of_a_root_that_is_not_served_there_is_nothing(root: Path) -> None:
    for uri in ("files://other/a", "files://Root/a", "files://root"):
        with pytest.raises(NotFound):
            await resource(uri)
    with pytest.raises(ToolwardError):
        await resource("files://root/" + "x" * 9000)
