"""What people do with a run that is there: cancel, pause, resume it, go on with the conversation, rate it, retry
it."""

from collections.abc import Sequence

from gateway.agent import events as ev
from gateway.agent.retrying import effects_behind
from gateway.agent.state import IllegalTransition, RunStateData, fold, retried
from gateway.agent.stored import encode
from gateway.core.ports import RunRecord
from gateway.core.scopes import covers, narrower, not_covered
from gateway.runs.access import Access
from gateway.runs.answers import withdraw_left_open
from gateway.runs.inputs import check_key, check_text
from gateway.runs.journal import Decide, Journals
from gateway.runs.ports import Ports
from gateway.runs.work import Work
from toolward.errors import Conflict, InvalidRequest, NotFound
from toolward.types import Principal, Run, RunEvent, RunState

STOPPING = 5.0
"""Seconds that a cancelled run's calls get to stop before the caller is answered; the run has ended by then."""


class Control:
    """Every method raises NotFound and Denied, as policy says."""

    def __init__(self, access: Access, ports: Ports, journals: Journals, work: Work) -> None:
        self._access = access
        self._ports = ports
        self._journals = journals
        self._work = work

    async def cancel(self, principal: Principal, run_id: str) -> Run:
        """End the run now, whatever it does; one that has ended stays as it is."""
        await self.record(principal, run_id, "run.cancel")
        return await self.end(run_id, principal.id)

    async def end(self, run_id: str, by: str) -> Run:
        """`cancel`, where policy has nothing to say."""

        def end(state: RunStateData) -> Sequence[ev.Event]:
            return () if state.run.state.ended else (ev.RunCancelled(by=by),)

        run = await self._amend(run_id, end)
        await self._work.stop(run_id, STOPPING)
        await withdraw_left_open(self._ports.ledger, self._ports.clock, run_id, by=by)
        return run

    async def pause(self, principal: Principal, run_id: str) -> Run:
        """Begin nothing new until it is resumed; what is under way comes to its end. Raises Conflict when it has
        ended."""
        await self.record(principal, run_id, "run.pause")

        def pause(state: RunStateData) -> Sequence[ev.Event]:
            if state.run.state.ended:
                raise _over(state.run, "paused")
            return () if state.run.state is RunState.PAUSED else (ev.RunPaused(by=principal.id),)

        return await self._amend(run_id, pause)

    async def resume(self, principal: Principal, run_id: str) -> Run:
        """Let a paused run go on, with the rights that its owner and its agent have now; any other stays as it is.
        Raises Conflict when it has ended."""
        await self.record(principal, run_id, "run.resume")

        def resume(state: RunStateData) -> Sequence[ev.Event]:
            if state.run.state.ended:
                raise _over(state.run, "resumed")
            return (ev.RunResumed(by=principal.id),) if state.run.state is RunState.PAUSED else ()

        run = await self._amend(run_id, resume)
        self._work.wake(run_id)
        return run

    async def message(
        self, principal: Principal, run_id: str, text: str, key: str = "", hops: int = 0
    ) -> Run:
        """Go on with the conversation: the model hears of it before its next turn, and a run that has ended, or
        waits for people, goes on. A repeat with the same key adds nothing. `hops` are the gateways before.

        What is said has the run do what it may do: so whoever is narrowed must have all that the run has. Raises
        Denied where they do not, InvalidRequest, TooLarge, and Conflict for a run that was cancelled or a key that
        was used for other words.
        """
        record = await self.record(principal, run_id, "run.message")
        check_text(text, "message")
        check_key(key)

        def send(state: RunStateData) -> Sequence[ev.Event]:
            sent = [item.message for item in state.items if item.message and key and item.message.key == key]
            if sent:
                if (sent[0].text, sent[0].by) != (text, principal.id):
                    raise Conflict(f"The key {key!r} was used for another message.", hint="Use a new key.")
                return ()
            if state.run.state is RunState.CANCELLED:
                raise _over(state.run, "gone on with")
            _check_reach(principal, record, state)
            return (ev.MessageReceived(text=text, by=principal.id, key=key, hops=hops),)

        run = await self._amend(run_id, send)
        self._work.wake(run_id)
        return run

    async def rate(self, principal: Principal, run_id: str, score: float, comment: str = "") -> Run:
        """Say how good it was, from -1 to 1; may be done again, and the last one counts. Raises InvalidRequest."""
        await self.record(principal, run_id, "run.rate")
        if not -1 <= score <= 1:
            raise InvalidRequest(f"The score {score:g} is not from -1 (bad) to 1 (good).")
        if comment:
            check_text(comment, "comment")
        return await self._amend(
            run_id, lambda _: (ev.RunRated(by=principal.id, score=score, comment=comment),)
        )

    async def retry(self, principal: Principal, run_id: str, after: int, key: str = "") -> Run:
        """A new run of the caller's that shares the events up to `after`. What the old one did behind it is listed
        in its first event, and calling such a tool again needs a person's yes. A repeat with the same key gives the
        same run. Of the caller's scopes and the old run's it has the narrower ones.

        Raises Denied where neither are narrower, InvalidRequest where there is no such event or the run had ended
        there, and Conflict when the key was used for something else.
        """
        parent = await self.record(principal, run_id, "run.retry")
        if denied := self._access.refuses_start(principal, parent.run.agent):
            raise denied
        check_key(key)
        event, state = self._branch(principal, run_id, await self._ports.ledger.events(run_id), after)
        record = RunRecord(state.run, parent.tenant, principal.roles, key, after)
        run = (await self._ports.ledger.create(record, [encode(event)])).run
        if run.parent != run_id:
            raise Conflict(
                f"The key {key!r} started another run ({run.id}).", hint="Use a new key for a new run."
            )
        if run.id == state.run.id:
            self._ports.observer.started(run)
        if not run.state.ended:
            self._work.wake(run.id)
        return run

    def _branch(
        self, principal: Principal, run_id: str, log: Sequence[RunEvent], after: int
    ) -> tuple[ev.RunRetried, RunStateData]:
        if not 1 <= after <= len(log):
            raise InvalidRequest(
                f"The run {run_id} has no event {after}.", hint=f"Its events are 1 to {len(log)}."
            )
        shared, whole = fold(log[:after]), fold(log)
        event = ev.RunRetried(
            parent=run_id,
            after=after,
            owner=principal.id,
            effects=effects_behind(whole, shared, lambda tool: self._ports.facts(tool).changes),
            scopes=narrower(principal.scopes, whole.scopes),
            api_key=principal.api_key,
        )
        try:
            return event, retried(shared, self._ports.ids.new("run"), event, self._ports.clock.now_ms())
        except IllegalTransition:
            raise InvalidRequest(
                f"The run {run_id} had ended at event {after}.",
                hint="Choose an earlier event, or send it a message to go on.",
            ) from None

    async def record(self, principal: Principal, run_id: str, operation: str = "run.read") -> RunRecord:
        """The run's, if the caller may do this with it."""
        try:
            record = await self._ports.ledger.get(run_id)
        except NotFound:
            record = None
        return self._access.run(principal, record, run_id, operation)

    async def _amend(self, run_id: str, decide: Decide) -> Run:
        journal = await self._journals.take(run_id)
        try:
            await journal.amend(decide)
            return journal.state.run
        finally:
            self._journals.release(journal)


def _check_reach(principal: Principal, record: RunRecord, state: RunStateData) -> None:
    """Raises Denied where the caller proves themself with less than the run has: with other scopes or, by a key,
    with fewer roles."""
    if principal.api_key and principal.api_key == state.api_key:
        return
    fewer = bool(principal.api_key) and not set(record.roles) <= set(principal.roles)
    if fewer or not covers(principal.scopes, state.scopes):
        raise not_covered()


def _over(run: Run, what: str) -> Conflict:
    return Conflict(
        f"The run {run.id} is {run.state.value} and cannot be {what}.",
        hint="Retry it from an event, as a new run."
        if run.state is RunState.CANCELLED
        else "Send it a message to go on.",
    )
