"""`toolward policy check|explain`."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.bootstrap import Gateway
from gateway.cli.output import EXIT_FAILED, EXIT_OK, coloured, note, print_json, print_table, printable
from gateway.cli.session import Common, open_own, settings_of
from gateway.config.policies import load_policy
from gateway.core.callers import EXAMPLE, principal_of
from gateway.core.catalog import CatalogTool
from gateway.core.policy import BoundPolicy, Decision, Explained, Policy, bind
from gateway.core.rules import SELF
from toolward.errors import InvalidRequest, Unavailable, UnknownTool
from toolward.names import closest
from toolward.schema import check_arguments, parse_object
from toolward.types import Principal


def check(
    *files: Annotated[Path, Parameter(help="policy files; without any, the configured ones")],
    offline: Annotated[bool, Parameter(help="start no server: look only at the files", negative=())] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Read policies, bind them to the tools that answer, and say what is wrong."""
    if offline:
        policy = load_policy(files or settings_of(common)[0].policies)
        return _say(policy, None, common)
    return asyncio.run(_check(files, common))


async def _check(files: Sequence[Path], common: Common) -> int:
    if files:
        load_policy(files)  # before any server is started: most mistakes are found here
    async with open_own(common) as gateway:
        policy = load_policy(files) if files else gateway.policy
        bound = bind(policy, gateway.dispatch.catalog)
    return _say(policy, bound, common)


def _say(policy: Policy, bound: BoundPolicy | None, common: Common) -> int:
    """`bound` is None where no tool was asked."""
    problems, warnings = (bound.problems, bound.warnings) if bound else ((), ())
    if common.json:
        found = {"rules": len(policy.rules), "problems": problems, "warnings": warnings}
        print_json(found | {"bound": bound is not None})
        return EXIT_FAILED if problems else EXIT_OK
    for problem in problems:
        note(f"{coloured('problem', 'failed')}  {printable(problem)}")
    for warning in warnings:
        note(f"{coloured('warning', 'ask')}  {printable(warning)}")
    if bound is None:
        print(f"{len(policy.rules)} rules, well-formed; whether they fit the tools was not looked at")
    else:
        print(f"{len(policy.rules)} rules, {len(problems)} problems, {len(warnings)} warnings")
    return EXIT_FAILED if problems else EXIT_OK


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
    print(_sentence(principal, name, decision))
    about, others = [one for one in rules if one.concerns], sum(not one.concerns for one in rules)
    print_table(("rule", "effect", "decided", "where", "why"), [_row(one) for one in about])
    if others:
        note(f"{others} more {'rule is' if others == 1 else 'rules are'} for other tools.")
    return EXIT_OK


def _sentence(principal: Principal, tool: str, decision: Decision) -> str:
    """`ask: user:ada (role:support) may call crm.refund_payment when a role:support-lead approves …`"""
    roles = " ".join(f"role:{role}" for role in principal.roles)
    who = f"user:{principal.id}" + (f" ({roles})" if roles else "")
    said = {
        "allow": f"{who} may call {tool} with these arguments",
        "ask": f"{who} may call {tool} with these arguments once approved by {_or(decision.approvers)}",
        "deny": f"{who} may not call {tool} with these arguments",
    }[decision.effect]
    effect = coloured(decision.effect, decision.effect, sys.stdout)
    return f"{effect}: {printable(said)}, since {printable(decision.reason.rstrip('.'))}."


def _or(approvers: Sequence[str]) -> str:
    named = ["the caller" if one == SELF else one for one in approvers]
    return " or ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


def _row(one: Explained) -> tuple[str, ...]:
    return one.rule, one.effect, "yes" if one.decided else "", one.where, one.why


def _tool(name: str, gateway: Gateway) -> CatalogTool:
    catalog = gateway.dispatch.catalog
    if (tool := catalog.find(name)) is not None:
        return tool
    if (backend := catalog.backend_of(name)) is not None and backend.problem:
        raise Unavailable(
            f"The backend {backend.complaint}.", hint="Its tools are not known until it answers."
        )
    near = closest(name, [entry.name for entry in catalog.tools])
    hint = f"Did you mean {near}?" if near else "`toolward tool list` shows them."
    raise UnknownTool(f"There is no tool named {name[:128]!r}.", hint=hint)


def _principal(text: str, gateway: Gateway) -> Principal:
    """`ada` as configured, or labels as policy writes them."""
    for one in gateway.settings.principals:
        if one.id == text:
            return Principal(one.id, one.roles, one.tenant)
    try:
        return principal_of(text)
    except InvalidRequest as error:
        known = ", ".join(one.id for one in gateway.settings.principals)
        raise InvalidRequest(error.message, hint=f"Use one of {known}, or labels: {EXAMPLE}.") from None
