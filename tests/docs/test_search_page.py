"""The page about the search server, followed: each example works, in the order of the page."""

import json
import re
from pathlib import Path

import pytest

from tests.unit.search_calls import ADA, call
from toolservers.search import fetching, upkeep, writing_tools
from toolservers.search.sources_file import given
from toolservers.search.tools import Settings, server
from toolward.client.citations import Citation
from toolward.kit.settings import variable

PAGE = (Path(__file__).parents[2] / "docs" / "search.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^### `(\w+)`\n.*?^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for folder in ("team/handbook", "manuals"):
        (tmp_path / folder).mkdir(parents=True)
    file = tmp_path / "sources.toml"
    file.write_text(text)
    return file


async def test_each_tool_has_an_example_that_works(tmp_path: Path, sources: Path) -> None:
    with writing_tools.offered(server):
        named = [tool.name for tool in (await server.list_tools(ADA)).tools]
    assert sorted(name for name, _ in EXAMPLES) == sorted(named)
    own = Settings(sources=sources, index=tmp_path / "index.db", writable=True, embeddings="none")
    async with server.running(own):
        for name, arguments in EXAMPLES:
            watched = arguments.replace("WATCHED", str(tmp_path / "team" / "handbook"))
            done = await call(name, **json.loads(watched))
            assert not done.is_error, f"{name}: {done.text}"
            if name == "search":
                assert done.structured["results"][0]["id"] == "returns-policy"
            if name == "add_documents":
                assert done.structured["documents"][0]["id"] == "added:holidays"


def test_the_sources_file_that_is_shown_can_be_used(tmp_path: Path, sources: Path) -> None:
    (tmp_path / "main").mkdir()
    read = given(tmp_path / "main", "shop", sources)
    assert [source.called for source in read.values()] == ["shop", "manuals"]
    assert (read["manuals"].include, read["manuals"].exclude) == (("*.md", "*.pdf"), ("drafts/*",))
    assert read["manuals"].identifier("kettle.pdf") == "manuals:kettle.pdf"
    assert read["manuals"].address("kettle.pdf") == "kb://manuals/kettle.pdf"
    assert read.roots == (tmp_path / "team",)


def test_what_the_page_says_of_the_code_is_so() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    compile(code, "search.md", "exec")
    (url,) = re.findall(r"`(kb://\S+#char=\S+)`", PAGE)
    assert Citation.at(url, "x") == Citation("kb://fernhill/returns-policy", 120, 480, "x")
    assert f"At most {fetching.WINDOW:,} characters" in PAGE
    assert f"in the first {upkeep.FIRST_WAIT:g} seconds" in PAGE
    flags = {name.replace("-", "_") for name in re.findall(r"--([a-z-]+)", PAGE)}
    assert set(Settings.__dataclass_fields__) <= flags
    variables = {variable("search", name) for name in Settings.__dataclass_fields__}
    secrets = {
        "TOOLWARD_SEARCH_EMBEDDINGS_KEY",
        "TOOLWARD_SEARCH_EMBEDDINGS_KEY_FILE",
        "TOOLWARD_SEARCH_RERANKER_KEY",
    }
    assert set(re.findall(r"TOOLWARD_SEARCH_\w+", PAGE)) <= variables | secrets
