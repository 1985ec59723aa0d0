"""Filling a tool's arguments: from the step's own text first, then from what earlier calls gave."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from gateway.models.offline.facts import base_figure, currency_of, ids_of
from gateway.models.offline.offers import Offer, Parameter, names_a
from gateway.models.offline.words import (
    WRITE,
    blank,
    money,
    number,
    refers_back,
    stem,
    stems,
    tokens,
    without_courtesy,
    words,
)
from toolward.types import Json, JsonObject

_STATES = re.compile(
    r"\b(open|closed|pending|solved|resolved|shipped|delivered|processing|paid|unpaid|cancelled|refunded|failed"
    r"|active|inactive|overdue|captured|returned|draft|done|waiting|disputed|discontinued|available"
    r"|out[ _]of[ _]stock)\b",
    re.IGNORECASE,
)
_SPOKEN = (("plus", "+"), ("minus", "-"), ("times", "*"), ("multiplied by", "*"), ("divided by", "/"))
_OPERAND = r"(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?\s*%?|\b(?:pi|e)\b)"
_ARITHMETIC = re.compile(
    rf"(?:{_OPERAND}|\*\*|[-+*/^()]|\bof\b|\b[a-z]\w*(?=\()|,(?=\s*\d)|\s)+", re.IGNORECASE
)
_LONGEST_QUERY = 200  # characters


class Situation(NamedTuple):
    """What there is to fill arguments from."""

    text: str  # of the step
    rest: str  # of the step, behind its verb
    before: str  # all that the request says before the step
    story: str  # the sentences of the request that ask for nothing
    things: frozenset[str]  # the kinds of things that the tools speak of
    results: tuple[Json, ...]  # what came back so far, newest first
    summary: Callable[[], str] = str  # the text for a file when none is given; empty = nothing to tell


class Filling(NamedTuple):
    arguments: JsonObject
    missing: tuple[str, ...]  # required, and nowhere found
    currency: str = ""  # of a figure that was taken from a result


def fill(offer: Offer, at: Situation) -> Filling:
    arguments: JsonObject = {}
    for parameter in offer.parameters:
        value = _FILLERS.get(parameter.kind, _nothing)(parameter, offer, at)
        if value is not None and (parameter.required or _wanted(parameter, offer)):
            shorten = parameter.longest and isinstance(value, str)
            arguments[parameter.name] = value[: parameter.longest] if shorten else value
    needed = (one for one in offer.parameters if one.required or _meant(one, at))
    missing = tuple(one.name for one in needed if one.name not in arguments)
    kinds = {one.kind for one in offer.required}
    return Filling(arguments, missing, _currency(at) if "expression" in kinds else "")


def _meant(parameter: Parameter, at: Situation) -> bool:
    """Whether an optional id must be found all the same: `their orders` are not everybody's."""
    return parameter.kind == "id" and bool(at.before and re.search(r"\b(their|his|her|its)\b", at.text))


def _currency(at: Situation) -> str:
    """Of the figure that a calculation stands on: as the text says it, or as the result does."""
    if amounts := tokens(at.text, "money"):
        return money(amounts[0].text).currency
    stands_on_text = expression(at._replace(results=())) is not None
    based = None if stands_on_text else base_figure(at.text, at.results)
    return based.currency if based else ""


def _wanted(parameter: Parameter, offer: Offer) -> bool:
    """An optional choice narrows a search; where an id says which thing is meant, nothing is narrowed."""
    return parameter.kind not in ("choice", "body", "text") or (
        parameter.kind == "choice" and not any(one.kind == "id" for one in offer.required)
    )


def loose_ids(offer: Offer, at: Situation) -> tuple[str, ...]:
    """The ids in the step's text that no parameter of the tool would take."""
    taken = {_id(one, offer, at._replace(results=())) for one in offer.parameters if one.kind == "id"}
    return tuple(token.text for token in tokens(at.text, "id") if token.text not in taken)


# --- by kind of parameter: each takes the parameter, its tool and the situation, and gives a value or None ----


def _nothing(parameter: Parameter, offer: Offer, at: Situation) -> None:
    return None


