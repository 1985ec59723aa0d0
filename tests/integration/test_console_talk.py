"""The room *Talk*: a conversation with an agent by forms alone, and what is sent to a page that watches."""

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from gateway.bootstrap import Gateway
from gateway.servers.console.conversation import Called, Conversation, Ended, Replied, Spoke
from tests.browser.clerk import AGENT as CLERK
from tests.browser.clerk import answered as clerks_answer
from tests.endpoints import Request, Sending, Step, says, scripted_endpoint
from tests.integration.console_house import Page, Visitor, gateway_with, visiting
from toolward.types import Principal, RunEvent, TextDelta

CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends:
  calculator: {command: [PYTHON, -m, toolservers.calculator], env: {PYTHONPATH: ROOT}}
policies: [policy.yaml]
agents: [desk.yaml, counter.yaml]
models: {default: {wire: offline}, counter: {wire: openai_chat, base_url: ENDPOINT, model: counter}}
principals:
  - {id: local, roles: [operator], token: locals}
  - {id: eve, roles: [guest], token: eves}
"""
DESK = "{name: desk, instructions: You help., model: default, tools: ['calculator.*'], description: Adds.}"
POLICY = """
version: 1
rules:
  - {id: everything, principals: ['role:operator'], tools: ['calculator.*', 'people.*'], effect: allow}
  - {id: at-home, principals: ['role:operator'], operations: ['*'], effect: allow}
"""
LOCAL = Principal("local", ("operator",))
POEM = "Roses are <b>red</b>,\u202e violets are blue, and this is not said any more. " * 3
ASK = 'form[action="/talk"]'


def _answered(request: Request) -> Step:
    """As the clerk's model; told which poem, it says half of it, and then nothing more."""
    if "poem" in str(request.json["messages"]) and request.json["messages"][-1]["role"] == "tool":
        return replace(says(POEM), sending=Sending(until=0.5, then="stall"))
    return clerks_answer(request)


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Gateway]:
    folder = tmp_path_factory.mktemp("talk")
    (folder / "desk.yaml").write_text(DESK)
    (folder / "counter.yaml").write_text(CLERK)
    async with scripted_endpoint() as endpoint:
        endpoint.answer_with(_answered)
        config = CONFIG.replace("ENDPOINT", endpoint.url)
        async with gateway_with(folder, config=config, policy=POLICY) as opened:
            yield opened


@pytest.fixture
async def visitor(gateway: Gateway) -> AsyncGenerator[Visitor]:
    async with visiting(gateway) as one:
        yield one


def read(page: Page) -> str:
    return " ".join(page.one("main").text(separator=" ").split())


async def seen(gateway: Gateway, run_id: str, kind: str = "", after: int = 0) -> list[RunEvent]:
    """The events of a run up to one of this type, or to its end."""
    found: list[RunEvent] = []
    async for event in gateway.runs.watch_run(LOCAL, run_id, after):
        assert isinstance(event, RunEvent)
        found.append(event)
        if event.type == kind:
            break
    return found


def id_of(page: Page) -> str:
    return str(page.url.path).removeprefix("/talk/")


async def asks(visitor: Visitor, gateway: Gateway, agent: str, text: str, until: str = "") -> Page:
    """The conversation, as soon as it has come so far."""
    page = await visitor.send(await visitor.get("/talk"), ASK, agent=agent, text=text)
    await seen(gateway, id_of(page), until)
    return await visitor.get(str(page.url.path))


def events(stream: str) -> list[tuple[str, str]]:
    """Each event's name and data."""
    blocks = [re.findall("(?m)^(event|data): ?(.*)$", block) for block in stream.split("\n\n")]
    return [
        (block[0][1], "\n".join(value for name, value in block if name == "data"))
        for block in blocks
        if block
    ]


async def test_an_agent_is_asked_and_asked_again_by_forms_alone(visitor: Visitor, gateway: Gateway) -> None:
    page = await asks(visitor, gateway, "desk", "What is 2 + 3?")
    for said in ("local", "What is 2 + 3?", "calculator.calculate", "allow", "ok", "completed"):
        assert said in read(page)
    form = f'form[action="/talk/{id_of(page)}"]'
    sent = page.fields(form) | {"text": "<b>Bold</b>\u202e"}
    for _ in range(2):  # pressed twice
        assert (await visitor.client.post(f"/talk/{id_of(page)}", data=sent)).status_code == 303
        await seen(gateway, id_of(page))
    page = await visitor.get(str(page.url.path))
    assert [one.text() for one in page.html.css(".by-person .text")] == [
        "What is 2 + 3?",
        "<b>Bold</b>\\u202e",
    ]
    assert str(page.url.path) in (await visitor.get("/talk")).links()


