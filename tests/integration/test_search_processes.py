"""Two processes of the search server on one index, as workers of a gateway are."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.integration.served import Served, served
from toolward.client import Client, connect


async def asked(client: Client, tool: str, **arguments: Any) -> Any:
    return (await client.call(tool, arguments)).structured


async def until_found(client: Client, query: str, expected: list[str]) -> None:
    """Files are followed by tasks that tell nobody here."""
    async with asyncio.timeout(30):
        while [hit["id"] for hit in (await asked(client, "search", query=query))["results"]] != expected:  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0.02)


async def test_one_process_keeps_the_index_and_another_takes_over_when_it_ends(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "bees.md").write_text("# Bees\n\nHives stand in the sun.", encoding="utf-8")
    flags = ("--folder", str(folder), "--index", str(tmp_path / "index.db"), "--embeddings", "none")

    def server(stack: ExitStack) -> Served:
        return stack.enter_context(served(*flags, module="toolservers.search"))

    with ExitStack() as lasting, ExitStack() as passing:
        first, second = server(passing), server(lasting)
        async with connect(f"{second.url}/mcp") as client:
            async with connect(f"{first.url}/mcp") as other:
                await until_found(other, "hives", ["bees"])
                assert "changes of files are followed" in (await asked(other, "get_index_status"))["indexing"]
            await until_found(client, "hives", ["bees"])
            told = (await asked(client, "get_index_status"))["indexing"]
            assert told == "Another process (serving) keeps it up to date."
            passing.close()
            (folder / "bees.md").rename(folder / "wasps.md")
            await until_found(client, "hives", ["wasps"])
            assert "changes of files are followed" in (await asked(client, "get_index_status"))["indexing"]
