"""Reading a text by visible rules: its steps, the verb that each step begins with, and the values whose form
says what they are. There is no language model here, and nothing is known of any particular tool or data."""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

LOOK, FIND, KNOW, READ, CALCULATE, WRITE, ADD = "look", "find", "know", "read", "calculate", "write", "add"

_VERBS = """
look find know: look up, lookup, look at, pull up, fetch, retrieve, track
look read find: get, show, view, display, give, look
look know find: where, who, tell, when will, when did, when does, when is, when was
find: list, how many
find know look: find, which
know find look: search, check, look for
know look find: what, how, why, is, are, does, do, did, was, has, may, can i, can we, should
know look find: explain, describe, know, find out
read look: read, open, print
calculate know: calculate, compute, work out, figure out, evaluate, how much
write add: save, write, store, append, overwrite, put, create, jot down
add write: add, post, leave, comment, reply
none: book, buy, cancel, change, delete, email, forward, move, pay, refund, remove, rename, schedule, send, ship
none: translate, update, upgrade
"""
# verb -> the families of tools that can serve it, best first; of `none`, only a tool that is named by the verb
VERBS: dict[str, tuple[str, ...]] = {
    verb: tuple(families.replace("none", "").split())
    for families, verbs in (line.split(": ") for line in _VERBS.strip().splitlines())
    for verb in verbs.split(", ")
}
_READING = frozenset({LOOK, FIND, READ, CALCULATE})
QUESTION = (KNOW, LOOK, FIND)

_STOP_WORDS = """a about after again all also am an and any are as at be because been before but by can could did do
    does e-mail email every for from get had has have he her him his how i if in into is it its just kindly let long
    many may me mean mine more most much must my named no not now of off on or our out over own per please said say
    says shall she short should so some take takes tell than that the their them then there these they this those to
    too up us very was we were what when where whether which who whom whose why will with would you your base doc
    docs document documentation article knowledge summary summarise summarize"""
