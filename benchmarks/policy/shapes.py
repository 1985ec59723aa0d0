"""Policies of any size, in the shapes that they take, each with calls that ask the most of it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from gateway.core.catalog import Catalog, CatalogTool, build_catalog
from gateway.core.policy import BoundPolicy, PolicySource, bind, parse_policy
from gateway.core.ports import Listing
from toolward.types import JsonObject, Principal, Tool

Written = dict[str, Any]
"""One rule as in a file, without its id."""

BACKENDS, TOOLS = 10, 10  # tools of each
ROLES = 12
SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "customer": {"type": "string"},
        "amount_minor": {"type": "integer"},
        "path": {"type": "string"},
    },
    "required": ["customer", "amount_minor", "path"],
}


class Question(NamedTuple):
    """A call to decide, and what must come out."""

    principal: Principal
    tool: CatalogTool
    arguments: JsonObject
    effect: str


class Shape(NamedTuple):
    """`aim` is whether the project's aim is meant for it."""

    name: str
    what: str
    rules: Callable[[int], Iterator[Written]]
    aim: bool = True


class Subject(NamedTuple):
    """One bound policy and the questions that it is asked, in turn."""

    policy: BoundPolicy
    questions: tuple[Question, ...]


def subject(shape: Shape, size: int) -> Subject:
    """Raises AssertionError where the policy does not decide as the shape means it to: no figure is of a policy
    that does not work."""
    catalog = _catalog()
    rules = [{"id": f"r{number}"} | rule for number, rule in enumerate(shape.rules(size))]
    assert len(rules) == size
    policy = bind(parse_policy([PolicySource("made.yaml", {"version": 1, "rules": rules})]), catalog)
    assert not policy.problems, policy.problems[0]
    questions = tuple(_spread(catalog, rules) if shape is LIFE else _hard(catalog))
    for one in questions:
        decision = policy.decide(one.principal, one.tool, one.arguments)
        assert one.effect in ("", decision.effect), (shape.name, size, one, decision)
    return Subject(policy, questions)


def _catalog() -> Catalog:
    tools = tuple(Tool(f"tool_{number}", input_schema=SCHEMA) for number in range(TOOLS))
    return build_catalog([Listing(f"b{number}", "stdio", "made", tools) for number in range(BACKENDS)])


def _tool(catalog: Catalog, name: str) -> CatalogTool:
    found = catalog.find(name)
    assert found is not None
    return found


# --- as in life: rules for many tools and callers --------------------------------------------------------


def _in_life(size: int) -> Iterator[Written]:
    """One rule for everybody and every tool; the others name a role and one or two tools of the hundred, and more
    than half of them look at the arguments."""
    yield {"tools": ["*"], "effect": "deny", "when": "args.amount_minor > 1000000"}
    for number in range(1, size):
        backend, tool = number % BACKENDS, number // BACKENDS % TOOLS
        rule: Written = {
            "principals": [f"role:role-{(number * 7 + number // ROLES) % ROLES}"],
            "tools": [f"b{backend}.tool_{tool}", f"b{backend}.tool_{(tool + 3) % TOOLS}"],
        }
        yield rule | _KINDS[number % len(_KINDS)]


_UP_TO_5000 = {"amount_minor": {"type": "integer", "minimum": 1, "maximum": 5000}}
_KINDS: tuple[Written, ...] = (
    {"effect": "allow"},
    {"effect": "ask", "when": "args.amount_minor > 5000 && args.path != ''", "approvers": ["role:lead"]},
    {"effect": "allow", "args": {"required": ["amount_minor"], "properties": _UP_TO_5000}},
    {"effect": "deny", "when": "args.path.startsWith('secret/') || 'guest' in principal.roles"},
    {"effect": "allow", "when": "args.path.startsWith('notes/') && !args.path.contains('..')"},
    {"effect": "ask", "when": "!args.path.endsWith('.md')", "approvers": ["role:lead"]},
)


def _spread(catalog: Catalog, rules: Sequence[Written]) -> Iterator[Question]:
    """Callers with two roles, each calling a tool that a rule names for one of them."""
    for number in range(40):
        rule = rules[1 + number * 23 % (len(rules) - 1)]
        role = rule["principals"][0].removeprefix("role:")
        caller = Principal("ada", (role, f"role-{number % ROLES}"), "acme")
        arguments = {"customer": "C-1", "amount_minor": 200 + number, "path": "notes/a.md"}
        yield Question(caller, _tool(catalog, rule["tools"][0]), arguments, "")


# --- the hard case: every rule names this caller and this tool -------------------------------------------


def _one_tool(condition: Callable[[int], str]) -> Callable[[int], Iterator[Written]]:
    def rules(size: int) -> Iterator[Written]:
        for number in range(size):
            effect: Written = {"effect": "deny" if number < size - 1 else "allow"}
            named = {"principals": ["user:ada"], "tools": ["b0.tool_0"]}
            yield named | effect | {"when": condition(number if number < size - 1 else -1)}

    return rules


def _hard(catalog: Catalog) -> Iterator[Question]:
    """A call that every deny must let pass before the one allow decides."""
    arguments = {"customer": "C--1", "amount_minor": -5, "path": "area--1/a.md"}
    yield Question(Principal("ada"), _tool(catalog, "b0.tool_0"), arguments, "allow")


LIFE = Shape("life", "rules for 100 tools and 12 roles", _in_life)
WORDS = Shape(
    "words",
    "one tool, one caller: args.customer == '…'",
    _one_tool(lambda number: f"args.customer == 'C-{number}' && args.amount_minor < 100000"),
)
RANGES = Shape(
    "ranges",
    "one tool, one caller: a range of args.amount_minor",
    _one_tool(lambda number: f"args.amount_minor >= {number * 10} && args.amount_minor < {number * 10 + 10}"),
)
BEGINNINGS = Shape(
    "beginnings",
    "one tool, one caller: args.path.startsWith('…')",
    _one_tool(lambda number: f"args.path.startsWith('area-{number}/')"),
)
OPAQUE = Shape(
    "opaque",
    "one tool, one caller: args.path.contains('…'), which no index helps",
    _one_tool(lambda number: f"args.path.contains('area-{number}/')"),
    aim=False,
)
SHAPES = (LIFE, WORDS, RANGES, BEGINNINGS, OPAQUE)
