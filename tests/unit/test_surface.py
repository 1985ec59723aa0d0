"""Resources, templates and prompts of backends: what is offered to whom, and where a URI leads."""

import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.catalog import build_catalog
from gateway.core.dispatch import Bounds, Dispatch
from gateway.core.lock import BackendPins, ToolsLock, withhold
from gateway.core.policy import bind
from gateway.core.ports import Listing
from gateway.core.replaying import PastCall, replay
from gateway.core.surface import MAX_ENTRIES
from gateway.core.uri_templates import UriTemplate
from tests.examples import examples
from tests.policies import policy
from tests.twins import TwinBackends, TwinClock, TwinIds, TwinLedger
from toolward.errors import (
    ConfigurationError,
    DeadlineExceeded,
    Denied,
    InvalidArguments,
    InvalidRequest,
    InvalidResult,
    NotFound,
    ToolwardError,
    Unavailable,
)
from toolward.offers import Prompt, PromptMessage, PromptText, Resource, ResourceTemplate
from toolward.types import NO_CONTEXT, CallContext, Principal, ResourceBody, TextContent

ADA = Principal("ada", ("support",))
EVERYTHING = "  - {id: all, operations: [resource.read, prompt.get], effect: allow}\n"


def offering(
    backend: str,
    *uris: str,
    templates: tuple[str, ...] = (),
    prompts: tuple[str, ...] = (),
    problem: str = "",
) -> Listing:
    return Listing(
        backend,
        "stdio",
        backend,
        problem=problem,
        resources=tuple(Resource(uri, "r") for uri in uris),
        templates=tuple(ResourceTemplate(text, "t") for text in templates),
        prompts=tuple(Prompt(name) for name in prompts),
    )


class House:
    def __init__(self, rules: str, *listings: Listing, **bounds: Any) -> None:
        self.backends = TwinBackends(*listings)
        clock = TwinClock()
        self.ledger = TwinLedger(clock)
        self.dispatch = Dispatch(self.backends, self.ledger, clock, TwinIds(), Bounds(**bounds))
        catalog = build_catalog(listings)
        self.dispatch.replace(catalog, bind(policy("version: 1\nrules:\n" + rules), catalog))

    async def listed(self, who: Principal = ADA) -> list[str]:
        return [one.uri for one in (await self.dispatch.resources.list_resources(who)).resources]

    async def templates(self, who: Principal = ADA) -> list[str]:
        return [one.uri_template for one in (await self.dispatch.resources.list_templates(who)).templates]

    async def prompts(self, who: Principal = ADA) -> list[str]:
        return [one.name for one in (await self.dispatch.prompts.list_prompts(who)).prompts]

    async def read(self, uri: str, who: Principal = ADA, context: CallContext = NO_CONTEXT) -> str | None:
        (body,) = await self.dispatch.resources.read_resource(who, uri, context)
        return body.text


# --- templates ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "matching", "other"),
    [
        (
            "kb://articles/{id}",
            ["kb://articles/1", "kb://articles/a%20b"],
            ["kb://articles/1/2", "kb://other/1"],
        ),
        ("file:///{+path}", ["file:///a", "file:///a/b?c#d"], ["files:///a"]),
        ("a:{x}-{y}/z", ["a:1-2/z", "a:1-2-3/z"], ["a:12/z", "a:1-2/3/z"]),
        ("a:{+x}.{y}", ["a:b/c.d/e.txt"], ["a:b/c"]),
        ("a:s{?q,limit}", ["a:s", "a:s?q=1&limit=2"], ["a:s/1", "a:t"]),
        ("a:s?x=1{&q}", ["a:s?x=1&q=2"], ["a:s?x=12"]),
        ("a:b{/c,d}{.e}{;f}{#g}", ["a:b/1/2.e;f=1#g", "a:b"], ["a:bc"]),
        ("a:(b){x}", ["a:(b)1"], ["a:b1", "a:(b)\n/"]),
    ],
)
def test_a_uri_is_of_a_template_or_not(template: str, matching: list[str], other: list[str]) -> None:
    found = UriTemplate(template)
    assert [uri for uri in matching if not found.matches(uri)] == []
    assert [uri for uri in other if found.matches(uri)] == []


@pytest.mark.parametrize(
    "text", ["{+all}", "{scheme}://x", "no scheme {x}", "a:{x", "a:{!x}", "a:" + "{x}" * 21]
)
def test_what_could_catch_everything_or_is_none_finds_nothing(text: str) -> None:
    with pytest.raises(ConfigurationError):
        UriTemplate(text)


