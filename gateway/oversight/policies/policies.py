"""The policies of a gateway, for people who look after them. Reading needs `policy.read`, what is on record
`ledger.read` too, and changing a file `policy.write`. Calls of other tenants are not found, nor counted."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec

from gateway.core.dispatch import Dispatch
from gateway.core.policy import BoundPolicy, bind
from gateway.core.ports import Clock, RequestSpec
from gateway.core.replaying import PastCall, past, replay
from gateway.core.snapshot import Snapshot
from gateway.oversight.calls import Calls
from gateway.oversight.policies.files import Past, PolicyFile, PolicyFiles, RunOnRecord, TableSummary
from gateway.oversight.policies.filling import Filled, fill
from gateway.oversight.policies.listing import RulesShown, rules_shown
from gateway.oversight.policies.trying import (
    Bounded,
    Replay,
    Trial,
    difference,
    flaw_in_text,
    problems_that_are_new,
)
from gateway.oversight.policies.why import (
    AgentsNow,
    Asking,
    Question,
    RunsOnRecord,
    Verdict,
    Why,
    named_principal,
)
from toolward.errors import ConfigurationError, InvalidArguments, InvalidRequest, NotFound, ToolwardError
from toolward.names import closest
from toolward.types import Principal

log = logging.getLogger(__name__)

DAYS = 7
"""How far back hits are counted and calls decided again."""

_DAY_MS = 24 * 3600 * 1000
_MOST = 10_000  # calls that are decided again
_SECONDS = 5.0  # in which that is done


class World(NamedTuple):
    """What the policies' room stands on. `agents` and `principals` are those in force."""

    dispatch: Dispatch
    files: PolicyFiles
    past: Past
    calls: Calls
    requests: Callable[[str], Awaitable[RequestSpec]]
    clock: Clock
    agents: AgentsNow
    principals: Callable[[], Sequence[Principal]]


class About(NamedTuple):
    """What a page is about: a call on record, the call that an input request is about, or a question; nothing where
    all of it is empty."""

    call_id: str = ""
    request_id: str = ""
    question: Question | None = None


class Saved(NamedTuple):
    """`before` is where the old text lies now; `in_force` whether the gateway goes by the new one already."""

    name: str
    before: str
    in_force: bool


