"""One backend and the one task that owns its connection: connects, lists, and rebuilds what broke, once, however
many calls saw it break."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from pathlib import Path
from typing import cast

import msgspec

from gateway.backends.children import Child
from gateway.backends.gate import BackendGate, NotConnected
from gateway.backends.opening import Opening
from gateway.backends.paging import GATEWAY, every_tool
from gateway.backends.timing import Timing
from gateway.core.breaker import Breaker
from gateway.core.lane import Lane
from gateway.core.ports import Listing
from gateway.core.spec import Spec
from toolward.auth.on_behalf import OnBehalf
from toolward.errors import (
    ApprovalRequired,
    DeadlineExceeded,
    Internal,
    InvalidResult,
    ToolwardError,
    Unavailable,
)
from toolward.types import (
    CallContext,
    InputRequired,
    Outcome,
    Principal,
    Tool,
    ToolCall,
    ToolProvider,
    ToolResult,
)

log = logging.getLogger(__name__)

_BETWEEN_LOOKS = 1.0  # seconds; calls that fail often do not make us list often


class Connection:
    """`run` is the owner, to be run as one task; `call` may be used from any."""

    def __init__(
        self, spec: Spec, logs: Path, timing: Timing, changed: Callable[[], None], *, starts: bool
    ) -> None:
        self._spec = spec
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
            opening = Opening(self._spec, self._logs, self._timing, self._fails, starts=self._starts)
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
        longest = self._spec.timeout
        limit = longest if context.timeout is None else min(context.timeout, longest)
        deadline = _now() + limit
        self._under_way += 1
        try:
            return await self._gate.through(
                lambda: self._round_trip(principal, call, context, deadline),
                until=deadline,
                had_all=limit == longest,
            )
        finally:
            self._under_way -= 1
            if self._closing and not self._under_way:
                self._idle.set()

    async def _round_trip(
        self, principal: Principal, call: ToolCall, context: CallContext, deadline: float
    ) -> ToolResult:
        try:
            if not self._known.is_set():
                await self._until_known(call, deadline)
            if (provider := self._provider) is None:
                raise self._unavailable()
            said = "" if self._on_behalf is None else self._on_behalf.sign(principal)
            onward = CallContext(
                timeout=max(deadline - _now(), 0.001),
                progress=context.progress,
                log=context.log,
                traceparent=context.traceparent,
                on_behalf_of=said,
                hops=context.hops,
            )
            return _result(await provider.call_tool(GATEWAY, call, onward), self._spec.name)
        except ToolwardError as error:
            if isinstance(error, Unavailable | InvalidResult) and not error.answered:
                self._suspect()
            raise
        except Exception:
            log.exception("a call of the backend %s failed", self._spec.name)
            raise Internal(
                f"The call of {self._spec.name} failed.", hint="The log has the details."
            ) from None

    async def _until_known(self, call: ToolCall, deadline: float) -> None:
        """Whether there is a connection. Raises DeadlineExceeded."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._known.wait()
        except TimeoutError:
            raise DeadlineExceeded(
                f"{self._spec.name} was not reached in the time for {call.name}.",
                hint="It was not called. Try again later.",
            ) from None

    async def _connect(self, stack: AsyncExitStack, opening: Opening) -> None:
        async with asyncio.timeout(self._timing.connect):
            provider = await stack.enter_async_context(opening.provider())
            tools = await every_tool(provider)
        stack.callback(self._lost)
        self._provider = provider
        self._on_behalf = opening.on_behalf
        self._gate.renewed()
        self._works(tools)
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
                    self._works(await every_tool(provider))
                self._known.set()
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

    def _works(self, tools: tuple[Tool, ...]) -> None:
        self._checked = _now()
        self._publish(tools, "")
        self.attempted.set()

    def _fails(self, problem: str) -> None:
        self._publish((), problem)
        self._known.set()
        self.attempted.set()

    def _publish(self, tools: tuple[Tool, ...], problem: str) -> None:
        listing = msgspec.structs.replace(self.listing, tools=tools, problem=problem)
        if listing != self.listing:
            self.listing = listing
            self._changed()

    def _warn(self, warning: str) -> None:
        """Seen in the listing; no reason to make a new catalog."""
        self.listing = msgspec.structs.replace(self.listing, warning=warning)

    def _unavailable(self) -> NotConnected:
        again = max(self._next_try - _now(), 0.0)
        when = f"in {again:.0f} s" if again >= 1 else "now"
        return NotConnected(
            f"The backend {self._spec.name} is not running: {self.listing.problem}.",
            hint=f"It is tried again {when}.",
            retry_after=again,
        )


def _result(outcome: Outcome, backend: str) -> ToolResult:
    """A backend of ours may be a gateway, which can answer what no tool server does."""
    if isinstance(outcome, ToolResult):
        return outcome
    if isinstance(outcome, InputRequired):
        request = outcome.requests[0]
        raise ApprovalRequired(request.prompt, hint=f"It waits at {backend}.", request_id=request.id)
    raise InvalidResult(f"{backend} started a run of its own ({outcome.run_id}), which cannot be followed.")


def _now() -> float:
    return asyncio.get_running_loop().time()
