"""Guards: what a value must be for a rule to apply, where a rule says so plainly.

`args.amount_minor > 5000 && args.reason != ''` cannot be true for an amount of 17, whatever the reason. Such
necessary comparisons with constants are found once, when a rule is bound; `gateway.core.selection` then leaves out,
without evaluating them, the rules that a call's values rule out. A guard decides nothing else: what is not of its
type (or not there) passes it, and the rule itself looks.

Why that is right: in CEL `false && error` is false, in either order, `a || b` is neither true nor an error unless
one of both is, and a JSON Schema refuses a value when one of its keywords does.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from toolward.types import JsonObject

LEAST, MOST = -(2**63), 2**63 - 1
"""The integers that a condition can compute with."""

ROLES = "principal.roles"


class Between(NamedTuple):
    """The value, where it is an integer, lies in these bounds, both included."""

    least: int = LEAST
    most: int = MOST


class Among(NamedTuple):
    """The value, where it is a text, is one of these; of `principal.roles`: one of them is."""

    words: frozenset[str]


class Begins(NamedTuple):
    """The value, where it is a text, begins like this."""

    prefix: str


Guard = Between | Among | Begins
Guards = Mapping[str, tuple[Guard, ...]]
"""By variable (`args.amount_minor`, `principal.id`); every one must hold."""

Tree = dict[int, Any]
"""One node of `cel.expr.Expr` by field number; `_read` says which."""

_CONSTANT, _IDENT, _CALL, _LIST = 3, 4, 6, 7  # fields of Expr
_MIRRORED = {"_<_": "_>_", "_>_": "_<_", "_<=_": "_>=_", "_>=_": "_<=_", "_==_": "_==_"}


def alternatives(checked: bytes) -> tuple[Guards, ...]:
    """The guards of `a`, of `b`, … in a condition `a || b || …`: one of them must hold. `checked` is its serialised
    form: a `cel.expr.CheckedExpr` in an `Any`."""
    return tuple(map(_guards_of, _parts(_expression(checked), "_||_")))


def whole(checked: bytes) -> Guards | None:
    """The guards of a condition that says nothing else: where all of them hold, it is true. None for any other."""
    parts = list(_parts(_expression(checked), "_&&_"))
    if any(_guard(part) is None for part in parts):
        return None
    return _guards_of(_expression(checked))


def hold(guards: Guards, values: Mapping[str, Any]) -> bool:
    """Whether all of them hold for certain: the values are there and of the guards' types."""
    return all(_holds(guard, values.get(name)) for name, each in guards.items() for guard in each)