class Policies:
    """One for a gateway."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._trying = asyncio.Lock()  # one at a time: it takes a processor for a while

    # --- reading -------------------------------------------------------------------------------------------

    async def shown(self, principal: Principal) -> RulesShown:
        """Every rule, by file. Raises Denied, ConfigurationError."""
        self._may(principal, "policy.read")
        world = self._world
        files = await asyncio.to_thread(world.files.read)
        hits = None
        if world.dispatch.authorize(principal, "ledger.read", {}) is None:
            hits = await world.calls.rule_hits(principal, world.clock.now_ms() - DAYS * _DAY_MS)
        tables = await asyncio.to_thread(world.files.tables)
        return rules_shown(
            world.dispatch.policy, files, hits, tables, world.files.problem(), self.may_write(principal)
        )

    def may_write(self, principal: Principal) -> bool:
        return self._world.dispatch.authorize(principal, "policy.write", {}) is None

    async def run_table(self, principal: Principal, name: str) -> TableSummary:
        """Raises Denied, NotFound."""
        self._may(principal, "policy.read")
        async with self._trying:
            return await asyncio.to_thread(self._world.files.run_table, name)

    def named(self, principal: Principal, who: str) -> Principal:
        """Somebody as a person writes it: empty for the one who asks. Raises InvalidRequest."""
        return named_principal(who, self._world.principals(), principal)

    def asked(self, principal: Principal, name: str, arguments: str, who: str, agent: str) -> Question:
        """A question as a person writes it. Raises InvalidRequest."""
        caller = self.named(principal, who)
        return Question(caller, name.strip(), arguments.strip().encode(), agent.strip())

    async def why(self, principal: Principal, about: About) -> Why:
        """By the policy in force; a question about a run on record needs `ledger.read`, too. Raises Denied,
        NotFound, and what `Asking.why` raises."""
        self._may(principal, "policy.read")
        asking = self._asking(self._world.dispatch.in_force)
        if about.question is not None and about.question.run:
            self._may(principal, "ledger.read")
            asking = asking._replace(runs=self._runs_of(principal))
        about, call = await self._found(principal, about)
        return await asyncio.to_thread(self._answer, asking, about, call)

    # --- changing ------------------------------------------------------------------------------------------

    async def file(self, principal: Principal, name: str = "") -> PolicyFile:
        """The one of this name; without a name the first that can be changed, else the first. Raises Denied,
        NotFound, ConfigurationError."""
        self._may(principal, "policy.read")
        files = await asyncio.to_thread(self._world.files.read)
        return _named(files, name)

    async def filled(self, principal: Principal, name: str, about: About) -> Filled:
        """The text of a file with a rule in it that allows this call, or all calls of this tool. Raises as `why`
        and `file`; InvalidRequest where no rule can be made of it."""
        file = await self.file(principal, name)
        about, call = await self._found(principal, about)
        world = self._world
        snapshot = world.dispatch.in_force
        asking = self._asking(snapshot)

        def again(policy: BoundPolicy) -> Verdict | None:
            return self._why(asking._replace(policy=policy), about, call).verdict

        def work() -> Filled:
            why = self._why(asking, about, call)
            bound = self._bound_with(world.files.read(), snapshot)
            return fill(why, file, bound, snapshot.catalog, again)

        async with self._trying:
            return await asyncio.to_thread(work)

    async def tried(
        self, principal: Principal, name: str, text: str, about: About | None, *, replays: bool = True
    ) -> Trial:
        """What this text in the place of the file's would do; with the calls of the last days where `replays`, and
        the asker may read them. Raises Denied, NotFound, ConfigurationError where the
        files as they are cannot be read."""
        file = await self.file(principal, name)
        about, call = await self._found(principal, about or About())
        replays = replays and self._world.dispatch.authorize(principal, "ledger.read", {}) is None
        snapshot = self._world.dispatch.in_force
        async with self._trying:
            return await asyncio.to_thread(
                self._try, _Change(principal, file, text, about, call, replays), snapshot
            )

    async def save(self, principal: Principal, name: str, text: str, digest: str) -> Saved:
        """Put the text into the file that had this digest when it was read. Raises Denied, NotFound, Conflict where
        the file has changed since, ConfigurationError where the text is no policy."""
        self._may(principal, "policy.write")
        files = await asyncio.to_thread(self._world.files.read)
        file = _named(files, name)
        if flaw := flaw_in_text(text):
            raise InvalidRequest(flaw, hint="Nothing was saved.")
        policy = await asyncio.to_thread(self._world.files.policy, _with(files, file, text))
        before = await asyncio.to_thread(self._world.files.write, file.name, text, digest)
        log.warning(
            "%s was changed by %s (tenant %s) in the console; the text before is %s",
            *(file.name, principal.id, principal.tenant, before),
        )
        return Saved(file.name, before, await self._world.files.taken_up(policy.digest))

    # --- inside --------------------------------------------------------------------------------------------

    def _may(self, principal: Principal, operation: str) -> None:
        if denied := self._world.dispatch.authorize(principal, operation, {}):
            raise denied

    def _asking(self, snapshot: Snapshot) -> Asking:
        return Asking(snapshot.policy, snapshot.catalog, self._world.agents().get)

    def _runs_of(self, principal: Principal) -> RunsOnRecord:
        """Those of the asker's tenant."""

        def found(run_id: str) -> RunOnRecord | None:
            run = self._world.past.run(run_id)
            return run if run is not None and run.tenant == principal.tenant else None

        return found

    async def _found(self, principal: Principal, about: About) -> tuple[About, PastCall | None]:
        """With the call on record, or the request's call as a question. Raises Denied, NotFound also for what is
        another tenant's."""
        if about.call_id:
            return about, past(await self._world.calls.get(principal, about.call_id))
        if about.request_id:
            return About(question=await self._of_request(principal, about.request_id)), None
        return about, None

    async def _of_request(self, principal: Principal, request_id: str) -> Question:
        spec = await self._world.requests(request_id)
        request = spec.request
        if spec.tenant != principal.tenant:
            raise NotFound(f"There is no input request {request_id[:128]!r}.")
        about = {"kind": str(request.kind.value), "owner": spec.principal, "tool": spec.tool}
        if denied := self._world.dispatch.authorize(principal, "request.read", about):
            raise denied
        arguments = request.detail.get("arguments")
        if not isinstance(arguments, dict):
            raise InvalidRequest("The request is about no call, or its arguments were erased.")
        agent = spec.run.agent if spec.run else ""
        return Question(spec.caller, spec.tool, msgspec.json.encode(arguments), agent)

    def _answer(self, asking: Asking, about: About, call: PastCall | None) -> Why:
        if call is not None:
            return asking.why_call(call, self._world.past.sources)
        if about.question is None:
            raise InvalidRequest("Nothing is asked.", hint="Name a call, or a tool.")
        return asking.why(about.question)

    def _why(self, asking: Asking, about: About, call: PastCall | None) -> Why:
        """`_answer`, also where arguments are lacking, which then decide."""
        try:
            return self._answer(asking, about, call)
        except InvalidArguments as error:
            if about.question is None or about.question.arguments_json:
                raise
            return Why(about.question, None, lost=error.message)

    def _bound_with(
        self, files: Sequence[PolicyFile], snapshot: Snapshot
    ) -> Callable[[str, str], BoundPolicy]:
        """Binds the files with another text in the place of one's. Raises ConfigurationError."""

        def bound(name: str, text: str) -> BoundPolicy:
            policy = self._world.files.policy(_with(files, _named(files, name), text))
            return bind(policy, snapshot.catalog)

        return bound

    def _try(self, change: "_Change", snapshot: Snapshot) -> Trial:
        file, text = change.file, change.text
        found = Trial(text, difference=difference(file.text, text))
        if flaw := flaw_in_text(text):
            return found._replace(mistake=flaw)
        try:
            bound = self._bound_with(self._world.files.read(), snapshot)(file.name, text)
        except ConfigurationError as error:
            return found._replace(mistake=error.text)
        now = snapshot.policy
        found = found._replace(
            rules=len(bound.policy.rules),
            digest=bound.policy.digest,
            problems=bound.problems,
            new_problems=problems_that_are_new(bound, now),
            warnings=bound.warnings,
            shuts_out=now.decide_operation(change.principal, "policy.write", {}).effect == "allow"
            and bound.decide_operation(change.principal, "policy.write", {}).effect != "allow",
        )
        if change.replays:
            found = found._replace(replay=self._replay(change.principal, bound, snapshot))
        return self._about(found, change, bound, snapshot)

    def _about(self, found: Trial, change: "_Change", bound: BoundPolicy, snapshot: Snapshot) -> Trial:
        """With the one call that was asked about, decided before and after."""
        if change.call is None and change.about.question is None:
            return found
        asking = self._asking(snapshot)
        try:
            before = self._answer(asking, change.about, change.call)
            after = self._answer(asking._replace(policy=bound), change.about, change.call)
        except ToolwardError as error:
            return found._replace(asked=error.text)
        return found._replace(before=before, after=after)

    def _replay(self, principal: Principal, bound: BoundPolicy, snapshot: Snapshot) -> Replay:
        world = self._world
        since = world.clock.now_ms() - DAYS * _DAY_MS

        def ours(call: PastCall) -> bool:
            return call.principal.tenant == principal.tenant

        calls = Bounded(world.past.calls(since), _MOST, _SECONDS, time.monotonic, ours)
        found = replay(calls, bound, snapshot.catalog, world.agents().get, world.past.sources)
        return Replay(found, DAYS, calls.whole)


class _Change(NamedTuple):
    """What somebody tries; `replays` where they may read what is on record."""

    principal: Principal
    file: PolicyFile
    text: str
    about: About
    call: PastCall | None
    replays: bool


def _named(files: Sequence[PolicyFile], name: str) -> PolicyFile:
    if not files:
        raise NotFound(
            "There is no policy file: nothing is allowed.",
            hint="Name one in toolward.yaml: policies: [policies/mine.yaml]",
        )
    if not name:
        return next((one for one in files if not one.kept), files[0])
    for one in files:
        if one.name == name:
            return one
    near = closest(name, [one.name for one in files])
    raise NotFound(
        f"No policy file {name[:128]!r} is in force.",
        hint=f"Did you mean {near}?" if near else f"There are {', '.join(one.name for one in files)}.",
    )


def _with(files: Sequence[PolicyFile], file: PolicyFile, text: str) -> list[PolicyFile]:
    return [one._replace(text=text) if one.name == file.name else one for one in files]
