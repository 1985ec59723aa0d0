"""A reply over the OpenAI Responses wire: the completed items are what counts, the deltas are only told on."""

import re
from collections.abc import Mapping
from typing import cast

import msgspec

from gateway.core.ports import Message, ModelReply, Native, OnPiece, StopReason, ToolUse, Usage
from gateway.models import responses_shapes as shapes
from gateway.models.echoed import arguments_object, as_called, json_list, with_ids
from gateway.models.schemas import Adapted
from gateway.models.spoken import Kind, Spoken, apart
from gateway.models.wire import Reader, Reported

CALL_ID = re.compile(r".{1,64}", re.DOTALL)
"""What OpenAI takes as the id of a call."""

_TOLD: dict[type, Kind] = {
    shapes.TextDelta: "text",
    shapes.RefusalDelta: "text",
    shapes.SummaryDelta: "reasoning",
    shapes.ReasoningDelta: "reasoning",
}
_STOPS: dict[str | None, StopReason] = {"content_filter": "content_filter"}  # why it is incomplete


class _Item:
    """A completed item, and its text."""

    __slots__ = ("item", "kind", "parts", "raw", "refused")

    def __init__(self, raw: msgspec.Raw) -> None:
        self.item = item = shapes.item_of(raw)
        self.raw = shapes.text_of(raw)
        content = (
            [shapes.Part("output_text", item.content)]
            if isinstance(item.content, str)
            else item.content or []
        )
        self.refused = any(part.refusal for part in content)
        self.kind: Kind = "text" if item.type == "message" else "reasoning"
        if item.type == "message":
            self.parts = ["".join(part.text or part.refusal or "" for part in content)]
        elif item.type == "reasoning":
            self.parts = [part.text or "" for part in item.summary or content]
        else:
            self.parts = []

    @property
    def only_here(self) -> bool:
        """Whether it holds what no neutral message does."""
        return self.item.type not in ("message", "function_call") or self.item.phase is not None

    @property
    def refers(self) -> bool:
        """Reasoning that is only named, or was cut off: nothing is kept at the endpoint that it could refer to."""
        item = self.item
        return item.type == "reasoning" and (
            not (item.encrypted_content or item.content) or item.status == "incomplete"
        )

    def native(self) -> str:
        arguments = self.item.arguments or ""
        if self.item.type != "function_call" or (sent := arguments_object(arguments)) == arguments:
            return self.raw
        fields = shapes.fields_of(self.raw)
        fields["arguments"] = msgspec.Raw(msgspec.json.encode(sent))
        return msgspec.json.encode(fields).decode()


