"""The room *Policies*: the rules and what they did, why a call is decided as it is, a change tried, then saved."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from gateway.bootstrap import Gateway, open_gateway
from gateway.config.parse import read_settings
from gateway.config.shipped import shipped_policies
from gateway.core.ports import CallFilter
from tests.integration import console_house
from tests.integration.console_house import CONFIG, Page, Visitor, gateway_with, visiting
from toolward.errors import ToolwardError
from toolward.types import NO_CONTEXT, InputRequired, Principal, ToolCall

LOCAL = Principal("local", ("operator",))
STRANGER = Principal("eve", ("operator",), "acme")
POLICY = console_house.POLICY.lstrip()
CHANGE = 'form[action="/policies/change"]'
TABLE = """
version: 1
policies: [policy.yaml]
principals: ["role:operator"]
cases:
  - {operation: policy.write, effect: allow, rule: at-home}
  - {operation: policy.read, effect: deny, rule: ""}
"""


class Room(NamedTuple):
    gateway: Gateway
    visitor: Visitor
    folder: Path

    @property
    def policy(self) -> Path:
        return self.folder / "policy.yaml"

    async def call(self, tool: str, arguments: bytes, who: Principal = LOCAL) -> str:
        """Made or refused: its id on record, or that of the request that waits for an answer."""
        with suppress(ToolwardError):
            found = await self.gateway.dispatch.call_tool(who, ToolCall(tool, arguments), NO_CONTEXT)
            if isinstance(found, InputRequired):
                return found.requests[0].id
        await self.gateway.ledger.checkpoint()  # everything until now is stored
        page = await self.gateway.ledger.find_calls(who.tenant, CallFilter(), size=1, cursor=None)
        return page.calls[0].id

    async def tries(self, page: Page, text: str) -> Page:
        return await self.visitor.send(page, CHANGE, text=text, do="try")


@asynccontextmanager
async def room_of(gateway: Gateway, folder: Path) -> AsyncGenerator[Room]:
    async with visiting(gateway) as visitor:
        yield Room(gateway, visitor, folder)


@pytest.fixture(scope="module")
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Room]:
    """Nobody saves anything here."""
    folder = tmp_path_factory.mktemp("policies")
    (folder / "policy_test.yaml").write_text(TABLE)
    async with gateway_with(folder, policy=POLICY) as gateway, room_of(gateway, folder) as one:
        yield one


async def test_rules_are_shown_with_their_hits_and_found_by_words_effects_and_tools(room: Room) -> None:
    await room.call("fixture.add", b'{"a": 1, "b": 2}')
    page = await room.visitor.get("/policies")
    assert "in the last 7 days" in page.text
    hit, never = page.one("#rule-everything").text(), page.one("#rule-echo-asks").text()
    assert "never hit" in never
    assert "never hit" not in hit
    assert "/calls?rule=everything" in page.links()
    assert "—" in page.one("#rule-at-home").text()  # operations are not on record
    assert "effect: ask, approvers: [self]" in page.one("#rule-echo-asks pre").text()
    for query, found in (
        ("q=thirteen", ["no-thirteen"]),
        ("effect=ask", ["echo-asks"]),
        ("tool=fixture.echo", ["everything", "echo-asks"]),
        ("state=problem", []),
        ("q=zzz", []),
    ):
        narrowed = await room.visitor.get(f"/policies?{query}")
        assert [one.attributes["id"] for one in narrowed.html.css("tbody tr")] == [
            f"rule-{one}" for one in found
        ]


async def test_a_decision_table_is_shown_beside_the_file_and_run(room: Room) -> None:
    page = await room.visitor.get("/policies")
    (link,) = [one for one in page.links() if one.startswith("/policies/table?")]
    found = await room.visitor.get(link)
    assert "1 of 2 cases pass" in found.text
    assert "expected deny by no rule, got allow by at-home" in found.text
    assert (await room.visitor.get("/policies/table?name=/etc/passwd")).status == 404


async def test_why_a_call_was_denied_is_a_sentence_and_then_every_rule(room: Room) -> None:
    call = await room.call("fixture.add", b'{"a": 2, "b": 13}')
    page = await room.visitor.get(f"/policies/why?call={call}")
    assert "Denied by rule 2 no-thirteen: Thirteen is not added." in page.text
    decided = page.one("tr.chosen").text()
    assert "no-thirteen" in decided
    assert "decided" in decided
    assert "matches, but no-thirteen decides" in page.text
    assert page.one('textarea[name="arguments"]').text().split() == ["{", '"a":', "2,", '"b":', "13", "}"]
    assert {f"/policies/change?call={call}", f"/policies/change?call={call}&as=edit"} <= set(page.links())


async def test_why_is_asked_of_tools_and_operations_of_anybody_and_mistakes_keep_the_form(room: Room) -> None:
    async def why(**query: str) -> Page:
        return await room.visitor.get(f"/policies/why?{urlencode(query)}")

    assert (
        "A person is asked by rule 3"
        in (await why(tool="fixture.echo", arguments='{"value": "x"}', principal="role:x")).text
    )
    assert (
        "Denied: no rule allows it."
        in (await why(tool="fixture.add", arguments='{"a": 1}', principal="role:x")).text
    )
    assert "Allowed by rule 4 at-home." in (await why(tool="run.start", arguments='{"agent": "clerk"}')).text
    for query, said in (
        ({"tool": "fixture.ad", "arguments": "{}"}, "Did you mean fixture.add?"),
        ({"tool": "fixture.add", "arguments": "{"}, "JSON"),
        ({"tool": "fixture.add", "arguments": '{"a": "x"}'}, "/a"),
        ({"tool": "fixture.add", "principal": "nonsense"}, "user:ada,role:support"),
        ({"tool": "run.start", "arguments": "{}"}, "lacks the attribute 'agent'"),
        ({"tool": "fixture.add", "arguments": '{"a": 1}', "agent": "nobody"}, "no agent"),
    ):
        page = await why(**query)
        assert page.status == 200
        assert said in page.one("main [role=alert]").text()
        assert page.one("#tool").attributes["value"] == query["tool"]


async def test_calls_of_another_tenant_are_not_found_and_not_counted(room: Room) -> None:
    theirs = await room.call("fixture.add", b'{"a": 5, "b": 13}', STRANGER)
    for path in ("why", "change"):
        assert (await room.visitor.get(f"/policies/{path}?call={theirs}")).status == 404
    text = room.policy.read_text().replace("args.b == 13", "args.a == 5")
    page = await room.tries(await room.visitor.get("/policies/change"), text)
    assert theirs not in " ".join(page.links())


async def test_a_change_is_tried_on_this_call_and_the_last_days(room: Room) -> None:
    call = await room.call("fixture.add", b'{"a": 3, "b": 13}')
    page = await room.visitor.get(f"/policies/change?call={call}&as=edit")
    before = room.policy.read_text()
    assert page.fields(CHANGE)["text"] == before
    page = await room.tries(page, before.replace("b == 13", "b == 14"))
    assert "Denied by rule 2 no-thirteen" in page.one(".compared").text()
    assert "Allowed by rule 1 everything" in page.one(".compared").text()
    assert "destructive" in page.text
    assert f"/calls/{call}" in page.links()
    assert page.one(".difference .added").text().strip().endswith("args.b == 14")
    page = await room.tries(page, before.replace("effect", "efect"))
    assert "policy.yaml:3: there is no key 'efect' here" in page.one("main [role=alert]").text()
    page = await room.tries(page, before.replace('operations: ["*"]', 'operations: ["run.*"]'))
    assert "You could not change policies any more" in page.text
    page = await room.tries(page, f"{before}# \u202e\n")
    assert "a character that cannot be seen: U+202E" in page.text
    assert room.policy.read_text() == before


async def test_allow_like_this_fills_in_a_rule_and_saves_nothing(room: Room) -> None:
    request = await room.call("fixture.echo", b'{"value": "it\'s \\u202e \\"so\\""}')
    before = room.policy.read_text()
    page = await room.visitor.get(f"/policies/change?request={request}")
    assert 'principals: ["user:local"]' in page.text
    assert "the rule echo-asks leaves just this call out" not in page.text  # it stands in one line, as flow
    assert "With this rule it is still not allowed. A person is asked by rule 3" in page.text
    denied = await room.call("fixture.add", b'{"a": 4, "b": 13}')
    page = await room.visitor.get(f"/policies/change?call={denied}")
    assert "deny beats allow" in page.text
    page = await room.visitor.get("/policies/change?tool=fixture.add&principal=role:support")
    assert "names no user" in page.one("main [role=alert]").text()
    assert "user:nobody" not in page.fields(CHANGE)["text"]
    page = await room.visitor.get("/policies/change?tool=fixture.nothing")
    assert page.status == 404
    page = await room.visitor.get("/policies/change?tool=ledger.read")
    assert "is no tool" in page.one("main [role=alert]").text()
    assert room.policy.read_text() == before


async def test_what_came_with_toolward_is_tried_and_taken_away_as_a_file(tmp_path: Path) -> None:
    (shipped,) = shipped_policies()
    config = CONFIG.replace("policy.yaml", str(shipped)).replace("agents: [clerk.yaml]\n", "")
    async with gateway_with(tmp_path, config=config) as gateway, room_of(gateway, tmp_path) as room:
        page = await room.tries(await room.visitor.get("/policies/change"), shipped.read_text() + "# x\n")
        assert "policies: [policies/mine.yaml]" in page.text
        assert [one.attributes["value"] for one in page.html.css(f"{CHANGE} button")] == ["try", "copy"]
        fields = page.fields(CHANGE)
        answer = await room.visitor.client.post("/policies/change", data=fields | {"do": "copy"})
        assert answer.text == shipped.read_text() + "# x\n"
        assert answer.headers["content-disposition"] == 'attachment; filename="mine.yaml"'
        answer = await room.visitor.client.post("/policies/change", data=fields | {"do": "save"})
        assert answer.status_code == 403


async def test_no_link_claims_that_something_was_saved(room: Room) -> None:
    for claimed in (f"{room.policy}&taken=1", "eyJ9.abc", "WyJub25jZSIsInBvbGljeS55YW1sIix0cnVlXQ.abc"):
        assert "was saved" not in (await room.visitor.get(f"/policies?saved={claimed}")).text


async def test_who_may_only_read_policies_tries_and_does_not_save(tmp_path: Path) -> None:
    reading = POLICY.replace('operations: ["*"]', "operations: [policy.read]")
    async with gateway_with(tmp_path, policy=reading) as gateway, room_of(gateway, tmp_path) as room:
        page = await room.visitor.get("/policies")
        assert not page.html.css(".never")  # what is on record is not theirs to read
        page = await room.tries(await room.visitor.get("/policies/change"), reading + "# x\n")
        assert "no rule allows you policy.write" in page.text
        page = await room.visitor.send(page, CHANGE, do="save")
        assert page.status == 403
        assert "policy.write" in page.text
        assert room.policy.read_text().endswith(reading[-40:])


async def test_who_would_shut_themself_out_is_told_where_they_would_do_it(tmp_path: Path) -> None:
    async with gateway_with(tmp_path) as gateway, room_of(gateway, tmp_path) as room:
        start = await room.visitor.get("/policies/change")
        page = await room.tries(start, POLICY + "# the same\n")
        assert page.one(f"{CHANGE} button[value=save]").text().endswith("policy.yaml")
        page = await room.tries(start, "version: 1\nrules: []\n")
        assert "You could not change policies any more" in page.text
        assert page.one(f"{CHANGE} button[value=save]").text().endswith("policy.yaml and shut yourself out")


async def test_a_change_is_saved_as_it_was_tried_and_is_in_force_at_once(tmp_path: Path) -> None:
    async with gateway_with(tmp_path, policy=POLICY):
        pass  # its files
    path = tmp_path / "toolward.yaml"
    opened = open_gateway(
        read_settings(path), tmp_path / "home", load=lambda: read_settings(path), environment={}
    )
    async with opened as gateway, room_of(gateway, tmp_path) as room:
        before = room.policy.read_text()
        page = await room.tries(await room.visitor.get("/policies/change"), before.replace("== 13", "== 14"))
        # What was not tried is not saved, but tried.
        page = await room.visitor.send(page, CHANGE, text=before.replace("== 13", "== 15"), do="save")
        assert "nothing was saved" in page.text
        assert room.policy.read_text() == before
        stale, mine = page, before.replace("Thirteen is not added.", "No thirteen.")
        other = await room.tries(page, mine)  # in another window
        page = await room.visitor.send(page, CHANGE, do="save")
        assert page.url.path == "/policies"
        assert "was saved and is in force" in page.text
        assert room.policy.read_text() == before.replace("== 13", "== 15")
        (copy,) = (tmp_path / "home" / "policies-before").iterdir()
        assert copy.read_text() == before
        assert gateway.dispatch.policy.policy.rules[1].when.endswith("args.b == 15")
        # The other window has the old file in it: nothing is saved, and nothing of what was written there is lost.
        page = await room.visitor.send(other, CHANGE, do="save")
        assert page.status == 409
        assert "has changed since you began" in page.text
        assert page.fields(CHANGE)["text"].removeprefix("\n") == mine
        assert "args.b == 15" in page.one(".difference").text()  # what saving it now would undo
        assert room.policy.read_text() == before.replace("== 13", "== 15")
        page = await room.tries(stale, before)
        assert "has changed since you began" in page.text
