"""`python -m benchmarks.search.quality`: how good the search is, and what each of its ingredients is worth.

The bundled documents with their labelled questions, and the Cranfield collection where TOOLWARD_CRANFIELD names a
folder with its files. But for another model, the same figures every time; some minutes, most of them for embedding
Cranfield.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.search import cranfield
from benchmarks.search.ladder import ladder
from toolservers.search.embedding.choosing import EmbeddingSettings, chosen
from toolservers.search.evaluation.indexing import indexed
from toolservers.search.evaluation.judging import Judged, judged, measures, ways
from toolservers.search.evaluation.labels import Question, questions
from toolservers.search.evaluation.metrics import difference
from toolservers.search.retrieval.by_meaning import Meaning
from toolservers.search.settings import BUNDLED
from toolservers.search.sources import Source

NAMES = {"words": "by words, as served", "meaning": "by meaning alone", "both": "both, fused, as served"}
COMPARED = {"both": ("words", "meaning"), "words": ("FTS5: any word, whole documents",)}


async def main() -> None:
    await report("The bundled documents", Source("", BUNDLED, "fernhill"), questions())
    folder = cranfield.folder()
    if folder is None:
        print(f"\nCranfield is left out: {cranfield.FOLDER} names no folder with its three files.")
        return
    with TemporaryDirectory(prefix="toolward-cranfield-") as place:
        cranfield.write(folder, Path(place))
        await report("Cranfield", Source("", Path(place), "cranfield"), cranfield.questions(folder))


async def report(title: str, source: Source, asked: Sequence[Question]) -> None:
    model = chosen(EmbeddingSettings())  # one for each collection: it is closed with what searches by it
    began = time.perf_counter()
    async with indexed([source], model.embedder) as (file, (read,)):
        took = time.perf_counter() - began
        meaning = Meaning(file, model.embedder) if model.embedder else None
        found: dict[str, list[Judged]] = {}
        with ladder(file) as steps:
            for name, search in {**steps, **ways(file, meaning)}.items():
                found[name] = await judged(search, asked)
        if meaning is not None:
            await meaning.close()
    answerable = sum(bool(one.relevant) for one in asked)
    print(f"\n## {title}\n\n{read.coverage.documents:,} documents, {answerable} questions with an answer;")
    embedded = f"embedded by {model.embedder.name}" if model.embedder else model.reason
    print(f"read in {took:.0f} s; {embedded}\n")
    print("| | nDCG@10 | recall@10 | MRR@10 |\n|---|---|---|---|")
    for name, each in found.items():
        one = measures(each)
        print(f"| {NAMES.get(name, name)} | {one.ndcg} | {one.recall} | {one.reciprocal_rank} |")
    print("\n".join(["", *compared(found), *counted(found)]))


def compared(found: Mapping[str, Sequence[Judged]]) -> list[str]:
    """What one has more than another in nDCG@10, question by question."""
    gains = {name: [one.ndcg for one in each if one.question.relevant] for name, each in found.items()}
    return [
        f"{NAMES[one]} has {difference(gains[one], gains[other])} more nDCG@10 than {NAMES.get(other, other)}"
        for one, others in COMPARED.items()
        for other in others
        if one in gains and other in gains
    ]


def counted(found: Mapping[str, Sequence[Judged]]) -> list[str]:
    lines: list[str] = []
    for name in NAMES.keys() & found.keys():
        one = measures(found[name])
        if one.warned or one.unanswerable:
            lines.append(
                f"{NAMES[name]}: misled in {one.misled} of {one.warned} questions that name what misleads; found"
                f" nothing for {one.nothing} of {one.unanswerable} without an answer"
            )
    return sorted(lines)


if __name__ == "__main__":
    asyncio.run(main())
