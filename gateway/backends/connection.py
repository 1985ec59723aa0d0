"""One backend and the one task that owns its connection: connects, lists, and rebuilds what broke, once, however
many calls saw it break."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from pathlib import Path
from typing import TypeVar, cast

import msgspec

from gateway.backends.children import Child
from gateway.backends.gate import BackendGate, NotConnected
from gateway.backends.inner import result_of, waits_at
from gateway.backends.opening import Opening
from gateway.backends.paging import GATEWAY, NOTHING, Offered, every_offer, every_tool
from gateway.backends.timing import Timing
from gateway.core.breaker import Breaker
from gateway.core.lane import Lane
from gateway.core.ports import Listing
from gateway.core.spec import Spec
from toolward.auth.on_behalf import OnBehalf
from toolward.auth.subject_tokens import SubjectTokens
from toolward.errors import (
    ApprovalRequired,
    DeadlineExceeded,
    Internal,
    InvalidResult,
    NotFound,
    ToolwardError,
    Unavailable,
)
from toolward.offers import PromptText, offers_of
from toolward.types import (
    CallContext,
    Principal,
    ResourceBody,
    Tool,
    ToolCall,
    ToolProvider,
    ToolResult,
)

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

_BETWEEN_LOOKS = 1.0  # seconds; calls that fail often do not make us list often
_SHARE = 0.9  # of the time to connect; after that, a backend is there without what it has beside tools


class Connection:
    """`run` is the owner, to be run as one task; `call` may be used from any."""

    def __init__(
        self,
        spec: Spec,
        logs: Path,
        timing: Timing,
        changed: Callable[[], None],
        *,
        starts: bool,
        subjects: SubjectTokens | None = None,
    ) -> None:
        self._spec = spec
        self._subjects = subjects
        self._logs = logs
        self._timing = timing
        self._changed = changed
        self._starts = starts
        self._provider: ToolProvider | None = None
        self._on_behalf: OnBehalf | None = None  # for a server that is told for whom we call
        self._known = asyncio.Event()  # whether there is a connection; calls wait for that
        self._look = asyncio.Event()  # something happened: look at the connection
        self._checked = 0.0  # when it was last known to work, by the loop's clock
        self._next_try = 0.0
        self._closing = False
        self._under_way = 0  # calls
        self._idle = asyncio.Event()  # set when the last call has ended, once it is closing
        self.attempted = asyncio.Event()
        """Set when the first attempt has ended, either way."""
        self.listing = Listing(spec.name, spec.transport, spec.address, problem="it has not answered yet")
        self._offered = NOTHING
        self._of_calls = self._of_offers = ""  # warnings
        self._gate = BackendGate(
            spec.name,
            Lane(spec.name, spec.concurrency, spec.queue),
            Breaker(first_wait=timing.first_refusal, longest_wait=timing.longest_refusal),
            self._warn,
        )

    async def run(self) -> None:
        """Until it is cancelled after `close`."""
        failures = 0
        while not self._closing:
            opening = Opening(
                self._spec,
                self._logs,
                self._timing,
                self._fails,
                starts=self._starts,
                subjects=self._subjects,
            )
            connected: float | None = None
            try:
                async with AsyncExitStack() as stack:
                    await self._connect(stack, opening)
                    connected = self._checked
                    await self._stay(opening)
            except Exception as error:  # whatever it is: the others go on, and this one is tried again
                if self._closing:
                    return
                problem = await opening.explain(error)
                held = 0.0 if connected is None else _now() - connected
                failures = 0 if held > self._timing.steady else failures + 1
                await self._rest(failures, problem)

    @property
    def spec(self) -> Spec:
        return self._spec

    def close(self) -> None:
        """Before cancelling `run`: nothing is an occasion to connect again."""
        self._closing = True

    async def finish(self, within: float) -> None:
        """`close`, and wait until the calls under way have ended, for at most `within` seconds."""
        self.close()
        self._known.set()  # nobody waits for a connection that will not come
        if self._under_way:
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._idle.wait()

    async def call(self, principal: Principal, call: ToolCall, context: CallContext) -> ToolResult:
        """Raises Unavailable, Overloaded, DeadlineExceeded, InvalidResult, or the ToolwardError that the backend
        answered."""

        async def made(provider: ToolProvider, left: CallContext) -> ToolResult:
            try:
                return result_of(await provider.call_tool(principal, call, left), self._spec.name)
            except ApprovalRequired as error:
                raise waits_at(self._spec.name, error) from None

        return await self._through(call.name, principal, context, made)

    async def read_resource(
        self, principal: Principal, uri: str, context: CallContext
    ) -> tuple[ResourceBody, ...]:
        """Raises NotFound, and as `call`."""

        async def read(provider: ToolProvider, left: CallContext) -> tuple[ResourceBody, ...]:
            if (resources := offers_of(provider).resources) is None:
                raise NotFound(f"{self._spec.name} has no resources.")
            return await resources.read_resource(GATEWAY, uri, left)

        return await self._through(uri[:200], principal, context, read)

    async def get_prompt(
        self, principal: Principal, name: str, arguments: Mapping[str, str], context: CallContext
    ) -> PromptText:
        """Raises NotFound, and as `call`."""

        async def get(provider: ToolProvider, left: CallContext) -> PromptText:
            if (prompts := offers_of(provider).prompts) is None:
                raise NotFound(f"{self._spec.name} has no prompts.")
            return await prompts.get_prompt(GATEWAY, name, arguments, left)

        return await self._through(name, principal, context, get)

    async def _through(
        self,
        what: str,
        principal: Principal,
        context: CallContext,
        work: Callable[[ToolProvider, CallContext], Awaitable[ResultT]],
    ) -> ResultT:
        longest = self._spec.timeout
        limit = longest if context.timeout is None else min(context.timeout, longest)
        deadline = _now() + limit
        self._under_way += 1
        try:
            return await self._gate.through(
                lambda: self._round_trip(what, principal, context, work, deadline),
                until=deadline,
                had_all=limit == longest,
            )
        finally:
            self._under_way -= 1
            if self._closing and not self._under_way:
                self._idle.set()

    async def _round_trip(
        self,
        what: str,
        principal: Principal,
        context: CallContext,
        work: Callable[[ToolProvider, CallContext], Awaitable[ResultT]],
        deadline: float,
    ) -> ResultT:
        try:
            if not self._known.is_set():
                await self._until_known(what, deadline)
            if (provider := self._provider) is None:
                raise self._unavailable()
            said = "" if self._on_behalf is None else self._on_behalf.sign(principal, context.approved_by)
            onward = CallContext(
                timeout=max(deadline - _now(), 0.001),
                progress=context.progress,
                log=context.log,
                traceparent=context.traceparent,
                on_behalf_of=said,
                hops=context.hops,
            )
            return await work(provider, onward)
        except ToolwardError as error:
            if isinstance(error, Unavailable | InvalidResult) and not error.answered:
                self._suspect()
            raise
        except Exception:
            log.exception("a call of the backend %s failed", self._spec.name)
            raise Internal(
                f"The call of {self._spec.name} failed.", hint="The log has the details."
            ) from None

    async def _until_known(self, what: str, deadline: float) -> None:
        """Whether there is a connection. Raises DeadlineExceeded."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._known.wait()
        except TimeoutError:
            raise DeadlineExceeded(
                f"{self._spec.name} was not reached in the time for {what}.",
                hint="It was not called. Try again later.",
            ) from None

    async def _connect(self, stack: AsyncExitStack, opening: Opening) -> None:
        opening.load()
        began = _now()
        async with asyncio.timeout(self._timing.connect):
            provider = await stack.enter_async_context(opening.provider())
            tools = await every_tool(provider)
        offers = await self._offers(provider, NOTHING, began + self._timing.connect * _SHARE)
        stack.callback(self._lost)
        self._provider = provider
        self._on_behalf = opening.on_behalf
        self._gate.renewed()
        self._works(tools, offers)
        self._known.set()

    def _lost(self) -> None:
        self._provider = None
        self._known.clear()

    async def _stay(self, opening: Opening) -> None:
        """Until the connection is lost; raises what says so."""
        provider, child = self._provider, opening.child
        assert provider is not None  # noqa: S101 -- says to the type checker what `_connect` has done
        watchers = [asyncio.create_task(self._watch(provider))]
        if child is not None:
            watchers.append(asyncio.create_task(self._watch_child(child)))
        try:
            while True:
                await self._look.wait()
                self._look.clear()
                if child is not None and child.has_ended:
                    raise Unavailable("its process ended")
                await asyncio.sleep(self._checked + _BETWEEN_LOOKS - _now())
                async with asyncio.timeout(self._timing.connect):
                    tools = await every_tool(provider)
                self._known.set()
                self._works(tools, self._offered)
                offers = await self._offers(provider, self._offered, _now() + self._timing.connect * _SHARE)
                self._works(tools, offers)
        finally:
            for watcher in watchers:
                watcher.cancel()

    async def _rest(self, failures: int, problem: str) -> None:
        """Say what is wrong and wait for the next attempt; after a good while of working, try at once, unseen."""
        wait = 0.0
        if failures:
            longest = min(self._timing.longest_wait, self._timing.first_wait * 2 ** min(failures - 1, 30))
            wait = longest * random.uniform(0.5, 1)  # noqa: S311 -- spreads attempts, guards nothing
            self._next_try = _now() + wait
            self._fails(problem)
        await asyncio.sleep(wait)

    def _suspect(self) -> None:
        """A call found the connection broken, or so it seems. Unless it just worked, later calls wait until that is
        clear."""
        if self._provider is not None:
            self._look.set()
            if _now() - self._checked >= _BETWEEN_LOOKS:
                self._known.clear()

    async def _watch(self, provider: ToolProvider) -> None:
        """The server says that its tools changed."""
        try:
            async with aclosing(cast(AsyncGenerator[None], provider.watch())) as changes:
                async for _ in changes:
                    self._look.set()
        except Exception as error:  # it only tells us less
            log.info("the backend %s tells no changes: %s", self._spec.name, error)

    async def _watch_child(self, child: Child) -> None:
        await child.ended()
        self._look.set()

    async def _offers(self, provider: ToolProvider, before: Offered, until: float) -> Offered:
        """What there is beside tools. Whatever goes wrong with it, the tools stay: then it is what was known
        `before`, with a warning, and is asked for again after a while."""
        until = max(until, _now() + self._timing.offers)
        try:
            async with asyncio.timeout_at(until):
                found = await every_offer(provider)
        except TimeoutError:
            why = "they were not listed in time"
        except ToolwardError as error:
            why = error.message.rstrip(".")
        except Exception:
            log.exception("listing the resources and prompts of the backend %s failed", self._spec.name)
            why = "an error of ours; the log has it"
        else:
            self._of_offers = ""
            return found
        self._of_offers = f"its resources and prompts are not known: {why}"
        asyncio.get_running_loop().call_later(self._timing.longest_wait, self._look.set)
        return before

    def _works(self, tools: tuple[Tool, ...], offers: Offered) -> None:
        self._checked = _now()
        self._publish(tools, offers, "")
        self.attempted.set()

    def _fails(self, problem: str) -> None:
        self._publish((), NOTHING, problem)
        self._known.set()
        self.attempted.set()

    def _publish(self, tools: tuple[Tool, ...], offers: Offered, problem: str) -> None:
        self._offered = offers
        listing = msgspec.structs.replace(
            self.listing,
            tools=tools,
            problem=problem,
            warning=self._warnings(),
            resources=offers.resources,
            templates=offers.templates,
            prompts=offers.prompts,
        )
        if listing != self.listing:
            self.listing = listing
            self._changed()

    def _warn(self, warning: str) -> None:
        """Seen in the listing; no reason to make a new catalog."""
        self._of_calls = warning
        self.listing = msgspec.structs.replace(self.listing, warning=self._warnings())

    def _warnings(self) -> str:
        return "; ".join(filter(None, (self._of_calls, self._of_offers)))

    def _unavailable(self) -> NotConnected:
        again = max(self._next_try - _now(), 0.0)
        when = f"in {again:.0f} s" if again >= 1 else "now"
        return NotConnected(
            f"The backend {self._spec.name} is not running: {self.listing.problem}.",
            hint=f"It is tried again {when}.",
            retry_after=again,
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