_STOP = frozenset(_STOP_WORDS.split())
_REFERENCE = re.compile(
    r"\b(its?|their|them|they|his|her|that|those|this|these|result|summary)\b", re.IGNORECASE
)
_POLITE = re.compile(
    r"(?:(?:please|also|then|and|now|next|first|finally|so|kindly|(?:can|could|would|will) you"
    r"|i(?:'d| would) like(?: you)? to|i (?:want|need)(?: you)? to|help me(?: to)?|let's)\b[\s,:]*)+",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"\W*(?:(?:hello|hi|hey|thanks|thank you|good (?:morning|afternoon|evening|day)|help|there|again"
    r"|what can you do|who are you|what are you)\b\W*)+",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:if|unless|in case|provided)\b|^\s*(?:when|once|as soon as)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?:(?<=[.!?;])|(?<=[.!?;]['\"”]))\s+|\n+")
_CLAUSE = re.compile(r"\s{0,3},?\s{1,3}(?:and then|and also|and|then|but)\s{1,3}|,\s{1,3}", re.IGNORECASE)

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?"
_CODES = "EUR|USD|GBP|CHF|NOK|SEK|DKK|PLN|CZK|JPY|CAD|AUD"
_SIGNS = (
    ("cent", "cent"),
    ("€", "EUR"),
    ("euro", "EUR"),
    ("$", "USD"),
    ("dollar", "USD"),
    ("£", "GBP"),
    ("pound", "GBP"),
)
_TOKEN = re.compile(
    r"""(?P<quoted>"[^"]{0,5000}"|“[^”]{0,5000}”|(?<!\w)'(?:[^']|(?<=\w)'(?=\w)){0,5000}'(?!\w))
    |(?P<url>https?://\S+)
    |(?P<email>(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+)
    |(?P<date>\b\d{4}-\d{2}-\d{2}\b)
    |(?P<path>(?<![\w./-])(?:\.{0,2}/)*[A-Za-z_][\w-]*(?:\.[\w-]+)*(?:/[\w-]+(?:\.[\w-]+)*)+/?
        |(?<![\w./-])(?:\.{1,2}/|/)+[\w-][\w./-]*\w
        |(?<![\w-])(?!e\.g|i\.e)[A-Za-z_][\w-]*(?:\.[A-Za-z][A-Za-z0-9]{0,4})+\b
        |(?<![\w-])[\w-]+/(?!\S))
    |(?P<id>(?<![\w-])[A-Za-z]+[-_](?=\w{0,40}\d)\w[\w-]*\b|\#\d+\b)
    |(?P<percent>(?:NUMBER)\s*(?:%|per\s?cent\b))
    |(?P<money>[€$£]\s?(?:NUMBER)|(?:NUMBER)\s?(?:(?:CODES)\b|€|(?:euro|dollar|pound|cent)s?\b))
    |(?P<number>(?:NUMBER)\b)""".replace("NUMBER", _NUMBER).replace("CODES", _CODES),
    re.VERBOSE,
)
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


class Token(NamedTuple):
    """A value that its form gives away: kind `quoted`, `email`, `path`, `id`, `percent`, `money` and so on."""

    kind: str
    text: str
    start: int


class Money(NamedTuple):
    amount: Decimal
    currency: str  # empty = not said

    @property
    def minor(self) -> int | None:
        """In minor units; None where that would not be a whole number."""
        scaled = self.amount if self.currency == "cent" else self.amount.scaleb(minor_digits(self.currency))
        return int(scaled) if scaled == scaled.to_integral_value() else None


def minor_digits(currency: str) -> int:
    return 0 if currency == "JPY" else 2


def tokens(text: str, *kinds: str) -> tuple[Token, ...]:
    """All values of these kinds, in order; quotation marks are taken off."""
    found = ((match.lastgroup or "", match.group(), match.start()) for match in _TOKEN.finditer(text))
    return tuple(
        Token(kind, value[1:-1] if kind == "quoted" else value, start)
        for kind, value, start in found
        if not kinds or kind in kinds
    )


def blank(text: str, *kinds: str, filler: str = " ") -> str:
    """The text with its tokens (of these kinds) overwritten, every other character where it was."""
    return _TOKEN.sub(
        lambda found: filler * len(found.group()) if not kinds or found.lastgroup in kinds else found.group(),
        text,
    )


def number(text: str) -> Decimal:
    """The number in `1,250.50`, `5,00 EUR` or `15 %`."""
    found = re.search(_NUMBER, text)
    digits = found.group() if found else "0"
    thousands = re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", digits)
    return Decimal(digits.replace(",", "" if thousands else "."))


def money(text: str) -> Money:
    code = re.search(_CODES, text)
    named = next((value for sign, value in _SIGNS if sign in text.lower()), "")
    return Money(number(text), code.group() if code else named)


def stem(word: str) -> str:
    """A crude root, so that `returns`, `returned` and `return` are one word."""
    word = word.lower().removesuffix("'s").removesuffix("’s")
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    for ending in ("ing", "ed", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word.removesuffix(ending)
            return word[:-1] if ending in ("ing", "ed") and word[-1] == word[-2] else stem(word)
    return word


def words(text: str) -> tuple[str, ...]:
    """The words that carry meaning, as written."""
    return tuple(word for word in _WORD.findall(text) if word.lower() not in _STOP)


def stems(text: str | Iterable[str]) -> frozenset[str]:
    return frozenset(stem(word) for word in (words(text) if isinstance(text, str) else text))


def is_greeting(text: str) -> bool:
    return _GREETING.fullmatch(text) is not None


def refers_back(text: str) -> bool:
    """Whether it points at something said or found before: `its total`, `save that`, `a summary`."""
    return _REFERENCE.search(blank(text)) is not None


def lead(clause: str, extra: frozenset[str] = frozenset()) -> tuple[str, str]:
    """The verb that a clause begins with (after `please`, `can you` …), or "", and the rest of the clause.

    `extra` are verbs that tools are named by. A noun before an id is no verb: `order AB-1 is late`."""
    start = without_courtesy(clause)
    known = sorted({*VERBS, *extra}, key=len, reverse=True)
    found = re.match(rf"({'|'.join(map(re.escape, known))})\b(?!['’]t|\s+not\b)", start, re.IGNORECASE)
    if found is None:
        return "", start
    rest = start[found.end() :]
    verb = found.group().lower()
    if not VERBS.get(verb) and re.match(r"\s+(?:[A-Za-z]+[-_]\d|policy|policies)", rest):
        return "", start
    return verb, rest


def without_courtesy(text: str) -> str:
    """`could you please show it` as `show it`."""
    found = _POLITE.match(text)
    return text[found.end() :].lstrip() if found else text.lstrip()


def clauses(text: str, extra: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Sentences, cut again where `and`, `then` or a comma is followed by a verb with something to act on.
    Nothing is cut inside quotation marks or after a colon."""
    shown = blank(text, filler="·")
    found: list[str] = []
    start = 0
    for end in (*(match.end() for match in _SENTENCE_END.finditer(shown)), len(text)):
        found += _cut(text[start:end], shown[start:end], extra)
        start = end
    return tuple(piece for piece in (piece.strip(" \n,") for piece in found) if piece)


def _cut(sentence: str, shown: str, extra: frozenset[str]) -> list[str]:
    colon = re.search(r":\s", shown)
    pieces: list[str] = []
    start = 0
    for match in _CLAUSE.finditer(shown, 0, colon.start() if colon else len(shown)):
        first, _ = lead(sentence[start : match.start()], extra)
        verb, rest = lead(sentence[match.end() :], extra)
        # a bare `and` joins only orders: `she asked to return it and refund 5 EUR` is none
        joins = "," in match.group() or "then" in match.group() or first
        if verb and joins and (first or not is_conditional(sentence)) and _stands_alone(verb, rest, sentence):
            pieces.append(sentence[start : match.start()])
            start = match.end()
    return [*pieces, sentence[start:]]


def _stands_alone(verb: str, rest: str, sentence: str) -> bool:
    """Whether a verb and what follows is a step of its own: `…, why?` and `… and tell me more` are not, and within
    a question nothing is ordered that could change something."""
    family = VERBS.get(verb, ())[:1]
    if family == (KNOW,):
        return bool(words(rest))
    question = sentence.rstrip().endswith("?") and _POLITE.match(sentence) is None
    return (
        verb != "tell"
        and bool(re.search(r"\w", rest))
        and (not question or bool(_READING.intersection(family)))
    )


def is_conditional(text: str) -> bool:
    """Whether it holds only under a condition, which rules like these cannot weigh."""
    return _CONDITION.search(blank(text)) is not None
