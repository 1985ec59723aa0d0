"""A citation is checked by what `fetch` gives: it holds, the text has moved, it is not there, or nothing is."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from toolservers.search.settings import Settings
from toolservers.search.tools import server as search
from toolward.client.citations import Citation, Verdict, check_citation
from toolward.client.client import Client
from toolward.client.retries import Retries
from toolward.errors import Conflict, InvalidRequest, InvalidResult, ToolwardError
from toolward.kit import ToolServer

GOODWILL = "Up to 20 % of the order’s total."
TEXT = "Damaged items are replaced.\n\n" + "So it goes, page by page.\n" * 2_000 + f"\n{GOODWILL}"


def client_of(server: ToolServer[Any]) -> Client:
    @asynccontextmanager
    async def opening() -> AsyncGenerator[ToolServer[Any]]:
        yield server

    return Client(opening, timeout=10, retries=Retries(more=0), idempotent=())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "returns.md").write_text(f"---\ntitle: Returns\n---\n{TEXT}", encoding="utf-8")
    (folder / "passing.md").write_text("Damaged items", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
async def client(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Client]:
    index = tmp_path_factory.mktemp("index") / "index.db"
    async with (
        search.running(Settings(folder, "shop", index=index, embeddings="none")),
        client_of(search) as client,
    ):
        yield client


AT = TEXT.index(GOODWILL)


@pytest.mark.parametrize(
    ("citation", "verdict", "start", "reason"),
    [
        (Citation("returns", AT, AT + len(GOODWILL), GOODWILL), "holds", AT, ""),
        (Citation("kb://shop/returns", 0, len(TEXT), TEXT), "holds", 0, ""),
        (Citation.at("kb://shop/returns#char=0,7", "Damaged"), "holds", 0, ""),
        (
            Citation("returns", 0, 9, GOODWILL),
            "moved",
            AT,
            f"The text stands at character {AT:,} of returns.",
        ),
        (
            Citation("returns", AT, AT + 900, GOODWILL),
            "moved",
            AT,
            f"The text stands at character {AT:,} of returns.",
        ),
        (
            Citation("returns", 10**9, 10**9 + 7, "Damaged"),
            "moved",
            0,
            "The text stands at character 0 of returns.",
        ),
        (Citation("returns", 0, 7, "damaged"), "absent", None, "The text does not stand in returns."),
        (
            Citation("return", 0, 7, "Damaged"),
            "gone",
            None,
            "no document 'return'. The nearest id is returns.",
        ),
        (
            Citation("returns", 0, 7, "DAMAGED", "0" * 64),
            "absent",
            None,
            "The text does not stand in returns. The document has changed since it was cited.",
        ),
    ],
)
async def test_what_is_said_of_a_citation(
    client: Client, citation: Citation, verdict: Verdict, start: int | None, reason: str
) -> None:
    checked = await check_citation(client, citation)
    assert (checked.verdict, checked.start) == (verdict, start)
    assert reason in checked.reason
    assert checked.holds == (verdict == "holds") == (not checked.reason)
    assert checked.changed == bool(citation.sha256)


async def test_a_citation_of_a_file_that_is_gone_is_stale_until_it_is_not_found(
    client: Client, folder: Path
) -> None:
    citation = Citation("passing", 0, 7, "Damaged")
    assert (await check_citation(client, citation)).holds
    (folder / "passing.md").unlink()
    checked = await check_citation(client, citation)
    assert checked.stale or checked.verdict == "gone"


@pytest.mark.parametrize(
    "broken",
    [
        lambda: Citation.at("returns", "x"),
        lambda: check_citation(client_of(search), Citation("returns", 0, 7, "")),
        lambda: check_citation(client_of(search), Citation("returns", 7, 7, "x")),
    ],
)
async def test_a_citation_without_text_or_range_is_refused(broken: Any) -> None:
    with pytest.raises(InvalidRequest, match="range"):
        await broken()


WHOLE = {"text": "abc", "start": 0, "end": 3, "next_start": None, "characters": 3, "sha256": "1"}


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([{"text": "abc"}], InvalidResult),
        ([WHOLE | {"end": 4}], InvalidResult),
        ([WHOLE | {"start": 1, "end": 4}], InvalidResult),
        ([WHOLE | {"next_start": 0}], InvalidResult),
        ([WHOLE | {"text": "", "end": 0, "next_start": 0}], InvalidResult),
        ([WHOLE | {"next_start": 3}, WHOLE | {"start": 3, "end": 6, "sha256": "2"}], Conflict),
    ],
)
async def test_answers_that_contradict_themselves_are_not_believed(
    answers: list[dict[str, Any]], error: type[ToolwardError]
) -> None:
    liar = ToolServer("liar")
    left = iter(answers)

    @liar.tool
    async def fetch(id: str, start: int, end: int) -> dict[str, Any]:  # noqa: A002 -- the contract's name
        return next(left)

    async with liar.running(), client_of(liar) as client:
        with pytest.raises(error):
            await check_citation(client, Citation("a", 0, 9, "xyz"))
