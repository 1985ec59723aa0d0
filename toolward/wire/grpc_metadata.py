"""What travels beside a gRPC message: who calls, the trace, the hops; and the error's details on the way back."""

import re
from collections.abc import Iterable

from google.protobuf.message import DecodeError
from google.rpc import status_pb2

from toolward.errors import ConfigurationError, InvalidRequest, ToolwardError, Violation
from toolward.types import NO_CONTEXT, CallContext, Headers
from toolward.wire.grpc_errors import to_status

HOPS = "toolward-hops"
ON_BEHALF_OF = "toolward-on-behalf-of"
STATUS = "grpc-status-details-bin"
"""Where gRPC carries a google.rpc.Status."""

MAX_MESSAGE = 64 * 1024 * 1024
"""The largest message in bytes. It stands far above our own bounds, so that our error answers."""

MAX_STATUS = 7 * 1024
"""What an error may take: gRPC's clients refuse more than 8 KiB of metadata, and then the error with it."""

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_VISIBLE = re.compile(r"[\x21-\x7e]*")
_PLAIN = bytes(byte for byte in range(0x20, 0x7F) if byte != ord("%"))  # goes into a status's text as it is

Metadata = tuple[tuple[str, str], ...]


_OF_CONTEXT = frozenset({HOPS, ON_BEHALF_OF, "traceparent"})


def authorization(token: str) -> Metadata:
    """Raises ConfigurationError for a token that no header can hold; an empty one says nothing."""
    if not _VISIBLE.fullmatch(token):
        raise ConfigurationError(
            "The token has characters that a header cannot hold.",
            hint="Use visible ASCII without spaces; a line break at the end of a secret's file is a usual cause.",
        )
    return (("authorization", f"Bearer {token}"),) if token else ()


def from_context(context: CallContext) -> Metadata:
    found: list[tuple[str, str]] = []
    if _TRACEPARENT.fullmatch(context.traceparent):
        found.append(("traceparent", context.traceparent))
    if context.hops:
        found.append((HOPS, str(context.hops)))
    if context.on_behalf_of:
        found.append((ON_BEHALF_OF, context.on_behalf_of))
    return tuple(found)


def to_headers(metadata: Iterable[tuple[str, str | bytes]]) -> dict[str, str]:
    """Text entries by lower-case name; a name that came twice has both values, as in HTTP. Names with a colon in
    front are a door's own, and no client's."""
    found: dict[str, str] = {}
    for key, value in metadata:
        if isinstance(value, str) and key[:1] != ":":
            name = key.lower()
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def to_context(headers: Headers) -> CallContext:
    """Raises InvalidRequest for hops that are no number: a cycle must not hide behind them. A trace that cannot
    be read is left out."""
    if not _OF_CONTEXT & headers.keys():  # most calls
        return NO_CONTEXT
    hops, trace = headers.get(HOPS, "0"), headers.get("traceparent", "")
    if not re.fullmatch(r"[0-9]{1,4}", hops):
        raise InvalidRequest(f"The metadata {HOPS} is not a small whole number.")
    return CallContext(
        traceparent=trace if _TRACEPARENT.fullmatch(trace) else "",
        hops=int(hops),
        on_behalf_of=headers.get(ON_BEHALF_OF, ""),
    )


def status_in(metadata: Iterable[tuple[str, str | bytes]]) -> status_pb2.Status | None:
    """The google.rpc.Status of trailing metadata; None where there is none that can be read."""
    for key, value in metadata:
        if key == STATUS and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                return None
    return None


def fitting_status(error: ToolwardError) -> status_pb2.Status:
    """The error as a status that every client takes: a long text is cut, and violations that find no room are
    left out from the end."""
    try:
        status = to_status(error)
        if _size(status) <= MAX_STATUS:
            return status
    except UnicodeEncodeError:  # text that is not Unicode, such as half a surrogate pair: said with "?"
        pass
    violations = [Violation(_cut(one.pointer, 300), _cut(one.message, 300)) for one in error.violations]
    while True:
        status = to_status(
            type(error)(
                _cut(error.message, 1000),
                hint=_cut(error.hint, 300),
                violations=violations,
                rule=_cut(error.rule, 100),
                request_id=_cut(error.request_id, 100),
                retry_after=error.retry_after,
            )
        )
        if not violations or _size(status) <= MAX_STATUS:
            return status
        violations.pop()


def _size(status: status_pb2.Status) -> int:
    """In bytes on the wire: the text percent-encoded, and the whole in base64."""
    text = status.message.encode()
    encoded = len(text.translate(None, _PLAIN))
    return len(text) + 2 * encoded + status.ByteSize() * 4 // 3


def _cut(text: str, limit: int) -> str:
    """At most `limit` bytes of it, and the sign that there was more."""
    raw = text.encode(errors="replace")
    return raw.decode() if len(raw) <= limit else raw[:limit].decode(errors="ignore") + " …"
