"""What somebody typed, understood: words, phrases, and the filters among them.

    damaged kettle                any of the words, in any of their forms; more of them is better
    "return label"                must stand so, one after the other
    refund*                       begins so (two letters at least)
    -kettle   -"gift card"        must not stand there
    type:pdf   source:handbook    the file's format; where it comes from
    after:2026-01-01 before:2026  when it was last updated
    category:returns              metadata, where any document has that key; else these are words

Nothing is an error. What was not taken as it was written is said in `notes`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from toolservers.search.retrieval.query import Filters, Query
from toolservers.search.retrieval.stop_words import STOP_WORDS
from toolservers.search.retrieval.written import by_key, day_named, format_named
from toolservers.search.storage.scripts import is_unspaced

MOST_CHARACTERS = 4_000
MOST_WORDS = 64
MOST_PAIRS = 32
MOST_SIGNED = 16
"""Phrases, prefixes, excluded words, and values of filters: of each."""

# A quotation mark behind a word is one of inches, or closes nothing.
_PIECE = re.compile(
    r"""(?P<minus>(?<!\S)-)?
        (?:(?P<key>[^\W\d]\w{0,63}(?:-\w{1,63}){0,4}):(?=[^\s:/]))?
        (?:(?<!\w)"(?P<quoted>[^"]*)"|(?P<bare>[^\s"]+))""",
    re.VERBOSE,
)
# Word characters with single signs inside: `E-1042`, `foo_bar`, `3.5.1`, `a@b.example`, `and/or`.
_WORD = re.compile(r"\w+(?:[-./@&+]\w+)*")
_PREFIX = re.compile(r"(\w+(?:[-._]\w+)*)\*+")
_IDENTIFIER = re.compile(r"[_@.&+]|[A-Z]\w*-?\d|\d{4}|\b[^\W\d_]-\d")
_QUOTES = str.maketrans(
    {**dict.fromkeys("“”„‟«»＂", '"'), **dict.fromkeys("’‘ʼ＇", "'"), "：": ":", "\x00": " "}
)
_OPERATORS = frozenset({"AND", "OR", "NOT"})

FoundT = TypeVar("FoundT")


def understood(
    text: str,
    filters: Filters | None = None,
    *,
    is_key: Callable[[str], bool] = lambda _: False,
    main: str = "",
) -> Query:
    """`filters` came as arguments: those in the text narrow them and never widen them. `is_key` says whether any
    document has such a key of metadata; `main` is what askers call the main source."""
    return _Reading(filters or Filters(), is_key, main).read(text)


@dataclass
class _Reading:
    given: Filters
    is_key: Callable[[str], bool]
    main: str
    said: list[str] = field(default_factory=list[str])
    pairs: dict[str, None] = field(default_factory=dict[str, None])
    before: str = ""
    """The last word, where the next one stands beside it."""
    words: dict[str, str] = field(default_factory=dict[str, str])
    phrases: dict[str, None] = field(default_factory=dict[str, None])
    prefixes: dict[str, None] = field(default_factory=dict[str, None])
    excluded: dict[str, None] = field(default_factory=dict[str, None])
    filters: dict[tuple[str, str], None] = field(default_factory=dict[tuple[str, str], None])
    notes: dict[str, None] = field(default_factory=dict[str, None])

    def read(self, text: str) -> Query:
        if len(text) > MOST_CHARACTERS:
            self._note(f"Only the first {MOST_CHARACTERS:,} characters of the query were used.")
        plain = text[:MOST_CHARACTERS].encode(errors="ignore").decode().translate(_QUOTES)
        for piece in _PIECE.finditer(plain):
            self._piece(piece)
        if len(self.words) > MOST_WORDS:
            self._note(f"Only the first {MOST_WORDS} words of the query were used.")
        return Query(
            " ".join(self.said),
            tuple(self.words.values())[:MOST_WORDS],
            self._first(self.phrases, "phrases"),
            self._first(self.prefixes, "prefixes"),
            self._first(self.excluded, "excluded words"),
            self._narrowed(),
            tuple(self.notes),
            tuple(self.pairs)[:MOST_PAIRS],
        )

    def _piece(self, piece: re.Match[str]) -> None:
        key, quoted, bare = piece["key"], piece["quoted"], piece["bare"]
        if key is not None and self._filter(key.casefold(), quoted or bare or "", bool(piece["minus"])):
            return
        if key is not None:  # no filter: it is said as it was written
            self._bare(key)
        value = quoted if quoted is not None else bare
        if piece["minus"] and _excludable(value):
            self.excluded[value.strip()] = None
        elif quoted is not None:
            self._quoted(quoted)
        else:
            self._bare(bare)

    def _quoted(self, text: str) -> None:
        self.before = ""
        words = " ".join(text.split())
        if has_word(words):
            self.said.append(words)
            self.phrases[words] = None

    def _bare(self, text: str) -> None:
        self.said.append(text)
        if (prefix := _PREFIX.fullmatch(text)) and len(prefix[1]) > 1 and has_word(prefix[1]):
            self.said[-1] = prefix[1]
            self.prefixes[prefix[1]] = None
            return
        for found in _WORD.finditer(text):
            token = found[0]
            for word in _words(token):
                if not _is_common(word):
                    self.words.setdefault(word.casefold(), word)
            self._pair("" if _is_common(token) else token)

    def _pair(self, word: str) -> None:
        if self.before and word:
            self.pairs[f"{self.before} {word}"] = None
        self.before = word

    # --- filters --------------------------------------------------------------------------------------

    def _filter(self, key: str, value: str, negated: bool) -> bool:
        """Whether `key:value` was one, or a failed one."""
        key = {"format": "type", "filetype": "type", "since": "after"}.get(key, key)
        if key not in {"type", "source", "after", "before"} and not self.is_key(key):
            return False
        written = f"{key}:{value[:40]}"
        if negated:
            self._note(f"A filter cannot be turned round: -{written} was left out.")
            return True
        if key in {"after", "before"}:
            day = day_named(value)
            if day is None:
                self._note(f"{written} was left out: write a date such as {key}:2026-01-31.")
            else:
                self.filters[key, day] = None
            return True
        for one in value.split(",") if key in {"type", "source"} else [value]:
            if one.strip():
                self.filters[key, one.strip()] = None
        return True

    def _narrowed(self) -> Filters:
        told = self._first(self.filters, "filters")
        given = self.given
        after = [value for key, value in told if key == "after"]
        before = [value for key, value in told if key == "before"]
        found = Filters(
            self._within("source", given.sources, [self._source(v) for key, v in told if key == "source"]),
            self._within("type", given.formats, [format_named(v) for key, v in told if key == "type"]),
            max([given.after, *after]),
            min([day for day in (given.before, *before) if day], default=""),
        )
        of_metadata = dict(by_key(given))
        for key in dict.fromkeys(key for key, _ in told if key not in {"type", "source", "after", "before"}):
            wanted = [value for name, value in told if name == key]
            of_metadata[key] = self._within(key, of_metadata.get(key, ()), wanted)
        pairs = tuple((key, value) for key, values in of_metadata.items() for value in values)
        return replace(found, metadata=pairs)

    def _within(self, key: str, given: tuple[str, ...], wanted: list[str]) -> tuple[str, ...]:
        """What is wanted in the text, as far as the arguments allow it."""
        if not given or not wanted:
            return given or tuple(dict.fromkeys(wanted))
        allowed = {value.casefold() for value in given}
        both = tuple(value for value in dict.fromkeys(wanted) if value.casefold() in allowed)
        if len(both) < len(set(wanted)):
            self._note(f"{key}: in the query names what the arguments leave out; the arguments hold.")
        return both or given

    def _source(self, name: str) -> str:
        name = name.casefold()
        return "" if self.main and name == self.main.casefold() else name

    def _first(self, found: dict[FoundT, None], what: str) -> tuple[FoundT, ...]:
        if len(found) > MOST_SIGNED:
            self._note(f"Only the first {MOST_SIGNED} {what} of the query were used.")
        return tuple(found)[:MOST_SIGNED]

    def _note(self, sentence: str) -> None:
        self.notes[sentence] = None


def may_have_filters(text: str) -> bool:
    """Whether `is_key` may be asked at all."""
    return ":" in text or "：" in text


def has_word(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _excludable(value: str) -> bool:
    """`-5` is a number and `--` a dash: what is excluded begins with a letter, or stands in quotation marks."""
    return value.strip()[:1].isalpha()


def _is_common(word: str) -> bool:
    """`US` and `IT` in capitals are meant; `AND`, `OR` and `NOT` are what other searches have."""
    is_acronym = len(word) > 1 and word.isupper() and word not in _OPERATORS
    return word.casefold() in STOP_WORDS and not is_acronym


def _words(token: str) -> list[str]:
    """An identifier is one word; `sign-on` is one and its parts are too; a run of a script without blanks is its
    pairs of neighbours, since nothing says where its words end."""
    if any(is_unspaced(character) for character in token):
        return _pairs(token)
    parts = [part for part in re.split(r"[-./@&+]", token) if part]
    if len(parts) == 1 or _IDENTIFIER.search(token):
        return [token]
    return [token, *parts]


def _pairs(token: str) -> list[str]:
    found: list[str] = []
    for run in re.findall(r"[^\W\d_]+|[\d_]+", token):
        spans = _runs(run)
        for is_one, span in spans:
            if is_one and len(span) > 2:
                found += [span[at : at + 2] for at in range(len(span) - 1)]
            else:
                found.append(span)
    return found


def _runs(text: str) -> list[tuple[bool, str]]:
    """`text` cut where a script without blanks begins or ends."""
    found: list[tuple[bool, str]] = []
    for character in text:
        kind = is_unspaced(character)
        if found and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1] + character)
        else:
            found.append((kind, character))
    return found
