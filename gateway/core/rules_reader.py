"""From parsed YAML to rules, strictly: every mistake of all files is found at once, each with file and line."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast, get_args

from gateway.core.conditions import Condition, check_syntax, operation_condition
from gateway.core.constraints import Path, flaws_of_form
from gateway.core.digests import digest
from gateway.core.globs import Globs, flaw_in_glob, flaw_in_tool_glob
from gateway.core.operations import flaw_in_operation_glob, shared_attributes
from gateway.core.outputs import AS_IT_IS, Output
from gateway.core.patterns import BUILT_IN, Pattern, Span, own_pattern
from gateway.core.policy_document import APPROVERS, Document, Fields, flaw_in_label
from gateway.core.rules import SELF, VERSION, Effect, Policy, PolicySource, Rule
from gateway.core.terms_reader import read_cache, read_limits, read_output
from toolward.errors import ConfigurationError
from toolward.names import closest
from toolward.schema import Schema
from toolward.types import JsonObject, Label

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PATTERN_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
LABELS = get_args(Label)
_OF_TOOLS = ("args", "origin", "approvers", "limits", "cache")
_KEYS = (
    *("id", "description", "principals", "tools", "operations", "resource", "when", "effect", "output"),
    *_OF_TOOLS,
)
_WITH_OUTPUT = Globs(("resource.read", "prompt.get"))
"""The operations that give back what a backend said."""
_CALLERS = ("user", "role", "tenant", "agent")


def parse_policy(documents: Sequence[PolicySource]) -> Policy:
    """One policy out of one or several files. Raises ConfigurationError that lists every mistake found."""
    problems: list[str] = []
    readers = [_Reader(document, problems) for document in documents]
    patterns = dict(BUILT_IN)
    for reader in readers:
        reader.add_patterns(patterns)
    rules = [rule for reader in readers for rule in reader.rules(patterns)]
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
    redacted = [(pattern.name, pattern.text) for pattern in rule.output.redact]
    return [
        *(rule.id, rule.effect, rule.tools.patterns, rule.operations.patterns, callers, constraint),
        *(rule.approvers, rule.limits, redacted, rule.output.trust, rule.description),
        *([rule.cache] if rule.cache else []),  # or policies without it would have other digests than before
        *([{name: of.patterns for name, of in rule.resource.items()}] if rule.resource else []),
    ]


def _nowhere(_text: str) -> tuple[Span, ...]:
    return ()


class _Reader(Document):
    """Reads the rules of one file."""

    def __init__(self, source: PolicySource, problems: list[str]) -> None:
        super().__init__(source.file, source.line_of, problems)
        self._data: Fields | None = None
        if not isinstance(cast(object, source.data), dict):
            self.note((), "a policy is a mapping with `version: 1` and `rules:`")
            return
        self._data = cast(Fields, source.data)
        self.check_keys((), self._data, ("version", "patterns", "rules"))
        version = self._data.get("version")
        if type(version) is not int or version != VERSION:  # `true` equals 1
            said = (
                f"version {version!r} is not known" if "version" in self._data else "the version is missing"
            )
            self.note(("version",), f"{said}; write `version: {VERSION}`")

    def add_patterns(self, known: dict[str, Pattern]) -> None:
        """Those of this file, for the rules of every file."""
        fields = self.mapping(
            (), self._data or {}, "patterns", "a mapping of names to patterns, and not empty"
        )
        for name, text in (fields or {}).items():
            path: Path = ("patterns", name)
            if not isinstance(name, str) or not _PATTERN_NAME.fullmatch(name):
                self.note(path, f"the pattern's name {name!r} must be 1 to 32 of a-z 0-9 and -")
            elif name in known:
                built_in = "; that is a built-in one" if name in BUILT_IN else ""
                self.note(path, f"there is a pattern {name} already{built_in}")
            elif not isinstance(text, str) or not text:
                self.note(path, f"the pattern {name} must be a text, and not empty")
            else:
                try:
                    known[name] = own_pattern(name, text)
                except ConfigurationError as error:
                    self.note(path, error.text)
                    known[name] = Pattern(name, text, _nowhere)  # or each use of it would be a mistake, too

    def rules(self, patterns: Mapping[str, Pattern]) -> list[Rule]:
        if self._data is None:
            return []
        rules = self._data.get("rules")
        if not isinstance(rules, list):
            self.note(("rules",), "`rules` must be a list of rules")
            return []
        listed = enumerate(cast(list[Any], rules))
        found = [self._rule(("rules", at), value, patterns) for at, value in listed]
        return [rule for rule in found if rule is not None]

    def _rule(self, path: Path, data: Any, patterns: Mapping[str, Pattern]) -> Rule | None:
        """The rule, or None when something is wrong with it (and noted)."""
        if not isinstance(data, dict):
            self.note(path, "a rule is a mapping with `id`, `tools` or `operations`, and `effect`")
            return None
        before = len(self.problems)
        fields = cast(Fields, data)
        self.check_keys(path, fields, _KEYS)
        rule = (
            self._over_operations(path, fields, patterns)
            if "operations" in fields
            else self._over_tools(path, fields, patterns)
        )
        return rule if len(self.problems) == before else None

    def _over_tools(self, path: Path, fields: Fields, patterns: Mapping[str, Pattern]) -> Rule:
        self._refuse(path, fields, ("resource",), "only a rule over `operations` has")
        effect = self._effect(path, fields, get_args(Effect))
        args = self._args(path, fields)
        if effect == "deny":
            self._refuse(path, fields, ("limits", "output"), "only a rule that lets calls through has")
        if effect != "allow" and "effect" in fields:
            self._refuse(path, fields, ("cache",), "only a rule with `effect: allow` has")
        return Rule(
            id=self._id(path, fields),
            effect=effect,
            tools=Globs(self._tools(path, fields)),
            principals=self._principals(path, fields, _CALLERS),
            args=args,
            args_schema=None if args is None else self._compiled(path, args),
            when=self._when(path, fields),
            origin=self._origin(path, fields),
            approvers=self._approvers(path, fields, effect),
            limits=read_limits(self, path, fields),
            output=read_output(self, path, fields, patterns),
            cache=read_cache(self, path, fields),
            description=self.text(path, fields, "description"),
            file=self.file,
            lines=self._lines(path, fields, args),
        )

    def _over_operations(self, path: Path, fields: Fields, patterns: Mapping[str, Pattern]) -> Rule:
        if "tools" in fields:
            self.note((*path, "tools"), "a rule is over `tools` or over `operations`: make two of it")
        self._refuse(path, fields, _OF_TOOLS, "only a rule over `tools` has")
        operations = self.texts(path, fields, "operations", flaw_in_operation_glob, required=True)
        when = self.text(path, fields, "when")
        return Rule(
            id=self._id(path, fields),
            effect=self._effect(path, fields, ("allow", "deny")),
            resource=self._resource(path, fields, operations),
            output=self._operation_output(path, fields, operations, patterns),
            operations=Globs(operations),
            principals=self._principals(path, fields, APPROVERS),  # an agent makes tool calls only
            when=when,
            condition=self._operation_condition(path, when, operations),
            description=self.text(path, fields, "description"),
            file=self.file,
            lines=self._lines(path, fields, None),
        )

    def _resource(self, path: Path, fields: Fields, operations: Sequence[str]) -> dict[str, Globs]:
        shape = "a mapping of attributes to lists of patterns"
        listed = self.mapping(path, fields, "resource", shape) or {}
        path = (*path, "resource")
        self.check_keys(path, listed, shared_attributes(operations))
        return {str(name): Globs(self.texts(path, listed, name, flaw_in_glob)) for name in listed}

    def _operation_output(
        self, path: Path, fields: Fields, operations: Sequence[str], patterns: Mapping[str, Pattern]
    ) -> Output:
        if "output" not in fields:
            return AS_IT_IS
        inner = fields["output"]
        if not all(map(_WITH_OUTPUT.matches, operations)) or fields.get("effect") != "allow":
            self.note(
                (*path, "output"),
                "of rules over operations only an allow of resource.read and prompt.get has `output`",
            )
        if isinstance(inner, dict) and "trust" in inner:
            self.note((*path, "output", "trust"), "resources and prompts are never trusted")
        return read_output(self, path, fields, patterns)

    def _refuse(self, path: Path, fields: Fields, keys: Iterable[str], said: str) -> None:
        for key in keys:
            if key in fields:
                self.note((*path, key), f"{said} `{key}`")

    def _tools(self, path: Path, fields: Fields) -> tuple[str, ...]:
        return self.texts(path, fields, "tools", flaw_in_tool_glob, required=True)

    def _id(self, path: Path, fields: Fields) -> str:
        text = self.text(path, fields, "id", required=True)
        if text and not _ID.fullmatch(text):
            self.note((*path, "id"), f"the id {text!r} must be 1 to 64 of a-z 0-9 and -")
        return text

    def _effect(self, path: Path, fields: Fields, known: tuple[str, ...]) -> Effect:
        if "effect" not in fields:
            self.note(path, "`effect` is missing")
        return cast(Effect, self.one_of(path, fields, "effect", known) or "deny")

    def _principals(self, path: Path, fields: Fields, kinds: tuple[str, ...]) -> Globs | None:
        if "principals" not in fields:
            return None
        found = self.texts(path, fields, "principals", lambda text: flaw_in_label(text, kinds))
        return None if "*" in found else Globs(found)

    def _approvers(self, path: Path, fields: Fields, effect: Effect) -> tuple[str, ...]:
        if effect != "ask":
            if "approvers" in fields and "effect" in fields:
                self.note((*path, "approvers"), "only a rule with `effect: ask` has approvers")
            return ()

        def flaw(text: str) -> str:
            return "" if text == SELF else flaw_in_label(text, APPROVERS)

        return self.texts(path, fields, "approvers", flaw, required=True)

    def _args(self, path: Path, fields: Fields) -> JsonObject | None:
        return self.mapping(path, fields, "args", "a JSON Schema with `properties` or `required`")

    def _compiled(self, path: Path, args: JsonObject) -> Schema | None:
        try:
            compiled = Schema(args, "value of `args`")
        except ConfigurationError as error:
            self.note((*path, "args"), error.message)
            return None
        for flaw in flaws_of_form(args):
            self.note((*path, "args", *flaw.path), flaw.message)
        return compiled

    def _when(self, path: Path, fields: Fields) -> str:
        text = self.text(path, fields, "when")
        if text:
            try:
                check_syntax(text)
            except ConfigurationError as error:
                self.note((*path, "when"), error.text)
        return text

    def _operation_condition(self, path: Path, when: str, operations: Sequence[str]) -> Condition | None:
        if not when:
            return None
        try:
            return operation_condition(when, shared_attributes(operations))
        except ConfigurationError as error:
            self.note((*path, "when"), error.text)
            return None

    def _origin(self, path: Path, fields: Fields) -> dict[str, tuple[str, ...]]:
        shape = "a mapping of arguments to where their values may come from"
        found: dict[str, tuple[str, ...]] = {}
        for name, words in (self.mapping(path, fields, "origin", shape) or {}).items():
            listed = [str(word) for word in cast(list[Any], words)] if isinstance(words, list) else []
            where = (*path, "origin", name)
            if not isinstance(name, str) or not listed:
                self.note(where, f"the origin of {name} must be a list like [user, trusted]")
            for word in (word for word in listed if word not in LABELS):
                near = closest(word, LABELS)
                said = f"did you mean {near}?" if near else f"there are {', '.join(LABELS)}"
                self.note(where, f"{word[:64]!r} is no origin; {said}")
            found[str(name)] = tuple(listed)
        return found

    def _lines(self, path: Path, fields: Fields, args: JsonObject | None) -> dict[Path, int]:
        wanted: list[Path] = [(), *((str(key),) for key in fields), *_property_paths(args)]
        wanted += _paths_of_sums(fields)
        found = {inner: self.line_of((*path, *inner)) for inner in wanted}
        return {inner: line for inner, line in found.items() if line is not None}


def _property_paths(args: JsonObject | None) -> Iterator[Path]:
    properties = (args or {}).get("properties")
    if isinstance(properties, dict):
        for name in cast(JsonObject, properties):
            yield ("args", "properties", name)


def _paths_of_sums(fields: Fields) -> Iterator[Path]:
    inner: Any = fields
    path: Path = ()
    for key in ("limits", "per_day", "sums"):
        inner = cast(Fields, inner).get(key) if isinstance(inner, dict) else None
        path = (*path, key)
        yield path
    if isinstance(inner, dict):
        for name in cast(Fields, inner):
            yield (*path, str(name))
