"""A reply over the Anthropic Messages wire, put together from its blocks: whole, or as a stream tells them."""

from collections.abc import Mapping

import msgspec

from gateway.core.ports import Message, ModelReply, Native, OnPiece, StopReason, ToolUse, Usage
from gateway.models import messages_shapes as shapes
from gateway.models.echoed import as_called, json_list, with_ids
from gateway.models.messages_blocks import SAID, Block
from gateway.models.messages_turns import CALL_ID
from gateway.models.schemas import Adapted
from gateway.models.spoken import Spoken, apart
from gateway.models.wire import Reader, Reported

_STOPS: dict[str, StopReason] = {
    "max_tokens": "length",
    "pause_turn": "paused",
    "refusal": "refusal",
    "model_context_window_exceeded": "context",
}
_NEUTRAL = ("text", "tool_use")  # kinds of blocks that a neutral message holds whole


class MessagesReader(Reader):
    """See Reader."""

    def __init__(
        self,
        source: str,
        adapted: Mapping[str, Adapted],
        earlier: tuple[Message, ...],
        on_piece: OnPiece | None,
    ) -> None:
        """`earlier` is what it replies to: from that come ids where the endpoint gave none."""
        self._source = source
        self._adapted = adapted
        self._earlier = earlier
        self._spoken = Spoken(on_piece)
        self._blocks: dict[int, Block] = {}
        self._parts = 0
        self._stop_reason: str | None = None
        self._explanation = ""
        self._ended = False
        self._tokens: dict[str, int] = {}
        self._model = ""
        self._id = ""

    @property
    def finished(self) -> bool:
        return self._ended

    def whole(self, raw: bytes) -> None:
        try:
            self._take(shapes.message_of(raw))
        except RecursionError:
            raise ValueError("it is nested too deep") from None

    def _take(self, message: shapes.Message) -> None:
        if message.error or message.type == "error":
            raise Reported(message.error)
        if message.content is None:
            raise ValueError("it holds no content")
        self._describe(message)
        for index, block in enumerate(message.content):
            self._begin(index, block)
        self._stopped(message.stop_reason, message.stop_details)
        self._ended = True

    def event(self, name: str, data: bytes) -> bool:
        if name == "ping":
            return False
        if data.strip() == b"[DONE]":  # some servers end all their streams so
            return self.finished
        try:
            event = shapes.event_of(data)
            if isinstance(event, shapes.BlockDelta):  # most of them are
                self._add(event.index, event.delta)
            elif event is not None:
                self._other_event(event)
        except RecursionError:
            raise ValueError("it is nested too deep") from None
        return isinstance(event, shapes.Stop)

    def _other_event(self, event: shapes.Event) -> None:
        match event:
            case shapes.BlockStart(index, block):
                self._begin(index, block)
            case shapes.BlockStop(index):
                self._known(index).open = False
            case shapes.Start(message):
                if message.error:
                    raise Reported(message.error)
                self._describe(message)
            case shapes.Changed(delta, usage):
                self._count(usage)
                if delta is not None:
                    self._stopped(delta.stop_reason, delta.stop_details)
            case shapes.Stop():
                self._ended = True
            case shapes.Failed(error):
                raise Reported(error)
            case shapes.BlockDelta():
                pass

    def reply(self) -> ModelReply:
        """Raises ValueError for a call without a name."""
        blocks = [block for _, block in sorted(self._blocks.items())]
        calls = [
            ToolUse(b.begun.id or "", b.begun.name or "", b.arguments) for b in blocks if b.kind == "tool_use"
        ]
        if not all(call.name for call in calls):
            raise ValueError("a tool call has no name")
        uses = with_ids(calls, self._earlier, CALL_ID)
        stop = _STOPS.get(self._stop_reason or "", "tool_use" if uses else "final")
        texts: dict[int, str] = {}
        for block in blocks:
            if block.kind == "text":
                texts[block.part] = texts.get(block.part, "") + block.text
        text = apart(texts.values())
        if stop == "refusal" and not text:
            text = self._explanation
        return ModelReply(
            text,
            as_called(uses, self._adapted),
            stop,
            self._usage(),
            self._model,
            native=self._native(blocks, stop) if list(uses) == calls else None,
            reasoning=apart(block.text for block in blocks if block.kind == "thinking"),
            response_id=self._id,
        )

    def _native(self, blocks: list[Block], stop: StopReason) -> Native | None:
        """Blank text is refused when it comes back, and so is thinking that was cut off before its signature."""
        if all(block.kind in _NEUTRAL for block in blocks):
            return None
        cut_off = stop not in ("final", "tool_use", "paused")
        kept = [
            block.native()
            for block in blocks
            if not (block.kind == "text" and not block.text.strip())
            and not (block.kind == "thinking" and cut_off and not block.signed)
        ]
        return Native(self._source, json_list(kept)) if kept else None

    def _begin(self, index: int, raw: msgspec.Raw) -> None:
        if index in self._blocks:
            raise ValueError(f"its block {index} begins twice")
        block = Block(raw, self._parts)
        if block.kind != "text":
            self._parts += 1
        self._blocks[index] = block
        if block.kind == "tool_use" and block.begun.name:
            self._spoken.call(block.begun.name)
        elif kind := SAID.get(block.kind):
            self._spoken.say(kind, block.part, block.text)

    def _add(self, index: int, delta: shapes.Delta) -> None:
        if delta.type not in shapes.DELTAS:
            return
        block = self._known(index)
        new = block.add(delta)
        if new and (kind := SAID.get(block.kind)):
            self._spoken.say(kind, block.part, new)

    def _known(self, index: int) -> Block:
        block = self._blocks.get(index)
        if block is None:
            raise ValueError(f"its block {index} was never begun")
        return block

    def _describe(self, message: shapes.Message) -> None:
        self._id = message.id or self._id
        self._model = message.model or self._model
        self._count(message.usage)

    def _stopped(self, reason: str | None, details: shapes.StopDetails | None) -> None:
        self._stop_reason = reason or self._stop_reason
        self._ended = self._ended or reason is not None
        if details is not None and details.explanation and not self._explanation:
            self._explanation = details.explanation
            if reason == "refusal" and not any(
                block.kind == "text" and block.text for block in self._blocks.values()
            ):
                self._spoken.say("text", "explanation", self._explanation)

    def _count(self, tokens: shapes.Tokens | None) -> None:
        """Each count that comes replaces the one before: they are totals."""
        if tokens is None:
            return
        details = tokens.output_tokens_details
        found = {
            "input": tokens.input_tokens,
            "read": tokens.cache_read_input_tokens,
            "written": tokens.cache_creation_input_tokens,
            "output": tokens.output_tokens,
            "thinking": details.thinking_tokens if details is not None else None,
        }
        self._tokens.update((name, count) for name, count in found.items() if count is not None)

    def _usage(self) -> Usage:
        counted = self._tokens.get
        read, written = counted("read", 0), counted("written", 0)
        return Usage(
            input_tokens=counted("input", 0) + read + written,
            output_tokens=counted("output", 0),
            cached_tokens=read,
            cache_written_tokens=written,
            reasoning_tokens=counted("thinking", 0),
        )
