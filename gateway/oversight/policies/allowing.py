"""*Allow like this*: a rule for just one call, put into the text of a policy file for a person to look at.

The rule names the caller, the tool, and the very values of every argument. Where a rule that asks stands in the way
(ask beats allow), and its condition stands in one line, that rule is narrowed to leave out just this call. A deny
is never narrowed: whoever wrote it meant it. Nothing here is believed: what came of the text is decided anew.
"""

import re
from collections.abc import Collection
from typing import Any, NamedTuple

from gateway.core.rules import Policy, Rule
from toolward.types import JsonObject, Principal

_NO_GLOB = re.compile(r"[^\s?\[\]{}!,|\\^$()*]+")
_NAME = re.compile(r"(?!(?:in|true|false|null)\b)[A-Za-z_][A-Za-z0-9_]*")
_INDENT = re.compile(r"( *)- ")
_WHEN = re.compile(r"(?P<before>(?:- )?when:) +(?P<said>.*)")
_BLOCKS = ("|", ">", "&", "*", "!")
MAX_BYTES = 16 * 1024
"""Of arguments out of which a rule is made."""


class Like(NamedTuple):
    """The call that a rule is to be like. `arguments` None: every call of the tool. `declared` are the names of all
    arguments that the tool has."""

    principal: Principal
    tool: str
    arguments: JsonObject | None = None
    agent: str = ""
    declared: tuple[str, ...] = ()


def can_be_written(like: Like) -> bool:
    """Whether a rule can name the caller and the tool: some identity provider's names have a `*` in them."""
    return bool(_NO_GLOB.fullmatch(like.principal.id) and _NO_GLOB.fullmatch(like.tool))


def rule_like(like: Like, taken: Collection[str], described: str = "") -> str:
    """The rule as YAML, its first line beginning with `- `."""
    lines = [f"- id: {_free_id(like.tool, taken)}"]
    if described:
        lines.append(f"  description: {_quoted(described)}")
    lines += [
        f"  principals: [{_quoted(f'user:{like.principal.id}')}]",
        f"  tools: [{_quoted(like.tool)}]",
    ]
    if like.arguments is not None:
        lines += _args(like.arguments)
    if circumstances := _circumstances(like):
        lines.append(f"  when: {_single(' && '.join(circumstances))}")
    return "\n".join([*lines, "  effect: allow"])


def with_rule(text: str, rule: str, policy: Policy, file: str) -> str | None:
    """The text of a file with one more rule at the end of its list; None where the list is not one of lines."""
    mine = [one for one in policy.rules if one.file == file]
    lines = text.split("\n")
    first = mine[-1].lines.get(()) if mine else None
    found = _INDENT.match(lines[first - 1]) if first else None
    if first is None or found is None:
        return None
    indent = found[1]
    end = _end_of(lines, first, len(indent))
    added = [f"{indent}{line}" for line in rule.split("\n")]
    return "\n".join([*lines[:end], "", *added, *(lines[end:] or [""])])


def without(text: str, rule: Rule, like: Like) -> str | None:
    """The text with this rule for one call less; None where that is not one line's matter."""
    call = _as_condition(like)
    start = rule.lines.get(())
    if call is None or start is None:
        return None
    lines = text.split("\n")
    at = rule.lines.get(("when",))
    if at is None:
        if (at := rule.lines.get(("effect",))) is None:
            return None
        found = re.match(r"( *(?:- )?)effect:", lines[at - 1])
        if found is None:
            return None
        lines.insert(at, f"{' ' * len(found[1])}when: {_single(f'!({call})')}")
        return "\n".join(lines)
    line = lines[at - 1]
    found = _WHEN.fullmatch(line.strip())
    if found is None or found["said"].startswith(_BLOCKS) or not _stands_alone(lines, at, rule):
        return None
    indent = line[: len(line) - len(line.lstrip())]
    lines[at - 1] = f"{indent}{found['before']} {_single(f'({rule.when}) && !({call})')}"
    return "\n".join(lines)


def _stands_alone(lines: list[str], at: int, rule: Rule) -> bool:
    """Whether the value of a key ends on its line: the next line is a key, an item or nothing."""
    if at >= len(lines):
        return True
    following = lines[at].strip()
    known = {line for path, line in rule.lines.items() if len(path) == 1}
    return not following or following.startswith(("#", "- ")) or at + 1 in known


def _end_of(lines: list[str], first: int, indent: int) -> int:
    """Behind which line (from 1) the item that begins at `first` ends; blank lines and comments are not its."""
    end = first
    for number in range(first + 1, len(lines) + 1):
        line = lines[number - 1]
        said = line.strip()
        if not said:
            continue
        if len(line) - len(line.lstrip()) <= indent:
            break
        if not said.startswith("#"):
            end = number
    return end


def _args(arguments: JsonObject) -> list[str]:
    """JSON Schema that accepts these arguments and no others."""
    if not arguments:
        return ["  args:", "    additionalProperties: false"]
    names = ", ".join(map(_quoted, arguments))
    values = [f"      {_quoted(name)}: {{const: {_flow(value)}}}" for name, value in arguments.items()]
    return [
        *("  args:", f"    required: [{names}]", "    properties:", *values),
        "    additionalProperties: false",
    ]


def _circumstances(like: Like) -> list[str]:
    """What labels cannot say together with who it is."""
    found = [f"run.agent == {_quoted(like.agent)}"] if like.agent else []
    if like.principal.tenant != "default":
        found.append(f"principal.tenant == {_quoted(like.principal.tenant)}")
    return found


def _as_condition(like: Like) -> str | None:
    """The call as a condition in CEL; None where a value of it cannot be written as one."""
    parts = [f"principal.id == {_quoted(like.principal.id)}", f"tool.name == {_quoted(like.tool)}"]
    parts += _circumstances(like)
    for name in like.declared if like.arguments is not None else ():
        if not _NAME.fullmatch(name):
            return None
        if name not in (like.arguments or {}):
            parts.append(f"!given.{name}")
            continue
        value = (like.arguments or {})[name]
        if not isinstance(value, bool | int | str) or (isinstance(value, str) and "\0" in value):
            return None
        said = _quoted(value) if isinstance(value, str) else str(value).lower()
        parts.append(f"given.{name} && args.{name} == {said}")
    if like.arguments is not None and not like.arguments.keys() <= set(like.declared):
        return None
    return " && ".join(parts)


def _free_id(tool: str, taken: Collection[str]) -> str:
    base = "allow-" + (re.sub(r"[^a-z0-9]+", "-", tool.lower()).strip("-")[:48] or "this")
    return next(name for number in range(1, len(taken) + 3) if (name := _numbered(base, number)) not in taken)


def _numbered(base: str, number: int) -> str:
    return base if number == 1 else f"{base}-{number}"


def _flow(value: Any) -> str:
    """A JSON value as YAML that is read as the same value: JSON's own writing, with texts quoted as `_quoted`."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        items: Any = value.items()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] -- JSON
        return "{" + ", ".join(f"{_quoted(str(name))}: {_flow(one)}" for name, one in items) + "}"
    if isinstance(value, list):
        every: Any = value  # pyright: ignore[reportUnknownVariableType] -- likewise
        return "[" + ", ".join(map(_flow, every)) + "]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _quoted(text: str) -> str:
    """In double quotes, as YAML and CEL both read it: what cannot be seen is an escape."""
    return '"' + "".join(map(_character, text)) + '"'


def _character(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _single(text: str) -> str:
    """In single quotes, as YAML reads it."""
    return "'" + text.replace("'", "''") + "'"
