"""Conditions in CEL: compiled once against typed variables, evaluated in microseconds, never raising.

The only importer of `cel_expr_python`. Variables are declared one by one under their dotted names
(`args.amount_minor: int`), because a map called `args` would let every misspelt argument compile.

| variable | type |
|---|---|
| `args.NAME` | the argument's own; absent when the call does not give it, and then reading it is an error |
| `given.NAME` | bool: whether the call gives the argument (`has(args.NAME)` does not work, and is refused) |
| `principal.id`, `.tenant` · `principal.roles` | string · list of strings |
| `tool.name`, `.backend` · `tool.changes`, `.idempotent`, `.keeps_keys` | string · bool |
| `run.id`, `run.agent` | string, empty outside a run |
| `run.untrusted` | bool: whether the run had read anything untrusted; true where nobody knows: outside a run, too |

Of an operation (`gateway.core.operations`): `principal.*` as above, and `resource.NAME`, strings.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, cast

from cel_expr_python import cel

from gateway.core.arguments import ArgumentType
from gateway.core.catalog import CatalogTool
from gateway.core.guards import alternatives, hold, names_in, whole
from toolward.errors import ConfigurationError
from toolward.names import closest
from toolward.types import JsonObject, Principal, RunScope

MAX_LENGTH = 4_000
"""Characters of one condition."""

UNTRUSTED = "run.untrusted"

_FIXED = {
    "principal.id": cel.Type.STRING,
    "principal.tenant": cel.Type.STRING,
    "principal.roles": cel.Type.List(cel.Type.STRING),
    "tool.name": cel.Type.STRING,
    "tool.backend": cel.Type.STRING,
    "tool.changes": cel.Type.BOOL,
    "tool.idempotent": cel.Type.BOOL,
    "tool.keeps_keys": cel.Type.BOOL,
    "run.id": cel.Type.STRING,
    "run.agent": cel.Type.STRING,
    UNTRUSTED: cel.Type.BOOL,
}
_READ: dict[str, Callable[[Principal, CatalogTool, RunScope | None], Any]] = {
    "principal.id": lambda principal, _tool, _run: principal.id,
    "principal.tenant": lambda principal, _tool, _run: principal.tenant,
    "principal.roles": lambda principal, _tool, _run: list(principal.roles),
    "tool.name": lambda _principal, tool, _run: tool.name,
    "tool.backend": lambda _principal, tool, _run: tool.backend,
    "tool.changes": lambda _principal, tool, _run: tool.facts.changes,
    "tool.idempotent": lambda _principal, tool, _run: tool.facts.idempotent,
    "tool.keeps_keys": lambda _principal, tool, _run: tool.facts.keeps_keys,
    "run.id": lambda _principal, _tool, run: run.run_id if run else "",
    "run.agent": lambda _principal, _tool, run: run.agent if run else "",
    UNTRUSTED: lambda _principal, _tool, run: run is None or run.untrusted is not False,
}
_UNBOUND = cel.NewEnv(variables=_FIXED)
_PLAIN = {
    "string": cel.Type.STRING,
    "integer": cel.Type.INT,
    "number": cel.Type.DOUBLE,
    "boolean": cel.Type.BOOL,
    "object": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "any": cel.Type.DYN,
}
_IDENTIFIER = re.compile(r"(?!(?:in|true|false|null)\b)[A-Za-z_][A-Za-z0-9_]*")
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_PRESENCE = re.compile(r"\bhas\s*\(\s*(?:args|given|principal|tool|run)\s*\.\s*(\w+)\s*\)")
_ABOUT_ARGUMENTS = re.compile(r"\b(?:args|given)\b")
_COMPLAINT = re.compile(r"<input>:\d+:(\d+): (.*)")
_OTHER_WORDS = re.compile(r"(?<![=!<>])=(?!=)|\b(?:and|or|not|is)\b|<>")
_MEANT = {"=": "==", "and": "&&", "or": "||", "not": "!", "is": "==", "<>": "!="}
_UNFIT = re.compile(r"no matching overload for '(\w*[^\w']*\w*)' applied to '\((.*)\)'")
_UNDECLARED = re.compile(r"undeclared reference to '([\w.]+)'")


class Failed(NamedTuple):
    """A condition that has no answer, and why; never to be read as true or false."""

    why: str


_CUT = Failed("a value has the character U+0000 in it, behind which a condition sees nothing")


def _cut(value: Any) -> bool:
    """Whether the library would read a text only up to its first U+0000: `a\\0b` as `a`."""
    if type(value) is str:
        return "\0" in value
    if type(value) is dict:
        held = cast(dict[Any, Any], value)
        return any(map(_cut, held.values())) or any(map(_cut, held))
    return type(value) is list and any(map(_cut, cast(list[Any], value)))


Readable = Mapping[str, Any] | cel.Activation | Failed
"""Values by variable: plain, or made ready once for many conditions (`Variables.ready`)."""


class Condition:
    """One compiled condition. `names` are the variables that it reads, among others; one of the `alternatives` must
    hold for it to be true."""

    __slots__ = ("_expression", "_whole", "alternatives", "names", "text")

    def __init__(self, text: str, expression: cel.Expression) -> None:
        self.text = text
        self._expression = expression
        checked = expression.serialize()
        self.names = names_in(checked)
        self.alternatives = alternatives(checked)
        self._whole = whole(checked)

    def plainly_true(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true for certain, as plain comparisons say. False means that `evaluate` must be asked."""
        return self._whole is not None and hold(self._whole, values)

    def evaluate(self, values: Readable) -> bool | Failed:
        """True, False, or why there is no answer. With the arguments left out of `values`, an answer holds
        for every call: CEL's `&&` and `||` give one when the other side already decides."""
        if isinstance(values, Failed):
            return values
        try:
            if isinstance(values, cel.Activation):
                value: Any = self._expression.eval(values).value()
            elif any(map(_cut, values.values())):
                return _CUT
            else:
                value = self._expression.eval(data=values).value()
        except Exception as error:  # the library raises bare RuntimeErrors; no call may slip through on one
            return Failed(str(error))
        if isinstance(value, bool):
            return value
        return Failed(_tidy_failure(str(value)))