def test_a_hostile_template_costs_linear_time() -> None:
    hostile = UriTemplate("a:" + "{+x}a" * 20 + "!")
    began = time.process_time()
    assert not hostile.matches("a:" + "a" * 8000)
    assert time.process_time() - began < 0.5


# --- what is taken of a backend ---------------------------------------------------------------------------


def test_what_cannot_be_offered_is_left_out_and_told() -> None:
    listing = Listing(
        "kb",
        "stdio",
        "kb",
        resources=(
            Resource("kb://a", "a"),
            Resource("kb://a", "twice"),
            Resource("", "none"),
            Resource("kb://b\x1b[2J", "seen?"),
            Resource("kb://big", "b", description="x" * 70_000),
            Resource("kb://deep", "d", annotations={"a": _nested(200)}),
        ),
        prompts=(Prompt("fine name"), Prompt(""), Prompt("x" * 129)),
    )
    catalog = build_catalog([listing, offering("many", *(f"m:{n}" for n in range(MAX_ENTRIES + 5)))])
    assert [one.uri for one in catalog.surface.resources[:2]] == ["kb://a", "m:0"]
    assert list(catalog.surface.prompts) == ["kb.fine name"]
    for said in (
        "two of it",
        "cannot be seen",
        "70,",
        "nested",
        "1,005 resources; those after the first 1,000",
    ):
        assert any(said in problem for problem in catalog.problems), said
    assert len(catalog.problems) == 8


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(("mode", "pinned", "kept"), [("require", None, False), ("first-use", None, True)])
def test_a_backend_that_is_not_the_accepted_one_offers_nothing(mode: Any, pinned: Any, kept: bool) -> None:
    catalog = build_catalog([offering("kb", "kb://a", prompts=("p",))])
    assert bool(withhold(catalog, ToolsLock(), {}, mode).surface.resources) is kept
    moved = ToolsLock({"kb": BackendPins({"command": ["other"]})})
    held = withhold(catalog, moved, {"kb": {"command": ["kb"]}}, mode)
    assert (held.surface.resources, held.surface.prompts) == ((), {})
    assert "The resources and prompts of kb are withheld" in held.problems[0]


# --- where a URI leads ------------------------------------------------------------------------------------


async def test_a_uri_leads_to_its_backend_and_a_qualified_one_to_the_named() -> None:
    house = House(
        EVERYTHING,
        offering("kb", "kb://a", "kb://same", templates=("kb://of/{id}", "kb://{+rest}"), prompts=("ask",)),
        offering("wiki", "wiki://a", "kb://same", templates=("kb://of/{id}", "kb://of/wiki/{id}", "{+all}")),
    )
    assert await house.listed() == ["kb://a", "kb+kb://same", "wiki://a", "wiki+kb://same"]
    assert await house.templates() == [
        "kb+kb://of/{id}",
        "kb://{+rest}",
        "wiki+kb://of/{id}",
        "kb://of/wiki/{id}",
        "wiki+{+all}",
    ]
    assert await house.prompts() == ["kb.ask"]
    for uri, backend, own in [
        ("kb://a", "kb", "kb://a"),
        ("wiki+kb://same", "wiki", "kb://same"),
        ("kb+kb://nowhere/listed", "kb", "kb://nowhere/listed"),
        ("kb://else", "kb", "kb://else"),
        ("kb://of/wiki/1", "wiki", "kb://of/wiki/1"),
        ("wiki+any thing", "wiki", "any thing"),
    ]:
        assert await house.read(uri) == f"{backend}+{own}"
    for uri in ("kb://same", "kb://of/1"):
        with pytest.raises(InvalidArguments, match=re.escape(f"kb+{uri}, wiki+{uri}")):
            await house.read(uri)
    for uri in ("nobody://x", "nobody+kb://a", "", "x" * 9000, "kb://a\x00"):
        with pytest.raises(NotFound):
            await house.read(uri)


async def test_no_backend_takes_the_name_of_another() -> None:
    house = House(
        EVERYTHING, offering("kb", "kb://a"), offering("evil", "kb+kb://a", templates=("kb+kb://{x}",))
    )
    assert await house.listed() == ["kb://a", "evil+kb+kb://a"]
    assert await house.templates() == ["evil+kb+kb://{x}"]
    assert await house.read("kb+kb://a") == "kb+kb://a"
    assert await house.read("evil+kb+kb://a") == "evil+kb+kb://a"