async def test_what_a_run_asks_is_answered_in_its_conversation(visitor: Visitor, gateway: Gateway) -> None:
    page = await asks(visitor, gateway, "clerk", "Which order is late?", "input_requested")
    assert "Two orders are open. Which one do you mean?" in read(page)
    page = await visitor.send(page, "#requests form.words", choice="ORD-1003", do="answer")
    assert page.url.path.startswith("/talk/")
    await seen(gateway, id_of(page))
    page = await visitor.get(str(page.url.path))
    assert "ORD-1003" in read(page)
    assert page.html.css("#requests form") == []


async def test_what_is_wrong_is_told_and_nothing_typed_is_lost(visitor: Visitor, gateway: Gateway) -> None:
    page = await visitor.send(await visitor.get("/talk"), ASK, agent="nobody", text="Hello")
    assert page.status == 404
    assert page.fields(ASK)["text"] == "Hello"
    page = await asks(visitor, gateway, "clerk", "Which order is late?", "input_requested")
    page = await visitor.send(page, f'form[action="/talk/{id_of(page)}/stop"]')
    assert "cancelled" in read(page)
    sent = (await visitor.get("/talk")).fields(ASK) | {"text": "And now?"}
    late = Page(await visitor.client.post(f"/talk/{id_of(page)}", data=sent))
    assert late.status == 409
    assert "cannot be gone on with" in read(late)


async def test_a_page_that_watches_is_sent_what_comes_and_then_the_end(
    visitor: Visitor, gateway: Gateway
) -> None:
    page = await asks(visitor, gateway, "clerk", "Which order is late?", "input_requested")
    path = page.one("[data-live]").attributes["data-live"] or ""
    watching = asyncio.create_task(visitor.client.get(path))
    await visitor.send(page, "#requests form.words", choice="ORD-1003", do="answer")
    came = events((await asyncio.wait_for(watching, 20)).text)
    assert came[-1][0] == "end"
    stream = "\n".join(data for name, data in came if name == "put")
    assert 'id="turn-2"' in stream
    assert 'data-into="#lines"' in stream
    assert 'id="input"' not in stream  # the page has that already
    assert any(name == "said" and "The agent says: Thank you." in data for name, data in came)
    again = await visitor.client.get(path.partition("?")[0], headers={"last-event-id": "9999"})
    assert [name for name, _ in events(again.text)] == ["put", "end"]


async def test_what_the_model_says_is_seen_while_it_says_it(visitor: Visitor, gateway: Gateway) -> None:
    page = await asks(visitor, gateway, "clerk", "Which poem?", "input_requested")
    watching = asyncio.create_task(visitor.client.get(f"/talk/{id_of(page)}/live"))
    page = await visitor.get(str(page.url.path))  # the other has begun by then
    news = gateway.runs.watch_run(LOCAL, id_of(page), deltas=True)
    await visitor.send(page, "#requests form.words", choice="ORD-1003", do="answer")
    async for one in news:
        if isinstance(one, TextDelta) and "Roses" in one.text:
            break
    await visitor.send(page, "#run-state form")
    came = events((await asyncio.wait_for(watching, 20)).text)
    begun = next(data for name, data in came if name == "put" and 'id="turn-2"' in data)
    assert "is writing" in begun
    assert "Roses" in begun
    assert not any("<b>red" in data for name, data in came if name == "put")
    assert not any("\u202e" in data for _, data in came)
    assert came[-1][0] == "end"


async def test_a_conversation_of_somebody_else_is_not_there(visitor: Visitor, gateway: Gateway) -> None:
    page = await asks(visitor, gateway, "desk", "What is 2 + 3?")
    async with visiting(gateway, signed_in=False) as eve:
        await eve.sign_in_by("eves")
        assert "There is no agent that you may start." in read(await eve.get("/talk"))
        for path in (f"/talk/{id_of(page)}", f"/talk/{id_of(page)}/live"):
            assert (await eve.get(path)).status == 404


async def test_a_conversation_is_the_same_however_far_it_was_read_before(gateway: Gateway) -> None:
    run = await gateway.runs.start_run(LOCAL, "desk", "What is 2 + 3?")
    log = await seen(gateway, run.id)
    whole = Conversation(log)
    assert [type(line) for line in whole.lines.values()] == [Spoke, Replied, Called, Replied, Ended]
    for place in range(len(log)):
        part = Conversation(log[:place])
        for event in log[place:]:
            part.take(event)
        assert part.lines == whole.lines