Types = tuple[tuple[str, ArgumentType], ...]


class Conditions:
    """Compiles conditions; the same condition over the same variables is compiled once."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, Types], Condition] = {}
        self._environments: dict[Types, tuple[cel.Env, Mapping[str, cel.Type]]] = {}

    def compile(self, text: str, arguments: Mapping[str, ArgumentType]) -> Condition:
        """Raises ConfigurationError: a name that is not there, types that do not fit, no yes or no."""
        about_arguments = _ABOUT_ARGUMENTS.search(text) is not None
        key = (text, tuple(arguments.items()) if about_arguments else ())
        if (known := self._compiled.get(key)) is None:
            known = self._compiled[key] = _compile(text, *self._environment(key[1]))
        return known

    def variables(self, names: Iterable[str], arguments: Mapping[str, ArgumentType]) -> "Variables":
        """The variables of a tool with these arguments, for conditions and guards that read only `names`."""
        return Variables(names, self._environment(tuple(arguments.items()))[0])

    def _environment(self, arguments: Types) -> tuple[cel.Env, Mapping[str, cel.Type]]:
        if (known := self._environments.get(arguments)) is None:
            usable = {name: kind for name, kind in arguments if _IDENTIFIER.fullmatch(name)}
            types = (
                _FIXED
                | {f"args.{name}": _cel_type(kind) for name, kind in usable.items()}
                | {f"given.{name}": cel.Type.BOOL for name in usable}
            )
            known = self._environments[arguments] = (cel.NewEnv(variables=types), types)
        return known


class Variables:
    """The variables that the conditions of one tool read; the others are not looked at in a call."""

    __slots__ = ("_arguments", "_environment", "_fixed", "_given")

    def __init__(self, names: Iterable[str], environment: cel.Env) -> None:
        names = sorted(names)
        self._environment = environment
        self._fixed = tuple((name, _READ[name]) for name in names if name in _READ)
        self._arguments = tuple((name[5:], name) for name in names if name.startswith("args."))
        self._given = tuple((name[6:], name) for name in names if name.startswith("given."))

    def of(
        self, principal: Principal, tool: CatalogTool, run: RunScope | None, arguments: JsonObject | None
    ) -> dict[str, Any]:
        """The values in one call; with None for the arguments, those that are the same for every call."""
        found = {name: read(principal, tool, run) for name, read in self._fixed}
        if arguments is None:
            found.pop(UNTRUSTED, None)  # which changes, and a tool is listed whatever it is now
        else:
            for name, variable in self._given:
                found[variable] = name in arguments
            for name, variable in self._arguments:
                if name in arguments:
                    found[variable] = arguments[name]
        return found

    def ready(self, values: Mapping[str, Any]) -> Readable:
        """The same values for any number of conditions, converted once. Raises nothing."""
        if any(map(_cut, values.values())):
            return _CUT
        try:
            return self._environment.Activation(values)
        except Exception as error:  # as in `Condition.evaluate`
            return Failed(str(error))


def check_syntax(text: str) -> None:
    """What can be said of a condition before its tools are known. Raises ConfigurationError."""
    if len(text) > MAX_LENGTH:
        raise ConfigurationError(
            f"The condition has {len(text):,} characters; at most {MAX_LENGTH:,} are taken."
        )
    if found := _PRESENCE.search(_STRING.sub("''", text)):
        raise ConfigurationError(
            f"The condition uses {found[0]}, which does not say whether the argument is given.",
            hint=f"Write given.{found[1]}.",
        )
    try:
        _UNBOUND.compile(text, disable_check=True)
    except RuntimeError as error:
        raise _compile_error(str(error), (), text) from None


def operation_condition(text: str, attributes: Iterable[str]) -> Condition:
    """The condition of a rule over operations that all have these attributes. Raises ConfigurationError."""
    if len(text) > MAX_LENGTH:
        raise ConfigurationError(
            f"The condition has {len(text):,} characters; at most {MAX_LENGTH:,} are taken."
        )
    caller = {name: kind for name, kind in _FIXED.items() if name.startswith("principal.")}
    types = caller | {f"resource.{name}": cel.Type.STRING for name in attributes}
    return _compile(text, cel.NewEnv(variables=types), types)


def operation_values(principal: Principal, resource: Mapping[str, str]) -> dict[str, Any]:
    """The variables of one operation."""
    found: dict[str, Any] = {f"resource.{name}": value for name, value in resource.items()}
    found["principal.id"] = principal.id
    found["principal.tenant"] = principal.tenant
    found["principal.roles"] = list(principal.roles)
    return found


def _compile(text: str, environment: cel.Env, variables: Mapping[str, cel.Type]) -> Condition:
    try:
        expression = environment.compile(text)
    except RuntimeError as error:
        raise _compile_error(str(error), variables, text) from None
    if (kind := expression.return_type()) not in (cel.Type.BOOL, cel.Type.DYN):
        raise ConfigurationError(
            f"The condition gives a value of type {kind.name().lower()}, not true or false."
        )
    return Condition(text, expression)


def _cel_type(argument: ArgumentType) -> cel.Type:
    if argument.kind == "array":
        return cel.Type.List(_cel_type(argument.items or ArgumentType("any")))
    return _PLAIN[argument.kind]


def _compile_error(said: str, known: Iterable[str], text: str) -> ConfigurationError:
    """The library's first complaint, without its drawing, and what to do about it where that is plain."""
    found = _COMPLAINT.search(said)
    where, what = (f" at character {found[1]}", found[2]) if found else ("", said.partition("\n")[0])
    what = what.replace(" (in container '')", "").removesuffix(" [INVALID_ARGUMENT]")
    what = what.partition(" expecting {")[0].replace("mismatched input '<EOF>'", "it ends too early")
    hint = ""
    if undeclared := _UNDECLARED.search(what):
        what = f"there is no {undeclared[1]}"
        near = closest(undeclared[1], known)
        hint = f"Did you mean {near}?" if near else ""
        if undeclared[1] in ("args", "given"):
            hint = f"Name one argument: {undeclared[1]}.NAME."
    elif "(double, int)" in what or "(int, double)" in what:
        hint = "Write 5.0 beside a number that may have a fraction, and 5 beside a whole one."
    if unfit := _UNFIT.search(what):
        what = f"{unfit[1].strip('_') or unfit[1]} does not go with {unfit[2]}"
    elif what.startswith("Syntax error") and (other := _other_language(text)):
        hint = other
    return ConfigurationError(f"The condition is wrong{where}: {what[:300]}.", hint=hint)


def _other_language(text: str) -> str:
    """What to write in place of what other languages would, or nothing."""
    found = _OTHER_WORDS.search(_STRING.sub("''", text))
    return f"Write {_MEANT[found[0]]} in place of {found[0]}." if found else ""


def _tidy_failure(said: str) -> str:
    """`UNKNOWN: No value with name "args.x" found in Activation` -> `args.x is not given`."""
    missing = re.search(r'No value with name "([^"]+)"', said)
    return f"{missing[1]} is not given" if missing else said.partition(": ")[2][:200] or said[:200]
