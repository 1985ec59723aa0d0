"""`toolward policy check|explain`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.bootstrap import Gateway
from gateway.cli.output import EXIT_FAILED, EXIT_OK, coloured, note, print_json, print_table
from gateway.cli.session import Common, open_own
from gateway.config.policies import load_policy
from gateway.core.catalog import CatalogTool
from gateway.core.policy import Explained, bind
from toolward.errors import InvalidRequest, UnknownTool
from toolward.names import closest
from toolward.schema import check_arguments, parse_object
from toolward.types import Principal


def check(
    *files: Annotated[Path, Parameter(help="policy files; without any, the configured ones")],
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Read policies, bind them to the tools that answer, and say what is wrong."""
    return asyncio.run(_check(files, common))


async def _check(files: Sequence[Path], common: Common) -> int:
    if files:
        load_policy(files)  # before any server is started: most mistakes are found here
    async with open_own(common) as gateway:
        policy = load_policy(files) if files else gateway.policy
        bound = bind(policy, gateway.dispatch.catalog)
    if common.json:
        print_json({"rules": len(policy.rules), "problems": bound.problems, "warnings": bound.warnings})
    else:
        for problem in bound.problems:
            note(f"{coloured('problem', 'failed')}  {problem}")
        for warning in bound.warnings:
            note(f"{coloured('warning', 'ask')}  {warning}")
        print(f"{len(policy.rules)} rules, {len(bound.problems)} problems, {len(bound.warnings)} warnings")
    return EXIT_FAILED if bound.problems else EXIT_OK


def explain(
    principal: Annotated[str, Parameter(help="a configured principal, or labels: user:ada,role:support")],
    tool: Annotated[str, Parameter(help="qualified name, for example crm.refund_payment")],
    arguments: Annotated[str, Parameter(help="a JSON object")] = "{}",
    /,
    *,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Say which rule decides a call, and why the others do not."""
    return asyncio.run(_explain(principal, tool, arguments.encode(), common))


async def _explain(who: str, name: str, raw: bytes, common: Common) -> int:
    async with open_own(common) as gateway:
        principal = _principal(who, gateway)
        tool = _tool(name, gateway)
        arguments = parse_object(raw, f"arguments of {tool.name}")
        check_arguments(tool.input_schema, arguments, tool.name)
        decision = gateway.dispatch.policy.decide(principal, tool, arguments)
        rules = gateway.dispatch.policy.explain(principal, tool, arguments)
    if common.json:
        print_json({"decision": decision, "rules": [one._asdict() for one in rules]})
        return EXIT_OK
    by = f"rule {decision.rule}" if decision.rule else "no rule"
    print(f"{coloured(decision.effect, decision.effect)} by {by}: {decision.reason}")
    print_table(("rule", "where", "effect", "decided", "why"), [_row(one) for one in rules])
    return EXIT_OK


def _row(one: Explained) -> tuple[str, ...]:
    return one.rule, one.where, one.effect, "yes" if one.decided else "", one.why


def _tool(name: str, gateway: Gateway) -> CatalogTool:
    catalog = gateway.dispatch.catalog
    if (tool := catalog.find(name)) is not None:
        return tool
    near = closest(name, [entry.name for entry in catalog.tools])
    hint = f"Did you mean {near}?" if near else "`toolward tool list` shows them."
    raise UnknownTool(f"There is no tool named {name[:128]!r}.", hint=hint)


def _principal(text: str, gateway: Gateway) -> Principal:
    """`ada` as configured, or labels as policy writes them."""
    for one in gateway.settings.principals:
        if one.id == text:
            return Principal(one.id, one.roles, one.tenant)
    found: dict[str, list[str]] = {"user": [], "role": [], "tenant": []}
    for label in text.split(","):
        kind, _, value = label.strip().partition(":")
        if kind not in found or not value:
            known = ", ".join(one.id for one in gateway.settings.principals)
            raise InvalidRequest(
                f"{text!r} is no principal.", hint=f"Use one of {known}, or labels: user:ada,role:support."
            )
        found[kind].append(value)
    return Principal(
        (found["user"] or ["nobody"])[0], tuple(found["role"]), (found["tenant"] or ["default"])[0]
    )
