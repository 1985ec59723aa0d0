"""Filling a tool's arguments: from the clause's own text, else from what earlier calls gave. Where several values
fit, a tool that changes something gets none of them."""

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple, cast

from gateway.core.ports import ModelTool
from gateway.models.offline.words import READING, SERVING, Clause, said, stems, values, words
from toolward.schema import Schema
from toolward.types import Json, JsonObject

SHARE = re.compile(r"(?<![\d.,])(\d[\d.,]{0,20})\s?(?:%|per\s?cent)\D*?\b(?:of|on)\b")  # `15 % of its total`
_SUM = re.compile(r"(?:sqrt)?[\d(][\d\s.,()]{0,50}(?:[-+*/^]|%\s*of\b)(?:[-+*/^\d\s.,()%]|of\b){0,200}[\d)]")
_STATES = "open closed pending solved shipped delivered processing cancelled refunded failed returned"


class Tool(NamedTuple):
    name: str
    server: str
    verb: str  # the first word of its own name
    about: set[str]  # the stems of its name, its description and the choices that it offers
    properties: dict[str, JsonObject]
    required: list[str]
    schema: Schema
    changes: bool  # perhaps: then it is called only where a clause begins with its verb


def read_tool(offered: ModelTool) -> Tool:
    server, _, name = offered.name.rpartition("__")
    verb, schema = name.partition("_")[0], offered.input_schema
    about = {*stems(name.replace("_", " ")), *stems(offered.description)}
    properties = {key: as_object(part) for key, part in as_object(schema.get("properties")).items()}
    about.update(*(stems(str(choice)) for part in properties.values() for choice in part.get("enum", ())))
    required, checker = schema.get("required", []), Schema(schema, offered.name)
    return Tool(offered.name, server, verb, about, properties, required, checker, verb not in READING)


def as_object(value: Json) -> JsonObject:
    return cast(JsonObject, value) if isinstance(value, dict) else {}


def as_list(value: Json) -> list[Json]:
    return cast(list[Json], value) if isinstance(value, list) else []


def inside(value: Json, depth: int = 5) -> Iterator[Json]:
    """A value and all that it holds, outer things first."""
    yield value
    for one in (*as_list(value), *as_object(value).values()) if depth else ():
        yield from inside(one, depth - 1)


