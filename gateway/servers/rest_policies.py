"""Policies over REST: the rules in force, and why a call is decided as it is."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Response
from pydantic import Field

from gateway.core.provenance import Source
from gateway.oversight.policies import About, Policies, Question
from gateway.oversight.policies.told import PolicyRules, PolicyWhy, rules_told, why_told
from gateway.servers.openapi import describing
from gateway.servers.rest_bodies import Body, answer
from gateway.servers.rest_route import routes
from toolward.types import Label, Principal

_MOST = 10_000  # characters of a name
_SOURCES = 100

Name = Annotated[str, Field(max_length=_MOST)]


class Entered(Body):
    """Something that has entered a run."""

    label: Label
    text: str


class Explain(Body):
    """Who would do what. `principal` is one that is configured, or labels; without it, you. `name` is a tool's, or
    an operation's, and `operation` says that the latter is meant though a backend is called like that; `arguments`
    are those of the call, or the resource of the operation. In `run`, one on record; or in a run of `agent`, which
    `sources` have entered."""

    principal: Name = Field(default="", examples=["user:ada,role:support"])
    name: Name = Field(min_length=1, examples=["crm.get_record"])
    arguments: dict[str, Any] = Field(default={}, examples=[{"record_id": "ORD-1003"}])
    operation: bool = False
    run: Name = ""
    agent: Name = ""
    sources: list[Entered] = Field(default=[], max_length=_SOURCES)


def policy_routes(policies: Policies, who: Any) -> APIRouter:
    """`who` is the dependency that gives the caller."""
    router = routes("/v1/policies")

    @router.get("", responses=describing(PolicyRules))
    async def get_policies(principal: Principal = who) -> Response:
        """The rules in force, by file, with how many calls of the last 7 days each decided, and what is wrong with
        them."""
        return answer(rules_told(await policies.shown(principal)))

    @router.post("/explain", responses=describing(PolicyWhy))
    async def explain_policy(asked: Explain, principal: Principal = who) -> Response:
        """How a call, or an operation, would be decided by the policy in force, and why: every rule that was tried.
        Nothing is called."""
        question = Question(
            policies.named(principal, asked.principal),
            asked.name,
            msgspec.json.encode(asked.arguments),
            asked.agent,
            tuple(Source(one.label, one.text, f"--source {one.label}") for one in asked.sources),
            asked.run,
            asked.operation,
        )
        return answer(why_told(await policies.why(principal, About(question=question))))

    return router
