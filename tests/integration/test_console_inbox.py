"""The room *Inbox*: one request on one page, and every answer by a form, without a script."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway.bootstrap import Gateway
from gateway.core.questions import unknown_outcome_request
from tests.browser.clerk import AGENT as CLERK
from tests.browser.clerk import answered as clerks_answer
from tests.endpoints import scripted_endpoint
from tests.integration.console_house import Page, Visitor, gateway_with, visiting
from toolward.types import (
    CallContext,
    InputRequest,
    InputRequired,
    Principal,
    RequestState,
    RunScope,
    ToolCall,
)

CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends:
  crm: {command: [PYTHON, -m, toolservers.crm], env: {PYTHONPATH: ROOT, TOOLWARD_CRM_DATABASE: "FOLDER/crm.db"}}
policies: [policy.yaml]
agents: [desk.yaml, counter.yaml]
models: {default: {wire: offline}, counter: {wire: openai_chat, base_url: ENDPOINT, model: counter}}
principals:
  - {id: local, roles: [operator], token: locals}
  - {id: lea, roles: [lead], token: leas}
  - {id: eve, roles: [guest], token: eves}
"""
DESK = "{name: desk, instructions: You help., model: default, tools: ['crm.*']}"
POLICY = """
version: 1
rules:
  - {id: reads, principals: ['role:operator'], tools: [crm.get_record], effect: allow}
  - id: ahead
    principals: ['role:operator']
    tools: [crm.change_order]
    args: {required: [dry_run], properties: {dry_run: {const: true}}}
    effect: allow
  - id: orders
    principals: ['role:operator']
    tools: [crm.change_order]
    when: "!given.dry_run || !args.dry_run"
    effect: ask
    approvers: [self, 'role:lead']
  - id: refunds
    description: Money goes out after a yes.
    principals: ['role:operator']
    tools: [crm.refund_payment]
    when: args.amount_minor <= 5000
    effect: ask
    approvers: [self]
  - {id: no-large, tools: [crm.refund_payment], when: args.amount_minor > 5000, effect: deny}
  - id: memos
    principals: ['role:operator']
    tools: [crm.create_credit_memo]
    effect: ask
    approvers: ['role:lead']
  - {id: asking, principals: ['role:operator'], tools: ['people.*'], effect: allow}
  - {id: at-home, principals: ['role:operator'], operations: ['*'], effect: allow}
  - {id: leads, principals: ['role:lead'], operations: ['request.*'], effect: allow}
"""
REFUND = {"payment_id": "PAY-5007", "amount_minor": 500, "reason": "the cup was broken"}
LOCAL = Principal("local", ("operator",))
YES, NO, EDIT, WORDS = "form.yes", "form.no", "#edit form", "form.words"


class Desk(NamedTuple):
    """A gateway, and who looks at its console: `local` asks, `lea` leads, `eve` may nothing."""

    gateway: Gateway
    local: Visitor
    lea: Visitor
    eve: Visitor

    async def asked(self, tool: str, **arguments: Any) -> str:
        """The path of the request that such a call makes."""
        call = ToolCall(tool, json.dumps(arguments).encode())
        made = await self.gateway.dispatch.call_tool(LOCAL, call, CallContext())
        assert isinstance(made, InputRequired)
        return f"/inbox/{made.requests[0].id}"

    async def waits(self, agent: str, text: str) -> tuple[str, str]:
        """A run that waits for a person: its id, and the path of what it asks."""
        run = await self.gateway.runs.start_run(LOCAL, agent, text)
        await self.until(run.id, "input_requested")
        (request,) = await self.gateway.runs.list_input_requests(LOCAL, run.id)
        return run.id, f"/inbox/{request.id}"

    async def until(self, run_id: str, kind: str) -> None:
        async for event in self.gateway.runs.watch_run(LOCAL, run_id):
            if getattr(event, "type", "") == kind:
                return

    async def request(self, path: str) -> InputRequest:
        return await self.gateway.runs.get_input_request(LOCAL, path.removeprefix("/inbox/"))


def read(page: Page) -> str:
    """The main part, with a space between whatever stands apart."""
    return " ".join(page.one("main").text(separator=" ").split())


