"""Filling a tool's arguments: from the clause's own text, else from what earlier calls gave. Where several values
fit, a tool that changes something gets none of them."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple, cast

from gateway.core.ports import ModelTool
from gateway.models.offline.words import NUMBER, READING, SERVING, Clause, said, stems, values, words
from toolward.schema import Schema
from toolward.types import Json, JsonObject

SHARE = re.compile(rf"({NUMBER})\s?(?:%|per\s?cent)\D*?\b(?:of|on)\b")  # `15 % of its total`
_SUM = re.compile(r"(?:sqrt)?[\d(][\d\s.,()]{0,50}(?:[-+*/^]|%\s*of\b)(?:[-+*/^\d\s.,()%]|of\b){0,200}[\d)]")
_AMOUNT = re.compile(r"(\D*)(\d{1,3}(?:,\d{3})+|\d+)(\.\d{1,2})?(\D*)")
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP"}
_STATES = (
    "open closed pending solved shipped delivered processing cancelled refunded failed captured returned"
)


class Tool(NamedTuple):
    name: str
    server: str
    verb: str  # the first word of its own name
    about: set[str]  # the stems of its name and description
    properties: dict[str, JsonObject]
    required: list[str]
    schema: Schema

    @property
    def changes(self) -> bool:
        """Whether it may change something: then it is called only where a clause begins with its verb."""
        return self.verb not in READING


def read_tool(offered: ModelTool) -> Tool:
    server, _, name = offered.name.rpartition("__")
    verb, schema = name.partition("_")[0], offered.input_schema
    properties = {key: as_object(part) for key, part in as_object(schema.get("properties")).items()}
    about = {*stems(name.replace("_", " ")), *stems(offered.description)}
    required = schema.get("required", [])
    return Tool(offered.name, server, verb, about, properties, required, Schema(schema, offered.name))


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
    """A clause, and the tool that is to serve it. A method for each sort of parameter gives its value, or None where
    there is none."""

    clause: Clause
    tool: Tool
    results: Sequence[Json] = ()  # of earlier calls, newest first
    summary: str = ""  # of what they gave, for a file

    def fill(self) -> tuple[JsonObject, list[str]]:
        """The arguments, and the names of those that are needed and nowhere found, or do not fit the schema."""
        found = {name: self._value(name, schema) for name, schema in self.tool.properties.items()}
        arguments = {name: value for name, value in found.items() if value is not None}
        theirs = [name for name in found if self.points_back and name.endswith("_id")]  # not everybody's
        missing = sorted({*self.tool.required, *theirs} - arguments.keys())
        return arguments, missing or [
            wrong.pointer.strip("/") for wrong in self.tool.schema.violations(arguments)
        ]

    @property
    def points_back(self) -> bool:
        return re.search(r"\b(?:its|their|his|her)\b", self.clause.plain) is not None

    def _value(self, name: str, schema: JsonObject) -> Json:
        if (
            "enum" in schema
        ):  # the first choice that the clause names; of an optional one only the verb (`append`)
            named = stems(self.clause.plain) if name in self.tool.required else stems(self.clause.verb)
            choices = {stem: choice for choice in schema["enum"] for stem in stems(str(choice))}
            return next((choices[stem] for stem in named if stem in choices), None)
        if schema.get("type") == "boolean":
            return name in words(self.clause.plain) or None
        sort = name.rpartition("_")[2]  # the last word of its name says what a parameter takes
        return self.SORTS[sort](self, name) if sort in self.SORTS else None

    def _id(self, name: str) -> str | None:
        """An id in the clause; else that of the thing which the clause names (`the order`, `its payment`), where the
        text before it, or the newest result with any, has exactly one. To fetch, the best hit of the last search."""
        if self.tool.verb == "fetch":
            hits = (as_object(one) for one in inside(self.results[:1]))
            return next((str(hit["id"]) for hit in hits if "id" in hit), None)
        noun = re.sub(r"_?(id|key)$|record|document", "", name)  # what `payment_id` names; empty = any thing
        found = [one for one in values(self.clause.plain, "id") if not noun or _names(noun, one)]
        if found:
            return found[0] if len(found) == 1 or not self.tool.changes else None
        nouns = [word for word in stems(self.clause.rest) if word in stems(noun) or not noun]
        nouns += [noun] if self.points_back and not self.tool.changes else []
        for source in (values(self.clause.before, "id"), *map(inside, self.results)):
            known = {one for one in source if any(_names(word, one) for word in nouns)}
            if known:
                return known.pop() if len(known) == 1 else None
        return None

    def _path(self, name: str) -> str | None:
        found = values(self.clause.plain if self.tool.changes else self.clause.text, "path")
        folder = re.search(r"\b(?:in|under)\s(?:(?:the|folder)\s)*([\w-]+)", self.clause.rest)
        if folder and name not in self.tool.required:
            found.insert(0, folder[1])
        return found[-1] if found else None

    def _minor(self, name: str) -> int | None:
        """The one amount in the clause, in a currency that results do not contradict."""
        amounts = _amounts(self.clause.plain)
        known = {as_object(one).get("currency") for one in inside(self.results)} - {None}
        fits = len(amounts) == 1 and (not known or amounts[0][1] in known)
        return int(amounts[0][0] * 100) if fits else None

    def _expression(self, name: str) -> str | None:
        """The arithmetic in the clause, which in a question must be all that it says; else `15 % … on its total` as
        `15% of 84.80`: of an amount in the clause, or the newest that a result gives for a word of it. Where the
        clause names an id, only a record with that id counts."""
        rest, plain = self.clause.rest, self.clause.plain
        found = _SUM.search(rest)
        if found and (
            SERVING.get(self.clause.verb) == ["calculate"] or not words(rest.replace(found[0], " "))
        ):
            return found[0]
        share, named, bases = SHARE.search(plain), values(plain, "id"), _amounts(plain)
        for record in map(as_object, inside(self.results)):
            if not named or record.get("id") in named:
                fields = [
                    as_object(value) for key, value in record.items() if {*stems(key)} & {*stems(plain)}
                ]
                bases += [base for field in fields for base in _amounts(str(field.get("display")))]
        return f"{share[1]}% of {bases[0][0]}" if share and bases else None

    def _query(self, name: str) -> str | None:
        """What is quoted, or an e-mail address, or the words that matter and say no more than another argument."""
        choices = [
            str(choice) for schema in self.tool.properties.values() for choice in schema.get("enum", ())
        ]
        told = {*stems(" ".join(choices)), *stems(_STATES if "status" in self.tool.properties else "")}
        kept = dict.fromkeys(word for word in words(self.clause.rest) if not told.intersection(stems(word)))
        text = self.clause.text
        return next(filter(None, (said(text), *values(text, "email"), " ".join(kept)[:200])), None)

    def _status(self, name: str) -> str | None:
        return next((state for state in _STATES.split() if state in words(self.clause.plain)), None)

    def _body(self, name: str) -> str | None:
        return said(self.clause.text) or (self.summary if self.tool.verb == "write" else "") or None

    def _reason(self, name: str) -> str:
        return (self.clause.text.partition(" because ")[2] or self.clause.text).strip(" .")

    SORTS = {
        "id": _id, "key": _id, "path": _path, "minor": _minor, "expression": _expression, "query": _query,
        "status": _status, "reason": _reason, "content": _body, "body": _body, "text": _body, "message": _body,
    }  # fmt: skip


def _names(noun: str, identifier: Json) -> bool:
    """Whether an id names such a thing: its letters abbreviate the word."""
    if not noun or values(str(identifier), "id") != [identifier]:
        return False
    letters, prefix = iter(noun), re.split("[-_]", identifier.lower())[0]
    return prefix[0] == noun[0] and all(letter in letters for letter in prefix)


def _amounts(text: str) -> list[tuple[Decimal, str]]:
    """The amounts with their currency; none where one of them could be read in two ways (`5,00 EUR`)."""
    found = [_AMOUNT.fullmatch(one) for one in values(text, "money")]
    clear = [one for one in found if one]
    amounts = [
        (Decimal(one[2].replace(",", "") + (one[3] or "")), (one[1] + one[4]).strip()) for one in clear
    ]
    return [(amount, _SIGNS.get(sign, sign)) for amount, sign in amounts] if len(clear) == len(found) else []
