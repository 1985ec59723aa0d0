"""Output rules: what is redacted, that JSON stays JSON, and who may call a result trusted."""

import re
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.catalog import build_catalog
from gateway.core.dispatch import Dispatch
from gateway.core.outputs import AS_IT_IS, Output, Redactor
from gateway.core.patterns import BUILT_IN, own_pattern
from gateway.core.policy import bind
from tests.examples import examples
from tests.policies import policy, source
from tests.twins import TwinBackends, TwinClock, TwinIds, TwinLedger, listing
from toolward.errors import ConfigurationError, InvalidResult, ToolwardError, Unavailable, Violation
from toolward.outbound.connection import Interrupted
from toolward.types import (
    CallContext,
    EmbeddedResource,
    ImageContent,
    JsonObject,
    LogEntry,
    Principal,
    Progress,
    ResourceBody,
    ResourceLink,
    TextContent,
    Tool,
    ToolCall,
    ToolResult,
    text_result,
)

ALL = Redactor(tuple(BUILT_IN.values()))


def redacted(text: str, *names: str) -> str:
    return Redactor([BUILT_IN[name] for name in names] or list(BUILT_IN.values())).text(text)


# --- patterns -------------------------------------------------------------------------------------------

FOUND = {
    "email": [
        "ada@example.com",
        "a.b+c_d%e@sub-domain.example.co.uk",
        "müller@bücher.example",
        "o'neil@example.com",
    ],
    "card": [
        "4111111111111111",
        "4111 1111 1111 1111",
        "5500-0000-0000-0004",
        "3782 822463 10005",
        "30569309025904",
        "3056 930902 5904",
        "2223003122003222",
        "4222 2222 2222 2",
        "6304.0000.0000.0000.000",
    ],
    "iban": [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "gb82 west 1234 5698 7654 32",
        "NO93 8601 1117 947",
        "MT84-MALT-0110-0001-2345-MTLC-AST0-01S",
    ],
    "phone": [
        "+49 30 1234567",
        "+1 (555) 123-4567",
        "+442071838750",
        "(555) 123-4567",
        "555-123-4567",
        "555.123.4567",
    ],
    "secret": [
        "sk-" + "a1B2" * 8,
        "sk-ant-api03-" + "x_Y-" * 10,
        "sk_live_" + "a1" * 12,
        "ghp_" + "a1B2" * 9,
        "github_pat_" + "A1_b" * 8,
        "glpat-" + "a1-B" * 6,
        "xoxb-123456789012-abcdef",
        "AKIAIOSFODNN7EXAMPLE",
        "AIza" + "a" * 35,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIE+/=\n-----END RSA PRIVATE KEY-----",
    ],
}
CASES = [(name, text) for name, texts in FOUND.items() for text in texts]


@pytest.mark.parametrize(("name", "text"), CASES)
@pytest.mark.parametrize("around", [("", ""), ("Write to ", " today."), ('{"a":"', '"}'), ("\n(", "),")])
def test_a_built_in_pattern_finds_what_it_says(name: str, text: str, around: tuple[str, str]) -> None:
    before, after = around
    assert redacted(f"{before}{text}{after}", name) == f"{before}[redacted: {name}]{after}"


def test_a_private_key_that_was_cut_off_is_redacted_up_to_the_end() -> None:
    assert ALL.text("Key: -----BEGIN PRIVATE KEY-----\nMIIE") == "Key: [redacted: secret]"


@pytest.mark.parametrize(
    "text",
    [
        "not an address: a@b, @example.com, ada@",
        "4111111111111112 and 1234 5678 9012 3456 fail the Luhn check",
        "0000000000000000",
        "DE89 3704 0044 0532 0130 01 and XX89370400440532013000",
        "2026-11-25 10:30, 192.168.0.100, ORD-1007, 5000, 1.234.567",
        "+12 34, 1234567",
        "sk-short, bearer of news, AKIA, eyJ.eyJ.x",
        "-----BEGIN PUBLIC KEY-----",
    ],
)
def test_what_only_looks_alike_stays(text: str) -> None:
    assert ALL.text(text) is text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("12 4111 1111 1111 1111", "12 [redacted: card]"),
        ("1234 4111 1111 1111 1111", "1234 [redacted: card]"),
        ("4111 1111 1111 1111 123", "[redacted: card] 123"),
        ("4111111111111111,5500000000000004", "[redacted: card],[redacted: card]"),
        ("DE89 3704 0044 0532 0130 00 paid", "[redacted: iban] paid"),
        ("AB12 DE89 3704 0044 0532 0130 00", "AB12 [redacted: iban]"),
        ("ada@b@example.com", "ada@[redacted: email]"),
    ],
)
def test_a_failed_candidate_hides_no_real_one(text: str, left: str) -> None:
    assert redacted(text, "card", "iban", "email") == left


