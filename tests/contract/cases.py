"""What every door must do alike, whoever stands behind it."""

from typing import Any, NamedTuple

from tests.contract.drivers import Driver, Told

BIG = 123456789012345678901234567890


class Case(NamedTuple):
    """A question and what it must bring: the code, and the text (or a part of it). `{tool}` is its name there."""

    what: str
    tool: str
    arguments: bytes
    code: str
    says: str = ""
    structured: Any = None


CASES = [
    Case("a plain call", "add", b'{"a":2,"b":3}', "ok", '{"sum":5}', {"sum": 5}),
    Case("a default", "add", b'{"a":2}', "ok", "", {"sum": 2}),
    Case("integers of any size", "add", b'{"a":%d}' % BIG, "ok", "", {"sum": BIG}),
    Case(
        "text beyond the first plane",
        "echo",
        '{"value":"\U0001f984 \u202e"}'.encode(),
        "ok",
        "",
        {"value": "\U0001f984 \u202e"},
    ),
    Case("empty and null", "echo", b'{"value":[null,"",{},[]]}', "ok", "", {"value": [None, "", {}, []]}),
    Case(
        "a failure of the tool's own", "fail", b"{}", "tool_error", "the shop is closed; come back tomorrow"
    ),
    Case("a bug in the tool", "crash", b"{}", "internal", "failed inside"),
    Case("a deadline", "sleep", b"{}", "deadline_exceeded", "longer than 0.05 seconds"),
    Case(
        "a missing argument",
        "add",
        b"{}",
        "invalid_arguments",
        'The arguments of {tool} are wrong: "a" is a required property.',
    ),
    Case("a wrong type", "add", b'{"a":"5"}', "invalid_arguments", '/a: "5" is not of type "integer"'),
    Case(
        "an unknown argument",
        "add",
        b'{"a":1,"bb":2}',
        "invalid_arguments",
        "unknown argument 'bb', did you mean 'b'?",
    ),
    Case(
        "an argument of 6 MB",
        "echo",
        b'{"value":"%b"}' % (b"x" * 6_000_000),
        "too_large",
        "The arguments of {tool} are 6,000,012 bytes; at most 4,194,304 are taken.",
    ),
    Case(
        "JSON 10,000 levels deep",
        "echo",
        b'{"value":%b}' % (b"[" * 10_000 + b"]" * 10_000),
        "too_large",
        "arguments of {tool} are nested more than 64 levels deep. Send a flatter value.",
    ),
    Case("an unknown tool", "ad", b"{}", "unknown_tool", "There is no tool named '{tool}'."),
]


async def check(driver: Driver, case: Case, tool: str) -> Told:
    told = await driver.call(tool, case.arguments)
    assert told.code == case.code, told
    assert case.says.replace("{tool}", tool) in told.text, told.text
    if case.structured is not None:
        assert told.structured == case.structured
    return told
