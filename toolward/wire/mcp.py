"""MCP messages as bytes: what of JSON-RPC and the two protocol eras a plain request needs, and no more.

`legacy` are the handshake eras (2024-11-05 to 2025-11-25), `modern` is 2026-07-28, where every request carries
its own envelope in `_meta`. Raw values stay slices of the text that came: nothing is parsed twice.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast, get_args

import msgspec
from msgspec import UNSET, Raw, UnsetType

from toolward.errors import ToolwardError
from toolward.json_bounds import MAX_DEPTH, depth_exceeds, is_too_much, too_deep, too_much
from toolward.offers import Offers
from toolward.types import (
    Content,
    JsonObject,
    LogEntry,
    LogLevel,
    Progress,
    ServerInfo,
    Tool,
    ToolPage,
    ToolResult,
    text_result,
)
from toolward.wire.errors import META_KEY, details, to_jsonrpc
from toolward.wire.mcp_head import head_of, shallow

MODERN = "2026-07-28"
HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
Era = Literal["legacy", "modern"]

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022

KEY_META = "toolward/idempotency-key"
CALL_META = "toolward/call-id"
HOPS_META = "toolward/hops"
ON_BEHALF_META = "toolward/on-behalf-of"
TIMEOUT_META = "toolward/timeout"
TRUST_META = "toolward/trust"
"""Of a result: `untrusted` where what it says may be anybody's (a document's), `trusted` where the operator of its
server vouches for it. Whoever receives it decides how far to believe that."""
_SERVER = "io.modelcontextprotocol/serverInfo"
_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"

_EMPTY = Raw(b"{}")
# jsonrpc message > params > arguments, and the argument value's own nesting.
_MESSAGE_DEPTH = MAX_DEPTH + 2


Hops = Annotated[int, msgspec.Meta(ge=0, le=9999)]
"""Gateways that a call has passed; a cycle must not hide behind a number below none."""


Seconds = Annotated[float, msgspec.Meta(gt=0)]
"""That are left for a call: MCP has no deadlines of its own."""


class Meta(msgspec.Struct):
    """The entries of `params._meta` that this project reads."""

    progress_token: Raw | UnsetType = msgspec.field(default=UNSET, name="progressToken")
    protocol_version: str = msgspec.field(default="", name="io.modelcontextprotocol/protocolVersion")
    client_capabilities: Raw | UnsetType = msgspec.field(
        default=UNSET, name="io.modelcontextprotocol/clientCapabilities"
    )
    log_level: LogLevel | None = msgspec.field(default=None, name="io.modelcontextprotocol/logLevel")
    idempotency_key: str = msgspec.field(default="", name=KEY_META)
    call_id: str = msgspec.field(default="", name=CALL_META)
    hops: Hops = msgspec.field(default=0, name=HOPS_META)
    on_behalf_of: str = msgspec.field(default="", name=ON_BEHALF_META)
    timeout: Seconds | None = msgspec.field(default=None, name=TIMEOUT_META)
    traceparent: str = ""


class Params(msgspec.Struct, rename="camel"):
    """The members of `params` that plain requests have, and those that make one not plain."""

    meta: Meta = msgspec.field(default_factory=Meta, name="_meta")
    name: str = ""
    arguments: Raw = _EMPTY
    cursor: str | None = None
    protocol_version: str = ""
    capabilities: dict[str, Raw] = msgspec.field(default_factory=dict[str, Raw])
    request_id: str | int | None = None
    level: LogLevel = "info"  # of logging/setLevel
    input_responses: Raw | UnsetType = UNSET
    request_state: Raw | UnsetType = UNSET
    task: Raw | UnsetType = UNSET
    notifications: Raw | UnsetType = UNSET  # of subscriptions/listen


class Message(msgspec.Struct):
    """A JSON-RPC request (with an id) or notification (without one)."""

    jsonrpc: Literal["2.0"]
    method: str
    id: str | int | UnsetType = UNSET
    params: Params = msgspec.field(default_factory=Params)

    @property
    def era(self) -> Era:
        """2026-07-28 requests say so themselves; the handshake belongs to the eras before, whatever it carries."""
        modern = self.params.meta.protocol_version and self.method != "initialize"
        return "modern" if modern else "legacy"


class Unreadable(Exception):
    """A text that is no message: the JSON-RPC error to answer, and the id where one could still be read."""

    def __init__(
        self,
        code: int,
        message: str,
        id: str | int | None = None,  # noqa: A002 -- JSON-RPC's word
        refused: ToolwardError | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.id = id
        self.refused = refused  # the same in the words that every other door says it


_message = msgspec.json.Decoder(Message)


def decode(raw: bytes) -> Message:
    """Raises Unreadable; too large or too deep a value is found before anything is made of it."""
    if is_too_much(raw, numbers=False):
        head = head_of(raw)
        large = too_much(f"arguments of {head.name or 'the request'}")
        raise Unreadable(INVALID_PARAMS, large.text, head.id, large)
    if depth_exceeds(raw, _MESSAGE_DEPTH):
        head = head_of(shallow(raw))
        error = too_deep(f"arguments of {head.name or 'the request'}")
        raise Unreadable(INVALID_PARAMS, error.text, head.id, error)
    try:
        return _read(raw)
    except msgspec.ValidationError as error:
        raise Unreadable(INVALID_REQUEST, f"Not a JSON-RPC 2.0 request: {error}", head_of(raw).id) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(PARSE_ERROR, f"Not valid JSON: {error}") from None


def decode_if_plain(raw: bytes) -> Message | None:
    """`decode` for who has not proven anything yet: of what is no message nobody finds out why."""
    if is_too_much(raw, numbers=False) or depth_exceeds(raw, _MESSAGE_DEPTH):
        return None
    try:
        return _read(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _read(raw: bytes) -> Message:
    if not raw.isascii():
        raw.decode()  # msgspec does not look at the texts that it passes over
    return _message.decode(raw)


# --- answers -------------------------------------------------------------------------------------------

_encode = msgspec.json.Encoder().encode


class _CallResult(msgspec.Struct, rename="camel", omit_defaults=True):
    content: tuple[Content, ...]
    structured_content: Raw | UnsetType = UNSET
    is_error: bool | UnsetType = UNSET  # never left unset: older clients want to see it
    result_type: str | UnsetType = UNSET
    meta: JsonObject | UnsetType = msgspec.field(default=UNSET, name="_meta")


class _ListResult(msgspec.Struct, rename="camel", omit_defaults=True):
    tools: tuple[Tool, ...]
    next_cursor: str | None = None
    result_type: str | UnsetType = UNSET
    ttl_ms: int | UnsetType = UNSET
    cache_scope: str | UnsetType = UNSET


def response(id: str | int, result: bytes) -> bytes:  # noqa: A002 -- JSON-RPC's word
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (_encode(id), result)


def error_response(id: str | int | None, error: JsonObject) -> bytes:  # noqa: A002 -- JSON-RPC's word
    return _encode({"jsonrpc": "2.0", "id": id, "error": error})


def failure(id: str | int, error: ToolwardError, era: Era) -> bytes:  # noqa: A002 -- JSON-RPC's word
    """A failed call: as a result where the model can act on it (spec, server/tools, *Error Handling*), else as
    a JSON-RPC error. Both carry the code and its details."""
    if not error.for_model:
        return error_response(id, to_jsonrpc(error))
    return response(id, call_result(text_result(error.text, is_error=True), era, {META_KEY: details(error)}))


def call_result(result: ToolResult, era: Era, meta: JsonObject | None = None) -> bytes:
    structured = result.structured_json
    if era == "legacy" and structured is not None and not structured.lstrip().startswith(b"{"):
        structured = None  # before 2026-07-28 it could only be an object
    if result.trust_said:
        meta = {**(meta or {}), TRUST_META: result.trust}
    return _encode(
        _CallResult(
            content=result.content,
            structured_content=UNSET if structured is None else Raw(structured),
            is_error=result.is_error,
            result_type="complete" if era == "modern" else UNSET,
            meta=UNSET if meta is None else meta,
        )
    )


def list_result(page: ToolPage, era: Era) -> bytes:
    if (written := page.written.get(era)) is None:
        written = page.written[era] = _encode(_listed(page, era))
    return written


def _listed(page: ToolPage, era: Era) -> _ListResult:
    if era == "modern":
        return _ListResult(page.tools, page.next_cursor, "complete", 0, "private")
    return _ListResult(tuple(map(_for_legacy, page.tools)), page.next_cursor)


def _for_legacy(tool: Tool) -> Tool:
    """Before 2026-07-28 an output schema had to describe an object."""
    if tool.output_schema is None or tool.output_schema.get("type") == "object":
        return tool
    return msgspec.structs.replace(tool, output_schema=None)


def _has_forms(elicitation: Raw) -> bool:
    try:
        kinds = msgspec.json.decode(elicitation, type=dict[str, Raw])
    except msgspec.DecodeError:  # no object
        return False
    return "form" in kinds or not kinds


def can_be_asked(capabilities: object) -> bool:
    """Whether a client with these capabilities can put a form before its person (spec, client/elicitation: an empty
    declaration means forms alone)."""
    elicits = cast(JsonObject, capabilities).get("elicitation") if isinstance(capabilities, dict) else None
    if isinstance(elicits, Raw):
        return _has_forms(elicits)
    return isinstance(elicits, dict) and ("form" in elicits or not elicits)


def input_required_result(requests: Mapping[str, JsonObject], state: str) -> bytes:
    """Of 2026-07-28: `requests` are the params of forms (`elicitation/create`) by the keys of their answers."""
    asked = {key: {"method": "elicitation/create", "params": params} for key, params in requests.items()}
    return _encode({"resultType": "input_required", "inputRequests": asked, "requestState": state})


def progress_notification(token: Raw | UnsetType, progress: Progress) -> bytes:
    members = msgspec.to_builtins(progress)
    params = {"progressToken": token, **members}
    return _encode({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})


_LEVELS: tuple[str, ...] = get_args(LogLevel)  # the least severe first


def is_wanted(entry: LogEntry, least: LogLevel) -> bool:
    """Whether a client that asked for `least` and above is to get this."""
    return _LEVELS.index(entry.level) >= _LEVELS.index(least)


def log_params(entry: LogEntry, logger: str) -> JsonObject:
    """The params of a `notifications/message`."""
    data: Any = {"message": entry.message, **entry.fields} if entry.fields else entry.message
    return {"level": entry.level, "logger": logger, "data": data}


def log_notification(entry: LogEntry, logger: str) -> bytes:
    params = log_params(entry, logger)
    return _encode({"jsonrpc": "2.0", "method": "notifications/message", "params": params})


def list_changed_notifications(offers: Offers) -> list[bytes]:
    """Of everything whose changes the provider tells."""
    kinds = ("tools", "resources", "prompts") if offers.changing else ("tools",)
    return [b'{"jsonrpc":"2.0","method":"notifications/%b/list_changed"}' % kind.encode() for kind in kinds]


def acknowledged_notification(subscription: str | int, kinds: Sequence[str]) -> bytes:
    """Of 2026-07-28: whose changes the subscription with this id is told of."""
    params = {
        "_meta": {_SUBSCRIPTION: subscription},
        "notifications": {f"{kind}ListChanged": True for kind in kinds},
    }
    return _encode({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": params})


def subscribed_notification(subscription: str | int, kind: str) -> bytes:
    """Of 2026-07-28: a list has changed."""
    params = {"_meta": {_SUBSCRIPTION: subscription}}
    return _encode({"jsonrpc": "2.0", "method": f"notifications/{kind}/list_changed", "params": params})


def listen_result(subscription: str | int, info: ServerInfo) -> bytes:
    """Of 2026-07-28: the subscription has ended."""
    meta = {_SUBSCRIPTION: subscription, _SERVER: _implementation(info)}
    return _encode({"_meta": meta, "resultType": "complete"})


def capabilities(offers: Offers, *, tells_changes: bool, takes_log_level: bool = False) -> JsonObject:
    """What a server with these offers can do. `tells_changes`: there is a way to say that the tools changed;
    `takes_log_level`: the handshake eras' `logging/setLevel` is answered."""
    found: JsonObject = {"tools": {"listChanged": tells_changes}}
    if offers.resources is not None:
        found["resources"] = {"subscribe": False, "listChanged": tells_changes and offers.changing}
    if offers.prompts is not None:
        found["prompts"] = {"listChanged": tells_changes and offers.changing}
    if takes_log_level:
        found["logging"] = {}
    return found


def initialize_result(asked: str, info: ServerInfo, capabilities: JsonObject) -> bytes:
    found: JsonObject = {
        "protocolVersion": asked if asked in HANDSHAKE else HANDSHAKE[-1],
        "capabilities": capabilities,
        "serverInfo": _implementation(info),
    }
    return _encode(found | _instructions(info))


def discover_result(info: ServerInfo, capabilities: JsonObject) -> bytes:
    found: JsonObject = {
        "supportedVersions": [MODERN],
        "capabilities": capabilities,
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {_SERVER: _implementation(info)},
    }
    return _encode(found | _instructions(info))


def _implementation(info: ServerInfo) -> JsonObject:
    named = {"name": info.name, "version": info.version}
    return named | ({"title": info.title} if info.title else {})


def _instructions(info: ServerInfo) -> JsonObject:
    return {"instructions": info.instructions} if info.instructions else {}