async def test_what_a_caller_may_not_read_is_not_there_and_takes_nobodys_uri() -> None:
    rules = "  - {id: wiki, operations: [resource.read], resource: {backend: [wiki]}, effect: allow}\n"
    house = House(rules, offering("kb", "kb://same", prompts=("p",)), offering("wiki", "kb://same"))
    assert await house.listed() == ["kb://same"]
    assert await house.read("kb://same") == "wiki+kb://same"
    with pytest.raises(NotFound) as hidden:
        await house.read("kb+kb://same")
    with pytest.raises(NotFound) as absent:
        await house.read("kb+kb://none")
    assert hidden.value.text == absent.value.text.replace("none", "same")
    assert await house.prompts() == []
    with pytest.raises(NotFound):
        await house.dispatch.prompts.get_prompt(ADA, "kb.p", {}, NO_CONTEXT)


async def test_a_key_for_other_operations_reads_nothing() -> None:
    house = House(EVERYTHING, offering("kb", "kb://a", prompts=("p",)))
    reads = Principal("ada", ("support",), scopes=("resource.read",))
    assert (await house.listed(reads), await house.prompts(reads)) == (["kb://a"], [])
    with pytest.raises(NotFound):
        await house.read("kb://a", Principal("ada", ("support",), scopes=("kb.*", "prompt.get")))


async def test_a_caller_who_knows_the_family_is_told_which_rule_denies_one_of_it() -> None:
    rules = EVERYTHING + (
        "  - {id: not-thirteen, operations: [resource.read], resource: {uri: ['*/13']}, effect: deny,"
        " description: Thirteen is not read}\n"
    )
    house = House(rules, offering("kb", "kb://a", templates=("kb://of/{id}",)))
    assert await house.read("kb://of/12") == "kb+kb://of/12"
    for uri in ("kb://of/13", "kb+kb://of/13"):
        with pytest.raises(Denied, match="not-thirteen denies it: Thirteen is not read"):
            await house.read(uri)
    assert [outcome.code for _, outcome in house.ledger.refused] == ["denied", "denied"]
    assert [name for name, _ in house.backends.asked] == ["kb+kb://of/12"]


async def test_a_backend_that_is_away_is_unavailable_to_those_who_may_read_it() -> None:
    down = offering("kb", problem="connection refused")
    for rules, expected in ((EVERYTHING, Unavailable), ("  []\n", NotFound)):
        house = House(rules, down)
        with pytest.raises(expected):
            await house.read("kb+kb://a")
        with pytest.raises(expected):
            await house.dispatch.prompts.get_prompt(ADA, "kb.p", {}, NO_CONTEXT)


async def test_lists_come_in_pages_and_a_cursor_is_of_the_callers_own_list() -> None:
    house = House(EVERYTHING, offering("kb", *(f"kb:{n}" for n in range(5))), page=2)
    provider = house.dispatch.resources
    seen: list[str] = []
    cursor = None
    while True:
        page = await provider.list_resources(ADA, cursor)
        seen += [one.uri for one in page.resources]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == [f"kb:{n}" for n in range(5)]
    with pytest.raises(InvalidRequest):
        await provider.list_resources(ADA, "kb:9")


URIS = ["a:x", "a:y", "b:x", "kb+a:x", "wiki+b:x"]
TEMPLATES = ["a:{x}", "b:{+x}", "a:y{z}", "kb+a:{x}", "{+all}"]
PATTERNS = ["a:*", "b:*", "*x", "a:y", "kb+*", "*"]


@st.composite
def rules(draw: st.DrawFn) -> str:
    made = ""
    for number in range(draw(st.integers(0, 4))):
        effect = draw(st.sampled_from(["allow", "allow", "deny"]))
        backends = draw(st.lists(st.sampled_from(["kb", "wiki", "*"]), min_size=1, max_size=2))
        uri = draw(st.sampled_from(PATTERNS))
        made += (
            f"  - {{id: r{number}, operations: [resource.read], effect: {effect},"
            f" resource: {{backend: {backends!r}, uri: ['{uri}']}}}}\n"
        )
    return made or "  []\n"


OFFERED = st.tuples(
    st.lists(st.sampled_from(URIS), unique=True), st.lists(st.sampled_from(TEMPLATES), unique=True)
)


