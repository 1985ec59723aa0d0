"""The index is brought up to a model, which an endpoint over real HTTP stands for."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.unit.search_endpoint import Asked, Endpoint, endpoint
from tests.unit.search_index import document, filled
from toolservers.search.embedding.catching_up import CatchingUp, embedding
from toolservers.search.embedding.endpoint import EndpointEmbedder
from toolservers.search.embedding.port import Embedder
from toolservers.search.retrieval.by_meaning import Asked as AskedLeg
from toolservers.search.retrieval.by_meaning import Meaning
from toolservers.search.retrieval.query import Query
from toolservers.search.storage.file import IndexFile
from toolward.errors import Unavailable

WORDS = ["kettle", "returns", "warranty", "shipping", "billing", "privacy", "invoice", "parcel"]


@dataclass
class Bench:
    """An index with a document a word, and an endpoint that has any model."""

    file: IndexFile
    far: Endpoint
    opened: list[EndpointEmbedder] = field(default_factory=list[EndpointEmbedder])

    def model(self, name: str) -> EndpointEmbedder:
        self.opened.append(EndpointEmbedder(self.far.url, name))
        return self.opened[-1]

    async def caught_up(self, name: str) -> None:
        await CatchingUp(self.file, self.model(name)).catch_up()

    def add(self, *words: str) -> None:
        with self.file.writing() as writer:
            for word in words:
                writer.put(document(word, f"all about {word}"))

    def found(self, asked: AskedLeg, word: str) -> list[str]:
        """The ids of the documents, best first."""
        assert asked.leg is not None, asked.reason
        with self.file.reading() as reader:
            ranked = asked.leg.ranked(reader, Query(word), 20)
            rows = reader.passages([each.passage for each in ranked])
            documents = [reader.document_of(rows[each.passage].document) for each in ranked]
            return [one.id for one in documents if one is not None]

    def state(self) -> tuple[str, str, int, int]:
        with self.file.reading() as reader:
            found = embedding(reader)
        names = [name.rpartition(" ")[2] for name in (found.serving, found.building)]
        return names[0], names[1], found.embedded, found.passages

    def generation(self) -> int:
        with self.file.reading() as reader:
            return reader.generation

    def models(self) -> list[tuple[str, str]]:
        with self.file.reading() as reader:
            return [(model.name.rpartition(" ")[2], model.state) for model in reader.models()]


@asynccontextmanager
async def bench(folder: Path) -> AsyncGenerator[Bench]:
    file = filled(folder / "index", [document(word, f"all about {word}") for word in WORDS])
    async with endpoint() as far:
        it = Bench(file, far)
        try:
            yield it
        finally:
            for embedder in it.opened:
                await embedder.close()
            file.close()


async def test_everything_gets_a_vector_and_is_found_by_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        embedder = it.model("a")
        meaning = Meaning(it.file, embedder)
        assert "being prepared" in (await meaning.leg("kettle")).reason
        await CatchingUp(it.file, embedder).catch_up()
        assert it.state() == ("a", "", 8, 8)
        assert it.far.texts[0] == "kettle\nall about kettle"  # its title goes with it
        for word in WORDS:
            assert it.found(await meaning.leg(word), word)[0] == word
        it.add("new thing")
        await it.caught_up("a")
        assert it.found(await meaning.leg("new thing"), "new thing")[0] == "new thing"
        assert it.far.texts.count("kettle\nall about kettle") == 1  # nothing is embedded twice


async def test_a_new_model_is_built_while_the_old_one_serves(tmp_path: Path) -> None:
    """At every request in between, questions are answered by the old model's vectors alone."""
    async with bench(tmp_path) as it:
        await it.caught_up("old")
        new = it.model("new")
        meaning = Meaning(it.file, new, named=lambda name: it.model(name.rpartition(" ")[2]))
        legs = [await meaning.leg("parcel")]
        states: list[tuple[str, str, int, int]] = []
        generations: list[int] = []

        def look(asked: Asked) -> None:
            if asked["model"] == "new":
                states.append(it.state())
                generations.append(it.generation())
                assert it.found(legs[0], "parcel")[0] == "parcel"

        it.far.refuse = look
        catching = CatchingUp(it.file, new, batch=3)
        await catching.catch_up()
        assert states == [("old", "", 8, 8), ("old", "new", 3, 8), ("old", "new", 6, 8)]
        assert len(set(generations)) == 1  # what is found has not changed
        assert it.models() == [("new", "serving")]
        it.far.refuse = lambda asked: None
        assert it.found(legs[0], "parcel") == []  # asked for the old model: never compared with the new one's
        assert it.found(await meaning.leg("parcel"), "parcel")[0] == "parcel"