@pytest.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "desk.yaml").write_text(DESK)
    (folder / "counter.yaml").write_text(CLERK)
    async with scripted_endpoint() as endpoint:
        endpoint.answer_with(clerks_answer)
        config = CONFIG.replace("ENDPOINT", endpoint.url).replace("FOLDER", str(folder))
        async with (
            gateway_with(folder, config=config, policy=POLICY) as gateway,
            visiting(gateway) as local,
            visiting(gateway, signed_in=False) as lea,
            visiting(gateway, signed_in=False) as eve,
        ):
            await lea.sign_in_by("leas")
            await eve.sign_in_by("eves")
            yield Desk(gateway, local, lea, eve)


# --- approvals ------------------------------------------------------------------------------------------


async def test_a_request_stands_on_one_page_with_what_it_would_change_and_is_approved_once(
    desk: Desk,
) -> None:
    path = await desk.asked(
        "crm.change_order", order_id="ORD-1017", change="cancel", reason="changed her mind"
    )
    assert path in (await desk.local.get("/inbox")).links()
    page = await desk.local.get(path)
    for said in (
        "crm.change_order",
        "order_id ORD-1017",
        "Rule orders",
        "a call outside a run",
        "changes things",
    ):
        assert said in read(page)
    assert "status placed cancelled" in read(page)  # current, proposed
    assert page.html.css("[autofocus]") == []
    page = await desk.local.send(page, YES, do="approve")
    assert "State approved By local" in read(page)
    assert (await desk.request(path)).state is RequestState.APPROVED


async def test_a_preview_that_fails_says_so_and_hides_nothing(desk: Desk) -> None:
    path = await desk.asked("crm.change_order", order_id="ORD-1003", change="cancel", reason="late")
    page = await desk.local.get(path)
    assert "No preview. The tool says that it would fail: ORD-1003" in read(page)
    assert page.fields(NO)["reason"] == ""
    page = await desk.lea.get(path)  # who may not make the call sees nothing of it, and may answer
    assert "What it would change" not in read(page)
    assert "ORD-1003" in read(page)
    assert page.html.css(YES)


async def test_a_denial_reaches_the_agent_with_its_reason(desk: Desk) -> None:
    run, path = await desk.waits("desk", "Refund 5.00 EUR of payment PAY-5007 because the cup was broken")
    page = await desk.local.get(path)
    assert "Goal Refund 5.00 EUR of payment PAY-5007" in read(page)
    page = await desk.local.send(page, NO, reason="\u202eAsk for a picture first", do="deny")
    assert "denied" in read(page)
    assert "\\u202eAsk for a picture first" in read(page)
    await desk.until(run, "run_completed")
    assert "Ask for a picture first" in (await desk.gateway.runs.get_run(LOCAL, run)).answer


async def test_arguments_are_changed_looked_at_and_approved(desk: Desk) -> None:
    path = await desk.asked("crm.refund_payment", **REFUND | {"reason": "one"})
    page = await desk.local.send(await desk.local.get(path), EDIT, arg__amount_minor="4x", do="check")
    assert page.status == 422
    assert "'4x' is not" in read(page)
    assert page.fields(EDIT)["arg.amount_minor"] == "4x"
    page = await desk.local.send(page, EDIT, arg__amount_minor="0", do="edit")
    assert "less than the minimum" in read(page)
    page = await desk.local.send(page, EDIT, arg__amount_minor="400", do="check")
    assert "amount_minor 500 400" in read(page)
    assert (await desk.request(path)).state is RequestState.OPEN
    page = await desk.local.send(page, EDIT, reason="less will do", do="edit")
    assert "Changed by local" in read(page)
    request = await desk.request(path)
    assert (request.state, request.detail["arguments"]["amount_minor"]) == (RequestState.APPROVED, 400)
    assert request.detail["answer"]["reason"] == "less will do"


async def test_what_policy_denies_is_not_approved_by_changing_it(desk: Desk) -> None:
    path = await desk.asked("crm.refund_payment", **REFUND | {"reason": "two"})
    page = await desk.local.send(await desk.local.get(path), EDIT, arg__amount_minor="5001", do="edit")
    assert page.status == 403
    assert "no-large" in read(page)
    assert page.fields(EDIT)["arg.amount_minor"] == "5001"
    assert (await desk.request(path)).state is RequestState.OPEN