class Task(NamedTuple):
    """A clause and the tool that is to serve it. For each sort of parameter a method gives the value, or None."""

    clause: Clause
    tool: Tool
    results: Sequence[Json] = ()  # of earlier calls, newest first
    summary: str = ""  # of what they gave, for a file

    def fill(self) -> tuple[JsonObject, list[str]]:
        """The arguments, and the names of those that are needed and nowhere found, or do not fit the schema."""
        found = {name: self._value(name, schema) for name, schema in self.tool.properties.items()}
        arguments = {name: value for name, value in found.items() if value is not None}
        # `their orders` are not everybody's; what changes something says itself which ids it needs
        pointed = self.clause.points_back and not self.tool.changes
        theirs = [name for name in found if pointed and name.endswith("_id")]
        missing = sorted({*self.tool.required, *theirs} - arguments.keys())
        unfit = [one.pointer.strip("/") for one in self.tool.schema.violations(arguments)]
        return arguments, missing or unfit

    def _value(self, name: str, schema: JsonObject) -> Json:
        if "enum" in schema:  # the first choice that the clause names
            choices = {stem: choice for choice in schema["enum"] for stem in stems(str(choice))}
            return next((choices[stem] for stem in stems(self.clause.plain) if stem in choices), None)
        if schema.get("type") == "boolean":
            return name in words(self.clause.plain) or None
        by_last_word: dict[str, Callable[[str], Json]] = {
            "id": self._id, "key": self._id, "path": self._path, "minor": self._minor, "status": self._status,
            "query": self._query, "expression": self._expression, "reason": self._reason, "body": self._body,
            "content": self._body, "text": self._body, "message": self._body, "comment": self._body,
        }  # fmt: skip
        find = by_last_word.get(name.rpartition("_")[2])
        return find(name) if find else None

    def _id(self, name: str) -> str | None:
        """An id in the clause; else that of the thing which the clause names (`the order`, `its payment`), where
        the text before, or the newest result with any, has exactly one. To fetch, the best hit of a search."""
        if self.tool.verb == "fetch":
            hits = (as_object(one) for one in inside(self.results[:1]))
            return next((str(hit["id"]) for hit in hits if "id" in hit), None)
        noun = re.sub(r"_?(id|key)$|record|document", "", name)  # what `payment_id` names; empty = any thing
        text = self.clause.plain if self.tool.changes else self.clause.text
        found = [one for one in values(text, "id") if not noun or _names(noun, one)]
        if found:
            return found[0] if len(found) == 1 or not self.tool.changes else None
        nouns = [word for word in stems(self.clause.rest) if word in stems(noun) or not noun]
        nouns += [noun] if self.clause.points_back and not self.tool.changes else []
        for source in (values(self.clause.before, "id"), *map(inside, self.results)):
            known = {one for one in source if any(_names(word, one) for word in nouns)}
            if known:
                return known.pop() if len(known) == 1 else None
        return None

    def _path(self, name: str) -> str | None:
        folder = r"\b(?:in|under)\s(?:(?:the|folder)\s)*([\w-]+)"
        found: list[str] = [] if name in self.tool.required else re.findall(folder, self.clause.rest)
        found += values(self.clause.plain if self.tool.changes else self.clause.text, "path")
        return found[-1] if found else None

    def _minor(self, name: str) -> int | None:
        """The one amount in the clause, in a currency that no result contradicts."""
        amounts = values(self.clause.plain, "money")
        known = {as_object(one).get("currency") for one in inside(self.results)} - {None}
        fits = len(amounts) == 1 and (not known or amounts[0].replace("€", "EUR")[-3:] in known)
        return int(_figure(amounts[0]) * 100) if fits else None

    def _expression(self, name: str) -> str | None:
        """The arithmetic in the clause, which in a question must be all that it says; else `15 % … on its total` as
        `15% of 84.80`: of an amount in the clause, or the newest that a result gives for a word of it. Where the
        clause names an id, only a record with that id counts."""
        clause, plain = self.clause, self.clause.plain
        found = _SUM.search(clause.rest)
        ordered = SERVING.get(clause.verb) == ["calculate"]
        if found and (ordered or not words(clause.rest.replace(found[0], " "))):
            return found[0]
        share, named, bases = SHARE.search(plain), values(plain, "id"), values(plain, "money")
        for record in map(as_object, inside(self.results)):
            if not named or record.get("id") in named:
                fields = [as_object(one) for key, one in record.items() if {*stems(key)} & {*stems(plain)}]
                bases += [base for field in fields for base in values(str(field.get("display")), "money")]
        return f"{share[1]}% of {_figure(bases[0])}" if share and bases else None

    def _query(self, name: str) -> str | None:
        """What is quoted, or an e-mail address, or the words that matter and say no more than another argument."""
        text, properties = self.clause.text, self.tool.properties
        choices = [str(choice) for part in properties.values() for choice in part.get("enum", ())]
        told = {*stems(" ".join(choices)), *stems(_STATES if "status" in properties else "")}
        kept = dict.fromkeys(word for word in words(self.clause.rest) if not told.intersection(stems(word)))
        return next(filter(None, (said(text), *values(text, "email"), " ".join(kept)[:200])), None)

    def _status(self, name: str) -> str | None:
        return next((state for state in _STATES.split() if state in words(self.clause.plain)), None)

    def _body(self, name: str) -> str | None:
        return said(self.clause.text) or (self.summary if self.tool.verb == "write" else "") or None

    def _reason(self, name: str) -> str:
        return (self.clause.text.partition(" because ")[2] or self.clause.text).strip(" .")


def _names(noun: str, identifier: Json) -> bool:
    """Whether an id names such a thing: its letters abbreviate the word."""
    letters, rest = re.split("[-_]", str(identifier).lower())[0], iter(noun)
    abbreviates = noun[:1] == letters[:1] and all(letter in rest for letter in letters)
    return abbreviates and values(str(identifier), "id") == [identifier]


def _figure(amount: str) -> Decimal:
    """The number in `1,250.50 EUR`."""
    return Decimal(re.sub(r"[^\d.]", "", amount))
