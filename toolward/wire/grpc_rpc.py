"""One gRPC method as a pair of codecs between bytes and `toolward.types`.

Doors and clients move bytes and never see a protobuf message, so what is wrong with a message is found here, in
our own words, on both sides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import msgspec
from google.protobuf import message

from toolward.errors import InvalidRequest, InvalidResult
from toolward.json_bounds import MAX_DEPTH, depth_exceeds
from toolward.types import Json, JsonObject

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")
RequestT = TypeVar("RequestT", bound=message.Message)
ResponseT = TypeVar("ResponseT", bound=message.Message)


class Malformed(Exception):
    """A message that reads as protobuf and still says nothing: which part of it, and why."""


@dataclass(frozen=True)
class Rpc(Generic[Asked, Answered]):
    """A method of a service: what is asked, what is answered (once, or piece by piece where it `streams`)."""

    service: str
    method: str
    streams: bool
    encode_request: Callable[[Asked], bytes]
    """Raises InvalidRequest for what cannot be said on this wire."""
    decode_request: Callable[[bytes], Asked]
    """Raises InvalidRequest."""
    encode_response: Callable[[Answered], bytes]
    decode_response: Callable[[bytes], Answered]
    """Raises InvalidResult."""

    @property
    def path(self) -> str:
        return f"/{self.service}/{self.method}"


def rpc(
    service: str,
    method: str,
    *,
    request: type[RequestT],
    response: type[ResponseT],
    to_request: Callable[[Asked], RequestT],
    from_request: Callable[[RequestT], Asked],
    to_response: Callable[[Answered], ResponseT],
    from_response: Callable[[ResponseT], Answered],
    streams: bool = False,
) -> Rpc[Asked, Answered]:
    """The converters may raise Malformed; what that means depends on whose message it is."""

    def encode_request(asked: Asked) -> bytes:
        try:
            return to_request(asked).SerializeToString()
        except ValueError as error:  # text that is not Unicode, a number that is out of range
            raise InvalidRequest(f"This cannot be sent as a {method} request: {error}.") from None

    def decode_request(raw: bytes) -> Asked:
        try:
            return from_request(request.FromString(raw))
        except (Malformed, message.DecodeError) as error:
            raise InvalidRequest(f"The {method} request cannot be read: {error}.") from None

    def encode_response(answered: Answered) -> bytes:
        return to_response(answered).SerializeToString()

    def decode_response(raw: bytes) -> Answered:
        try:
            return from_response(response.FromString(raw))
        except (Malformed, message.DecodeError) as error:
            raise InvalidResult(
                f"The answer to {method} cannot be read: {error}.",
                hint="What answered does not keep to toolward.v1: check its address and version.",
            ) from None

    return Rpc(service, method, streams, encode_request, decode_request, encode_response, decode_response)


def json_text(value: Json) -> str:
    return msgspec.json.encode(value).decode()


def read_json(text: str, what: str) -> Json:
    """Raises Malformed; too deep a value is found before anything recurses into it."""
    raw = text.encode()
    if depth_exceeds(raw, MAX_DEPTH):
        raise Malformed(f"{what} is nested more than {MAX_DEPTH} levels deep")
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise Malformed(f"{what} is not valid JSON: {error}") from None


def read_object(text: str, what: str) -> JsonObject:
    """Raises Malformed."""
    value = read_json(text, what)
    if not isinstance(value, dict):
        raise Malformed(f"{what} is not a JSON object")
    return cast(JsonObject, value)


def optional_json(value: JsonObject | None) -> str:
    """An absent object is an empty text."""
    return "" if value is None else json_text(value)


def read_optional_object(text: str, what: str) -> JsonObject | None:
    """Raises Malformed."""
    return read_object(text, what) if text else None