@pytest.mark.parametrize("reason", ["\u202eabc\u0000", "a\rb", " \ud7ff\u200b", 'say "\\u202e"'])
async def test_texts_that_a_page_cannot_show_go_through_the_form_as_they_were(
    desk: Desk, reason: str
) -> None:
    path = await desk.asked("crm.refund_payment", **REFUND | {"reason": f"three {reason}"})
    page = await desk.local.send(await desk.local.get(path), EDIT, do="edit")
    request = await desk.request(path)
    assert (request.state, "edited_by" in request.detail) == (RequestState.APPROVED, False), read(page)
    assert request.detail["arguments"]["reason"] == f"three {reason}"


async def test_an_answer_to_what_the_page_does_not_show_any_more_is_none(desk: Desk) -> None:
    path = await desk.asked("crm.refund_payment", **REFUND | {"reason": "four"})
    old = await desk.local.get(path)
    await desk.local.send(old, NO, reason="no", do="deny")
    page = await desk.local.send(old, YES, do="approve")
    assert page.status == 409
    assert "not any more what your page showed, so nothing was answered" in read(page)
    assert "State denied" in read(page)
    assert (await desk.request(path)).state is RequestState.DENIED
    fresh = await desk.local.get(await desk.asked("crm.refund_payment", **REFUND | {"reason": "five"}))
    page = await desk.local.send(fresh, YES, shown="other", do="approve")
    assert (page.status, page.html.css(YES) != []) == (409, True)


async def test_who_asked_sees_who_answers_and_can_take_it_back(desk: Desk) -> None:
    memo = {
        "customer_id": "CUS-2006",
        "amount_minor": 100,
        "currency": "EUR",
        "reason": "late",
        "basis": "goodwill",
    }
    path = await desk.asked("crm.create_credit_memo", **memo)
    page = await desk.local.get(path)
    assert "It waits for role:lead. You asked for it yourself." in read(page)
    assert page.html.css(YES) == []
    assert "Waits for somebody else" in read(await desk.local.get("/inbox"))
    assert (await desk.eve.get(path)).status == 404
    lead = await desk.lea.get(path)
    assert "Arguments, as JSON" in read(lead)  # she may not call the tool, so nobody tells her its schema
    page = await desk.local.send(page, f'form[action="{path}/withdraw"]')
    assert "Void because local withdrew it" in read(page)
    assert (await desk.lea.send(lead, YES, do="approve")).status == 409


async def test_who_changes_the_arguments_does_not_agree_to_them_too(desk: Desk) -> None:
    memo = {
        "customer_id": "CUS-2006",
        "amount_minor": 200,
        "currency": "EUR",
        "reason": "late",
        "basis": "goodwill",
    }
    path = await desk.asked("crm.create_credit_memo", **memo)
    page = await desk.lea.send(
        await desk.lea.get(path), EDIT, arguments=json.dumps(memo | {"amount_minor": 1}), do="edit"
    )
    assert page.url.path not in (path, f"{path}/answer")
    assert "amount_minor 200 1" in read(page)
    assert page.html.css(YES) == []
    old = await desk.lea.get(path)
    assert "Void because lea changed the arguments" in read(old)
    assert page.url.path in old.links()


# --- questions, escalations ------------------------------------------------------------------------------


async def test_a_question_is_answered_by_a_choice_and_the_run_goes_on(desk: Desk) -> None:
    run, path = await desk.waits("clerk", "Which order is late?")
    page = await desk.local.get(path)
    assert "Two orders are open. Which one do you mean?" in read(page)
    page = await desk.local.send(page, WORDS, choice="ORD-9999", text="perhaps", do="answer")
    assert "must be one of its choices" in read(page)
    assert page.fields(WORDS)["text"] == "perhaps"
    page = await desk.local.send(page, WORDS, choice="ORD-1007", text="the red one", do="answer")
    assert "Answer ORD-1007 Said the red one" in read(page)
    await desk.until(run, "run_completed")


