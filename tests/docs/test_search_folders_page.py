"""docs/search-folders.md says what is so."""

import re
from pathlib import Path

from toolservers.search import sources_file
from toolservers.search.ingestion import scanning, watching
from toolservers.search.sources import Source, is_hidden
from toolservers.search.storage.records import MAIN

PAGE = (Path(__file__).parents[2] / "docs/search-folders.md").read_text()


def test_the_sources_file(tmp_path: Path) -> None:
    found = re.search(r"```toml\n(.+?)```", PAGE, re.DOTALL)
    assert found is not None
    (tmp_path / "sources.toml").write_text(found[1])
    sources = sources_file.given(tmp_path / "main", "fernhill", tmp_path / "sources.toml")
    handbook = sources["handbook"]
    assert handbook.takes("a/b.PDF")
    assert not any(map(handbook.takes, ("a.txt", "drafts/a.md", "old/a.md", "old/b/a.md")))
    assert sources.roots == (tmp_path / "shared",)


def test_ids_and_addresses() -> None:
    for row in ("file", "id", "address"):
        found = re.search(rf"^\| {row} \| `([^`]+)`[^|]* \| `([^`]+)` \|$", PAGE, re.MULTILINE)
        assert found is not None
        for name, path, said in (
            (MAIN, "returns-policy.md", found[1]),
            ("handbook", "tools/saw blade.pdf", found[2]),
        ):
            of = Source(name, Path("docs"), "fernhill")
            assert said == {"file": path, "id": of.identifier(path), "address": of.address(path)}[row]


def test_what_is_hidden_and_bounded() -> None:
    hidden = re.search(r"what is hidden: (.+?)\. The list", PAGE, re.DOTALL)
    assert hidden is not None
    assert all(map(is_hidden, re.findall(r"`([^`]+)`", hidden[1].replace("*", "x"))))
    for bound in (scanning.MAX_FILES, scanning.MAX_NAMES, scanning.MAX_DEPTH):
        assert f"{bound:,} " in PAGE
    for milliseconds in (watching.TOGETHER, watching.AT_MOST):
        assert f"{milliseconds / 1000:g} s" in PAGE
