"""What checking against a JSON Schema can cost, known before anything is checked.

A validator goes wherever the schema sends it: `{"allOf": [{"$ref": "#/$defs/b"}, {"$ref": "#/$defs/b"}]}`, thirty
times in a row, visits one value a billion times, and a schema that refers to itself twice doubles its work with
each level of the value. Nothing in the validator bounds that, so such schemas are found here: the graph of what is
applied where is walked once, and the visits of one value are counted for each depth at which it may lie.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from toolward.errors import ConfigurationError
from toolward.types import Json, JsonObject

MAX_VISITS = 10_000
"""Of one value that is hardly nested, for one check. A schema that can need more is refused."""

MAX_WORK = 20_000_000
"""Visits of all values together, for one check: about a third of a second."""

MAX_PATTERNS = 1_000
PATTERN_BYTES = 10 * 1024 * 1024
"""All compiled patterns of one schema together; what one may have is its share of that, and at least 64 KiB."""

_FREE = 16  # visits of one value that need no look at the value: its bytes are bounded
_FLAT = 4  # levels
_KINDS = {
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), "same list"),
    **dict.fromkeys(("not", "if", "then", "else"), "same"),
    **dict.fromkeys(("dependentSchemas", "dependencies"), "same map"),
    **dict.fromkeys(("$ref", "$dynamicRef", "$recursiveRef"), "reference"),
    "properties": "members",
    "prefixItems": "places",
    "patternProperties": "patterns",
    **dict.fromkeys(("additionalProperties", "unevaluatedProperties", "propertyNames"), "every"),
    **dict.fromkeys(("items", "additionalItems", "unevaluatedItems", "contains"), "items"),
    **dict.fromkeys(("enum", "required"), "list"),
    "pattern": "pattern",
}
"""What a keyword does with the schemas below it: applies them to the same value, or to values in that."""

_UNEVALUATED = 3  # looks at everything beside them that many times, at most: measured 2.6
_SEVERAL = frozenset({"anyOf", "oneOf", "contains", "not"})


class Cost(NamedTuple):
    """`visits`: the most of any one value, by how deep that lies; the last one holds for all that lie deeper.
    `patterns`: how many regular expressions there are. `several`: whether an error can have errors within it."""

    visits: tuple[int, ...]
    patterns: int
    several: bool

    @property
    def pattern_bytes(self) -> int:
        """What one compiled pattern may have."""
        return max(PATTERN_BYTES // max(self.patterns, 1), 64 * 1024)

    def is_too_high(self, value: Json) -> bool:
        """Whether checking this value could take too long."""
        return self.visits[-1] > _FREE and self.work(value) > MAX_WORK

    def work(self, value: Json) -> int:
        """The most visits that checking this value can take; the depth of the value must be bounded already."""
        level: list[Any] = [value]
        total = 0
        for depth in range(len(self.visits) + MAX_WORK):
            total += len(level) * self.visits[min(depth, len(self.visits) - 1)]
            level = [part for one in level if type(one) in _CONTAINERS for part in _parts(one)]
            if not level or total > MAX_WORK:
                break
        return total


_CONTAINERS = frozenset({dict, list})


def _parts(value: Any) -> Iterable[Any]:
    return value.values() if type(value) is dict else value  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] -- JSON


def cost_of(schema: JsonObject, what: str, deepest: int) -> Cost:
    """For values nested at most `deepest`. Raises ConfigurationError for a schema that costs too much, or refers
    where this module cannot follow. Its own nesting must be bounded already."""
    if not isinstance(schema, dict):  # pyright: ignore[reportUnnecessaryIsInstance] -- a server sent it
        return Cost((1,), 0, several=False)  # true, false, or what the compiler refuses
    graph = _Graph(schema, what)
    if graph.patterns > MAX_PATTERNS:
        raise ConfigurationError(f"The {what} has more than {MAX_PATTERNS:,} patterns.")
    order = graph.in_order()
    own = _own_visits(order)
    inner = [node for node in order if node.same or node.members or node.every or node.items]
    most, below = dict(own), dict.fromkeys(inner, 0)
    visits: list[int] = []
    for depth in range(deepest + 1):
        visits.append(most[graph.root])
        if depth <= _FLAT and visits[-1] > MAX_VISITS:
            raise ConfigurationError(
                f"The {what} is too costly to check with: its parts apply to one value more than"
                f" {MAX_VISITS:,} times."
            )
        next_below = _visits_below(inner, most)
        if next_below == below or visits[-1] > MAX_WORK:
            break
        below = next_below
        most |= {node: max(own[node], below[node]) for node in inner}
    return Cost(tuple(visits), graph.patterns, graph.several)


class _Node:
    """One schema within a schema: what it applies to the same value, and to the values in that."""

    __slots__ = ("every", "items", "members", "same", "weight")

    def __init__(self) -> None:
        self.weight = 1
        self.same: list[_Node] = []
        self.members: dict[str | int, _Node] = {}  # each to at most one value
        self.every: list[_Node] = []  # to every member of an object
        self.items: list[_Node] = []  # to every item of an array


class _Graph:
    def __init__(self, schema: JsonObject, what: str) -> None:
        self._what = what
        self._nodes: dict[int, _Node] = {}
        self._schema = schema
        self._anchors: dict[str, list[tuple[Any, Any]]] | None = None
        self._waiting: list[tuple[JsonObject, JsonObject, _Node]] = []
        self.patterns = 0
        self.several = False
        self.root = self._node(schema, schema)
        while self._waiting:
            self._fill(*self._waiting.pop())

    def in_order(self) -> "list[_Node]":
        """Every node behind those that it applies to the same value. Raises where that goes round in circles."""
        done: dict[_Node, bool] = {}  # False = under way
        found: list[_Node] = []
        for start in self._nodes.values():
            stack = [] if start in done else [(start, iter(start.same))]
            if stack:
                done[start] = False
            while stack:
                node, rest = stack[-1]
                after = next(rest, None)
                if after is None:
                    stack.pop()
                    done[node] = True
                    found.append(node)
                elif after not in done:
                    done[after] = False
                    stack.append((after, iter(after.same)))
                elif not done[after]:
                    raise ConfigurationError(f"The references of the {self._what} go round in a circle.")
        return found

    def _node(self, schema: Json, resource: JsonObject) -> _Node:
        if not isinstance(schema, dict):
            return _Node()  # true, false, or what the compiler will refuse
        node = self._nodes.get(id(schema))  # pyright: ignore[reportUnknownArgumentType] -- JSON
        if node is None:
            node = self._nodes[id(schema)] = _Node()  # pyright: ignore[reportUnknownArgumentType] -- JSON
            here = cast(JsonObject, schema)
            self._waiting.append((here, here if "$id" in here else resource, node))
        return node

    def _fill(self, schema: JsonObject, resource: JsonObject, node: _Node) -> None:
        self.several = self.several or not _SEVERAL.isdisjoint(schema)
        for key, value in schema.items():
            if (kind := _KINDS.get(key)) is not None:
                self._add(kind, value, resource, node)
        if "unevaluatedProperties" in schema or "unevaluatedItems" in schema:
            node.same *= _UNEVALUATED

    def _add(self, kind: str, value: Json, resource: JsonObject, node: _Node) -> None:
        match kind:
            case "members":
                for name, part in _mapping(value).items():
                    node.members[name] = self._node(part, resource)
            case "places":
                node.members |= {at: self._node(part, resource) for at, part in enumerate(_list(value))}
            case "patterns":
                self.patterns += len(_mapping(value))
                node.every += [self._node(part, resource) for part in _mapping(value).values()]
            case "every":
                node.every.append(self._node(value, resource))
            case "items":  # before 2020-12 it could be a list
                node.items += [self._node(part, resource) for part in _list(value) or [value]]
            case "reference":
                node.same += [self._node(*found) for found in self._resolve(value, resource)]
            case "list":
                node.weight += _weight(_list(value))
            case "pattern":
                self.patterns += 1
            case _:
                parts = _mapping(value).values() if kind == "same map" else _list(value) or [value]
                node.same += [self._node(part, resource) for part in parts]

    def _named(self, name: str) -> list[tuple[Any, Any]]:
        """What has this `$id` or anchor, wherever it is, each with the resource around it."""
        if self._anchors is None:
            self._anchors = _names(self._schema)
        return self._anchors.get(name, [])

    def _resolve(self, reference: Json, resource: JsonObject) -> list[tuple[Any, Any]]:
        """What a reference may mean, each with the resource around it."""
        if not isinstance(reference, str):
            return []  # the compiler will refuse it
        base, _, fragment = reference.partition("#")
        if base and not fragment:
            found = self._named(base)
        elif base:
            found = [hit for one, _ in self._named(base) for hit in self._within(one, fragment)]
        else:
            found = self._within(resource, fragment)
        if not found:
            raise ConfigurationError(
                f"The {self._what} refers to {reference[:80]!r}: it does not exist, or is outside of it"
                " (remote references are not followed)."
            )
        return found

    def _within(self, resource: JsonObject, fragment: str) -> list[tuple[Any, Any]]:
        if fragment and not fragment.startswith("/"):
            return self._named(fragment)
        node: Any = resource
        for part in _pointer(fragment):
            if isinstance(node, dict):
                node = cast(JsonObject, node).get(part)
            elif isinstance(node, list) and part.isdecimal() and int(part) < len(cast(list[Any], node)):
                node = cast(list[Any], node)[int(part)]
            else:
                return []
        return [] if node is None else [(node, resource)]


def _own_visits(order: Iterable[_Node]) -> dict[_Node, int]:
    """Of the very value that a schema is applied to."""
    found: dict[_Node, int] = {}
    for node in order:
        found[node] = _bounded(node.weight + sum(found.get(part, 1) for part in node.same))
    return found


def _visits_below(order: Iterable[_Node], most: dict[_Node, int]) -> dict[_Node, int]:
    """Of any one value within it, where `most` holds one level further down."""

    def of(nodes: Iterable[_Node]) -> int:
        return sum(most.get(node, 1) for node in nodes)

    found: dict[_Node, int] = {}
    for node in order:
        named = max((most.get(part, 1) for part in node.members.values()), default=0)
        here = named + max(of(node.every), of(node.items))
        found[node] = _bounded(here + sum(found.get(part, 0) for part in node.same))
    return found


def _bounded(visits: int) -> int:
    """Beyond the bound it does not matter by how much, and the numbers stay small."""
    return min(visits, MAX_WORK + 1)


def _weight(values: list[Any]) -> int:
    """Comparing with many values is work too: sixteen plain ones are a visit, or each that has parts."""
    nested = any(isinstance(value, dict | list) for value in values)
    return len(values) if nested else len(values) // 16


def _names(schema: JsonObject) -> dict[str, list[tuple[Any, Any]]]:
    found: dict[str, list[tuple[Any, Any]]] = {}
    level: list[tuple[Any, Any]] = [(schema, schema)]
    while level:
        below: list[tuple[Any, Any]] = []
        for value, around in level:
            resource = around
            if isinstance(value, dict):
                one = cast(JsonObject, value)
                resource = one if "$id" in one else around
                for key in ("$id", "$anchor", "$dynamicAnchor"):
                    if isinstance(name := one.get(key), str):
                        found.setdefault(name, []).append((one, resource))
                below += [(part, resource) for part in one.values()]
            elif isinstance(value, list):
                below += [(part, resource) for part in cast(list[Any], value)]
        level = below
    return found


def _pointer(fragment: str) -> list[str]:
    from urllib.parse import unquote  # a module that few schemas need

    return [unquote(part).replace("~1", "/").replace("~0", "~") for part in fragment.split("/")[1:]]


def _list(value: Json) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else []


def _mapping(value: Json) -> JsonObject:
    return cast(JsonObject, value) if isinstance(value, dict) else {}
