"""What a run has come to, as a chat completion: whole, or in chunks."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from gateway.servers.chat_completions_errors import RunEnded
from toolward.types import InputRequest, JsonObject, Run, RunState, TextDelta

Finish = Literal["stop", "length", "content_filter"]

_CUT = frozenset({"limit_reached", "truncated", "context_exceeded"})
_FILTERED = frozenset({"refusal", "content_filter"})

STANDS = frozenset({RunState.INPUT_REQUIRED, RunState.PAUSED, *(one for one in RunState if one.ended)})
"""States in which a run does not go on by itself."""


class Outcome(msgspec.Struct, frozen=True):
    """`answer` is what the agent said last; where the run stands still, `notice` says what it waits for."""

    run: Run
    answer: str
    notice: str
    finish: Finish
    requests: tuple[InputRequest, ...]


def outcome_of(run: Run, requests: Sequence[InputRequest]) -> Outcome:
    """Raises RunEnded where there is no answer."""
    if run.state is RunState.COMPLETED:
        return Outcome(run, run.answer, "", "stop", ())
    if run.state is RunState.FAILED and run.error_code in _CUT:
        return Outcome(run, run.answer, "", "length", ())
    if run.state is RunState.FAILED and run.error_code in _FILTERED:
        return Outcome(run, run.answer, "", "content_filter", ())
    if run.state.ended:
        raise RunEnded(run)
    return Outcome(run, "", _notice(run, requests), "stop", tuple(requests))


def _notice(run: Run, requests: Sequence[InputRequest]) -> str:
    """What waits, and where. Its words are for people; `toolward` says the same to programs."""
    again = f"It can be asked for again as run {run.id} (header x-toolward-run-id, or metadata.run_id)."
    if run.state is RunState.PAUSED:
        return f"This run is paused until somebody resumes it. {again}"
    lines = [f"- {one.prompt} [{one.kind.value}, request {one.id}]" for one in requests]
    listed = "".join(f"{line}\n" for line in lines)
    return f"This waits for a person to answer:\n{listed}\nThey find it in the inbox. {again}"


class Shapes:
    """The answers to one request. `since` is what the run had taken before it."""

    def __init__(self, run: Run, since: Run | None = None) -> None:
        self._run, self._since = run, since

    def completion(self, outcome: Outcome) -> JsonObject:
        message = {"role": "assistant", "content": outcome.answer or outcome.notice, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": outcome.finish}
        whole = self._head("chat.completion") | {"choices": [choice]}
        return whole | {"usage": self.usage(outcome.run), "toolward": told(outcome)}

    def chunk(self, delta: JsonObject, outcome: Outcome | None = None) -> bytes:
        finish = None if outcome is None else outcome.finish
        choice: JsonObject = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        body = self._head("chat.completion.chunk") | {"choices": [choice]}
        return sent(body if outcome is None else body | {"toolward": told(outcome)})

    def last(self, run: Run) -> bytes:
        """The chunk with what it took, for who asked for it."""
        nothing: JsonObject = {"choices": [], "usage": self.usage(run)}
        return sent(self._head("chat.completion.chunk") | nothing)

    def usage(self, run: Run) -> JsonObject:
        since = self._since
        asked = run.input_tokens - (since.input_tokens if since else 0)
        said = run.output_tokens - (since.output_tokens if since else 0)
        return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}

    def _head(self, kind: str) -> JsonObject:
        run = self._run
        return {
            "id": f"chatcmpl-{run.id}",
            "object": kind,
            "created": run.created_at // 1000,
            "model": run.agent,
        }


def told(outcome: Outcome) -> JsonObject:
    """The extension `toolward` of a completion."""
    requests = [
        {
            "id": one.id,
            "kind": one.kind,
            "prompt": one.prompt,
            "choices": one.choices,
            "expires_at": one.expires_at,
        }
        for one in outcome.requests
    ]
    return {"run_id": outcome.run.id, "state": outcome.run.state, "input_requests": requests}


def sent(value: object) -> bytes:
    """One server-sent event without a name."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


class Spoken:
    """Text for a client that cannot take anything back, out of pieces of which some may be void or missing: what
    fits what was said before goes out at once, the rest when the whole reply is known."""

    def __init__(self) -> None:
        self._turn = 0
        self._said = ""  # of this turn
        self._fits = True
        self.last = ""  # the text of the newest whole reply
        self._any = False  # whether anything went out

    def piece(self, piece: TextDelta) -> str:
        if piece.kind != "text":
            return ""
        if piece.turn != self._turn:
            self._turn, self._said, self._fits = piece.turn, "", True
        if not self._fits or piece.offset != len(self._said):
            self._fits = False  # the model was asked again, or this client was too slow
            return ""
        return self._out(piece.text)

    def reply(self, turn: int, text: str) -> str:
        """What is left to say of a whole reply."""
        if turn != self._turn:
            self._turn, self._said = turn, ""
        self.last, said = text, self._said
        if text.startswith(said):
            return self._out(text[len(said) :])
        self._said = ""
        return self._out(text)

    def end(self, text: str) -> str:
        """The last words, unless they were said."""
        if not text or text.strip() == self.last.strip():
            return ""
        self._said = ""
        return self._out(text)

    def _out(self, text: str) -> str:
        if not text:
            return ""
        begins = not self._said
        self._said += text
        gap = "\n\n" if begins and self._any else ""
        self._any = True
        return gap + text