class ResponsesReader(Reader):
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
        self._begun = 0  # items
        self._told: set[object] = set()  # by what deltas were named; by their kind where by nothing
        self._done: dict[int, _Item] = {}  # by their numbers, or as they came
        self._items: list[_Item] | None = None
        self._unfinished: shapes.Incomplete | None = None
        self._tokens: shapes.Tokens | None = None
        self._model = ""
        self._id = ""

    @property
    def finished(self) -> bool:
        return self._items is not None

    def whole(self, raw: bytes) -> None:
        try:
            response = shapes.response_of(raw)
            if response.error or response.status == "failed":
                raise Reported(response.error)
            if response.output is None:
                raise ValueError("it holds no output")
            if response.status not in ("completed", "incomplete", None):
                raise ValueError(f"its status is {response.status:.40}")
            self._end(response)
        except RecursionError:
            raise ValueError("it is nested too deep") from None

    def event(self, name: str, data: bytes) -> bool:
        if data.strip() == b"[DONE]":  # some servers end all their streams so
            return self.finished
        try:
            event = shapes.event_of(data)
            if (kind := _TOLD.get(type(event))) is not None:  # most of them are
                self._tell(kind, cast(shapes.Delta, event))
                return False
            match event:
                case shapes.Began(item):
                    self._begin(shapes.item_of(item))
                case shapes.Done(item, index):
                    self._complete(index, _Item(item))
                case shapes.Created(response):
                    self._describe(response)
                case shapes.Completed(response) | shapes.Unfinished(response):
                    self._end(response)
                case shapes.Failed(response):
                    raise Reported(response.error)
                case shapes.Error() as failed:
                    raise Reported(failed.error or {"code": failed.code, "message": failed.message})
                case _:
                    pass
        except RecursionError:
            raise ValueError("it is nested too deep") from None
        return self.finished

    def reply(self) -> ModelReply:
        """Raises ValueError for a call without a name."""
        items = self._items or []
        calls = [
            ToolUse(found.call_id or "", found.name or "", (found.arguments or "").strip() or "{}")
            for found in (one.item for one in items)
            if found.type == "function_call"
        ]
        uses = with_ids(calls, self._earlier, CALL_ID)
        stop: StopReason = "tool_use" if uses else "final"
        if self._unfinished is not None:
            stop = _STOPS.get(self._unfinished.reason, "length")
        if any(one.refused for one in items):
            stop = "refusal"
        return ModelReply(
            apart(text for one in items if one.kind == "text" for text in one.parts),
            as_called(uses, self._adapted),
            stop,
            _usage(self._tokens),
            self._model,
            native=self._native(items) if list(uses) == calls else None,
            reasoning=apart(text for one in items if one.kind == "reasoning" for text in one.parts),
            response_id=self._id,
        )

    def _native(self, items: list[_Item]) -> Native | None:
        """All items or none: each call belongs to the reasoning before it."""
        if not any(one.only_here for one in items) or any(one.refers for one in items):
            return None
        return Native(self._source, json_list(one.native() for one in items))

    def _begin(self, item: shapes.Item) -> None:
        self._begun += 1
        if self._begun > shapes.MAX_ITEMS:
            raise ValueError(f"it holds over {shapes.MAX_ITEMS:,} items")
        if item.type == "function_call" and item.name:
            self._spoken.call(item.name)

    def _tell(self, kind: Kind, delta: shapes.Delta) -> None:
        index, item_id = delta.output_index, delta.item_id
        self._told.update((index, item_id) if item_id or index is not None else (kind,))
        part = delta.summary_index if isinstance(delta, shapes.SummaryDelta) else 0
        self._spoken.say(kind, (item_id or index, part), delta.delta)

    def _complete(self, index: int | None, one: _Item) -> None:
        self._done[len(self._done) if index is None else index] = one
        if len(self._done) > self._begun:
            self._begin(one.item)
        self._tell_whole(index, one)

    def _tell_whole(self, index: int | None, one: _Item) -> None:
        """What came without deltas."""
        if self._told.isdisjoint({index, one.item.id} - {None}) and one.kind not in self._told:
            for part, text in enumerate(one.parts):
                self._spoken.say(one.kind, (one.item.id or index, part), text)
        self._told.discard(one.kind)

    def _end(self, response: shapes.Response) -> None:
        if self.finished:
            raise ValueError("it ends twice")
        self._describe(response)
        items = [_Item(raw) for raw in response.output or ()] or [
            one for _, one in sorted(self._done.items())
        ]
        if len(items) < self._begun or (self._told and not items):
            raise ValueError("it ends before all of its items are whole")
        if not all(one.item.name for one in items if one.item.type == "function_call"):
            raise ValueError("a tool call has no name")
        for index, one in enumerate(items):
            if index >= self._begun:
                self._begin(one.item)
            if index >= len(self._done):
                self._tell_whole(index, one)
        self._items = items

    def _describe(self, response: shapes.Response) -> None:
        self._id = response.id or self._id
        self._model = response.model or self._model
        self._tokens = response.usage or self._tokens
        if response.status == "incomplete":
            self._unfinished = response.incomplete_details or shapes.Incomplete()


def _usage(tokens: shapes.Tokens | None) -> Usage:
    if tokens is None:
        return Usage()
    read, made = tokens.input_tokens_details, tokens.output_tokens_details
    return Usage(
        input_tokens=tokens.input_tokens or 0,
        output_tokens=tokens.output_tokens or 0,
        cached_tokens=(read.cached_tokens or 0) if read else 0,
        cache_written_tokens=(read.cache_write_tokens or 0) if read else 0,
        reasoning_tokens=(made.reasoning_tokens or 0) if made else 0,
    )
