"""Policy files: from parsed YAML to rules, strictly. Every mistake is found at once, each with file and line.

version: 1
rules:
  - id: small-refunds                       # a-z 0-9 - ; unique over all files
    description: ...                        # shown to callers and approvers
    principals: [role:support]              # user: role: tenant: agent: ; left out = everyone
    tools: [crm.refund_payment]             # globs over qualified names
    args: {required: [...], properties: {...}}
    when: args.amount_minor <= 5000         # CEL, see gateway.core.conditions
    origin: {payment_id: [user, trusted]}
    effect: ask                             # allow | ask | deny
    approvers: [role:support-lead]          # of an ask; `self` lets the requester approve
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast, get_args

import msgspec

from gateway.core.conditions import check_syntax
from gateway.core.constraints import Path, flaws_of_form
from gateway.core.digests import digest
from gateway.core.globs import Globs, flaw_in_glob, flaw_in_tool_glob
from toolward.errors import ConfigurationError
from toolward.names import closest
from toolward.schema import Schema
from toolward.types import JsonObject

Effect = Literal["allow", "ask", "deny"]

SELF = "self"
"""Among approvers: the one who asks may approve too."""

VERSION = 1

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_ORIGIN = re.compile(r"[a-z][a-z0-9_.:*-]{0,63}")
_KEYS = ("id", "description", "principals", "tools", "args", "when", "origin", "effect", "approvers")
_CALLERS = ("user", "role", "tenant", "agent")
_APPROVERS = ("user", "role", "tenant")


class PolicySource(NamedTuple):
    """One parsed file. `data` is the plain YAML value; `line_of(("rules", 0, "args"))` is the line of that key
    or item, counted from 1, or None where it is not known."""

    file: str
    data: Any
    line_of: Callable[[tuple[str | int, ...]], int | None] = lambda _path: None


class Rule(msgspec.Struct, frozen=True):
    """One rule as written. `principals` None = everyone. `args_schema` is `args`, compiled."""

    id: str
    effect: Effect
    tools: Globs
    principals: Globs | None = None
    args: JsonObject | None = None
    args_schema: Schema | None = None
    when: str = ""
    origin: Mapping[str, tuple[str, ...]] = {}
    approvers: tuple[str, ...] = ()
    description: str = ""
    file: str = ""
    lines: Mapping[Path, int] = {}  # of the keys below the rule; its own at ()

    def where(self, path: Path = ()) -> str:
        """`policies/default.yaml:12`, as near to `path` as lines are known."""
        while path and path not in self.lines:
            path = path[:-1]
        line = self.lines.get(path)
        return self.file if line is None else f"{self.file}:{line}"


class Policy(msgspec.Struct, frozen=True):
    """All rules of all files, in their order."""

    rules: tuple[Rule, ...] = ()
    digest: str = digest([])


def parse_policy(documents: Sequence[PolicySource]) -> Policy:
    """One policy out of one or several files. Raises ConfigurationError that lists every mistake found."""
    problems: list[str] = []
    rules: list[Rule] = []
    for document in documents:
        rules += _Document(document, problems).rules()
    problems += _taken_twice(rules)
    if problems:
        said = problems[0] if len(problems) == 1 else "\n  ".join([f"{len(problems)} mistakes:", *problems])
        raise ConfigurationError(
            f"The policy cannot be used: {said}", hint="Correct it; until then it is not in force."
        )
    return Policy(tuple(rules), digest([_content(rule) for rule in rules]))


def _taken_twice(rules: Iterable[Rule]) -> Iterator[str]:
    first: dict[str, Rule] = {}
    for rule in rules:
        if (other := first.setdefault(rule.id, rule)) is not rule:
            yield f"{rule.where(('id',))}: the id {rule.id} is taken by the rule at {other.where()}."


def _content(rule: Rule) -> list[Any]:
    """What a rule says, without where it stands."""
    callers = None if rule.principals is None else rule.principals.patterns
    constraint = [rule.args, rule.when, rule.origin]
    return [rule.id, rule.effect, rule.tools.patterns, callers, constraint, rule.approvers, rule.description]


class _Document:
    """Reads one file and notes what is wrong."""

    def __init__(self, source: PolicySource, problems: list[str]) -> None:
        self._source = source
        self._problems = problems

    def rules(self) -> list[Rule]:
        data = self._source.data
        if not isinstance(data, dict):
            self._note((), "a policy is a mapping with `version: 1` and `rules:`")
            return []
        document = cast(dict[Any, Any], data)
        self._check_keys((), document, ("version", "rules"))
        version = document.get("version")
        if type(version) is not int or version != VERSION:  # `true` equals 1
            said = f"version {version!r} is not known" if "version" in document else "the version is missing"
            self._note(("version",), f"{said}; write `version: {VERSION}`")
        rules = document.get("rules")
        if not isinstance(rules, list):
            self._note(("rules",), "`rules` must be a list of rules")
            return []
        found = [self._rule(("rules", at), value) for at, value in enumerate(cast(list[Any], rules))]
        return [rule for rule in found if rule is not None]

    def _rule(self, path: Path, data: Any) -> Rule | None:
        """The rule, or None when something is wrong with it (and noted)."""
        if not isinstance(data, dict):
            self._note(path, "a rule is a mapping with `id`, `tools` and `effect`")
            return None
        before = len(self._problems)
        fields = cast(dict[Any, Any], data)
        self._check_keys(path, fields, _KEYS)
        effect = self._effect(path, fields)
        args = self._args(path, fields)
        rule = Rule(
            id=self._id(path, fields),
            effect=effect,
            tools=Globs(self._globs(path, fields, "tools", flaw_in_tool_glob, required=True)),
            principals=self._principals(path, fields),
            args=args,
            args_schema=None if args is None else self._compiled(path, args),
            when=self._when(path, fields),
            origin=self._origin(path, fields),
            approvers=self._approvers(path, fields, effect),
            description=self._text(path, fields, "description"),
            file=self._source.file,
            lines=self._lines(path, fields, args),
        )
        return rule if len(self._problems) == before else None

    def _id(self, path: Path, fields: dict[Any, Any]) -> str:
        text = self._text(path, fields, "id", required=True)
        if text and not _ID.fullmatch(text):
            self._note((*path, "id"), f"the id {text!r} must be 1 to 64 of a-z 0-9 and -")
        return text

    def _effect(self, path: Path, fields: dict[Any, Any]) -> Effect:
        text = self._text(path, fields, "effect", required=True)
        if text in get_args(Effect):
            return cast(Effect, text)
        if text:
            near = closest(text, get_args(Effect))
            self._note(
                (*path, "effect"),
                f"the effect {text!r} is not allow, ask or deny"
                + (f"; did you mean {near}?" if near else ""),
            )
        return "deny"

    def _principals(self, path: Path, fields: dict[Any, Any]) -> Globs | None:
        if "principals" not in fields:
            return None
        found = self._globs(path, fields, "principals", lambda text: _flaw_in_label(text, _CALLERS))
        return None if "*" in found else Globs(found)

    def _approvers(self, path: Path, fields: dict[Any, Any], effect: Effect) -> tuple[str, ...]:
        if effect != "ask":
            if "approvers" in fields and "effect" in fields:
                self._note((*path, "approvers"), "only a rule with `effect: ask` has approvers")
            return ()

        def flaw(text: str) -> str:
            return "" if text == SELF else _flaw_in_label(text, _APPROVERS)

        return self._globs(path, fields, "approvers", flaw, required=True)

    def _args(self, path: Path, fields: dict[Any, Any]) -> JsonObject | None:
        if "args" not in fields:
            return None
        if not isinstance(fields["args"], dict) or not fields["args"]:
            self._note((*path, "args"), "`args` must be a JSON Schema with `properties` or `required`")
            return None
        return cast(JsonObject, fields["args"])

    def _compiled(self, path: Path, args: JsonObject) -> Schema | None:
        try:
            compiled = Schema(args, "value of `args`")
        except ConfigurationError as error:
            self._note((*path, "args"), error.message)
            return None
        for flaw in flaws_of_form(args):
            self._note((*path, "args", *flaw.path), flaw.message)
        return compiled

    def _when(self, path: Path, fields: dict[Any, Any]) -> str:
        text = self._text(path, fields, "when")
        if text:
            try:
                check_syntax(text)
            except ConfigurationError as error:
                self._note((*path, "when"), error.text)
        return text

    def _origin(self, path: Path, fields: dict[Any, Any]) -> dict[str, tuple[str, ...]]:
        if "origin" not in fields:
            return {}
        data = fields["origin"]
        if not isinstance(data, dict) or not data:
            self._note((*path, "origin"), "`origin` must map arguments to where their values may come from")
            return {}
        found: dict[str, tuple[str, ...]] = {}
        for name, words in cast(dict[Any, Any], data).items():
            listed = [str(word) for word in cast(list[Any], words)] if isinstance(words, list) else []
            if not isinstance(name, str) or not listed or not all(map(_ORIGIN.fullmatch, listed)):
                self._note(
                    (*path, "origin", name), f"the origin of {name} must be a list like [user, trusted]"
                )
            found[str(name)] = tuple(listed)
        return found

    def _globs(
        self,
        path: Path,
        fields: dict[Any, Any],
        key: str,
        flaw_of: Callable[[str], str],
        *,
        required: bool = False,
    ) -> tuple[str, ...]:
        if key not in fields and not required:
            return ()
        values = fields.get(key)
        if not isinstance(values, list) or not values:
            missing = key not in fields
            self._note(
                path if missing else (*path, key),
                f"`{key}` is missing" if missing else f"`{key}` must be a list, and not empty",
            )
            return ()
        found: list[str] = []
        for at, value in enumerate(cast(list[Any], values)):
            flaw = flaw_of(value) if isinstance(value, str) else "is not a text"
            if flaw:
                self._note((*path, key, at), f"{value!r} in `{key}` {flaw}")
            found.append(str(value))
        return tuple(found)

    def _text(self, path: Path, fields: dict[Any, Any], key: str, *, required: bool = False) -> str:
        if key not in fields:
            if required:
                self._note(path, f"`{key}` is missing")
            return ""
        value = fields[key]
        if not isinstance(value, str) or not value.strip():
            self._note((*path, key), f"`{key}` must be a text, and not empty")
            return ""
        return value.strip()

    def _check_keys(self, path: Path, fields: Mapping[Any, Any], known: Iterable[str]) -> None:
        for key in fields:
            if key not in known:
                near = closest(str(key), known)
                said = f", did you mean {near!r}?" if near else f"; there are {', '.join(known)}."
                self._note((*path, key), f"there is no key {key!r} here{said}")

    def _lines(self, path: Path, fields: Mapping[Any, Any], args: JsonObject | None) -> dict[Path, int]:
        wanted: list[Path] = [(), *((str(key),) for key in fields), *_property_paths(args)]
        found = {inner: self._source.line_of((*path, *inner)) for inner in wanted}
        return {inner: line for inner, line in found.items() if line is not None}

    def _note(self, path: Path, message: str) -> None:
        inner = path
        while (line := self._source.line_of(inner)) is None and inner:
            inner = inner[:-1]
        where = self._source.file if line is None else f"{self._source.file}:{line}"
        self._problems.append(f"{where}: {message.rstrip('.')}{'' if message.endswith('?') else '.'}")


def _property_paths(args: JsonObject | None) -> Iterator[Path]:
    properties = (args or {}).get("properties")
    if isinstance(properties, dict):
        for name in cast(JsonObject, properties):
            yield ("args", "properties", name)


def _flaw_in_label(text: str, kinds: tuple[str, ...]) -> str:
    """What is wrong with a pattern over the labels of a caller, or nothing."""
    if flaw := flaw_in_glob(text):
        return flaw
    if text == "*":
        return ""
    kind, colon, name = text.partition(":")
    if colon and name and kind in kinds:
        return ""
    near = closest(kind, kinds)
    known = ", ".join(f"{kind}:NAME" for kind in kinds)
    return f"is none of {known}" + (f"; did you mean {near}:{name or 'NAME'}?" if near else "")
