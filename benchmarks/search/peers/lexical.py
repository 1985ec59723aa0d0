"""Other people's full-text search, by the Python of an environment of its own (`lexical.txt`):
`python lexical.py NAME PASSAGES FOLDER`.

PASSAGES has a line of JSON for each passage: key, title, heading, text. When they are indexed a line says how long
that took; then each line of the input is a question, and its answer is a line: milliseconds, milliseconds of the
processor, and the keys of the best ten. Both stem and split words in their usual way for English.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

BEST = 10
Ask = Callable[[str], list[int]]


def passages(file: Path) -> Iterator[tuple[int, str, str, str]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            key, title, heading, text = json.loads(line)
            yield key, title, heading, text


def with_tantivy(file: Path, folder: Path) -> Ask:
    """An index on disk, fields weighed as ours are."""
    tantivy: Any = import_module("tantivy")
    schema = tantivy.SchemaBuilder().add_integer_field("key", stored=True)
    for name in ("title", "heading", "body"):
        schema = schema.add_text_field(name, tokenizer_name="en_stem")
    index = tantivy.Index(schema.build(), path=str(folder))
    writer = index.writer(heap_size=256_000_000, num_threads=1)
    for key, title, heading, text in passages(file):
        writer.add_document(tantivy.Document(key=key, title=title, heading=heading, body=text))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()
    boosts = {"title": 4.0, "heading": 2.0, "body": 1.0}

    def ask(words: str) -> list[int]:
        query = index.parse_query(words, ["title", "heading", "body"], field_boosts=boosts)
        return [searcher.doc(address)["key"][0] for _, address in searcher.search(query, BEST).hits]

    return ask


def with_bm25s(file: Path, _: Path) -> Ask:
    """A matrix in memory. It has no fields: title and heading are parts of the text."""
    bm25s: Any = import_module("bm25s")
    stemmer = import_module("Stemmer").Stemmer("english")
    rows = list(passages(file))
    keys = [row[0] for row in rows]
    texts = [" ".join(row[1:]) for row in rows]
    retriever = bm25s.BM25()
    retriever.index(
        bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False), show_progress=False
    )

    def ask(words: str) -> list[int]:
        tokens = bm25s.tokenize([words], stopwords="en", stemmer=stemmer, show_progress=False)
        found, _ = retriever.retrieve(tokens, k=BEST, show_progress=False, n_threads=1)
        return [keys[place] for place in found[0].tolist()]

    return ask


def main(name: str, file: Path, folder: Path) -> None:
    began = time.perf_counter()
    ask = {"tantivy": with_tantivy, "bm25s": with_bm25s}[name](file, folder)
    print(json.dumps(time.perf_counter() - began), flush=True)
    for line in sys.stdin:
        began, used = time.perf_counter(), time.process_time()
        found = ask(line.strip())
        took = (time.perf_counter() - began) * 1e3, (time.process_time() - used) * 1e3
        print(json.dumps([*took, found]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
