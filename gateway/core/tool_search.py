"""Which of many tools a request is for: a search over what their servers say of them, instead of all schemas.

BM25 over weighted fields. A word of a query counts once for a tool, by itself or by the best of its synonyms. Pure
and deterministic: the same tools and the same words give the same answer, in the same order.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from itertools import islice
from math import log, sqrt
from typing import Any, NamedTuple, cast

import msgspec

from gateway.core.ports import ModelTool
from gateway.core.word_forms import joined, like, meant, stem, words
from toolward.types import Json, JsonObject

OFFERED = 10
"""Tools that one search gives, where nobody says how many."""

MOST = 20
"""Tools that one search gives at most."""

QUERY_LENGTH = 500
"""Characters of a query that are looked at."""

SHOWN_BYTES = 24_000
"""Of one answer to the model."""

_SHOWN_DESCRIPTION = 1_000  # characters

_OF_NAME, _OF_BACKEND, _OF_DESCRIPTION = 5.0, 2.5, 3.0
_OF_PROPERTY, _OF_CHOICE, _OF_DETAIL = 0.7, 1.5, 0.2
_SATURATION, _LENGTH = 0.9, 0.4  # k1 and b of BM25
_SYNONYM, _SIMILAR = 0.75, 0.5
_NEIGHBOURS = 0.25  # what words that fit other tools of the same backend are worth
_DESCRIPTION_LENGTH = 2_000  # characters that count: a longer text must not be found by everything
_SCHEMA_LENGTH = 8_000  # characters of what a schema says that count
_WORDS = 60  # of a query that count
_REMEMBERED = 4_096  # words of queries
_SHARED = 5  # letters at the beginning of two words that may be forms of one


class _Meaning(NamedTuple):
    """What one word of a query says for tools, by their place, and for backends the most for one of them."""

    of_tools: dict[int, float]
    of_backends: dict[str, float]


class Index:
    """Over one list of tools; made once for each list, and kept as long as it is offered. `names` are the
    qualified names in the same order, where they say more than the aliases."""

    def __init__(self, tools: Sequence[ModelTool], names: Sequence[str] = ()) -> None:
        self._tools = tuple(tools)
        self._places = {tool.name: at for at, tool in enumerate(self._tools)}
        self._places |= {name: at for at, name in enumerate(names)}
        whole = [_weights(tool, names[at] if names else tool.name) for at, tool in enumerate(self._tools)]
        self._backends = tuple(tool.name.partition("__")[0] for tool in self._tools)
        self._found = _postings(whole)
        self._known: dict[str, _Meaning] = {}
        self._sorted = sorted(self._found)

    def __len__(self) -> int:
        return len(self._tools)

    def find(self, query: str, limit: int = OFFERED) -> tuple[ModelTool, ...]:
        """The tools that fit best, the best one first; none where no word of the query says anything. A name or
        an alias in the query finds its tool."""
        query = query[:QUERY_LENGTH]
        scores: dict[int, float] = {}
        of_backends = dict.fromkeys(self._backends, 0.0)
        together = (word for word in joined(query) if word in self._found)
        for word in islice(dict.fromkeys((*meant(query), *together)), _WORDS):
            meaning = self._meaning(word)
            for at, score in meaning.of_tools.items():
                scores[at] = scores.get(at, 0.0) + score
            for backend, score in meaning.of_backends.items():
                of_backends[backend] += score
        for at in scores:
            scores[at] += _NEIGHBOURS * of_backends[self._backends[at]]
        for written in query.replace(",", " ").split():
            if (named := self._places.get(written.strip("`'\"().:"))) is not None:
                scores[named] = scores.get(named, 0.0) + 1_000.0
        best = nsmallest(max(1, min(limit, MOST)), scores, key=lambda at: (-scores[at], at))
        return tuple(self._tools[at] for at in best)

    def _meaning(self, word: str) -> _Meaning:
        if (known := self._known.get(word)) is not None:
            return known
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        merged = dict(self._found.get(word, {}))
        others = [(other, _SYNONYM) for other in like(word)]
        if not merged:
            others += [(other, _SIMILAR) for other in self._similar(word)]
        for other, worth in others:
            for at, score in self._found.get(other, {}).items():
                if score * worth > merged.get(at, 0.0):
                    merged[at] = score * worth
        rare = _rarity(len(merged), len(self._tools))
        best: dict[str, float] = {}
        for at, score in merged.items():
            best[self._backends[at]] = max(best.get(self._backends[at], 0.0), score * rare)
        known = _Meaning({at: score * rare for at, score in merged.items()}, best)
        self._known[word] = known
        return known

    def _similar(self, word: str) -> Iterator[str]:
        """Words of the tools that begin like one that none of them has."""
        if len(word) < _SHARED:
            return
        beginning = word[: max(_SHARED, len(word) - 2)]
        for at in range(bisect_left(self._sorted, beginning), len(self._sorted)):
            if not self._sorted[at].startswith(beginning):
                return
            yield self._sorted[at]


def shown(tools: Sequence[ModelTool]) -> str:
    """What the model is told of tools that were found: JSON, at most SHOWN_BYTES of it. Schemas that are too large
    for their share lose their descriptions, then all but the types of their arguments."""
    share = SHOWN_BYTES // max(len(tools), 1)
    found = [_within(tool, share) for tool in tools]
    note = "Call one with call_tool. If none fits, search once more with other words."
    if not found:
        note = "Nothing was found. Search once more with other words: what is to be done, and what it is done to."
    return msgspec.json.encode({"tools": found, "note": note}).decode()


def _within(tool: ModelTool, share: int) -> JsonObject:
    description = tool.description[:_SHOWN_DESCRIPTION]
    said: JsonObject = {"name": tool.name, "description": description}
    for schema in (tool.input_schema, _bare(tool.input_schema), _outline(tool.input_schema)):
        told = said | {"input_schema": schema}
        if schema is not tool.input_schema:
            told["note"] = "The schema is shortened."
        if len(msgspec.json.encode(told)) <= share:
            return told
    return {
        "name": tool.name,
        "description": description[: share // 8],
        "note": "The schema is too large to show.",
    }


def _bare(value: Json) -> Json:
    """A schema without what is only said in it; names of arguments are no keywords."""
    if isinstance(value, list):
        return [_bare(each) for each in cast(list[Any], value)]
    if not isinstance(value, dict):
        return value
    kept: JsonObject = {}
    for key, each in cast(JsonObject, value).items():
        if key == "properties" and isinstance(each, dict):
            kept[key] = {name: _bare(inner) for name, inner in cast(JsonObject, each).items()}
        elif key not in ("description", "title", "examples", "$comment"):
            kept[key] = _bare(each)
    return kept


def _outline(schema: JsonObject) -> JsonObject:
    properties = schema.get("properties")
    named = cast(JsonObject, properties) if isinstance(properties, dict) else {}
    types: JsonObject = {name: {} for name in named}
    for name, inner in named.items():
        if isinstance(inner, dict) and "type" in inner:
            types[name] = {"type": cast(JsonObject, inner)["type"]}
    return {"type": "object", "properties": types, "required": schema.get("required", [])}


def _postings(whole: Sequence[dict[str, float]]) -> dict[str, dict[int, float]]:
    """Word, place of the tool, what the word says for it."""
    lengths = [sum(weights.values()) for weights in whole]
    average = sum(lengths) / len(lengths) if lengths else 1.0
    found: dict[str, dict[int, float]] = {}
    for at, weights in enumerate(whole):
        flat = _SATURATION * (1 - _LENGTH + _LENGTH * lengths[at] / average)
        for word, weight in weights.items():
            found.setdefault(word, {})[at] = weight * (_SATURATION + 1) / (weight + flat)
    for places in found.values():
        rare = _rarity(len(places), len(whole))
        for at in places:
            places[at] *= rare
    return found


def _rarity(count: int, of: int) -> float:
    """The root of BM25's, since it is taken twice: of a word, and of it with its synonyms."""
    return sqrt(log(1 + (of - count + 0.5) / (count + 0.5)))


