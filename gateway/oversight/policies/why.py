"""Why a call is decided as it is: the decision as a sentence, and every rule that was tried."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from gateway.core.binding import Decision
from gateway.core.callers import EXAMPLE, principal_of
from gateway.core.catalog import Catalog, CatalogTool
from gateway.core.offering import operation_of, resource_of
from gateway.core.operation_policy import Explained
from gateway.core.operations import OPERATIONS, flaw_in_resource
from gateway.core.policy import BoundPolicy
from gateway.core.provenance import record
from gateway.core.replaying import AgentTools, PastCall, Recast, SourcesOf, recast
from gateway.core.rules import SELF
from toolward.errors import InvalidRequest, NotFound, Unavailable, UnknownTool
from toolward.names import closest
from toolward.schema import check_arguments, parse_object
from toolward.types import JsonObject, Origin, Principal, RunScope

NO_RUN = "run_that_is_asked_about"
_SUGGESTED_FROM = 500  # comparing names is slow, so a suggestion looks at no more
_SAID = {"allow": "Allowed", "ask": "A person is asked", "deny": "Denied"}


class Question(NamedTuple):
    """A call that need not have been made: who would make it, of which tool (or which operation they would do, on
    which resource), with which arguments (empty: none are named), in a run of which agent."""

    principal: Principal
    name: str
    arguments_json: bytes = b""
    agent: str = ""


class Verdict(NamedTuple):
    """A decision, for people. `number` counts the rules from 1 over all files; 0 where none of them decided.
    `because` is what the rule says of itself, or what decided in place of a rule."""

    decision: Decision
    number: int = 0
    because: str = ""

    @property
    def said(self) -> str:
        """`Denied`, `Allowed`, `A person is asked`"""
        return _SAID[self.decision.effect]

    @property
    def sentence(self) -> str:
        """``Denied by rule 4 `no-deletes`: what is gone stays gone.``"""
        by = f" by rule {self.number} `{self.decision.rule}`" if self.number else ""
        told = f": {self.because.rstrip('.')}" if self.because else ""
        return f"{self.said}{by}{told}."

    @property
    def approvers(self) -> str:
        named = ["who asks" if one == SELF else one for one in self.decision.approvers]
        return " or ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


class Why(NamedTuple):
    """`verdict` is what the policy in force says now; None where it cannot be asked, and then `lost` says why.
    `call` is the call on record that it is about, with what was decided then. `numbers` counts the rules, by id."""

    question: Question
    verdict: Verdict | None
    rules: tuple[Explained, ...] = ()
    origins: tuple[Origin, ...] = ()
    lost: str = ""
    call: PastCall | None = None
    numbers: Mapping[str, int] = {}

    @property
    def tried(self) -> tuple[Explained, ...]:
        return tuple(one for one in self.rules if one.concerns)

    @property
    def others(self) -> int:
        """How many rules are about something else."""
        return len(self.rules) - len(self.tried)


class Asking(NamedTuple):
    """A policy bound to the catalog, to be asked; `agent_tools` are the tools of each agent."""

    policy: BoundPolicy
    catalog: Catalog
    agent_tools: AgentTools

    def why(self, question: Question) -> Why:
        """Raises UnknownTool, Unavailable, NotFound for an agent, TooLarge, InvalidRequest, InvalidArguments."""
        if self._is_operation(question.name):
            return self._operation(question, _resource(question))
        tool = find_tool(self.catalog, question.name)
        arguments = parse_object(question.arguments_json or b"{}", f"arguments of {tool.name}")
        check_arguments(tool.input_schema, arguments, tool.name)
        run = None
        if question.agent:
            if (tools := self.agent_tools(question.agent)) is None:
                raise NotFound(
                    f"There is no agent {question.agent[:128]!r}.", hint="GET /v1/agents lists them."
                )
            run = RunScope(NO_RUN, question.agent, tools)
        return self._tool(question, Recast(tool, arguments, run))

    def why_call(self, call: PastCall, sources: SourcesOf) -> Why:
        """Of a call on record, as it would be decided now. Raises nothing that reading `sources` does not."""
        question = Question(call.principal, call.tool, call.arguments_json or b"", call.agent)
        if operation_of(call.tool) is not None:
            operation = operation_of(call.tool) or ""
            resource = resource_of(call.tool, _object(call.arguments_json))
            return self._operation(question._replace(name=operation), resource)._replace(call=call)
        found = recast(call, self.policy, self.catalog, self.agent_tools, sources)
        if not isinstance(found, Recast):
            return Why(question, None, lost=found, call=call)
        return self._tool(question, found)._replace(call=call)

    def _verdict(self, decision: Decision, numbers: Mapping[str, int]) -> Verdict:
        rule = self.policy.rule(decision)
        because = decision.reason
        if rule is not None and because.startswith(f"the rule {rule.id} "):  # else it does not fit the tool
            because = f"{rule.description.rstrip('.')}{decision.strays}".removeprefix("; ")
        return Verdict(decision, numbers.get(decision.rule, 0), because)

    def _is_operation(self, name: str) -> bool:
        return name in OPERATIONS and name.partition(".")[0] not in self.catalog.backends

    def _tool(self, question: Question, found: Recast) -> Why:
        decision = self.policy.decide(question.principal, *found)
        rules = self.policy.explain(question.principal, *found)
        origins = () if found.origins is None else record(found.arguments, found.origins)
        return self._why(question, decision, rules)._replace(origins=origins)

    def _operation(self, question: Question, resource: Mapping[str, str]) -> Why:
        decision = self.policy.decide_operation(question.principal, question.name, resource)
        rules = self.policy.explain_operation(question.principal, question.name, resource)
        return self._why(question, decision, rules)

    def _why(self, question: Question, decision: Decision, rules: tuple[Explained, ...]) -> Why:
        numbers = {one.id: at for at, one in enumerate(self.policy.policy.rules, 1)}
        return Why(question, self._verdict(decision, numbers), rules, numbers=numbers)


def find_tool(catalog: Catalog, name: str) -> CatalogTool:
    """Raises UnknownTool, and Unavailable where its backend does not answer."""
    if (tool := catalog.find(name)) is not None:
        return tool
    if (backend := catalog.backend_of(name)) is not None and backend.problem:
        raise Unavailable(
            f"The backend {backend.complaint}.", hint="Its tools are not known until it answers."
        )
    near = closest(name, [*(one.name for one in islice(catalog.tools, _SUGGESTED_FROM)), *OPERATIONS])
    raise UnknownTool(
        f"There is no tool named {name[:128]!r}.",
        hint=f"Did you mean {near}?" if near else "The page Tools shows which there are.",
    )


def named_principal(text: str, known: Sequence[Principal], asker: Principal) -> Principal:
    """`ada` as configured in the asker's tenant, or labels as policy writes them; without a text the asker. Raises
    InvalidRequest."""
    if not text.strip():
        return asker
    for one in known:
        if one.id == text.strip() and one.tenant == asker.tenant:
            return one
    try:
        return principal_of(text)
    except InvalidRequest as error:
        hint = f"Name a configured principal, or write labels: {EXAMPLE}."
        raise InvalidRequest(error.message, hint=hint) from None


def _resource(question: Question) -> dict[str, str]:
    found = parse_object(question.arguments_json or b"{}", f"resource of {question.name}")
    flaw = flaw_in_resource(question.name, found)
    texts = {name: value for name, value in found.items() if isinstance(value, str)}
    if flaw or len(texts) < len(found):
        said = flaw or "has attributes that are no texts"
        wanted = ", ".join(f'"{name}": "…"' for name in OPERATIONS[question.name])
        raise InvalidRequest(
            f"The resource of {question.name} {said.rstrip('.')}.", hint=f"Write {{{wanted}}}."
        )
    return texts


def _object(raw: bytes | None) -> JsonObject:
    try:
        return parse_object(raw or b"{}", "recorded arguments")
    except InvalidRequest:
        return {}


AgentsNow = Callable[[], Mapping[str, tuple[str, ...]]]
"""The agents in force: name to the globs of their tools."""
