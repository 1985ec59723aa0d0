"""`toolward policy check|explain`."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.bootstrap import Gateway, ledger_file
from gateway.cli.output import EXIT_FAILED, EXIT_OK, coloured, note, print_json, print_table
from gateway.cli.permitted import operation_policy, permit
from gateway.cli.policy_sources import Asked, scope_of
from gateway.cli.session import Common, open_own, settings_of
from gateway.config.agents import load_agents
from gateway.config.policies import load_policy
from gateway.config.settings import Settings
from gateway.core.callers import EXAMPLE, principal_of
from gateway.core.catalog import CatalogTool
from gateway.core.operations import OPERATIONS, flaw_in_resource, no_operation
from gateway.core.policy import BoundPolicy, Decision, Explained, Policy, bind
from gateway.core.provenance import record
from gateway.core.rules import SELF
from toolward.errors import InvalidRequest, Unavailable, UnknownTool
from toolward.names import closest
from toolward.printable import printable
from toolward.schema import check_arguments, parse_object
from toolward.types import JsonObject, Origin, Principal


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
    name: Annotated[str, Parameter(help="a tool (crm.refund_payment) or an operation (run.start)")],
    arguments: Annotated[
        str, Parameter(help='a JSON object; of an operation, its resource: {"agent": "support"}')
    ] = "{}",
    /,
    *,
    operation: Annotated[
        bool, Parameter(help="the name is an operation's, though a backend is called like that", negative=())
    ] = False,
    run: Annotated[str, Parameter(help="the call would be made in this run, now")] = "",
    agent: Annotated[str, Parameter(help="the call would be made in a run of this agent")] = "",
    source: Annotated[
        tuple[str, ...],
        Parameter(help="what has entered that run: user='refund PAY-5007', untrusted='…'", negative=()),
    ] = (),
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Say which rule decides a call or an operation, and why the others do not."""
    settings, _ = settings_of(common)
    asked = Asked(run, agent, source)
    asked.check()
    if operation or (name in OPERATIONS and not _is_of_a_backend(name, settings)):
        return _explain_operation(principal, name, arguments.encode(), settings, common)
    if run:
        permit(settings, "ledger.read")
    return asyncio.run(_explain(principal, name, arguments.encode(), asked, common))


def _is_of_a_backend(name: str, settings: Settings) -> bool:
    return name.partition(".")[0] in {one.name for one in settings.backends}


def _explain_operation(who: str, name: str, raw: bytes, settings: Settings, common: Common) -> int:
    """No server is started: rules over operations need no tools."""
    if name not in OPERATIONS:
        raise InvalidRequest(_ended(f"{name[:128]!r} {no_operation(name)}"))
    principal = _principal(who, settings)
    resource = _resource(name, parse_object(raw, f"resource of {name}"))
    policy = operation_policy(settings)
    decision, rules = policy.decide(principal, name, resource), policy.explain(principal, name, resource)
    about = " on this resource" if resource else ""
    _print(_sentence(principal, f"do {name}{about}", decision), decision, rules, "operations", common)
    return EXIT_OK


def _resource(operation: str, found: JsonObject) -> dict[str, str]:
    wanted = json.dumps(dict.fromkeys(OPERATIONS[operation], "…"), ensure_ascii=False)
    if flaw := flaw_in_resource(operation, found):
        raise InvalidRequest(_ended(f"The resource of {operation} {flaw}"), hint=f"Write {wanted}.")
    texts = {name: value for name, value in found.items() if isinstance(value, str)}
    if len(texts) < len(found):
        raise InvalidRequest(f"The attributes of {operation} are texts.", hint=f"Write {wanted}.")
    return texts


def _ended(said: str) -> str:
    return said if said.endswith("?") else f"{said}."


async def _explain(who: str, name: str, raw: bytes, asked: Asked, common: Common) -> int:
    if name in OPERATIONS:
        note(
            f"A backend is called like that, so this is about its tool. For the operation {name}: --operation"
        )
    async with open_own(common) as gateway:
        principal = _principal(who, gateway.settings)
        tool = _tool(name, gateway)
        arguments = parse_object(raw, f"arguments of {tool.name}")
        check_arguments(tool.input_schema, arguments, tool.name)
        agents = {one.name: one.tools for one in load_agents(gateway.settings.agents)}
        scope, sources = scope_of(asked, agents, ledger_file(gateway.home))
        decision = gateway.dispatch.policy.decide(principal, tool, arguments, scope, sources)
        rules = gateway.dispatch.policy.explain(principal, tool, arguments, scope, sources)
    origins = () if sources is None else record(arguments, sources)
    through = f" through the agent {scope.agent}" if scope else ""
    said = _sentence(principal, f"call {name} with these arguments{through}", decision)
    _print(said, decision, rules, "tools", common, origins)
    return EXIT_OK


def _print(
    sentence: str,
    decision: Decision,
    rules: Sequence[Explained],
    others_are: str,
    common: Common,
    origins: Sequence[Origin] = (),
) -> None:
    if common.json:
        said = {"decision": decision, "rules": [one._asdict() for one in rules]}
        print_json(said | ({"origins": origins} if origins else {}))
        return
    print(sentence)
    for one in origins:
        print(f"{printable(one.path)} came from {printable(one.where)}: {one.label}")
    about, others = [one for one in rules if one.concerns], sum(not one.concerns for one in rules)
    print_table(("rule", "effect", "decided", "where", "why"), [_row(one) for one in about])
    if others:
        note(f"{others} more {'rule is' if others == 1 else 'rules are'} for other {others_are}.")


def _sentence(principal: Principal, what: str, decision: Decision) -> str:
    """`ask: user:ada (role:support) may call crm.refund_payment when a role:support-lead approves …`"""
    roles = " ".join(f"role:{role}" for role in principal.roles)
    who = f"user:{principal.id}" + (f" ({roles})" if roles else "")
    said = {
        "allow": f"{who} may {what}",
        "ask": f"{who} may {what} once approved by {_or(decision.approvers)}",
        "deny": f"{who} may not {what}",
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
    near = closest(name, [*(entry.name for entry in catalog.tools), *OPERATIONS])
    hint = f"Did you mean {near}?" if near else "`toolward tool list` shows them."
    raise UnknownTool(f"There is no tool named {name[:128]!r}.", hint=hint)


def _principal(text: str, settings: Settings) -> Principal:
    """`ada` as configured, or labels as policy writes them."""
    for one in settings.principals:
        if one.id == text:
            return Principal(one.id, one.roles, one.tenant)
    try:
        return principal_of(text)
    except InvalidRequest as error:
        known = ", ".join(one.id for one in settings.principals)
        raise InvalidRequest(error.message, hint=f"Use one of {known}, or labels: {EXAMPLE}.") from None
