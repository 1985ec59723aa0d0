"""What a model without tool calling writes, read: an action in JSON, in the words around it or in a fence.

    {"type": "tool", "name": …, "arguments": {…}}      also several of these, a list of them,
    {"type": "tools", "calls": [{"name": …, …}, …]}    or these
    {"type": "final", "answer": "…"}

What is not plainly one of these is unreadable, with the reason: a call is not guessed out of broken JSON, where its
arguments could hold what looks like another.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, NoReturn, cast

from toolward.types import JsonObject

MAX_LENGTH = 1_000_000
"""Characters of a reply that are looked at."""

_ATTEMPTS = 64  # brackets in prose that may turn out to be none of ours
_OPENING = re.compile(r"[{\[]")
_ANSWER = re.compile(r'\s*(?:```\w*\s*)?\{\s*"type"\s*:\s*"final"\s*,\s*"answer"\s*:\s*"')
_CHARACTERS = re.compile(r'(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')
_HALF_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}$")
_THOUGHT = "</think>"
_LONGEST_START = 200  # characters before an answer begins
_FENCE = re.compile(r"```\w*\s*$")


class Wanted(NamedTuple):
    """A call. `arguments` is JSON text, or what stood in its place."""

    name: str
    arguments: str


class ToolActions(NamedTuple):
    calls: tuple[Wanted, ...]
    said: str  # before them


class FinalAction(NamedTuple):
    answer: str


class Unreadable(NamedTuple):
    why: str


NO_ACTION = Unreadable("there is no action in it")
"""Prose, or other JSON."""


Action = ToolActions | FinalAction | Unreadable


class _BrokenError(ValueError):
    pass


def read_action(text: str) -> Action:
    """The action of a whole reply."""
    text = without_thoughts(text)
    if len(text) > MAX_LENGTH:
        return Unreadable("it is too long")
    if (begun := AnswerText(text)).ended:
        return FinalAction(begun.answer)  # whatever comes behind it
    calls: list[Wanted] = []
    said = ""
    try:
        for start, value in _values(text):
            if (answer := _answer(value)) is not None:
                if not calls:
                    return FinalAction(answer)
                break  # it was written before the results were there
            if isinstance(value, dict) and cast(JsonObject, value).get("type") == "observation":
                break  # so was this
            found = _calls(value)
            said = said if calls else _FENCE.sub("", text[:start]).strip()
            calls += found
    except _BrokenError as error:
        return Unreadable(str(error))
    return ToolActions(tuple(calls), said) if calls else NO_ACTION


def without_thoughts(text: str) -> str:
    """Some servers leave a model's thoughts in its text."""
    return text.partition(_THOUGHT)[2] if text.lstrip().startswith("<think>") and _THOUGHT in text else text


class AnswerText:
    """The answer of a final action that is still coming: `feed` gives what became readable of it. Only what is not
    read yet is kept."""

    def __init__(self, text: str = "") -> None:
        self._pending = ""
        self._state: Literal["start", "thinking", "answer", "over"] = "start"
        self._said: list[str] = []
        self.ended = False
        self.feed(text)

    @property
    def answer(self) -> str:
        return "".join(self._said)

    def feed(self, text: str) -> str:
        if self._state == "over":
            return ""
        self._pending += text
        if self._state == "start":
            self._begin()
        if self._state == "thinking":
            self._think()
        return self._more() if self._state == "answer" else ""

    def _begin(self) -> None:
        if (begun := _ANSWER.match(self._pending)) is not None:
            self._pending = self._pending[begun.end() :]
            self._state = "answer"
        elif self._pending.lstrip().startswith("<think>"):
            self._state = "thinking"
        elif len(self._pending) > _LONGEST_START:
            self._state, self._pending = "over", ""

    def _think(self) -> None:
        before, end, after = self._pending.partition(_THOUGHT)
        self._pending = after if end else before[-len(_THOUGHT) :]
        if end:
            self._state = "start"
            self._begin()

    def _more(self) -> str:
        found = _CHARACTERS.match(self._pending)
        raw = found[0] if found else ""
        left = self._pending[len(raw) :]
        if left[:1] == '"':
            self.ended, self._state = True, "over"
        elif (half := _HALF_PAIR.search(raw)) is not None:  # the other half is still to come
            raw, left = raw[: half.start()], half[0] + left
        self._pending = left
        said = _storable(json.loads(f'"{raw}"', strict=False))
        self._said.append(said)
        return said


def _values(text: str) -> Iterator[tuple[int, Any]]:
    """The JSON values in a text, each with where it begins. Raises _BrokenError where one that could be an action
    cannot be read."""
    decoder = json.JSONDecoder(
        strict=False, parse_constant=_no_number
    )  # line ends in strings are a usual slip
    at = attempts = 0
    while (opening := _OPENING.search(text, at)) is not None:
        start = opening.start()
        attempts += 1
        try:
            value, at = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            if attempts > _ATTEMPTS or '"type"' in text[start:] or '"name"' in text[start:]:
                raise _BrokenError(f"its JSON is broken: {_told(error)}") from None
            at = start + 1
        else:
            yield start, value


def _answer(value: Any) -> str | None:
    if not isinstance(value, dict) or cast(JsonObject, value).get("type") != "final":
        return None
    given = cast(JsonObject, value)
    if "answer" not in given:
        raise _BrokenError('the final action has no "answer"')
    answer = given["answer"]
    return _storable(answer) if isinstance(answer, str) else _json(answer)


def _calls(value: Any) -> list[Wanted]:
    """Of one value: an action, a list of actions, or something else that is in the text."""
    if isinstance(value, list):
        return [call for inner in cast(list[Any], value) for call in _calls(inner)]
    if not isinstance(value, dict):
        return []
    given = cast(JsonObject, value)
    match given.get("type"):
        case "tool":
            return [_call(given)]
        case "tools":
            inner = given.get("calls")
            if not isinstance(inner, list) or not inner:
                raise _BrokenError('"calls" must be a list of calls')
            return [_call(call) for call in cast(list[Any], inner)]
        case None:
            return [_call(given)] if "name" in given and "arguments" in given else []
        case other:
            if "arguments" in given or "name" in given:
                raise _BrokenError(f'"type" must be "tool", "tools" or "final", not {_json(other)[:80]}')
            return []


def _call(value: Any) -> Wanted:
    given = cast(JsonObject, value) if isinstance(value, dict) else {}
    name, arguments = given.get("name"), given.get("arguments")
    if not isinstance(name, str) or not name:
        raise _BrokenError('a call has no "name"')
    if isinstance(arguments, str):  # JSON text, as other wires have it
        return Wanted(_storable(name), _storable(arguments))
    return Wanted(_storable(name), "{}" if arguments is None else _json(arguments))


def _json(value: Any) -> str:
    return _storable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _storable(text: str) -> str:
    """Pairs of surrogates made whole; halves replaced."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


def _told(error: Exception) -> str:
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)