async def test_what_was_embedded_before_a_failure_stays(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        embedder = it.model("a")
        it.far.refuse = lambda asked: (401, b"") if "parcel" in asked["input"][-1] else None
        with pytest.raises(Exception, match="refuses our key"):
            await CatchingUp(it.file, embedder, batch=3).catch_up()
        assert it.state() == ("", "a", 6, 8)
        it.far.refuse = lambda asked: None
        await CatchingUp(it.file, embedder).catch_up()  # as another process would
        assert it.state() == ("a", "", 8, 8)
        assert len(it.far.texts) == len(set(it.far.texts)) + 2  # the batch that failed was asked for again


async def test_a_change_of_mind_leaves_nothing_behind(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        await it.caught_up("old")
        it.far.refuse = lambda asked: (401, b"") if "parcel" in asked["input"][-1] else None
        with pytest.raises(Exception, match="refuses our key"):
            await CatchingUp(it.file, it.model("new"), batch=3).catch_up()
        assert it.models() == [("old", "serving"), ("new", "building")]
        await it.caught_up("old")
        assert it.models() == [("old", "serving")]
        with it.file.reading() as reader:
            assert reader.connection.execute("SELECT count(*) FROM vectors").get == 8


async def test_a_passage_that_the_model_refuses_keeps_nothing_else_back(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        embedder = it.model("a")
        it.far.refuse = lambda asked: (
            (422, b"unsafe") if any("privacy" in text for text in asked["input"]) else None
        )
        catching = CatchingUp(it.file, embedder)
        await catching.catch_up()
        assert (it.state(), catching.refused) == (("a", "", 7, 8), 1)
        asked = len(it.far.asked)
        await catching.catch_up()
        assert len(it.far.asked) == asked


async def test_what_comes_and_goes_meanwhile_is_minded(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        embedder = it.model("a")

        def change(asked: Asked) -> None:
            it.far.refuse = lambda asked: None
            it.add("late")
            with it.file.writing() as writer:
                gone = writer.document("kettle")
                assert gone is not None
                writer.delete([gone.key])

        it.far.refuse = change
        await CatchingUp(it.file, embedder).catch_up()
        assert it.state() == ("a", "", 8, 8)
        meaning = Meaning(it.file, embedder)
        assert "kettle" not in it.found(await meaning.leg("kettle"), "kettle")
        assert it.found(await meaning.leg("late"), "late")[0] == "late"


async def test_a_model_of_another_width_under_the_same_name_is_another_model(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        await it.caught_up("a")
        it.far.dimensions = 24
        embedder = it.model("a")
        meaning = Meaning(it.file, embedder)
        assert "other vectors" in (await meaning.leg("kettle")).reason
        it.add("late")
        await it.caught_up("a")
        assert it.state() == ("a", "", 9, 9)
        assert it.found(await meaning.leg("kettle"), "kettle")[0] == "kettle"


async def test_it_goes_on_by_itself_after_a_failure_and_after_news(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        embedder = it.model("a")
        it.far.refuse = lambda asked: (401, b"")
        catching = CatchingUp(it.file, embedder)
        task = asyncio.create_task(catching.run())
        await catching.failed.wait()
        assert "refuses our key" in catching.trouble
        it.far.refuse = lambda asked: None
        for word in ("one", "two"):
            it.add(word)
            catching.look()
            await asyncio.wait_for(catching.done.wait(), 10)
        assert (it.state(), catching.trouble) == (("a", "", 10, 10), "")
        task.cancel()
        await asyncio.wait([task])


async def test_a_question_is_embedded_once_and_a_silent_model_is_left_alone(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        await it.caught_up("a")
        embedder = it.model("a")
        meaning = Meaning(it.file, embedder)
        before = len(it.far.asked)
        for _ in range(3):
            assert (await meaning.leg(" kettle ")).leg is not None
        assert len(it.far.asked) == before + 1
        it.far.refuse = lambda asked: (401, b"")
        for _ in range(3):
            asked = await meaning.leg("another")
            assert (asked.leg, "by words only" in asked.reason) == (None, True)
        assert len(it.far.asked) == before + 2
        assert (await meaning.leg("kettle")).leg is not None  # remembered
        assert await meaning.leg("  ") == (None, "")


async def test_a_question_that_is_refused_stands_in_no_others_way(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        await it.caught_up("a")
        meaning = Meaning(it.file, it.model("a"))
        it.far.refuse = lambda asked: (422, b"unsafe") if "bad" in asked["input"] else None
        assert "unsafe" in (await meaning.leg("bad")).reason
        assert (await meaning.leg("good")).leg is not None


async def test_an_index_of_a_model_that_cannot_be_asked_is_searched_by_words(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        await it.caught_up("old")
        asked: list[str] = []

        def named(name: str) -> Embedder | None:
            asked.append(name)
            return None

        meaning = Meaning(it.file, it.model("new"), named=named)
        for _ in range(2):
            assert "cannot be asked any more" in (await meaning.leg("kettle")).reason
        assert asked == [f"{it.far.url} old"]
        assert await Meaning(it.file, None, "It is switched off.").leg("kettle") == (
            None,
            "It is switched off.",
        )


async def test_too_many_refused_passages_are_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolservers.search.embedding.catching_up.MAX_REFUSED", 2)
    async with bench(tmp_path) as it:
        embedder = it.model("a")
        it.far.refuse = lambda asked: (422, b"") if any("about" in text for text in asked["input"]) else None
        with pytest.raises(Unavailable, match="too many"):
            await CatchingUp(it.file, embedder).catch_up()
