"""Made texts whose words are as frequent as those of a language are, and questions about them.

A word's frequency follows Zipf's law (in the form of Mandelbrot: 1 / (rank + 2.7)). Each document has a subject,
whose words stand in it more often than elsewhere; without that a ranking would have nothing to find. The same
number gives the same texts every time.
"""

import random
from collections.abc import Iterator
from itertools import accumulate, product
from pathlib import Path
from typing import NamedTuple

VOCABULARY = 60_000
SUBJECTS = 400
_OF_SUBJECT = 60  # words
_SHARE = 0.25  # of a document's words that come from its subject
_WORDS = 700  # of a document, which makes some five passages
_SYLLABLES = [a + b for a, b in product("bdfgklmnprstvz", "aeiou")]
_COMMON = "the of and to in is a for it on that with as be are this from at by or not an have was but"
COMMON = _COMMON.split()


class Made(NamedTuple):
    subject: int
    text: str


class Language:
    def __init__(self, seed: int = 1) -> None:
        self._draw = random.Random(seed)
        words = ("".join(parts) for parts in product(_SYLLABLES, repeat=3))
        every = list(words)
        self._draw.shuffle(every)
        self._words = [*COMMON, *every[: VOCABULARY - len(COMMON)]]
        self._weights = list(accumulate(1 / (rank + 2.7) for rank in range(VOCABULARY)))
        rare = range(200, VOCABULARY)
        self._subjects = [
            [self._words[n] for n in self._draw.sample(rare, _OF_SUBJECT)] for _ in range(SUBJECTS)
        ]

    def document(self) -> Made:
        """Markdown, with a title and sections."""
        subject = self._draw.randrange(SUBJECTS)
        parts = [f"# {self._title(subject)}\n"]
        for _ in range(5):
            sentences = " ".join(self._sentence(subject) for _ in range(_WORDS // 5 // 14))
            parts.append(f"## {self._title(subject)}\n\n{sentences}\n")
        return Made(subject, "\n".join(parts))

    def question(self) -> str:
        """Four to nine words: those of a subject, and others by their frequency; without the commonest, which every
        search leaves out."""
        subject = self._subjects[self._draw.randrange(SUBJECTS)]
        own = self._draw.sample(subject, self._draw.randint(1, 3))
        others = [word for word in self._drawn(12) if word not in COMMON]
        return " ".join([*own, *others[: self._draw.randint(3, 6)]])

    def _title(self, subject: int) -> str:
        return " ".join(self._draw.choices(self._subjects[subject], k=4)).capitalize()

    def _sentence(self, subject: int) -> str:
        own = round(14 * _SHARE)
        words = [*self._draw.choices(self._subjects[subject], k=own), *self._drawn(14 - own)]
        self._draw.shuffle(words)
        return f"{' '.join(words).capitalize()}."

    def _drawn(self, count: int) -> list[str]:
        return self._draw.choices(self._words, cum_weights=self._weights, k=count)


def write(folder: Path, language: Language, documents: int) -> Iterator[Made]:
    """As files, some hundreds in a folder."""
    for number in range(documents):
        below = folder / f"{number // 500:03}"
        below.mkdir(exist_ok=True)
        made = language.document()
        file = below / f"{number:06}.md"
        if not file.exists():
            file.write_text(made.text, encoding="utf-8")
        yield made