def _choice(parameter: Parameter, offer: Offer, at: Situation) -> str | None:
    """The first choice that the text names, but not as the kind of an id: `orders of customer AB-1` are orders."""
    free = re.sub(r"\b[A-Za-z]+\s+[A-Za-z]+[-_]\d\w*", " ", at.text)
    for text in (free, at.text):
        mentioned = [stem(word) for word in words(text)]
        named = [choice for choice in parameter.choices if stem(choice) in mentioned]
        if named:
            return min(named, key=lambda choice: mentioned.index(stem(choice)))
    return None


def _id(parameter: Parameter, offer: Offer, at: Situation) -> str | None:
    """From the step; else, where it points back (`the order`, `its payment`), from the text before or a result."""
    noun = parameter.noun or _noun_in(at)
    named = re.search(rf"\b(?:the|my|our) {noun or '-'}\b", at.text, re.IGNORECASE)
    points = refers_back(at.text) or named is not None
    for text in (at.text, at.before if points else ""):
        for token in tokens(text, "id"):
            word = (re.findall(r"[A-Za-z]+", text[: token.start]) or [""])[-1]
            fits = text is at.text or not noun or names_a(noun, token.text, word)
            if fits and _takes(parameter, token.text, word, at.things):
                return token.text
    if noun and (points or (parameter.required and stem(noun) in stems(at.text))):
        found = ids_of(noun, at.results)
        if found and (len(found) == 1 or not offer.changes):  # never guess which of several to change
            return found[0]
    return None


def _takes(parameter: Parameter, identifier: str, before: str, things: frozenset[str]) -> bool:
    if parameter.noun:
        claimed = any(names_a(thing, identifier, before) for thing in things - {stem(parameter.noun)})
        return names_a(parameter.noun, identifier, before) or (parameter.required and not claimed)
    return parameter.required


def _noun_in(at: Situation) -> str:
    return next((stem(word) for word in words(at.rest) if stem(word) in at.things), "")


def _path(parameter: Parameter, offer: Offer, at: Situation) -> str | None:
    if found := tokens(at.text, "path"):
        return found[-1].text
    quoted = tokens(at.text, "quoted")
    if len(quoted) > (1 if offer.family == WRITE else 0):
        return quoted[-1].text
    if offer.family == WRITE:
        return None
    place = re.search(
        r"\b(?:in|of|under|from|inside)\s+(?:(?:the|my|our)\s+)?(?:(?:folder|directory)\s+)?([\w-]+)", at.rest
    )
    return place.group(1) if place else None


def _query(parameter: Parameter, offer: Offer, at: Situation) -> str | None:
    """To search in documents: the words that matter. To narrow a list: only what is plainly a name."""
    if found := tokens(at.text, "quoted", "email"):
        return found[0].text
    if parameter.required:
        topic = at.rest if len(words(at.rest)) > 0 else at.text
        return " ".join(dict.fromkeys(words(topic)))[:_LONGEST_QUERY] or None
    named = re.search(r"\b(?:named|called|about|for|matching|containing)\s+(.+)", at.rest, re.IGNORECASE)
    topic = named.group(1) if named else " ".join(re.findall(r"\b[A-Z][a-z]+\b", blank(at.rest)))
    return " ".join(word for word in words(topic) if stem(word) not in at.things) or None


def _body(parameter: Parameter, offer: Offer, at: Situation) -> str | None:
    if found := tokens(at.text, "quoted"):
        return found[0].text
    said = re.search(r"(?::|\bsaying(?: that)?|\bthat says)\s+(.+)", at.text, re.DOTALL)
    return said.group(1).strip() if said else (at.summary() or None)


def _reason(parameter: Parameter, offer: Offer, at: Situation) -> str:
    said = re.search(
        r"\b(?:because(?: of)?|since|due to|reason:?)\s+(.+)", at.text, re.IGNORECASE | re.DOTALL
    )
    return (said.group(1) if said else at.story or without_courtesy(at.text)).strip(" .?!")


