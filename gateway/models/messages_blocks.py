"""One block of a reply over the Anthropic Messages wire, while it comes and when it is whole."""

import msgspec

from gateway.models import messages_shapes as shapes
from gateway.models.echoed import arguments_object, json_list
from gateway.models.spoken import Kind

SAID: dict[str, Kind] = {"text": "text", "thinking": "reasoning"}
"""What kinds of blocks tell people something, and as what."""

_ADDED_TO = {
    "text_delta": ("text",),
    "citations_delta": ("text",),
    "thinking_delta": ("thinking",),
    "signature_delta": ("thinking",),
}


class Block:
    """A block, with what a stream adds to it."""

    __slots__ = ("_added", "_citations", "_raw", "_signature", "begun", "kind", "open", "part")

    def __init__(self, raw: msgspec.Raw, part: int) -> None:
        self._raw = raw.copy()
        self.kind = shapes.kind_of(raw)
        self.part = part  # which of the texts it belongs to: a block of another kind between sets them apart
        known = self.kind in ("text", "thinking", "tool_use")
        self.begun = shapes.block_of(self._raw) if known else shapes.Block()
        shapes.text_of(raw)
        self.open = True
        self._added: list[str] = []  # to its text, its thinking or its input
        self._signature: list[str] = []
        self._citations: list[str] = []

    def add(self, delta: shapes.Delta) -> str:
        """What is new to show."""
        kinds = _ADDED_TO.get(delta.type)
        if not self.open:
            raise ValueError("a piece comes for a block that has ended")
        if self.kind not in kinds if kinds else self.kind in SAID:
            raise ValueError(f"a {delta.type} comes for a block of kind {self.kind:.40}")
        match delta.type:
            case "text_delta":
                new = delta.text
            case "thinking_delta":
                new = delta.thinking
            case "input_json_delta":
                new = delta.partial_json
            case "signature_delta":
                self._signature.append(delta.signature or "")
                return ""
            case _:
                self._citations.append(shapes.text_of(delta.citation) or "null")
                return ""
        if new is None:
            raise ValueError(f"a {delta.type} holds nothing")
        self._added.append(new)
        return new

    @property
    def text(self) -> str:
        begun = self.begun.thinking if self.kind == "thinking" else self.begun.text
        return (begun or "") + "".join(self._added)

    @property
    def arguments(self) -> str:
        """A call's input as JSON text, as far as it came."""
        given = "".join(self._added).strip() or shapes.text_of(self.begun.input).strip()
        return "{}" if given in ("", "null") else given

    @property
    def signed(self) -> bool:
        return bool(self.begun.signature or "".join(self._signature))

    def native(self) -> str:
        """As the endpoint would have written it in one piece."""
        changed: dict[str, str] = {}
        if self._added or self.kind == "tool_use":
            match self.kind:
                case "text" | "thinking":
                    changed[self.kind] = _json(self.text)
                case "tool_use":
                    changed["input"] = arguments_object(self.arguments)
                case _:
                    changed["input"] = arguments_object("".join(self._added))
        if self._signature:
            changed["signature"] = _json("".join(self._signature))
        if self._citations:
            changed["citations"] = json_list(self._citations)
        if not changed:
            return shapes.text_of(self._raw)
        fields = shapes.fields_of(self._raw)
        fields.update((name, msgspec.Raw(value.encode())) for name, value in changed.items())
        return _json(fields)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