def test_what_overlaps_is_one() -> None:
    both = Redactor([own_pattern("left", "abc"), own_pattern("right", "cde")])
    assert both.text("abcde abc cde") == "[redacted: left] [redacted: left] [redacted: right]"


def test_what_one_redaction_lays_bare_is_redacted_too() -> None:
    both = Redactor([own_pattern("word", r"x{1,3}"), own_pattern("edge", r"^[0-9]{1,3}$")])
    assert both.text("xxx12") == "[redacted: word][redacted: edge]"


HOSTILE = [
    *("a" * 1_000_000, "a@" * 500_000, "a.a" * 300_000 + "@", "4" * 1_000_000, "4111 " * 200_000),
    *("eyJ-" * 250_000, "AA11 " * 200_000, "+1" * 500_000, "-----BEGIN PRIVATE KEY-----" * 37_000),
    *("4111 1111 1111 1112 " * 50_000, "a@b.c " * 160_000),
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_no_text_takes_more_than_linear_time(number: int) -> None:
    """Of the time that a tenth takes, the whole takes about ten times as much; quadratic would be a hundred."""
    text = HOSTILE[number]

    def seconds(part: str) -> float:
        began = time.process_time()
        ALL.text(part)
        return time.process_time() - began

    tenth = min(seconds(text[: len(text) // 10]) for _ in range(2))
    assert seconds(text) < 35 * max(tenth, 0.005)


# --- a policy's own patterns ----------------------------------------------------------------------------

BAD = {
    "a+": "repeats without an end (+)",
    "a*": "repeats without an end (*)",
    "a{3,}": "repeats without an end ({3,})",
    "[+*]x*": "repeats without an end (*)",
    "(a": "is not RE2's: missing ): (a",
    "(?=a)b": "is not RE2's: invalid perl operator",
    r"(a)\1": "is not RE2's: invalid escape sequence",
    "a?": "finds the empty text",
    "(a{1,1000}){1,1000}": "is not RE2's",
    "a" * 1001: "has 1,001 characters",
}


@pytest.mark.parametrize("text", BAD)
def test_a_pattern_that_could_take_long_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        own_pattern("mine", text)
    assert BAD[text] in caught.value.message


@pytest.mark.parametrize(
    "text", [r"\+\*", "[+*]{1,3}", r"\Q+*\E", "[]+]", "[^]*]x", r"[\]+]", "[[:digit:]+]"]
)
def test_a_plus_that_repeats_nothing_is_taken(text: str) -> None:
    own_pattern("mine", text)


RULES = """
version: 1
patterns:
  order: 'ORD-[0-9]{4,8}'
rules:
  - id: reads
    tools: [crm.*]
    effect: allow
    output: {redact: [order, email], trust: trusted}
"""


def test_a_pattern_of_one_file_is_known_in_another() -> None:
    from gateway.core.policy import parse_policy

    there = "version: 1\npatterns: {vat: 'DE[0-9]{9}'}\nrules: []"
    merged = parse_policy([source(RULES.replace("order,", "vat,"), "one.yaml"), source(there, "two.yaml")])
    assert [pattern.name for pattern in merged.rules[0].output.redact] == ["vat", "email"]


def test_the_digest_follows_patterns_and_trust() -> None:
    digests = {
        policy(text).digest
        for text in (RULES, RULES.replace("4,8", "4,9"), RULES.replace(": trusted", ": untrusted"))
    }
    assert len(digests) == 3


MISTAKES = {
    RULES.replace("4,8", "4,"): "4: The pattern order repeats without an end",
    RULES.replace("  order:", "  Order No:"): "4: the pattern's name 'Order No' must be",
    RULES.replace("  order:", "  email:"): "4: there is a pattern email already; that is a built-in one",
    RULES.replace("'ORD-[0-9]{4,8}'", "3"): "4: the pattern order must be a text",
    RULES.replace("[order, email]", "[ordre]"): "9: 'ordre' in `redact` is no pattern; did you mean order?",
    RULES.replace("[order, email]", "email"): "`redact` must be a list",
    RULES.replace("redact", "redcat"): "did you mean 'redact'?",
    RULES.replace("trust: trusted", "trust: yes"): "the trust 'yes' is not trusted or untrusted",
    RULES.replace("{redact: [order, email], trust: trusted}", "{}"): "`output` must be a mapping",
    RULES.replace("effect: allow", "effect: deny"): "only a rule that lets calls through has `output`",
    RULES.replace("  order: 'ORD-[0-9]{4,8}'", "  []"): "`patterns` must be a mapping",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_an_output_rule_is_refused_with_file_and_line(text: str) -> None:
    with pytest.raises(ToolwardError) as caught:
        policy(text)
    assert "policy.yaml:" in caught.value.message
    assert MISTAKES[text] in caught.value.message


# --- results --------------------------------------------------------------------------------------------


def test_every_text_of_a_result_is_looked_at() -> None:
    who, shown = "ada@example.com", "[redacted: email]"
    card = 4111111111111111
    result = ToolResult(
        (
            TextContent(f"Mail {who}.", {"audience": [who]}),
            ResourceLink(f"mailto:{who}", who, who, f"of {who}"),
            EmbeddedResource(ResourceBody(f"crm://{who}", "text/plain", f"from {who}")),
            ImageContent(b"ada@example.com", "image/png"),
        ),
        msgspec.json.encode({who: [who, {"n": card, "f": 1.5, "b": True, "z": None}], "k": 5}),
    )
    after = ALL.result(result)
    assert after.content == (
        TextContent(f"Mail {shown}.", {"audience": [shown]}),
        ResourceLink(f"mailto:{shown}", shown, shown, f"of {shown}"),
        EmbeddedResource(ResourceBody(f"crm://{shown}", "text/plain", f"from {shown}")),
        ImageContent(b"ada@example.com", "image/png"),
    )
    assert after.structured == {
        shown: [shown, {"n": "[redacted: card]", "f": 1.5, "b": True, "z": None}],
        "k": 5,
    }


def test_names_that_become_one_are_told_apart() -> None:
    value = {"a@x.org": 1, "b@x.org": 2, "[redacted: email]": 3}
    assert ALL.value(value) == {
        "[redacted: email] (2)": 1,
        "[redacted: email] (3)": 2,
        "[redacted: email]": 3,
    }


def test_structured_content_in_which_nothing_is_found_stays_the_bytes_that_came() -> None:
    raw = b'{ "a" : 1.50, "big": 123456789012345678901234567890 }'
    after = ALL.result(ToolResult(structured_json=raw))
    assert after.structured_json is raw


def test_without_patterns_nothing_is_parsed() -> None:
    result = ToolResult((TextContent("x"),), b"{not even json")
    assert AS_IT_IS.of(result) is result
    assert Output(trust="trusted").of(result).structured_json is result.structured_json


def test_errors_are_redacted() -> None:
    error = InvalidResult(
        "'ada@example.com' is wrong",
        hint="Ask bo@example.com",
        violations=[Violation("/ada@example.com", "'ada@example.com' is too long")],
        retry_after=3,
    )
    after = ALL.error(error)
    assert isinstance(after, InvalidResult)
    assert "example.com" not in f"{after.text} {after.violations}"
    assert after.retry_after == 3


def test_an_error_that_is_made_of_more_than_words_is_redacted_too() -> None:
    after = ALL.error(Interrupted("ada@example.com closed the connection.", started=True))
    assert isinstance(after, Unavailable)
    assert "example.com" not in after.text


PIECES = st.one_of(
    st.sampled_from([text for texts in FOUND.values() for text in texts]),
    st.sampled_from(
        ["[redacted: email]", "[redacted:", "]", "@", ".", " ", "-", "+", "4111", "DE89", "x", "\n"]
    ),
    st.text(max_size=8),
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)
JSON = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none() | st.just(4111111111111111),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OWN = own_pattern("own", "[a-z]{3,5}|[0-9]{2}")
REDACTORS = st.lists(
    st.sampled_from([*BUILT_IN.values(), OWN]), min_size=1, max_size=6, unique_by=lambda one: one.name
).map(Redactor)


@settings(max_examples=examples(100), deadline=None)
@given(TEXTS, REDACTORS)
def test_no_match_is_left_outside_of_the_marks_and_a_second_time_changes_nothing(
    text: str, redactor: Redactor
) -> None:
    after = redactor.text(text)
    assert redactor.text(after) is after
    patterns = redactor._patterns  # pyright: ignore[reportPrivateUsage] -- what it was made with
    names = "|".join(pattern.name for pattern in patterns)
    for piece in re.split(rf"\[redacted: (?:{names})\]", after):
        assert [list(pattern.find(piece)) for pattern in patterns] == [[]] * len(patterns)


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in strings(part)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- drawn JSON
    return [text for item in value for text in strings(item)] if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType] -- drawn JSON


def shape(value: Any) -> Any:
    """A value without its texts and whole numbers."""
    if isinstance(value, dict):
        return sorted(map(repr, map(shape, value.values())))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType] -- drawn JSON
    if isinstance(value, list):
        return [shape(item) for item in value]  # pyright: ignore[reportUnknownVariableType] -- drawn JSON
    return "text" if type(value) in (str, int) else value


@settings(max_examples=examples(80), deadline=None)
@given(JSON)
def test_redacted_json_is_json_of_the_same_shape_without_a_match(value: Any) -> None:
    result = ALL.result(ToolResult(structured_json=msgspec.json.encode(value)))
    assert result.structured_json is not None
    after = msgspec.json.decode(result.structured_json)
    assert shape(after) == shape(value)
    for text in strings(after):
        assert ALL.text(text) is text
    assert ALL.result(result).structured_json is result.structured_json


# --- through dispatch -----------------------------------------------------------------------------------

PROMISED: JsonObject = {
    "type": "object",
    "properties": {"mail": {"type": "string", "pattern": "@", "maxLength": 20}},
    "required": ["mail"],
}
ADA = Principal("ada")


class Gateway:
    def __init__(self, rules: str = RULES) -> None:
        self.clock = TwinClock()
        self.ledger = TwinLedger(self.clock)
        self.backends = TwinBackends(listing("crm", Tool("get", output_schema=PROMISED), Tool("note")))
        self.dispatch = Dispatch(self.backends, self.ledger, self.clock, TwinIds())
        catalog = build_catalog(self.backends.listings())
        self.dispatch.replace(catalog, bind(policy(rules), catalog))

    async def call(self, name: str = "crm.note", **context: Any) -> ToolResult:
        outcome = await self.dispatch.call_tool(ADA, ToolCall(name), CallContext(**context))
        assert isinstance(outcome, ToolResult)
        return outcome


async def test_the_promise_is_checked_on_what_came_and_redaction_is_after_it() -> None:
    gateway = Gateway()
    gateway.backends.answers["crm.get"] = ToolResult(structured_json=b'{"mail":"ada@example.com"}')
    assert (await gateway.call("crm.get")).structured == {"mail": "[redacted: email]"}
    gateway.backends.answers["crm.get"] = ToolResult(structured_json=b'{"mail":"a.long.name@example.com"}')
    with pytest.raises(InvalidResult) as caught:
        await gateway.call("crm.get")
    assert "example.com" not in f"{caught.value.text} {caught.value.violations}"
    assert "[redacted: email]" in caught.value.message
    (outcome,) = [one for one in gateway.ledger.outcomes.values() if one.code == "invalid_result"]
    assert "example.com" not in outcome.message


async def test_a_failure_that_the_tool_reports_is_redacted_too() -> None:
    gateway = Gateway()
    gateway.backends.answers["crm.note"] = text_result("No order ORD-1007 of ada@example.com", is_error=True)
    result = await gateway.call()
    assert result.is_error
    assert result.text == "No order [redacted: order] of [redacted: email]"
    gateway.backends.answers["crm.note"] = Unavailable("It said: ada@example.com is locked")
    with pytest.raises(Unavailable, match=r"It said: \[redacted: email\] is locked"):
        await gateway.call()


async def test_what_a_backend_says_while_it_works_is_redacted_too() -> None:
    gateway, heard = Gateway(), list[Any]()

    async def talks(_call: ToolCall, context: CallContext) -> ToolResult:
        assert context.progress is not None
        assert context.log is not None
        context.progress(Progress(1, 2, "at ada@example.com"))
        context.log(LogEntry("info", "of ada@example.com", {"who": "ada@example.com"}))
        return text_result("done")

    gateway.backends.answers["crm.note"] = talks
    await gateway.call(progress=heard.append, log=heard.append)
    shown = "[redacted: email]"
    assert heard == [Progress(1, 2, f"at {shown}"), LogEntry("info", f"of {shown}", {"who": shown})]


async def test_a_large_result_is_redacted_as_well() -> None:
    gateway = Gateway()
    gateway.backends.answers["crm.note"] = text_result("ada@example.com " * 10_000)
    assert (await gateway.call()).text == "[redacted: email] " * 10_000


@pytest.mark.parametrize("said", ["trusted", "untrusted"])
async def test_only_a_rule_makes_a_result_trusted(said: Any) -> None:
    answer = ToolResult((TextContent("x"),), trust=said)
    for rules, expected in ((RULES, "trusted"), (RULES.replace(", trust: trusted", ""), "untrusted")):
        gateway = Gateway(rules)
        gateway.backends.answers["crm.note"] = answer
        assert (await gateway.call()).trust == expected
