"""The search server over folders of one's own: what is in them, what may be changed, and who shares an index."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.search_calls import call, ids
from toolservers.search.settings import BUNDLED
from toolservers.search.tools import Settings, server
from toolward.errors import ConfigurationError


async def test_a_folder_of_ones_own_is_searched_with_its_own_addresses(tmp_path: Path) -> None:
    folder = tmp_path / "garden"
    (folder / "guides").mkdir(parents=True)
    (folder / "guides" / "bees.md").write_text("# Keeping bees\n\nHives stand in the sun.", encoding="utf-8")
    (folder / "plain.md").write_text("Only wasps here.", encoding="utf-8")
    where = {"index": tmp_path / "index.db", "embeddings": "none"}
    for collection in ("garden", "orchard"):  # the same index, whose documents have other addresses then
        async with server.running(Settings(folder, collection, **where)):
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
    with pytest.raises(ConfigurationError, match=said):
        async with server.running(Settings(**{"index": tmp_path / "index.db", **given_})):
            pass


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_text("not a database, and longer than its header would be" * 9)
    with pytest.raises(ConfigurationError, match="is no index"):
        async with server.running(Settings(index=other)):
            pass