def _minor(parameter: Parameter, offer: Offer, at: Situation) -> int | None:
    """Only an amount that says its currency, or a money field of a result: a bare 5 could be cents. None where
    the thing is known to be in another currency."""
    if found := tokens(at.text, "money"):
        said = money(found[0].text)
        ids = (_id(one, offer, at) for one in offer.required if one.kind == "id")
        known = {currency_of(identifier, at.results) for identifier in ids if identifier} - {""}
        return said.minor if known <= {said.currency, "cent"} or said.currency == "cent" else None
    based = base_figure(at.text, at.results)
    return based.minor if based and based.currency else None


def _status(parameter: Parameter, offer: Offer, at: Situation) -> str | None:
    found = _STATES.search(at.rest)
    return found.group().lower().replace(" ", "_") if found else None


def _limit(parameter: Parameter, offer: Offer, at: Situation) -> int | None:
    found = re.search(r"\b(?:top|first|last|newest|latest)\s+(\d{1,4})\b", at.text, re.IGNORECASE)
    return int(found.group(1)) if found else None


def _flag(parameter: Parameter, offer: Offer, at: Situation) -> bool | None:
    return True if stem(parameter.name) in stems(at.rest) else None


def _number(parameter: Parameter, offer: Offer, at: Situation) -> int | float | None:
    if not parameter.required or not (found := tokens(at.text, "number", "money", "percent")):
        return None
    value = number(found[0].text)
    return int(value) if value == value.to_integral_value() else float(value)


def _text(parameter: Parameter, offer: Offer, at: Situation) -> str | None:
    """An address for a parameter that asks for one; else what is quoted, or what follows `in`, `for`, `to` …"""
    if re.search(r"mail|address|recipient|^to$", parameter.name) and (mails := tokens(at.text, "email")):
        return mails[0].text
    if quoted := tokens(at.text, "quoted"):
        return quoted[0].text
    found = re.search(r"\b(?:in|for|of|at|to|into|on)\s+(?:the\s+)?([^,.?!]+)", at.rest)
    return found.group(1).strip() if found else None


def spoken(text: str) -> str:
    """The text with signs for words: `3 plus 4` is `3 + 4`."""
    for said, sign in _SPOKEN:
        text = re.sub(rf"\b{said}\b", sign, text, flags=re.IGNORECASE)
    return re.sub(r"\b(?:the )?square root of\s+(\d[\d.]*)", r"sqrt(\1)", text, flags=re.IGNORECASE)


def expression(at: Situation) -> str | None:
    """The arithmetic in the text; `15 % … its total` becomes `15% of 84.80` once a result has a total."""
    said = " ".join(spoken(at.text).split())
    text = blank(re.sub(r"(?<=\d),(?=\d{3}\b)", "", said), "quoted", "path", "id", "email", "url", "date")
    runs = [match.group().strip(" ,") for match in _ARITHMETIC.finditer(text)]
    runs = [re.sub(r"^of\b|\bof$", "", run, flags=re.IGNORECASE).strip() for run in runs]
    sums = [run for run in runs if re.search(r"\w\s*(?:[-+*/^]|%\s*of\b)[-\s(]*\w|\w\(", run)]
    if sums:
        return re.sub(r"(\d)\s+%", r"\1%", max(sums, key=len))
    if not (percents := tokens(at.text, "percent")):
        return None
    share = f"{number(percents[0].text)}%"
    figure = base_figure(at.text, at.results)
    if amounts := tokens(at.text, "money") or tokens(at.text, "number"):
        base = number(amounts[0].text)
    elif figure is not None:
        base = figure.amount
    else:
        return None
    return f"{base} - {share} of {base}" if re.search(r"\boff\b", at.text) else f"{share} of {base}"


def _expression(parameter: Parameter, offer: Offer, at: Situation) -> str | None:
    return expression(at)


_FILLERS: dict[str, Callable[[Parameter, Offer, Situation], Any]] = {
    "choice": _choice,
    "id": _id,
    "path": _path,
    "query": _query,
    "body": _body,
    "reason": _reason,
    "minor": _minor,
    "status": _status,
    "limit": _limit,
    "flag": _flag,
    "number": _number,
    "text": _text,
    "expression": _expression,
}
