"""`toolward policy check|explain`."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from gateway.bootstrap import ledger_file, local_person
from gateway.bootstrap.past import PastRuns
from gateway.cli.colours import coloured
from gateway.cli.output import EXIT_FAILED, EXIT_OK, counted, note, print_json
from gateway.cli.permitted import permit
from gateway.cli.policy_sources import Asked, read_sources
from gateway.cli.running import is_running, running
from gateway.cli.session import Common, settings_of
from gateway.cli.surrounding import surroundings
from gateway.cli.tables import print_table
from gateway.config.policies import load_policy
from gateway.config.settings import Settings
from gateway.core.binding import Decision
from gateway.core.catalog import build_catalog
from gateway.core.operations import OPERATIONS
from gateway.core.policy import BoundPolicy, Explained, Policy, bind
from gateway.core.rules import SELF
from gateway.oversight.policies.told import PolicyWhy, why_told
from gateway.oversight.policies.why import Asking, Question, named_principal
from toolward.printable import printable
from toolward.schema import parse_object
from toolward.types import JsonObject, Principal


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
    # The files come first: most mistakes are found in them, before any server is started.
    policy = load_policy(files or settings_of(common)[0].policies)
    bound = bind(policy, (await surroundings(common)).catalog)
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
        rules = counted(len(policy.rules), "rule")
        print(f"{rules}, well-formed; whether they fit the tools was not looked at")
    else:
        found = (policy.rules, "rule"), (problems, "problem"), (warnings, "warning")
        print(", ".join(counted(len(ones), what) for ones, what in found))
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
    asked = Asked(run, agent, source)
    asked.check()
    raw = arguments.encode()
    parse_object(raw, f"arguments of {name[:128]}")  # before anything is asked or started
    sources = tuple(read_sources(source))
    settings, home = settings_of(common)
    question = Question(local_person(settings), name, raw, agent, sources, run, operation)
    _print(asyncio.run(_explain(principal, question, common, settings, home)), common)
    return EXIT_OK


def _is_of_a_backend(name: str, settings: Settings) -> bool:
    return name.partition(".")[0] in {one.name for one in settings.backends}


async def _explain(who: str, question: Question, common: Common, settings: Settings, home: Path) -> PolicyWhy:
    """`question` is of the person at this computer, in place of `who`."""
    if is_running(settings):
        async with running(settings, home) as gateway:
            return msgspec.convert(
                await gateway.post("/v1/policies/explain", _body(who, question)), PolicyWhy
            )
    known = [Principal(one.id, one.roles, one.tenant) for one in settings.principals]
    question = question._replace(principal=named_principal(who, known, question.principal))
    if question.run:
        permit(settings, "ledger.read")
    return why_told((await _asking(question, settings, common)).why(question))


async def _asking(question: Question, settings: Settings, common: Common) -> Asking:
    """Rules over operations need no tools: for them no server is started."""
    name = question.name
    if question.operation or (name in OPERATIONS and not _is_of_a_backend(name, settings)):
        nothing, no_agents = build_catalog(()), dict[str, tuple[str, ...]]()
        return Asking(bind(load_policy(settings.policies), nothing), nothing, no_agents.get)
    found = await surroundings(common)
    bound = bind(load_policy(found.settings.policies), found.catalog)
    return Asking(bound, found.catalog, found.agents.get, PastRuns(ledger_file(found.home)).run)


def _body(who: str, question: Question) -> JsonObject:
    return {
        "principal": who,
        "name": question.name,
        "arguments": msgspec.Raw(question.arguments_json),
        "operation": question.operation,
        "run": question.run,
        "agent": question.agent,
        "sources": [{"label": one.label, "text": one.text} for one in question.sources],
    }


def _print(why: PolicyWhy, common: Common) -> None:
    if common.json:
        print_json(why)
        return
    if why.name in OPERATIONS and not why.is_operation:
        note(
            f"A backend is called like that, so this is about its tool. For the operation {why.name}: --operation"
        )
    print(_sentence(why.principal, _what(why), why.decision))
    for one in why.origins:
        print(f"{printable(one.path)} came from {printable(one.where)}: {one.label}")
    about, others = [one for one in why.rules if one.concerns], sum(not one.concerns for one in why.rules)
    print_table(("rule", "effect", "decided", "where", "why"), map(_row, about))
    if others:
        which = "operations" if why.is_operation else "tools"
        note(f"{others} more {'rule is' if others == 1 else 'rules are'} for other {which}.")


def _what(why: PolicyWhy) -> str:
    if why.is_operation:
        return f"do {why.name}{' on this resource' if OPERATIONS[why.name] else ''}"
    through = f" through the agent {why.agent}" if why.agent else ""
    return f"call {why.name} with these arguments{through}"


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
