"""A model endpoint on the chat wire that does not think: `python endpoint.py`.

The name of a model says what it does: `scripted/50/look_0` calls `look_0` in 49 turns, once each, and answers in
the fiftieth. Which turn it is follows from the results that the conversation holds.
"""

import json

from benchmarks.loop.plain_http import serve

_MODEL = b"scripted/"
_RESULT = b'"tool_call_id"'
_USAGE = {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940}


def answered(_head: bytes, body: bytes) -> tuple[int, bytes]:
    at = body.find(_MODEL) + len(_MODEL)
    turns, tool = body[at : body.index(b'"', at)].decode().split("/")
    turn = body.count(_RESULT) + 1
    return 200, _answer(turn) if turn >= int(turns) else _call(turn, tool)


def _call(turn: int, tool: str) -> bytes:
    arguments = json.dumps({"order": f"ORD-{1000 + turn}", "customer": "CUS-2041"})
    call = {"id": f"call_{turn:04d}", "type": "function", "function": {"name": tool, "arguments": arguments}}
    said = f"I look at order ORD-{1000 + turn} next."
    return _completion({"role": "assistant", "content": said, "tool_calls": [call]}, "tool_calls")


def _answer(turn: int) -> bytes:
    return _completion({"role": "assistant", "content": f"After {turn} turns: all were shipped."}, "stop")


def _completion(message: object, reason: str) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    reply = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": "scripted"}
    return json.dumps(reply | {"choices": [choice], "usage": _USAGE}).encode()


if __name__ == "__main__":
    serve(answered)
