"""The search server over folders of one's own: what is in them, what may be changed, and who shares an index."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.integration.served import free_port
from tests.unit.search_calls import call, ids
from toolservers.search import upkeep
from toolservers.search.knowledge_base import KnowledgeBase
from toolservers.search.settings import BUNDLED
from toolservers.search.tools import Settings, server
from toolward.errors import ConfigurationError


async def test_a_folder_of_ones_own_is_searched_with_its_own_addresses(tmp_path: Path) -> None:
    folder = tmp_path / "garden"
    (folder / "guides").mkdir(parents=True)
    (folder / "guides" / "bees.md").write_text("# Keeping bees\n\nHives stand in the sun.", encoding="utf-8")
    (folder / "plain.md").write_text("Only wasps here.", encoding="utf-8")
    for collection in ("garden", "orchard"):  # the same index, whose documents have other addresses then
        own = Settings(folder, collection, index=tmp_path / "index.db", embeddings="none")
        async with server.running(own):
            (hit,) = (await call("search", query="hive")).structured["results"]
            assert (hit["id"], hit["title"]) == ("guides/bees", "Keeping bees")
            assert hit["url"] == f"kb://{collection}/guides/bees"
            assert (await call("fetch", id=hit["url"])).structured["title"] == "Keeping bees"
            assert (await call("fetch", id="plain")).structured["title"] == "plain"


async def test_what_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "scan.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    (folder / "empty.md").write_bytes(b"")
    (folder / "good.md").write_text("A page.")
    async with server.running(Settings(folder, "mixed", index=tmp_path / "index.db", embeddings="none")):
        assert await ids("page") == ["good"]
        told = (await call("get_index_status")).structured
    assert [(one["source"], one["path"], one["share"]) for one in told["unread"]] == [
        ("mixed", "empty.md", 0.0),
        ("mixed", "scan.png", 0.0),
    ]
    assert "text is not read out of pictures" in told["unread"][1]["why"]


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"folder": Path("/nowhere/at/all")}, "/nowhere/at/all is not a folder"),
        ({"collection": "Fern Hill"}, "collection cannot be 'Fern Hill'"),
        ({"collection": "added"}, "'added' is taken"),
        ({"sources": "/nowhere.toml"}, "sources file /nowhere.toml cannot be read"),
        ({"index": BUNDLED / "index.db"}, "lies in the folder"),
        ({"embeddings": "gopher://x"}, "embeddings is 'gopher://x'"),
    ],
)
async def test_what_cannot_be_is_said_at_the_start(tmp_path: Path, given_: dict[str, Any], said: str) -> None:
    own: dict[str, Any] = {"index": tmp_path / "index.db", **given_}
    with pytest.raises(ConfigurationError, match=said):
        async with server.running(Settings(**own)):
            pass


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_text("not a database, and longer than its header would be" * 9)
    with pytest.raises(ConfigurationError, match="is no index"):
        async with server.running(Settings(index=other)):
            pass


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with one page, beside one that may be watched."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "returns.md").write_text("Damaged items are replaced.", encoding="utf-8")
    (tmp_path / "team" / "handbook").mkdir(parents=True)
    (tmp_path / "team" / "handbook" / "leave.md").write_text(
        "Holidays are asked for in spring.", encoding="utf-8"
    )
    (tmp_path / "sources.toml").write_text('watch_roots = ["team"]\n', encoding="utf-8")
    return tmp_path


def writable(folder: Path) -> Settings:
    return Settings(
        folder / "shop",
        "shop",
        sources=folder / "sources.toml",
        index=folder / "index.db",
        writable=True,
        embeddings="none",
    )


WASPS = {"title": "Bees in winter", "text": "Wasps do not.", "updated": "2026-3"}
BEES = {
    "title": "Bees in winter",
    "text": "# Bees\n\nA dry hive keeps them.",
    "metadata": {"Season": "winter"},
}


async def test_documents_come_and_go_by_tools(shop: Path) -> None:
    async with server.running(writable(shop)):
        added = (await call("add_documents", documents=[BEES, WASPS])).structured["documents"]
        assert (added[1]["id"], added[1]["updated"]) == ("added:bees-in-winter-2", "2026-03-01")
        assert await ids("hive season:winter") == ["added:bees-in-winter"]
        sleep = BEES | {"id": "added:bees-in-winter", "text": "Hives sleep."}
        again = await call("add_documents", documents=[sleep])
        assert again.structured["note"] == "These took the place of an earlier text: added:bees-in-winter."
        fetched = (await call("fetch", id="kb://added/bees-in-winter")).structured
        assert (fetched["text"], fetched["metadata"]["season"]) == ("Hives sleep.", "winter")
        shown = (await call("delete_documents", ids=["bees-in-winter"], dry_run=True)).structured
        assert (shown["done"], shown["note"]) == (False, "1 document would be deleted; nothing was.")
        assert await ids("hives") == ["added:bees-in-winter"]
        assert (await call("delete_documents", ids=[fetched["url"], "bees-in-winter-2"])).structured["done"]
        assert await ids("hives wasps") == []


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("add_documents", {"documents": [BEES, BEES | {"id": "../up"}]}, "cannot be a document's id"),
        (
            "add_documents",
            {"documents": [BEES, BEES | {"text": " \n "}]},
            "The text of added:bees-in-winter-2 cannot be taken",
        ),
        (
            "add_documents",
            {"documents": [BEES, BEES | {"updated": "soon"}]},
            "`updated` of added:bees-in-winter-2 is 'soon'",
        ),
        ("delete_documents", {"ids": ["returns"]}, "returns comes from a file"),
        ("delete_documents", {"ids": ["bee"]}, "`list_documents` with the source `added`"),
        ("watch_folder", {"folder": "/", "name": "all"}, "There is no folder '/' that may be watched"),
        ("watch_folder", {"folder": "team", "name": "shop"}, "one of the operator's sources"),
        ("watch_folder", {"folder": "team", "name": "x", "stop": True}, "No folder is watched as 'x'"),
    ],
)
async def test_what_cannot_be_done_is_said_and_nothing_is_done(
    shop: Path, tool: str, arguments: dict[str, Any], said: str
) -> None:
    async with server.running(writable(shop)):
        refused = await call(tool, **arguments)
        assert refused.is_error
        assert said in refused.text
        listed = (await call("list_documents")).structured["documents"]
        assert [one["id"] for one in listed] == ["returns"]


async def test_a_repeat_with_its_key_adds_nothing_twice(shop: Path) -> None:
    async with server.running(writable(shop)):
        first = await call("add_documents", key="k1", documents=[BEES])
        again = await call("add_documents", key="k1", documents=[BEES])
    async with server.running(writable(shop)):
        later = await call("add_documents", key="k1", documents=[BEES])
        listed = (await call("list_documents", source="added")).structured["documents"]
    assert first.structured == again.structured == later.structured
    assert [one["id"] for one in listed] == ["added:bees-in-winter"]


async def test_a_watched_folder_is_read_and_followed_until_it_is_not(shop: Path) -> None:
    handbook = shop / "team" / "handbook"
    async with server.running(writable(shop)):
        told = (await call("watch_folder", folder=str(handbook), name="handbook")).structured
        assert told["name"] == "handbook"
        await until_found("holidays", ["handbook:leave"])
        (handbook / "sick.md").write_text("Who is ill calls.")
        await until_found("ill", ["handbook:sick"])
    async with server.running(writable(shop)):
        assert await ids("holidays") == ["handbook:leave"]
        assert not (await call("watch_folder", folder="", name="handbook", stop=True)).is_error
        assert await ids("holidays ill") == []
        assert (await call("get_index_status")).structured["documents"] == 1


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Files are followed, and locks taken over, by tasks that tell nobody here."""
    async with asyncio.timeout(10):
        while not await holds():  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0.02)


