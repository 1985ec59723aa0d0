"""`toolserver search eval`, over real folders and a real index."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from toolservers.search.commands import eval as command
from toolservers.search.commands import index
from toolward.errors import ConfigurationError

PAGES = {
    "saws.md": "# Saws\n\nA saw is sharpened with a file, tooth by tooth.",
    "planes.md": "# Planes\n\nThe iron of a plane is honed at 30 degrees.",
    "old/saws.md": "# Sharpening saws, once\n\nA saw was sharpened with a stone. Saws were sharpened rarely.",
}
ASKED = [
    {
        "id": "a", "question": "how to sharpen saws", "kind": "outdated-vs-current",
        "relevant": [{"document": "saws", "grade": 3}], "misleading": ["old/saws"],
    },
    {"id": "b", "question": "honed plane iron", "relevant": [{"document": "planes", "grade": 3}]},
    {"id": "c", "question": "glue", "relevant": [{"document": "glue", "grade": 2}]},
    {"id": "d", "question": "xylophone", "kind": "unanswerable"},
]  # fmt: skip

Run = Callable[..., str]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, text in PAGES.items():
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "shop"


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    path = tmp_path / "asked.jsonl"
    path.write_text("\n".join(map(json.dumps, ASKED)), encoding="utf-8")
    return path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("TOOLWARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TOOLWARD_SEARCH_EMBEDDINGS", "none")

    def running(*arguments: object) -> str:
        assert command.main([*map(str, arguments)]) == 0
        return capsys.readouterr().out

    return running


def test_a_folder_is_measured_and_leaves_no_index(run: Run, shop: Path, asked: Path, tmp_path: Path) -> None:
    done = json.loads(run(shop, "--questions", asked, "--json"))
    assert (done["documents"], done["questions"], done["missing"]) == (3, 4, ["glue"])
    assert "switched off" in done["meaning"]
    assert list(done["ways"]) == ["words"]
    found = {one["id"]: one["found"] for one in done["ways"]["words"]["questions"]}
    assert found == {"a": ["old/saws", "saws"], "b": ["planes"], "c": [], "d": []}
    whole = done["ways"]["words"]["whole"]
    assert [whole[name] for name in ("count", "warned", "misled", "unanswerable", "nothing")] == [
        3,
        1,
        1,
        1,
        1,
    ]
    assert whole["recall"][0] == pytest.approx(2 / 3)
    assert not (tmp_path / "home").exists()


def test_a_person_reads_tables_and_the_worst_questions(run: Run, shop: Path, asked: Path) -> None:
    said = run(shop, "--questions", asked, "--misses", 2)
    assert "3 documents, 4 questions\nnot in the index, and so never found: glue\n" in said
    assert "words  0.544 [" in said
    assert "outdated-vs-current  1" in said
    assert said.endswith(
        "0.00  c (plain): glue\n      should find glue (2)\n      found nothing\n"
        "0.63  a (outdated-vs-current): how to sharpen saws\n"
        "      should find saws (3)\n      found old/saws, saws\n"
    )


def test_an_index_that_is_there_is_measured_as_it_is(
    run: Run, shop: Path, asked: Path, tmp_path: Path
) -> None:
    file = tmp_path / "shop.db"
    with pytest.raises(ConfigurationError, match="There is no index"):
        run("--index", file, "--questions", asked)
    index.main([str(shop), "--index", str(file)])
    (shop / "saws.md").unlink()
    said = run("--index", file, "--questions", asked)
    assert "3 documents, 4 questions" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--questions FILE"),
        (("--questions", "{other}"), "The index has none of the documents .* 'elsewhere'"),
    ],
)
def test_questions_of_other_documents_are_refused(
    run: Run, shop: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text('{"id": "x", "question": "y", "relevant": [{"document": "elsewhere", "grade": 1}]}')
    with pytest.raises(ConfigurationError) as refused:
        run(shop, *(argument.format(other=other) for argument in arguments))
    assert re.search(said, refused.value.text, re.DOTALL)
