"""Reading a request: its clauses, the verb that each begins with, and the values whose form gives them away."""

import re
from collections.abc import Iterable
from typing import NamedTuple

READING = frozenset({"calculate", "get", "search", "find", "list", "read", "fetch"})
_SERVING = """
get read find list search: get, show, view, give
get search: look up, lookup, pull up, fetch, retrieve, summarise, summarize
find list get search: list, find, which, how many
read get find list: read, open
search: search, look for
calculate: calculate, compute, work out, figure out, evaluate
calculate get search: what, how, how much, why, when, where, who, is, are, was, do, does, did, has, can i, should
calculate get search: may, check, tell, explain, describe, track
write: save, write, store, append, overwrite, create, put
add write: add, post, leave, comment
none: book, buy, cancel, change, delete, email, move, pay, refund, remove, rename, send, ship, update
"""
# verb of a clause -> verbs that tools are named by, best first; a tool named by the clause's own verb serves it too
SERVING = {
    verb: tool_verbs.removeprefix("none").split()
    for tool_verbs, verbs in (line.split(": ") for line in _SERVING.strip().splitlines())
    for verb in verbs.split(", ")
}
_STOP_WORDS = """
a about after all also am an and any are as at base be but by can could did do does for from get had has have he
hello help her hey hi him his how i if in into is it its just knowledge long many me mean more much my no not now
of off on or our out over please say says she should so some take tell than thank thanks that the their them then
there these they this to too us was we were what when where which who why will with would you your
"""
_STOP = frozenset(_STOP_WORDS.split())
_COURTESY = r"(?:(?:please|also|then|now|first|finally|(?:can|could|would|will) you)\b[\s,]*|[-*]\s)*"
_CONDITION = re.compile(
    r"\b(?:if|unless|otherwise|provided|in case|when|once|after|until)\b|^\W*should\b", re.I
)
_SAID = re.compile(r""""([^"]+)"|(?<!\w)'((?:[^'\n]|\b'\b){1,999})'(?!\w)|(?::|\bsaying)\s+(?=[^\s'"])(.+)""")
_VALUE = re.compile(
    r"""(?P<email>(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+)
    |(?P<path>(?<![\w./-])(?:\.{0,2}/)*[A-Za-z_][\w-]*(?:[./][\w-]+)+)
    |(?P<id>(?<![\w-])[A-Za-z]+[-_](?=\w*\d)\w[\w-]*)
    # none where it could be read in two ways: `5,00 EUR`, `1 500 EUR`, `5 or 10 EUR`, `5-10 EUR`
    |(?P<money>(?<![\w.,/–-])(?<!\d\s)(?<![–-]\s)(?<!\d\s(?:or|to)\s)(?<!\d\sand\s)
        (?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d\d?)?\s?(?:€|(?:EUR|USD|GBP|CHF|NOK|SEK|DKK|PLN|CZK|CAD|AUD)\b))""",
    re.VERBOSE,
)


class Clause(NamedTuple):
    text: str
    plain: str  # the text without what it quotes, or says after a colon
    verb: str  # that it begins with; empty = none
    rest: str  # what follows the verb
    before: str  # all that the request says before it
    doubt: str = ""  # why it orders nothing, although it may begin with a verb
    points_back: bool = False  # speaks of something by `its`, `their` …


def values(text: str, kind: str) -> list[str]:
    """The different values of a kind (`email`, `path`, `id`, `money`), in order."""
    return list(dict.fromkeys(found[0] for found in _VALUE.finditer(text) if found.lastgroup == kind))


def said(text: str) -> str:
    """What is to be passed on: what stands in quotation marks, or after a colon or `saying`."""
    found = _SAID.search(text)
    return next(filter(None, found.groups())) if found else ""


def words(text: str) -> list[str]:
    """The words that carry meaning, as written; values are none."""
    found = re.findall(r"[^\W_]+(?:['-][^\W_]+)*", _VALUE.sub(" ", text))
    return [word for word in found if word.lower() not in _STOP]


def stems(text: str) -> list[str]:
    """The crude roots of the words: `orders`, `ordered` and `order` are one."""
    return [re.sub(r"(?<=\w{3})(?:'s|ing|ed|es|s|e)$", "", word.lower()) for word in words(text)]


def read_clauses(text: str, tool_verbs: Iterable[str]) -> list[Clause]:
    """The sentences of a request. One that begins with a verb is cut where a joint (`and`, `then`, a comma) is
    followed by another verb. Nothing is cut inside of what is quoted or said."""
    text = text.translate(str.maketrans("“”‘’", "\"\"''"))
    # what is quoted or said is kept aside, with a private character in its place meanwhile
    kept = {0xE000 + place: found[0] for place, found in enumerate(_SAID.finditer(text))}
    hidden = iter(kept)
    plain = _SAID.sub(lambda found: chr(next(hidden)), text)
    known = "|".join(re.escape(verb) for verb in sorted({*SERVING, *tool_verbs}, key=len, reverse=True))
    a_verb = rf"(?:{known})\b(?!['-]|\s+(?:not|no|nothing)\b)"
    begins = re.compile(rf"\s*({_COURTESY})({a_verb})", re.I)
    joint = re.compile(rf"(?:,?\s(?:and|then)\s|,\s)(?={_COURTESY}{a_verb})", re.I)
    clauses: list[Clause] = []
    before = ""
    for sentence in re.split(r"(?<=[.!?;])\s+|(?<!:)\n", plain.strip()):
        first = begins.match(sentence)
        asked = sentence.endswith("?") and not (first and first[1])
        doubt = "it is a question and no order" if asked else ""
        if _CONDITION.search(sentence):
            doubt = "it depends on a condition, which I cannot weigh; order it outright"
        for piece in joint.split(sentence) if first else [sentence]:
            verb = begins.match(piece)
            rest = piece[verb.end() :] if verb else piece
            text, rest = piece.translate(kept).strip(), rest.translate(kept)
            back = re.search(r"\b(?:its|their|his|her)\b", piece) is not None
            clauses.append(Clause(text, piece, verb[2].lower() if verb else "", rest, before, doubt, back))
            before += f"{piece} "
    return [clause for clause in clauses if clause.text]
