"""Content and input requests as messages of `toolward/v1/common.proto`. An absent optional text is empty there."""

from toolward.errors import InvalidRequest, InvalidResult
from toolward.types import (
    Answer,
    AudioContent,
    Content,
    EmbeddedResource,
    ImageContent,
    InputRequest,
    RequestKind,
    RequestState,
    ResourceBody,
    ResourceLink,
    TextContent,
)
from toolward.v1 import agents_pb2 as pb_agents
from toolward.v1 import common_pb2 as pb
from toolward.v1 import tools_pb2 as pb_tools
from toolward.wire.grpc_rpc import Malformed, json_text, optional_json, read_optional_object

_KIND_TO_NUMBER = {kind: pb.InputRequestKind.Value(f"INPUT_REQUEST_KIND_{kind.name}") for kind in RequestKind}
_STATE_TO_NUMBER = {
    state: pb.InputRequestState.Value(f"INPUT_REQUEST_STATE_{state.name}") for state in RequestState
}
_NUMBER_TO_KIND = {number: kind for kind, number in _KIND_TO_NUMBER.items()}
_NUMBER_TO_STATE = {number: state for state, number in _STATE_TO_NUMBER.items()}


def to_content(piece: Content) -> pb.Content:
    """Raises InvalidResult for a resource that has no body, or two."""
    hints = optional_json(piece.annotations)
    match piece:
        case TextContent():
            return pb.Content(text=pb.TextContent(text=piece.text), annotations_json=hints)
        case ImageContent():
            blob = pb.BlobContent(data=piece.data, mime_type=piece.mime_type)
            return pb.Content(image=blob, annotations_json=hints)
        case AudioContent():
            blob = pb.BlobContent(data=piece.data, mime_type=piece.mime_type)
            return pb.Content(audio=blob, annotations_json=hints)
        case ResourceLink():
            link = pb.ResourceLink(
                uri=piece.uri,
                name=piece.name,
                title=piece.title or "",
                description=piece.description or "",
                mime_type=piece.mime_type or "",
            )
            return pb.Content(resource_link=link, annotations_json=hints)
        case EmbeddedResource():
            return pb.Content(resource=_to_body(piece.resource), annotations_json=hints)


def _to_body(body: ResourceBody) -> pb.EmbeddedResource:
    if (body.text is None) == (body.blob is None):
        raise InvalidResult(f"The resource {body.uri} must have a text or a blob, one of them.")
    kind = body.mime_type or ""
    if body.text is not None:
        return pb.EmbeddedResource(uri=body.uri, mime_type=kind, text=body.text)
    return pb.EmbeddedResource(uri=body.uri, mime_type=kind, blob=body.blob or b"")


def from_content(found: pb.Content) -> Content:
    """Raises Malformed."""
    hints = read_optional_object(found.annotations_json, "the annotations of a piece of content")
    match found.WhichOneof("kind"):
        case "text":
            return TextContent(found.text.text, hints)
        case "image":
            return ImageContent(found.image.data, found.image.mime_type, hints)
        case "audio":
            return AudioContent(found.audio.data, found.audio.mime_type, hints)
        case "resource_link":
            link = found.resource_link
            return ResourceLink(
                link.uri,
                link.name,
                link.title or None,
                link.description or None,
                link.mime_type or None,
                hints,
            )
        case "resource":
            return EmbeddedResource(_from_body(found.resource), hints)
        case None:
            raise Malformed("a piece of content has no kind that is known here")


def _from_body(found: pb.EmbeddedResource) -> ResourceBody:
    kind = found.mime_type or None
    match found.WhichOneof("body"):
        case "text":
            return ResourceBody(found.uri, kind, text=found.text)
        case "blob":
            return ResourceBody(found.uri, kind, blob=found.blob)
        case None:
            raise Malformed(f"the resource {found.uri} has neither text nor blob")


def write_answer(message: pb_agents.AnswerInputRequestRequest | pb_tools.InputAnswer, answer: Answer) -> None:
    """All of it but the arguments. Raises InvalidRequest."""
    if (answer.approve is None) == (answer.text is None and not answer.choice):
        raise InvalidRequest(
            "An answer is a yes or no, or a text, or a choice with or without a text: one of them."
        )
    message.reason, message.choice = answer.reason, answer.choice
    if answer.approve is not None:
        message.approve = answer.approve
    elif answer.text is not None:
        message.text = answer.text


def read_answer(
    found: pb_agents.AnswerInputRequestRequest | pb_tools.InputAnswer, arguments: bytes | None = None
) -> Answer:
    """Raises Malformed."""
    kind = found.WhichOneof("answer")
    if (kind == "approve") == bool(found.choice) and kind != "text":
        raise Malformed(f"it has no answer to {found.request_id!r}: approve; or text, or choice, or both")
    return Answer(
        approve=found.approve if kind == "approve" else None,
        text=found.text if kind == "text" else None,
        reason=found.reason,
        arguments_json=arguments,
        choice=found.choice,
    )


def to_input_request(request: InputRequest) -> pb.InputRequest:
    return pb.InputRequest(
        id=request.id,
        kind=_KIND_TO_NUMBER[request.kind],
        state=_STATE_TO_NUMBER[request.state],
        run_id=request.run_id,
        prompt=request.prompt,
        detail_json=json_text(request.detail),
        approvers=request.approvers,
        created_at_ms=request.created_at,
        expires_at_ms=request.expires_at,
        choices=request.choices,
    )


def from_input_request(found: pb.InputRequest) -> InputRequest:
    """Raises Malformed."""
    kind, state = _NUMBER_TO_KIND.get(found.kind), _NUMBER_TO_STATE.get(found.state)
    if kind is None or state is None:
        part, number = ("kind", found.kind) if kind is None else ("state", found.state)
        raise Malformed(
            f"the input request {found.id!r} has {number} for its {part}, which is not known here"
        )
    return InputRequest(
        id=found.id,
        kind=kind,
        state=state,
        prompt=found.prompt,
        run_id=found.run_id,
        detail=read_optional_object(found.detail_json, f"the detail of the input request {found.id!r}") or {},
        approvers=tuple(found.approvers),
        created_at=found.created_at_ms,
        expires_at=found.expires_at_ms,
        choices=tuple(found.choices),
    )