def _weights(tool: ModelTool, name: str) -> dict[str, float]:
    found: dict[str, float] = {}
    backend, _, own = name.partition("." if "." in name else "__")
    _add(found, backend if own else "", _OF_BACKEND)
    _add(found, own or backend, _OF_NAME)
    for word in joined(own or backend):
        found[word] = found.get(word, 0.0) + _OF_NAME / 2
    _add(found, tool.description[:_DESCRIPTION_LENGTH], _OF_DESCRIPTION)
    left = _SCHEMA_LENGTH
    for text, weight in _of_schema(tool.input_schema):
        _add(found, text[:left], weight)
        left -= len(text)
        if left <= 0:
            break
    return found


def _add(found: dict[str, float], text: str, weight: float) -> None:
    for word in words(text):
        stemmed = stem(word)
        found[stemmed] = found.get(stemmed, 0.0) + weight


def _of_schema(schema: JsonObject) -> Iterator[tuple[str, float]]:
    """Names of properties, what is said of them, and the values that they may have; of nested ones too."""
    waiting: deque[Any] = deque([schema])
    while waiting:
        node = waiting.popleft()
        if isinstance(node, list):
            waiting += cast(list[Any], node)
        if not isinstance(node, dict):
            continue
        inner = cast(JsonObject, node)
        waiting += [inner.get(keyword) for keyword in ("items", "anyOf", "oneOf", "allOf")]
        if isinstance(properties := inner.get("properties"), dict):
            for name, each in cast(JsonObject, properties).items():
                yield str(name), _OF_PROPERTY
                if isinstance(each, dict):
                    yield from _of_property(cast(JsonObject, each))
                waiting.append(each)


def _of_property(schema: JsonObject) -> Iterator[tuple[str, float]]:
    if isinstance(said := schema.get("description"), str):
        yield said, _OF_DETAIL
    if isinstance(choices := schema.get("enum"), list):
        for choice in cast(list[Any], choices):
            if isinstance(choice, str):
                yield choice, _OF_CHOICE
