"""Decision tables from disk (`policies/*_test.yaml`), read as strictly as the policies that they are about.

version: 1
policies: [default.yaml]                  # the files under test, from this one's folder
catalog: shipped                          # the tools of the servers that come along; left out = only `tools`
tools:                                    # tools of other servers, by qualified name
  web.open_page: {changes: false}         # facts: changes, idempotent, keeps_keys; and `schema`, its input schema
principals: [role:operator]               # of every case that names none
cases:
  - tool: crm.refund_payment
    arguments: {payment_id: PAY-5007, amount_minor: 5000, reason: Damaged}
    principals: ["user:ada,role:support"] # the case holds for each of them; several labels, one caller
    agent: support                        # in a run of this agent
    sources: {user: ["refund PAY-5007"]}  # what has entered it: user, trusted, untrusted, model, in this order
    effect: ask                           # allow | ask | deny
    rule: small-refunds                   # which decides; "" = none does
  - {tool: crm.refund_payment, violation: amount_minor}    # words in what is wrong with the arguments
  - {tool: files.write_file, listed: false}                # whether it is offered at all
  - operation: run.read                                     # what is not a tool call: gateway.core.operations
    resource: {agent: support, owner: ada}                  # all of the operation's attributes
    effect: allow                                           # allow | deny
    rule: own-runs
"""

from collections.abc import Mapping
from pathlib import Path
from typing import cast, get_args

import msgspec

from gateway.config.reader import Problems, Section, said_of
from gateway.config.source import YamlSource, load_yaml
from gateway.core.callers import principal_of
from gateway.core.catalog import ToolFacts
from gateway.core.operations import OPERATIONS, flaw_in_resource, no_operation
from gateway.core.provenance import Source, Sources
from gateway.core.rules import Effect
from gateway.core.rules_reader import LABELS
from gateway.core.tables import Expected, TableCase
from toolward.errors import InvalidRequest
from toolward.types import JsonObject, Principal, Tool

VERSION = 1
ENDING = "_test.yaml"
_KEYS = ("version", "policies", "catalog", "tools", "principals", "cases")
_OF_CASE = (
    "tool",
    "arguments",
    "principals",
    "agent",
    "sources",
    "effect",
    "rule",
    "violation",
    "listed",
    "description",
)
_OF_OPERATION = ("operation", "resource", "principals", "effect", "rule", "description")


class Table(msgspec.Struct, frozen=True):
    """One file. `tools` and `facts` are those that it declares, by qualified name."""

    file: str
    policies: tuple[Path, ...]
    shipped: bool
    tools: tuple[tuple[str, Tool], ...]
    facts: Mapping[str, ToolFacts]
    cases: tuple[TableCase, ...]


def load_table(path: Path) -> Table:
    """Raises ConfigurationError with a line for everything that is wrong."""
    source = load_yaml(path)
    problems = Problems(source)
    root = Section(problems, (), source.data)
    if isinstance(source.data, dict):
        root.only(*_KEYS)
        if type(root.raw("version")) is not int or root.raw("version") != VERSION:
            root.wrong("version", f"must be {VERSION}, not {said_of(root.raw('version'))}")
    table = Table(
        file=source.file,
        policies=_policies(root, path.parent),
        shipped="catalog" in root and root.one_of("catalog", "shipped") == "shipped",
        tools=tuple(_tool(name, at) for name, at in root.section("tools").members()),
        facts={name: _facts(at) for name, at in root.section("tools").members()},
        cases=tuple(_cases(root, source)),
    )
    problems.raise_any()
    return table


def _policies(root: Section, folder: Path) -> tuple[Path, ...]:
    if "policies" not in root:
        root.missing("policies", "policies: [default.yaml]")
    found = tuple(folder / Path(text).expanduser() for text in root.texts("policies"))
    for index, path in enumerate(found):
        if not path.is_file():
            root.wrong_item("policies", index, f"names {path}, and there is no such file")
    return found


