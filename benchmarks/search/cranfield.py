"""The Cranfield collection: 1,400 abstracts on aerodynamics, 225 questions, and which abstracts answer them
(Cleverdon, 1967). Public, and none of ours: its files are read from a folder that the environment names.

    cran.all.1400   .I number, .T title, .A authors, .B source, .W text
    cran.qry        .I number, .W text; the numbers have gaps
    cranqrel        question, document, code; here a question's number is its place in `cran.qry`, from 1

The codes go from 1 (a complete answer) to 4 (of minimum interest); -1 stands for a few pairs of which nothing is
known. As in most published figures, 1 to 4 count alike, and -1 not at all. Two abstracts are empty (471, 995).
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from toolservers.search.evaluation.labels import Question, Relevant

FOLDER = "TOOLWARD_CRANFIELD"
_FILES = ("cran.all.1400", "cran.qry", "cranqrel")

_ENTRY = re.compile(r"^\.I[ \t]*(\d+)[ \t]*\n", re.MULTILINE)
_FIELD = re.compile(r"^\.([TABW])[ \t]*$\n?", re.MULTILINE)


def folder() -> Path | None:
    """None where the environment names none, or one that lacks a file."""
    named = Path(os.environ.get(FOLDER, "")).expanduser()
    return named if os.environ.get(FOLDER) and all((named / file).is_file() for file in _FILES) else None


def write(source: Path, into: Path) -> int:
    """Each abstract as a Markdown file, named by its number; gives how many have a text."""
    written = 0
    for number, fields in _entries(source / "cran.all.1400"):
        text = fields.get("W", "")
        title = " ".join(fields.get("T", "").replace('"', "'").split())
        if text:
            page = f'---\ntitle: "{title}"\n---\n{text}\n'
            (into / f"{number}.md").write_text(page, encoding="utf-8")
            written += 1
    return written


def questions(source: Path) -> list[Question]:
    answers: dict[int, dict[str, Relevant]] = defaultdict(dict)
    for line in (source / "cranqrel").read_text(encoding="latin-1").splitlines():
        question, document, code = map(int, line.split())
        if code > 0:
            answers[question][str(document)] = Relevant(str(document), 1)
    texts = [" ".join(fields["W"].split()) for _, fields in _entries(source / "cran.qry")]
    return [
        Question(str(place), text, tuple(answers[place].values()))
        for place, text in enumerate(texts, start=1)
        if answers[place]
    ]


def _entries(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(number, field by letter). A field that is there twice is joined."""
    _, *parts = _ENTRY.split(path.read_text(encoding="latin-1").replace("\r\n", "\n"))
    for number, body in zip(parts[::2], parts[1::2], strict=True):
        fields: dict[str, str] = defaultdict(str)
        _, *found = _FIELD.split(body)
        for letter, text in zip(found[::2], found[1::2], strict=True):
            fields[letter] += text.strip()
        yield int(number), fields