async def until_found(query: str, expected: list[str]) -> None:
    async def found() -> bool:
        return await ids(query) == expected

    await until(found)


async def test_of_two_processes_on_one_index_one_follows_and_the_other_takes_over(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_TICK", 0.02)
    settings = writable(shop)
    async with AsyncExitStack() as both:
        first = await both.enter_async_context(KnowledgeBase.open(settings))
        await first.upkeep.ready()
        async with KnowledgeBase.open(settings) as second:
            await second.upkeep.ready()
            assert (await second.fetch("returns", 0, None)).text == "Damaged items are replaced."
            assert (await second.status()).indexing == "Another process (serving) keeps it up to date."
            await both.aclose()

            async def has_taken_over() -> bool:
                return "Up to date" in (await second.status()).indexing

            await until(has_taken_over)


async def test_who_searches_before_all_is_read_is_told_so(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "FIRST_WAIT", 0.0)
    for number in range(60):
        (shop / "shop" / f"{number}.md").write_text(f"Page {number}")
    async with server.running(writable(shop)):
        first = (await call("search", query="page")).structured
        assert "The documents are still being read: in a moment there may be more." in first["note"]
        await until_found("damaged", ["returns"])

        async def is_all_read() -> bool:
            return "still being read" not in (await call("search", query="page")).structured["note"]

        await until(is_all_read)


async def test_a_folder_that_goes_is_said_and_its_documents_stay(shop: Path) -> None:
    async with server.running(writable(shop)):
        assert await ids("damaged") == ["returns"]
        (shop / "shop").rename(shop / "elsewhere")
        assert await ids("damaged") == ["returns"]
        assert (await call("fetch", id="returns")).structured["stale"]


async def test_why_nothing_is_embedded_is_said(tmp_path: Path) -> None:
    """Nothing listens there."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("Bees.", encoding="utf-8")
    own = Settings(
        tmp_path / "docs",
        index=tmp_path / "index.db",
        embeddings=f"http://127.0.0.1:{free_port()}/v1",
        embeddings_model="m",
        embeddings_networks="private",
    )

    async def is_said() -> bool:
        told: str = (await call("get_index_status")).structured["meaning"]
        return "0 of 1 so far. It cannot go on at the moment: " in told

    async with server.running(own):
        await until(is_said)
