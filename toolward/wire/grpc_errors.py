"""The error tree as a google.rpc.Status, and back."""

import math
from typing import Any, cast

import grpc
from google.protobuf import any_pb2, duration_pb2, message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from toolward.errors import BY_CODE, Internal, ToolwardError
from toolward.types import JsonObject
from toolward.wire.errors import CODES, DOMAIN, from_details


def to_status(error: ToolwardError) -> status_pb2.Status:
    """A google.rpc.Status with ErrorInfo, and BadRequest and RetryInfo where they say something."""
    info = {"hint": error.hint, "rule": error.rule, "request_id": error.request_id}
    parts: list[Any] = [
        error_details_pb2.ErrorInfo(
            reason=error.code, domain=DOMAIN, metadata={key: value for key, value in info.items() if value}
        )
    ]
    if error.violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=one.pointer, description=one.message)
            for one in error.violations
        ]
        parts.append(error_details_pb2.BadRequest(field_violations=fields))
    if error.retry_after is not None:
        whole = math.floor(error.retry_after)
        delay = duration_pb2.Duration(seconds=whole, nanos=round((error.retry_after - whole) * 1e9))
        parts.append(error_details_pb2.RetryInfo(retry_delay=delay))
    packed: list[any_pb2.Any] = []
    for part in parts:
        box = any_pb2.Any()
        box.Pack(part)
        packed.append(box)
    return status_pb2.Status(code=CODES[error.code].grpc, message=error.text, details=packed)


def from_status(status: status_pb2.Status) -> ToolwardError | None:
    """None where the status carries no ErrorInfo of ours."""
    found: JsonObject = {}
    for box in status.details:
        if _is(box, error_details_pb2.ErrorInfo):
            info = error_details_pb2.ErrorInfo()
            box.Unpack(info)
            if info.domain == DOMAIN:
                found |= {"code": info.reason, **info.metadata}
        elif _is(box, error_details_pb2.BadRequest):
            request = error_details_pb2.BadRequest()
            box.Unpack(request)
            found["violations"] = [
                {"pointer": one.field, "message": one.description} for one in request.field_violations
            ]
        elif _is(box, error_details_pb2.RetryInfo):
            retry = error_details_pb2.RetryInfo()
            box.Unpack(retry)
            found["retry_after"] = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    return from_details(status.message, found)


def from_code(code: grpc.StatusCode, said: str, where: str) -> ToolwardError:
    """What a status that is not ours means: from a server of somebody else's, or from gRPC itself."""
    number = cast(int, code.value[0])  # pyright: ignore[reportUnknownMemberType] -- (number, name)
    for name in ("unavailable", "deadline_exceeded", "not_found", "unauthenticated", "denied", "overloaded"):
        if CODES[name].grpc == number:
            return BY_CODE[name](f"{where}: {said}")
    if number == code_pb2.INVALID_ARGUMENT:
        return BY_CODE["invalid_request"](f"{where}: {said}")
    if number == code_pb2.CANCELLED:
        return BY_CODE["cancelled"](f"{where}: {said}")
    return Internal(f"{where} answered {code.name}: {said}")


def _is(box: any_pb2.Any, kind: type[message.Message]) -> bool:
    return box.TypeName() == kind.DESCRIPTOR.full_name