def is_text(value: str) -> bool:
    """Whether a condition can read it: half of a surrogate pair is an error there."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _holds(guard: Guard, value: Any) -> bool:
    if isinstance(guard, Between):
        return type(value) is int and guard.least <= value <= guard.most and LEAST <= value <= MOST
    if type(value) is not str:
        return False
    return (
        value in guard.words
        if isinstance(guard, Among)
        else value.startswith(guard.prefix) and is_text(value)
    )


def _guards_of(node: Tree) -> Guards:
    found: dict[str, list[Guard]] = {}
    for conjunct in _parts(node, "_&&_"):
        if (guard := _guard(conjunct)) is not None:
            found.setdefault(guard[0], []).append(guard[1])
    return {variable: tuple(guards) for variable, guards in found.items()}


def names_in(checked: bytes) -> frozenset[str]:
    """Every name that a condition refers to, variables among them."""
    references = (value for number, value in _fields(_message(checked)) if number == 2)
    found = (dict(_fields(dict(_fields(reference)).get(2, b""))).get(1, b"") for reference in references)
    return frozenset(name.decode() for name in found)


def guards_of_args(args: JsonObject | None) -> Guards:
    """Of the `args` of a rule: JSON Schema over the arguments."""
    found: dict[str, tuple[Guard, ...]] = {}
    for name, schema in cast(JsonObject, (args or {}).get("properties", {})).items():
        if isinstance(schema, dict) and (guards := tuple(_guards_of_value(cast(JsonObject, schema)))):
            found[f"args.{name}"] = guards
    return found


def both(one: Guards, other: Guards) -> Guards:
    return {name: (*one.get(name, ()), *other.get(name, ())) for name in {**one, **other}}


def _guards_of_value(schema: JsonObject) -> Iterator[Guard]:
    for allowed in ([schema["const"]] if "const" in schema else None, schema.get("enum")):
        if isinstance(allowed, list) and (values := cast(list[Any], allowed)):
            yield Among(frozenset(value for value in values if isinstance(value, str)))
            if all(type(value) is int for value in values):
                yield Between(min(values), max(values))
    least, most = schema.get("minimum"), schema.get("maximum")
    yield Between(_whole(least, LEAST), _whole(most, MOST))


def _whole(value: Any, default: int) -> int:
    return value if type(value) is int else default


def _guard(node: Tree) -> tuple[str, Guard] | None:
    """`variable op constant`, either way round, `variable.startsWith(constant)`, `variable in [constants]`, and
    `constant in principal.roles`."""
    call = _call(node)
    if call is None or len(call.arguments) != 2:
        return None
    if call.function == ".startsWith":
        return _beginning(*call.arguments)
    left, right = call.arguments
    if call.function == "@in":
        return _membership(left, right)
    operator = call.function
    if _name(left) is None:
        left, right, operator = right, left, _MIRRORED.get(operator, "")
    variable, constant = _name(left), _constant(right)
    if variable is None or operator not in _MIRRORED:
        return None
    if isinstance(constant, str):
        return (variable, Among(frozenset([constant]))) if operator == "_==_" else None
    return (variable, _between(operator, constant)) if isinstance(constant, int) else None


def _between(operator: str, constant: int) -> Between:
    match operator:
        case "_<_":
            return Between(most=constant - 1)
        case "_<=_":
            return Between(most=constant)
        case "_>_":
            return Between(least=constant + 1)
        case "_>=_":
            return Between(least=constant)
        case _:
            return Between(constant, constant)


def _beginning(target: Tree, argument: Tree) -> tuple[str, Guard] | None:
    variable, prefix = _name(target), _constant(argument)
    return (variable, Begins(prefix)) if variable is not None and isinstance(prefix, str) else None


def _membership(left: Tree, right: Tree) -> tuple[str, Guard] | None:
    if _name(right) == ROLES:
        word = _constant(left)
        return (ROLES, Among(frozenset([word]))) if isinstance(word, str) else None
    variable, words = _name(left), _constants(right)
    if variable is None or not words or not all(isinstance(word, str) for word in words):
        return None
    return variable, Among(frozenset(cast(list[str], words)))


# --- reading the compiled form ----------------------------------------------------------------------------
# Protocol Buffers' wire format, and of cel.expr the few fields that are looked at; what is not known is no guard.


class _Call(NamedTuple):
    function: str
    arguments: list[Tree]


def _message(checked: bytes) -> bytes:
    """The CheckedExpr inside the Any."""
    return dict(_fields(checked)).get(2, b"")


def _expression(checked: bytes) -> Tree:
    return dict(_fields(dict(_fields(_message(checked))).get(4, b"")))


def _parts(node: Tree, operator: str) -> Iterator[Tree]:
    """The operands of `a && b && …`, or of `a || b || …`."""
    waiting = [node]
    while waiting:
        call = _call(part := waiting.pop())
        if call is not None and call.function == operator:
            waiting += call.arguments
        else:
            yield part


def _call(node: Tree) -> _Call | None:
    """A call of an operator or a function; of a method as `.method`, with its target as the first argument."""
    if _CALL not in node:
        return None
    fields = list(_fields(node[_CALL]))
    targets = [value for number, value in fields if number == 1]
    function = b"".join(value for number, value in fields if number == 2).decode()
    arguments = [*targets, *(value for number, value in fields if number == 3)]
    return _Call("." * len(targets) + function, [dict(_fields(value)) for value in arguments])


def _name(node: Tree) -> str | None:
    return dict(_fields(node[_IDENT])).get(1, b"").decode() if _IDENT in node else None


def _constant(node: Tree) -> str | int | None:
    """Of an integer or a text."""
    fields = dict(_fields(node.get(_CONSTANT, b"")))
    if 6 in fields:
        return fields[6].decode()
    if 3 in fields:
        return fields[3] - 2**64 if fields[3] > MOST else fields[3]
    return None


def _constants(node: Tree) -> list[str | int | None]:
    items = (value for number, value in _fields(node.get(_LIST, b"")) if number == 1)
    return [_constant(dict(_fields(item))) for item in items]


def _fields(raw: bytes) -> Iterable[tuple[int, Any]]:
    """Field number and value: bytes for what has a length, an unsigned integer for a varint."""
    at = 0
    while at < len(raw):
        key, at = _varint(raw, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(raw, at)
            yield number, value
        else:
            length, at = _varint(raw, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            yield number, raw[at : at + length]
            at += length


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