@settings(max_examples=examples(50), deadline=None)
@given(rules(), OFFERED, OFFERED)
async def test_law_what_is_listed_is_what_may_be_read_and_each_leads_to_the_backend_that_lists_it(
    text: str, kb: tuple[list[str], list[str]], wiki: tuple[list[str], list[str]]
) -> None:
    house = House(
        text,
        offering("kb", *kb[0], templates=tuple(kb[1])),
        offering("wiki", *wiki[0], templates=tuple(wiki[1])),
    )
    decide = house.dispatch.policy.decide_operation
    listed = await house.listed()
    reached = {await house.read(uri) for uri in listed}
    assert len(reached) == len(listed)
    for backend, (uris, templates) in (("kb", kb), ("wiki", wiki)):
        for uri in uris:
            allowed = decide(ADA, "resource.read", {"backend": backend, "uri": uri}).effect == "allow"
            assert (f"{backend}+{uri}" in reached) is allowed
            try:
                assert await house.read(f"{backend}+{uri}") == f"{backend}+{uri}"
            except ToolwardError:
                assert not allowed
            else:
                assert allowed
        shown = await house.templates()
        for template in templates:
            allowed = decide(ADA, "resource.read", {"backend": backend, "uri": template}).effect == "allow"
            assert bool({template, f"{backend}+{template}"} & set(shown)) or not allowed
    for name, _ in house.backends.asked:
        backend, _, uri = name.partition("+")
        assert decide(ADA, "resource.read", {"backend": backend, "uri": uri}).effect == "allow"


# --- the road ---------------------------------------------------------------------------------------------

REDACTING = (
    "  - {id: all, operations: [resource.read, prompt.get], effect: allow, output: {redact: [email]}}\n"
)


async def test_what_was_read_is_on_record_and_redacted_where_the_rule_says_so() -> None:
    house = House(REDACTING, offering("kb", "kb://a", prompts=("ask",)))
    house.backends.offered["kb+kb://a"] = (
        ResourceBody("kb://a", "text/plain", text="of ada@example.org"),
        ResourceBody("kb://a#2", blob=b"ada@example.org"),
    )
    house.backends.offered["kb.ask"] = PromptText(
        (PromptMessage(TextContent("to ada@example.org"), "assistant"),), "for ada@example.org"
    )
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    context = CallContext(timeout=5, hops=2, traceparent=trace, on_behalf_of="somebody")
    bodies = await house.dispatch.resources.read_resource(ADA, "kb://a", context)
    assert [(one.text, one.blob) for one in bodies] == [
        ("of [redacted: email]", None),
        (None, b"ada@example.org"),
    ]
    filled = await house.dispatch.prompts.get_prompt(ADA, "kb.ask", {"q": "x"}, context)
    assert filled == PromptText(
        (PromptMessage(TextContent("to [redacted: email]"), "assistant"),), "for [redacted: email]"
    )
    sent = {name: (one.hops, one.on_behalf_of, one.traceparent) for name, one in house.backends.asked}
    assert sent == {"kb+kb://a": (3, "", trace), "kb.ask": (3, "", trace)}
    recorded = [
        (one.tool, one.effect, one.rule, one.changes, one.trace_id) for one in house.ledger.intents.values()
    ]
    assert recorded == [
        ("kb.resources/read", "allow", "all", False, "a" * 32),
        ("kb.prompts/get", "allow", "all", False, "a" * 32),
    ]
    assert list(house.ledger.payloads.values()) == [
        b'{"uri":"kb://a"}',
        b'{"name":"ask","arguments":{"q":"x"}}',
    ]
    assert [one.code for one in house.ledger.outcomes.values()] == ["ok", "ok"]
    past = [
        PastCall(one.id, one.at, ADA, one.tool, one.effect, one.rule, house.ledger.payloads[one.id])
        for one in house.ledger.intents.values()
    ]
    only_prompts = (
        "  - {id: p, operations: [prompt.get], resource: {prompt: [ask], backend: [kb]}, effect: allow}\n"
    )
    candidate = bind(policy("version: 1\nrules:\n" + only_prompts), house.dispatch.catalog)
    again = replay(past, candidate, house.dispatch.catalog, lambda _name: None)
    assert (again.kinds, again.moved, again.lost) == ({"allow -> deny": 1}, 1, {})


@pytest.mark.parametrize(
    ("answer", "context", "expected"),
    [
        ((ResourceBody("kb://a", text="x" * 2000),), NO_CONTEXT, InvalidResult),
        ((ResourceBody("kb://a", blob=b""),) * 10_001, NO_CONTEXT, InvalidResult),
        (NotFound("It is gone."), NO_CONTEXT, NotFound),
        ((), CallContext(hops=9), InvalidRequest),
        ((), CallContext(timeout=0), DeadlineExceeded),
    ],
)
async def test_what_goes_wrong_is_an_error_and_on_record_if_it_was_sent(
    answer: Any, context: CallContext, expected: type[ToolwardError]
) -> None:
    house = House(EVERYTHING, offering("kb", "kb://a"), result_bytes=1000)
    house.backends.offered["kb+kb://a"] = answer
    with pytest.raises(expected) as caught:
        await house.read("kb://a", context=context)
    sent = [one.code for one in house.ledger.outcomes.values()]
    assert sent == ([caught.value.code] if house.backends.asked else [])
