"""The one road to resources and prompts, as dispatch is the one to tools.

find and decide (`gateway.core.sight`) -> the intent on record -> backend, under a deadline -> bound the result,
redact it where the rule says so -> the outcome on record. On record a reading stands as a call of
`BACKEND.resources/read`, a prompt as one of `BACKEND.prompts/get`, names that no tool can have; URI and arguments
lie beside it and can be erased.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import msgspec

from gateway.core.admission import Bounds, check_circumstances, trace_id
from gateway.core.operation_policy import refusal
from gateway.core.outputs import Output, redactor
from gateway.core.ports import BackendPort, CallOutcome, CallRecord, Clock, Ids, LedgerPort
from gateway.core.results import size
from gateway.core.sight import GET, READ, Place, Sight
from gateway.core.snapshot import Snapshot
from toolward.errors import DeadlineExceeded, Internal, InvalidRequest, InvalidResult, TooLarge, ToolwardError
from toolward.names import qualify, split
from toolward.offers import PromptPage, PromptText, ResourcePage, TemplatePage
from toolward.types import CallContext, EmbeddedResource, JsonObject, Principal, ResourceBody, ToolResult

log = logging.getLogger(__name__)

RECORDED = {READ: "resources/read", GET: "prompts/get"}
"""The name under which an operation is on record, behind its backend's: MCP's method."""


def operation_of(recorded: str) -> str | None:
    """The operation behind the name of a recorded call; None for a tool."""
    method = split(recorded)[1]
    return next((operation for operation, name in RECORDED.items() if name == method), None)


def resource_of(recorded: str, arguments: JsonObject) -> dict[str, str]:
    """The attributes by which that was decided."""
    own = {"uri": str(arguments["uri"])} if "uri" in arguments else {"prompt": str(arguments.get("name", ""))}
    return {"backend": split(recorded)[0], **own}


MAX_PIECES = 10_000
"""Contents of one resource, messages of one prompt."""

_CALLERS = 256  # of whom it is remembered what they see
_LARGE = 64 * 1024  # bytes of a result that is redacted beside the event loop

EntryT = TypeVar("EntryT")
ResultT = TypeVar("ResultT")


class Asked(NamedTuple):
    """What is about to be done, and how it is recorded."""

    principal: Principal
    operation: str
    place: Place
    output: Output
    record: CallRecord
    arguments_json: bytes

    @property
    def told(self) -> str:
        return f"{RECORDED[self.operation]} of {self.place.backend}"


class Offering:
    """A ResourceProvider and a PromptProvider over all backends, by the catalog and the policy in force."""

    def __init__(
        self,
        in_force: Callable[[], Snapshot],
        backends: BackendPort,
        ledger: LedgerPort,
        clock: Clock,
        ids: Ids,
        bounds: Bounds,
    ) -> None:
        self._in_force = in_force
        self._backends = backends
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._bounds = bounds
        self._of: Snapshot | None = None
        self._seen: dict[Principal, Sight] = {}

    # --- listing -----------------------------------------------------------------------------------------

    async def list_resources(self, principal: Principal, cursor: str | None = None) -> ResourcePage:
        """One page. Raises InvalidRequest for a cursor of another list."""
        return ResourcePage(*self._page(await self._sight(principal).resources(), cursor))

    async def list_templates(self, principal: Principal, cursor: str | None = None) -> TemplatePage:
        """Raises InvalidRequest."""
        return TemplatePage(*self._page(await self._sight(principal).templates(), cursor))

    async def list_prompts(self, principal: Principal, cursor: str | None = None) -> PromptPage:
        """Raises InvalidRequest."""
        return PromptPage(*self._page(await self._sight(principal).prompts(), cursor))

    def _page(self, shown: Mapping[str, EntryT], cursor: str | None) -> tuple[tuple[EntryT, ...], str | None]:
        """A cursor is the name of the last entry of the page before."""
        names = list(shown)
        start = 0
        if cursor is not None:
            if cursor not in shown:
                raise InvalidRequest(
                    "The cursor is not one of this list, or the list has changed since.",
                    hint="List again from the start.",
                )
            start = names.index(cursor) + 1
        end = start + self._bounds.page
        page = tuple(islice(shown.values(), start, end))
        return page, names[end - 1] if end < len(names) else None

    def _sight(self, principal: Principal) -> Sight:
        snapshot = self._in_force()
        if snapshot is not self._of:
            self._of, self._seen = snapshot, {}
        if (sight := self._seen.get(principal)) is None:
            if len(self._seen) == _CALLERS:
                del self._seen[next(iter(self._seen))]
            sight = self._seen[principal] = Sight(snapshot, principal)
        return sight

    # --- reading -----------------------------------------------------------------------------------------

    async def read_resource(
        self, principal: Principal, uri: str, context: CallContext
    ) -> tuple[ResourceBody, ...]:
        """Raises NotFound, InvalidArguments where several backends have this URI, Denied, Unavailable, Overloaded,
        DeadlineExceeded, InvalidResult, and what the backend answers."""
        check_circumstances(context, self._bounds, READ)
        sight = self._sight(principal)
        place = sight.find(uri)
        asked = self._asked(principal, READ, sight, place, {"uri": place.own}, context)

        async def read(onward: CallContext) -> ToolResult:
            found = await self._backends.read_resource(place.backend, principal, place.own, onward)
            return ToolResult(tuple(map(EmbeddedResource, found)))

        result = await self._perform(asked, context, read)
        return tuple(one.resource for one in result.content if isinstance(one, EmbeddedResource))

    async def get_prompt(
        self, principal: Principal, name: str, arguments: Mapping[str, str], context: CallContext
    ) -> PromptText:
        """Raises as `read_resource`, and TooLarge for arguments over the bound of a call's."""
        check_circumstances(context, self._bounds, GET)
        sight = self._sight(principal)
        await sight.prompts()  # for suggestions
        place = sight.find_prompt(name)
        told = {"name": place.own, "arguments": arguments}
        asked = self._asked(principal, GET, sight, place, told, context)
        got: list[PromptText] = []

        async def get(onward: CallContext) -> ToolResult:
            text = await self._backends.get_prompt(place.backend, principal, place.own, arguments, onward)
            got.append(text)
            return ToolResult(tuple(message.content for message in text.messages))

        result = await self._perform(asked, context, get)
        messages = tuple(
            msgspec.structs.replace(message, content=content)
            for message, content in zip(got[0].messages, result.content, strict=True)
        )
        description = got[0].description
        if description and asked.output.redact:
            description = redactor(asked.output.redact).text(description)
        return PromptText(messages, description)

    def _asked(
        self,
        principal: Principal,
        operation: str,
        sight: Sight,
        place: Place,
        arguments: Mapping[str, Any],
        context: CallContext,
    ) -> Asked:
        """Raises TooLarge."""
        arguments_json = msgspec.json.encode(arguments)
        if len(arguments_json) > self._bounds.argument_bytes:
            raise TooLarge(
                f"What is asked for has {len(arguments_json):,} bytes; at most {self._bounds.argument_bytes:,} are"
                " taken."
            )
        decision = place.decision
        record = CallRecord(
            id=self._ids.new("call"),
            at=self._clock.now_ms(),
            principal=principal.id,
            tenant=principal.tenant,
            tool=qualify(place.backend, RECORDED[operation]),
            effect=decision.effect,
            rule=decision.rule,
            version=decision.version,
            changes=False,
            roles=principal.roles,
            trace_id=trace_id(context.traceparent),
        )
        return Asked(principal, operation, place, sight.output(decision), record, arguments_json)

    async def _perform(
        self, asked: Asked, context: CallContext, work: Callable[[CallContext], Awaitable[ToolResult]]
    ) -> ToolResult:
        if (denied := refusal(asked.place.decision, asked.principal, asked.operation)) is not None:
            outcome = self._outcome(asked, denied.code, denied.message)
            self._ledger.refuse(asked.record, asked.arguments_json, outcome)
            raise denied
        output, started = asked.output, self._clock.monotonic()
        await self._intend(asked, started)
        try:
            result = await _shown(self._bounded(asked, await self._answer(asked, context, work)), output)
        except asyncio.CancelledError:
            self._settle(asked, started, "cancelled", "the caller gave up")
            raise
        except ToolwardError as raw:
            error = redactor(output.redact).error(raw) if output.redact else raw
            self._settle(asked, started, error.code, error.message)
            raise error from None
        except Exception:  # a bug of ours: its details go to our log, never to the caller
            log.exception("%s failed", asked.told)
            error = Internal(f"The {asked.told} failed inside.", hint="The log says why.")
            self._settle(asked, started, error.code, error.message)
            raise error from None
        self._settle(asked, started, "ok", "", result)
        return result

    async def _intend(self, asked: Asked, started: float) -> None:
        try:
            await self._ledger.intend(asked.record, asked.arguments_json)
        except asyncio.CancelledError:  # it may be on record already, and would look like a call under way
            self._settle(asked, started, "cancelled", "cancelled before it was sent")
            raise

    async def _answer(
        self, asked: Asked, context: CallContext, work: Callable[[CallContext], Awaitable[ToolResult]]
    ) -> ToolResult:
        seconds = min(self._bounds.timeout, context.timeout or self._bounds.timeout)
        onward = CallContext(timeout=seconds, traceparent=context.traceparent, hops=context.hops + 1)
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                return await work(onward)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise DeadlineExceeded(
                f"The {asked.told} took longer than {seconds:g} seconds and was stopped."
            ) from None

    def _bounded(self, asked: Asked, result: ToolResult) -> ToolResult:
        found, most = size(result), self._bounds.result_bytes
        if found > most or len(result.content) > MAX_PIECES:
            raise InvalidResult(
                f"The {asked.told} gave {found:,} bytes in {len(result.content):,} pieces; at most {most:,} bytes"
                f" and {MAX_PIECES:,} pieces are taken."
            )
        return result

    def _settle(
        self, asked: Asked, started: float, code: str, message: str, result: ToolResult | None = None
    ) -> None:
        took = round((self._clock.monotonic() - started) * 1_000_000)
        self._ledger.settle(self._outcome(asked, code, message, took), result)

    def _outcome(self, asked: Asked, code: str, message: str, took: int = 0) -> CallOutcome:
        return CallOutcome(asked.record.id, self._clock.now_ms(), code, took, message)


async def _shown(result: ToolResult, output: Output) -> ToolResult:
    if output.redact and size(result) > _LARGE:
        return await asyncio.to_thread(output.of, result)
    return output.of(result)
