"""The room *Tools*: what is there, how it is, and a call that is decided before it is sent."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.console_house import POLICY, Visitor, gateway_with, visiting

DEAD = """
version: 1
backends:
  fixture: {command: [COMMAND], env: {PYTHONPATH: ROOT}}
  dead: {grpc: "127.0.0.1:1"}
policies: [policy.yaml]
agents: [clerk.yaml]
"""
ADD = 'form[action="/tools/fixture.add#call"]'


@pytest.fixture(scope="module")
async def visitor(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Visitor]:
    async with gateway_with(tmp_path_factory.mktemp("tools")) as gateway, visiting(gateway) as one:
        yield one


async def test_a_dead_server_is_shown_with_its_reason_beside_the_others(tmp_path: Path) -> None:
    async with gateway_with(tmp_path, config=DEAD) as gateway, visiting(gateway) as visitor:
        page = await visitor.get("/tools")
    assert "down" in page.one("#backend-dead").text()
    assert "127.0.0.1:1" in page.one("#backend-dead").text()
    said = [one.text() for one in page.one("#backend-dead").css("p")]
    assert said
    assert not [one for one in said if any(one != other and one in other for other in said)], said
    assert "ok" in page.one("#backend-fixture").text()
    assert "/tools/fixture.add" in page.links()


async def test_tools_are_found_by_words_of_their_names_and_descriptions(visitor: Visitor) -> None:
    found = await visitor.get("/tools?q=fixture+add")
    assert [one for one in found.links() if one.startswith("/tools/")] == ["/tools/fixture.add"]
    assert "No tool fits “zzz”." in (await visitor.get("/tools?q=zzz")).text


async def test_a_call_is_decided_then_made_by_three_forms_without_a_script(visitor: Visitor) -> None:
    page = await visitor.get("/tools/fixture.add")
    page = await visitor.send(page, ADD, arg__a="2", arg__b="3", do="check")
    assert "allow This call may be made: the rule everything allows it." in page.text
    assert page.fields(ADD)["arg.a"] == "2"
    page = await visitor.send(page, ADD, do="call")
    assert '"sum": 5' in page.text


async def test_a_denied_call_says_why_and_is_not_made_even_when_asked_for(visitor: Visitor) -> None:
    page = await visitor.get("/tools/fixture.add")
    page = await visitor.send(page, ADD, arg__a="2", arg__b="13", do="call")
    assert "deny This call may not be made: the rule no-thirteen" in page.text
    assert "Thirteen is not added" in page.text
    assert "Result" not in page.text


async def test_a_call_that_needs_a_person_leads_to_the_request(visitor: Visitor) -> None:
    echo = 'form[action="/tools/fixture.echo#call"]'
    page = await visitor.send(await visitor.get("/tools/fixture.echo"), echo, arg__value='"x"', do="call")
    assert page.url.path.startswith("/inbox/req_")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"arg__a": "two"}, "'two' is not a number"),
        ({"arg__a": "2.5"}, "/a:"),
        ({}, '"a" is a required property'),
    ],
)
async def test_what_is_wrong_is_told_and_nothing_typed_is_lost(
    visitor: Visitor, typed: dict[str, str], said: str
) -> None:
    page = await visitor.send(await visitor.get("/tools/fixture.add"), ADD, **typed, do="check")
    assert said in page.text
    assert page.fields(ADD)["arg.a"] == typed.get("arg__a", "")


@pytest.mark.parametrize("long", ["\n" * 30, "x" * 3_000, list(range(40))])
async def test_no_argument_hides_another_below_it(visitor: Visitor, long: Any) -> None:
    echo = 'form[action="/tools/fixture.echo#call"]'
    page = await visitor.get("/tools/fixture.echo?as=json")
    page = await visitor.send(page, echo, arguments=json.dumps({"value": long}), do="call")
    assert page.url.path.startswith("/inbox/req_")
    assert (
        page.one(".asked dl pre").attributes["tabindex"] == "0"
    )  # it scrolls in a place of its own, also by keys


async def test_form_and_json_are_two_ways_to_say_the_same(visitor: Visitor) -> None:
    page = await visitor.get("/tools/fixture.add")
    page = await visitor.send(page, ADD, arg__a="2", do="json")
    assert page.fields(ADD)["arguments"] == '{\n  "a": 2,\n  "b": 0\n}'
    page = await visitor.send(page, ADD, arguments='{"a": 4}', do="form")
    assert page.fields(ADD)["arg.a"] == "4"
    page = await visitor.send(
        await visitor.get("/tools/fixture.add?as=json"), ADD, arguments='{"a": ', do="check"
    )
    assert "not valid JSON" in page.text
    assert page.fields(ADD)["arguments"] == '{"a": '


async def test_who_may_call_nothing_learns_of_no_tool(tmp_path: Path) -> None:
    policy = POLICY.replace('"fixture.*"', '"other.*"').replace("fixture.echo", "other.echo")
    policy = policy.replace("fixture.add", "other.add")
    async with gateway_with(tmp_path, policy=policy) as gateway, visiting(gateway) as visitor:
        assert "fixture.add" not in (await visitor.get("/tools")).text
        assert (await visitor.get("/tools/fixture.add")).status == 404


async def test_a_text_that_begins_with_a_line_feed_keeps_it(visitor: Visitor) -> None:
    echo = 'form[action="/tools/fixture.echo#call"]'
    page = await visitor.send(await visitor.get("/tools/fixture.echo"), echo, arg__value="\n{", do="check")
    assert "is not JSON" in page.text
    assert page.fields(echo)["arg.value"] == "\n{"


async def test_a_result_that_no_browser_would_bear_is_shown_by_its_beginning(tmp_path: Path) -> None:
    echo = 'form[action="/tools/fixture.echo#call"]'
    policy = POLICY.replace("effect: ask, approvers: [self]", "effect: allow")
    long = json.dumps({"value": "\u202e" * 300_000}, ensure_ascii=False)
    async with gateway_with(tmp_path, policy=policy) as gateway, visiting(gateway) as visitor:
        page = await visitor.get("/tools/fixture.echo?as=json")
        page = await visitor.send(page, echo, arguments=long, do="call")
        shown = [one.text() for one in page.html.css("main pre") if "more is not shown" in one.text()]
        assert shown
        assert not page.html.css("#copies")  # which would be four times as much
        assert all(len(one) < 310_000 for one in shown)
        await gateway.ledger.checkpoint()
        calls = await visitor.get("/calls")
        call = await visitor.get(next(link for link in calls.links() if link.startswith("/calls/call_")))
        assert len(call.one("#came ~ pre").text()) < 310_000
        assert len(call.one("#sent ~ dl dd").text()) < 310_000
        whole = await visitor.client.get(f"{call.url.path}.json")
        assert len(whole.json()["result"]["structured"]["value"]) == 300_000
