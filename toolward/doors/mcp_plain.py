"""The short path of MCP: plain requests answered from bytes to bytes, without the SDK.

Plain are the handshake, `ping`, `server/discover`, lists, `subscriptions/listen`, and `tools/call` that neither
continues an interaction nor (over HTTP) asks for progress or logs. Everything else is the SDK's
(`toolward.doors.mcp_sdk`). One suite runs over both.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from msgspec import UNSET, Raw

from toolward.doors import plain_changes, plain_offers
from toolward.errors import Internal, InvalidRequest, ToolwardError
from toolward.offers import Offers, offers_of
from toolward.types import (
    CallContext,
    InputRequired,
    LogEntry,
    LogLevel,
    Principal,
    Progress,
    ServerInfo,
    ToolCall,
    ToolProvider,
)
from toolward.wire import mcp as wire
from toolward.wire.elicitation import forms
from toolward.wire.outcome import approval_required, as_result

log = logging.getLogger(__name__)

Notify = Callable[[bytes], None]
"""Sends one notification to the client, at once and in order."""

MAX_LISTENING = 64
"""Subscriptions at once on the short path; more are the SDK's."""


class PlainMcp:
    """Answers plain requests for one provider. A door with one client, who hears what it is told unasked, gives
    `flush`: it returns when the client has read enough. Subscriptions end with a result when `closing` is set."""

    def __init__(
        self, provider: ToolProvider, info: ServerInfo, flush: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._provider = provider
        self._info = info
        self._flush = flush
        self.closing = asyncio.Event()
        self._listening = 0
        self._in_session = False  # by a handshake: who made one is told of changes without asking
        self._least: LogLevel = "info"  # of the one client, where a door has one
        self._client_can_be_asked = False  # likewise

    def takes(self, message: wire.Message, *, can_notify: bool) -> bool:
        """Whether the short path answers this request."""
        params = message.params
        modern = message.era == "modern"
        if message.method == "tools/call":
            return (
                bool(params.name)
                and params.input_responses is UNSET
                and params.request_state is UNSET
                and params.task is UNSET
                and (can_notify or (params.meta.progress_token is UNSET and not params.meta.log_level))
            )
        if message.method == "tools/list":
            return True
        if message.method == "logging/setLevel":
            return can_notify and not modern
        if plain_offers.takes(self._offers, message):
            return True
        if message.method == "subscriptions/listen":
            return can_notify and self._lists_of(message) is not None
        return message.method in (("server/discover",) if modern else ("initialize", "ping"))

    async def answer(
        self, message: wire.Message, principal: Principal, notify: Notify | None = None
    ) -> bytes | None:
        """The response to a request that `takes` said yes to, or None where it is the SDK's after all: a person
        must be asked in the midst of the call, and nothing was done yet. Never raises but for cancellation."""
        assert message.id is not UNSET  # noqa: S101 -- a type guard: doors keep notifications to themselves
        try:
            return await self._answer(message.id, message, principal, notify)
        except ToolwardError as error:
            if message.method == "tools/call":
                return wire.failure(message.id, error, message.era)
            return wire.error_response(message.id, wire.to_jsonrpc(error))
        except Exception:
            return _failed_inside(message.id, message.method)

    async def _answer(
        self, id_: str | int, message: wire.Message, principal: Principal, notify: Notify | None
    ) -> bytes | None:
        params, era = message.params, message.era
        match message.method:
            case "tools/call":
                context = _context(message, notify, self._least)
                outcome = await self._provider.call_tool(principal, _call(message), context)
                if isinstance(outcome, InputRequired):
                    return self._ask(id_, message, outcome)
                return wire.response(id_, wire.call_result(as_result(outcome), era))
            case "tools/list":
                page = await self._provider.list_tools(principal, params.cursor)
                return wire.response(id_, wire.list_result(page, era))
            case "initialize":
                return wire.response(id_, self._greeting(params, has_channel=notify is not None))
            case "server/discover":
                able = wire.capabilities(self._offers, tells_changes=True)
                return wire.response(id_, wire.discover_result(self._info, able))
            case "logging/setLevel" | "ping":
                self._least = params.level if message.method != "ping" else self._least
                return wire.response(id_, b"{}")
            case "subscriptions/listen" if notify is not None:
                return await self._listen(id_, message, notify)
            case _ if plain_offers.takes(self._offers, message):
                return wire.response(id_, await plain_offers.result(self._offers, message, principal))
            case other:
                raise InvalidRequest(f"{other} is not answered on this path.")

    @property
    def _offers(self) -> Offers:
        return offers_of(self._provider)

    def _lists_of(self, message: wire.Message) -> Sequence[str] | None:
        if self._flush is None or self._in_session or self._listening >= MAX_LISTENING:
            return None
        return plain_changes.lists_of(self._offers, message)

    async def _listen(self, id_: str | int, message: wire.Message, notify: Notify) -> bytes | None:
        """Returns at the end of the subscription; at once where there was a handshake in between."""

        async def write(notification: bytes) -> None:
            notify(notification)
            if self._flush is not None:
                await self._flush()

        if (kinds := self._lists_of(message)) is None:
            return None
        self._listening += 1
        try:
            return await self.listen(id_, kinds, write)
        finally:
            self._listening -= 1

    async def listen(
        self, id_: str | int, kinds: Sequence[str], write: Callable[[bytes], Awaitable[None]]
    ) -> bytes:
        """Tell a subscription of changes in these lists until `closing` is set; the response. Never raises but for
        cancellation."""
        try:
            telling = plain_changes.tell(self._provider, id_, kinds, write)
            await plain_changes.until(self.closing, lambda: telling)
        except Exception:
            return _failed_inside(id_, "subscriptions/listen")
        return wire.response(id_, wire.listen_result(id_, self._info))

    def _ask(self, id_: str | int, message: wire.Message, outcome: InputRequired) -> bytes | None:
        """Raises ApprovalRequired where this client is not to ask, or cannot."""
        if asked := forms(outcome):
            if message.era == "modern" and _can_be_asked(message.params.meta):
                return wire.response(id_, wire.input_required_result(asked, outcome.state))
            if message.era == "legacy" and self._client_can_be_asked:
                return None
        raise approval_required(outcome)

    def _greeting(self, params: wire.Params, *, has_channel: bool) -> bytes:
        """Of the handshake eras, where only a client with a channel of its own can be told anything unasked."""
        if has_channel:
            self._in_session = True
            self._client_can_be_asked = wire.can_be_asked(params.capabilities)
        able = wire.capabilities(self._offers, tells_changes=has_channel, takes_log_level=has_channel)
        return wire.initialize_result(params.protocol_version, self._info, able)


def _failed_inside(id_: str | int, method: str) -> bytes:
    """Our bug, or a provider's: told to our log, never to the caller."""
    log.exception("%s failed", method)
    error = Internal("The server failed inside.", hint="Its log says why.")
    return wire.error_response(id_, wire.to_jsonrpc(error))


def unreadable(problem: wire.Unreadable) -> bytes:
    """The answer to a text that is no message. Arguments that nest too deep are told as a failed call."""
    if problem.refused is not None and problem.id is not None:
        return wire.failure(problem.id, problem.refused, "legacy")
    return wire.error_response(problem.id, {"code": problem.code, "message": str(problem)})


def _can_be_asked(meta: wire.Meta) -> bool:
    declared = meta.client_capabilities
    return isinstance(declared, Raw) and wire.can_be_asked(msgspec.json.decode(declared))


def _call(message: wire.Message) -> ToolCall:
    params = message.params
    arguments = bytes(params.arguments)
    return ToolCall(
        name=params.name,
        arguments_json=b"{}" if arguments == b"null" else arguments,
        call_id=params.meta.call_id,
        idempotency_key=params.meta.idempotency_key,
    )


def _context(message: wire.Message, notify: Notify | None, least: LogLevel) -> CallContext:
    meta = message.params.meta
    if notify is None:
        return CallContext(
            timeout=meta.timeout,
            traceparent=meta.traceparent,
            hops=meta.hops,
            on_behalf_of=meta.on_behalf_of,
        )
    token, name = meta.progress_token, message.params.name
    wanted = (
        meta.log_level if message.era == "modern" else least
    )  # there each call asks for logs, or gets none

    def tell(done: Progress) -> None:
        notify(wire.progress_notification(token, done))

    def log_entry(entry: LogEntry) -> None:
        if wanted is not None and wire.is_wanted(entry, wanted):
            notify(wire.log_notification(entry, name))

    return CallContext(
        timeout=meta.timeout,
        traceparent=meta.traceparent,
        hops=meta.hops,
        on_behalf_of=meta.on_behalf_of,
        progress=tell if isinstance(token, Raw) else None,
        log=log_entry if wanted is not None else None,
    )
