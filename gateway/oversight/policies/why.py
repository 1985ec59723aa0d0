"""Why a call is decided as it is: the decision as a sentence, and every rule that was tried."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from gateway.core.binding import Decision
from gateway.core.callers import EXAMPLE, principal_of
from gateway.core.catalog import Catalog, CatalogTool
from gateway.core.offering import operation_of, resource_of
from gateway.core.operation_policy import Explained
from gateway.core.operations import OPERATIONS, flaw_in_resource, no_operation
from gateway.core.policy import BoundPolicy
from gateway.core.provenance import Source, Sources, record
from gateway.core.replaying import AgentTools, PastCall, Recast, SourcesOf, recast
from gateway.core.rules import SELF
from gateway.oversight.policies.files import RunOnRecord
from toolward.errors import InvalidRequest, NotFound, Unavailable, UnknownTool
from toolward.names import closest
from toolward.schema import check_arguments, parse_object
from toolward.types import JsonObject, Origin, Principal, RunScope

NO_RUN = "run_that_is_asked_about"
_NAMED = 20  # configured principals, in a hint
_SUGGESTED_FROM = 500  # comparing names is slow, so a suggestion looks at no more
_SAID = {"allow": "Allowed", "ask": "A person is asked", "deny": "Denied"}


class Question(NamedTuple):
    """A call that need not have been made: who would make it, of which tool (or which operation they would do, on
    which resource), with which arguments (empty: none are named), in a run of which agent, and what has entered
    that; or in which run on record, now. `operation`: the name is an operation's, whatever a backend is called."""

    principal: Principal
    name: str
    arguments_json: bytes = b""
    agent: str = ""
    sources: tuple[Source, ...] = ()
    run: str = ""
    operation: bool = False


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
    is_operation: bool = False
    agent: str = ""  # in whose run

    @property
    def tried(self) -> tuple[Explained, ...]:
        return tuple(one for one in self.rules if one.concerns)

    @property
    def others(self) -> int:
        """How many rules are about something else."""
        return len(self.rules) - len(self.tried)


RunsOnRecord = Callable[[str], RunOnRecord | None]
"""By id; None where there is no such run, or its words were erased."""


def _no_runs(_: str) -> RunOnRecord | None:
    return None


class Asking(NamedTuple):
    """A policy bound to the catalog, to be asked; `agent_tools` are the tools of each agent, `runs` those that may
    be asked about."""

    policy: BoundPolicy
    catalog: Catalog
    agent_tools: AgentTools
    runs: RunsOnRecord = _no_runs

    def why(self, question: Question) -> Why:
        """Raises UnknownTool, Unavailable, NotFound for an agent and a run, TooLarge, InvalidRequest,
        InvalidArguments."""
        if self._is_operation(question):
            return self._operation(question, _resource(question))
        tool = find_tool(self.catalog, question.name)
        arguments = parse_object(question.arguments_json or b"{}", f"arguments of {tool.name}")
        check_arguments(tool.input_schema, arguments, tool.name)
        return self._tool(question, Recast(tool, arguments, *self.scope(question)))

    def scope(self, question: Question) -> tuple[RunScope | None, Sources | None]:
        """The run of the call (None = outside one), and what has entered it (None = not known). Raises NotFound."""
        if question.run:
            run = self.runs(question.run)
            if run is None:
                raise NotFound(
                    f"There is no run {question.run[:128]!r} on record, or its words were erased.",
                    hint="`toolward run list` shows them.",
                )
            tools = self._tools(run.agent)
            return RunScope(question.run, run.agent, tools, untrusted=run.sources.untrusted), run.sources
        if not question.agent:
            return None, None
        tools = self._tools(question.agent)
        if not question.sources:
            return RunScope(NO_RUN, question.agent, tools), None
        sources = Sources(question.sources)
        return RunScope(NO_RUN, question.agent, tools, untrusted=sources.untrusted), sources

    def _tools(self, agent: str) -> tuple[str, ...]:
        if (tools := self.agent_tools(agent)) is None:
            raise NotFound(f"There is no agent {agent[:128]!r}.", hint="`toolward agent list` shows them.")
        return tools

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

    def _is_operation(self, question: Question) -> bool:
        name = question.name
        if question.operation and name not in OPERATIONS:
            raise InvalidRequest(_ended(f"{name[:128]!r} {no_operation(name)}"))
        return question.operation or (
            name in OPERATIONS and name.partition(".")[0] not in self.catalog.backends
        )

    def _tool(self, question: Question, found: Recast) -> Why:
        decision = self.policy.decide(question.principal, *found)
        rules = self.policy.explain(question.principal, *found)
        origins = () if found.origins is None else record(found.arguments, found.origins)
        agent = "" if found.run is None else found.run.agent
        return self._why(question, decision, rules)._replace(origins=origins, agent=agent)

    def _operation(self, question: Question, resource: Mapping[str, str]) -> Why:
        decision = self.policy.decide_operation(question.principal, question.name, resource)
        rules = self.policy.explain_operation(question.principal, question.name, resource)
        return self._why(question, decision, rules)._replace(is_operation=True)

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
        hint=f"Did you mean {near}?" if near else "`toolward tool list` and the page Tools show them.",
    )


def named_principal(text: str, known: Sequence[Principal], asker: Principal) -> Principal:
    """`ada` as configured in the asker's tenant, or labels as policy writes them; without a text the asker. Raises
    InvalidRequest."""
    if not text.strip():
        return asker
    ours = [one for one in known if one.tenant == asker.tenant]
    for one in ours:
        if one.id == text.strip():
            return one
    try:
        return principal_of(text)
    except InvalidRequest as error:
        names = ", ".join(one.id for one in ours[:_NAMED]) or "a configured principal"
        raise InvalidRequest(error.message, hint=f"Use one of {names}, or labels: {EXAMPLE}.") from None


def _resource(question: Question) -> dict[str, str]:
    name = question.name
    found = parse_object(question.arguments_json or b"{}", f"resource of {name}")
    wanted = json.dumps(dict.fromkeys(OPERATIONS[name], "…"), ensure_ascii=False)
    if flaw := flaw_in_resource(name, found):
        raise InvalidRequest(_ended(f"The resource of {name} {flaw}"), hint=f"Write {wanted}.")
    texts = {key: value for key, value in found.items() if isinstance(value, str)}
    if len(texts) < len(found):
        raise InvalidRequest(f"The attributes of {name} are texts.", hint=f"Write {wanted}.")
    return texts


def _ended(said: str) -> str:
    return said if said.endswith("?") else f"{said}."


def _object(raw: bytes | None) -> JsonObject:
    try:
        return parse_object(raw or b"{}", "recorded arguments")
    except InvalidRequest:
        return {}


AgentsNow = Callable[[], Mapping[str, tuple[str, ...]]]
"""The agents in force: name to the globs of their tools."""