async def test_a_case_is_taken_over_and_handed_back(desk: Desk) -> None:
    run, path = await desk.waits("clerk", "Hand this over: 600.00 EUR for ORD-1007")
    page = await desk.local.get(path)
    for said in ("The order came to 249.90 EUR.", "rule no-large-refunds", "Asked for the order's invoices"):
        assert said in read(page)
    page = await desk.local.send(page, f'form[action="{path}/take"]')
    assert "taken" in read(page)
    page = await desk.local.send(page, WORDS, text="I called her: 50.00 EUR will do.", do="answer")
    assert "I called her: 50.00 EUR will do." in read(page)
    await desk.until(run, "run_completed")


async def test_a_call_of_unknown_outcome_is_settled_by_who_looked(desk: Desk) -> None:
    run, _ = await desk.waits("clerk", "Which of these orders?")
    scope = RunScope(run, "clerk", ("crm.*",))
    spec = unknown_outcome_request(
        "req_unknown", LOCAL, scope, tool="crm.refund_payment", arguments=REFUND, call_id="call_1",
        since=1_000, known="The gateway stopped.", now=1_795_000_000_000,
    )  # fmt: skip
    await desk.gateway.ledger.open_request(spec, 1_000)
    page = await desk.local.get("/inbox/req_unknown")
    for said in ("The gateway stopped.", "amount_minor 500", "It took effect", "It did not take effect"):
        assert said in read(page)
    page = await desk.local.send(page, WORDS, choice="happened", text="It is in the books", do="answer")
    assert "Answer It took effect Said It is in the books" in read(page)


# --- lists -----------------------------------------------------------------------------------------------


async def test_the_inbox_is_searched_by_words_and_kind(desk: Desk) -> None:
    path = await desk.asked("crm.refund_payment", **REFUND | {"reason": "Wanted needle"})
    await desk.waits("clerk", "Which one?")
    assert [one for one in (await desk.local.get("/inbox?q=NEEDLE+refund")).links() if "req_" in one] == [
        path
    ]
    assert path not in (await desk.local.get("/inbox?kind=question")).links()
    assert "Nothing that waits for you fits." in read(await desk.local.get("/inbox?q=%3Cb%3Ezzz"))


# --- forms and streams -----------------------------------------------------------------------------------


async def test_nothing_is_answered_without_the_sessions_token(desk: Desk) -> None:
    path = await desk.asked("crm.refund_payment", **REFUND | {"reason": "six"})
    page = await desk.local.get(path)
    for to in ("answer", "take", "withdraw"):
        sent = page.fields(YES) | {"do": "approve", "csrf": "x"}
        assert (await desk.local.client.post(f"{path}/{to}", data=sent)).status_code == 403
    assert (await desk.request(path)).state is RequestState.OPEN


async def test_an_answer_leads_only_to_pages_of_ours(desk: Desk) -> None:
    path = await desk.asked("crm.refund_payment", **REFUND | {"reason": "seven"})
    sent = (await desk.local.get(path)).fields(NO) | {"do": "deny", "next": "https://elsewhere.example/"}
    answer = await desk.local.client.post(f"{path}/answer", data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_now_tells_what_waits_what_runs_and_what_failed(desk: Desk) -> None:
    run, path = await desk.waits("clerk", "Which of them?")
    failed = await desk.gateway.runs.start_run(LOCAL, "clerk", "Break down")
    await desk.until(failed.id, "run_failed")
    page = await desk.local.get("/")
    assert {path, f"/runs/{run}", f"/runs/{failed.id}"} <= set(page.links())
    assert "tool server answers" in read(page)
    assert "Spent unpriced" in read(page)
    page = await desk.eve.get("/")
    assert (page.status, "Nothing waits for you." in read(page)) == (200, True)


async def test_now_names_a_tool_server_that_is_down_and_where_to_begin(tmp_path: Path) -> None:
    dead = """
version: 1
backends: {dead: {grpc: "127.0.0.1:1"}}
policies: [policy.yaml]
"""
    async with gateway_with(tmp_path, config=dead) as gateway, visiting(gateway) as visitor:
        page = await visitor.get("/")
        assert "Nothing waits for you. What agents" in read(await visitor.get("/inbox"))
    assert "/tools#backend-dead" in page.links()
    assert "down" in read(page)
    assert "No agent has run yet." in read(page)
    assert "/talk" in page.links()