def _tool(name: str, at: Section) -> tuple[str, Tool]:
    at.only("changes", "idempotent", "keeps_keys", "schema")
    backend, dot, own = name.partition(".")
    if not (backend and dot and own):
        at.wrong(
            "schema" if "schema" in at else "changes", "is of a tool without a backend: write BACKEND.TOOL"
        )
    schema = at.raw("schema") if "schema" in at else {"type": "object"}
    if not isinstance(schema, dict):
        at.wrong("schema", f"must be a JSON Schema, not {said_of(schema)}")
        schema = {}
    return name, Tool(own, input_schema=cast(JsonObject, schema))


def _facts(at: Section) -> ToolFacts:
    unknown = ToolFacts()
    return ToolFacts(
        changes=at.flag("changes", unknown.changes),
        idempotent=at.flag("idempotent", unknown.idempotent),
        keeps_keys=at.flag("keeps_keys", unknown.keeps_keys),
    )


def _cases(root: Section, source: YamlSource) -> list[TableCase]:
    common = _principals(root)
    found: list[TableCase] = []
    for at in root.sections("cases"):
        where = source.at(at.place)
        read = _operation if "operation" in at else _case
        found += [read(at, principal, where) for principal in _principals(at) or common]
        if "principals" not in at and "principals" not in root:
            at.missing("principals", 'principals: ["role:support"]')
    if not found:
        root.missing("cases", "cases: [{tool: search.search, arguments: {query: x}, effect: allow}]")
    return found


def _case(at: Section, principal: Principal, where: str) -> TableCase:
    at.only(*_OF_CASE, "operation")
    arguments = at.raw("arguments") if "arguments" in at else JsonObject()
    if not isinstance(arguments, dict):
        at.wrong("arguments", f"must be a mapping, not {said_of(arguments)}")
        arguments = JsonObject()
    if not {"effect", "violation", "listed"} & set(at):
        at.missing("effect", "effect: deny")
    if "rule" in at and "effect" not in at:
        at.wrong("rule", "stands beside `effect` only")
    return TableCase(
        where=where,
        principal=principal,
        tool=at.needed_text("tool", "tool: crm.get_record, or operation: run.start"),
        arguments=cast(JsonObject, arguments),
        expected=_expected(at),
        agent=at.text("agent"),
        sources=_sources(at),
    )


def _sources(at: Section) -> Sources | None:
    """None where a case does not say what has entered its run: then nothing is known of it."""
    if "sources" not in at:
        return None
    if "agent" not in at:
        at.wrong("sources", "are of a run; name its agent, as in agent: support")
    found = at.section("sources")
    found.only(*LABELS)
    texts = ((label, text) for label in LABELS for text in found.texts(label))
    return Sources(Source(label, text, f"what the case calls {label}") for label, text in texts)


def _operation(at: Section, principal: Principal, where: str) -> TableCase:
    if "tool" in at:
        at.wrong("tool", "stands beside `operation`: a case is of one of them")
    at.only(*_OF_OPERATION, "tool")
    if "effect" not in at:
        at.missing("effect", "effect: deny")
    operation = at.needed_text("operation", "operation: run.start")
    resource = at.text_map("resource")
    if operation and operation not in OPERATIONS:
        at.wrong("operation", f"{operation!r} {no_operation(operation)}")
    elif operation and (flaw := flaw_in_resource(operation, resource)):
        wanted = ", ".join(f"{name}: …" for name in OPERATIONS[operation])
        at.wrong("resource", flaw + (f"; write resource: {{{wanted}}}" if wanted else ""))
    return TableCase(
        where=where,
        principal=principal,
        operation=operation,
        resource=resource,
        expected=_expected(at, "allow", "deny"),
    )


def _expected(at: Section, *effects: str) -> Expected:
    effect = at.one_of("effect", *(effects or get_args(Effect))) if "effect" in at else None
    return Expected(
        effect=cast(Effect | None, effect),
        rule=at.text("rule") if "rule" in at else None,
        violation=at.text("violation") if "violation" in at else None,
        listed=at.flag("listed", True) if "listed" in at else None,
    )


def _principals(at: Section) -> tuple[Principal, ...]:
    found: list[Principal] = []
    for index, text in enumerate(at.texts("principals")):
        try:
            found.append(principal_of(text))
        except InvalidRequest as error:
            at.wrong_item("principals", index, f"is {text!r}: {error.hint}")
    return tuple(found)
