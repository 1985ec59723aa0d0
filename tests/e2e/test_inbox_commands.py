"""The commands by which people answer what is no approval, as a person would run them."""

import time
from pathlib import Path
from typing import Any

import pytest

from gateway.core.ports import RequestSpec
from gateway.core.questions import escalation_request, question_request, unknown_outcome_request
from gateway.core.requests import taken
from gateway.ledger.ledger import Ledger
from tests.e2e.command import Done, toolward
from tests.integration.run_house import RULES, House
from tests.integration.test_asking_people import CASE, CLERK, asks, question
from tests.twins import START_MS
from toolward.types import JsonObject, Principal, RunEvent, RunScope

ME = Principal("local", ("operator", "support"))
LEA = Principal("lea", ("lead",))
RUN = RunScope("", "clerk", ("*",), people=("self", "role:lead"))
NOW = 1_780_000_000_000
CONFIG = """
version: 1
grpc: 127.0.0.1:1
models: {default: {wire: offline}}
"""


class Place:
    """A home whose gateway does not run: each command brings its own."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir(mode=0o700)
        self.config = folder / "toolward.yaml"
        self.config.write_text(CONFIG)

    async def open(self, *specs: RequestSpec) -> None:
        async with Ledger.open(self.home / "ledger.db") as ledger:
            for spec in specs:
                await ledger.open_request(spec)

    def inbox(self, *words: str) -> Done:
        return toolward(self.home, "inbox", *words, "--config", str(self.config))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def asked(request_id: str = "req_1", *choices: str) -> RequestSpec:
    return question_request(request_id, ME, RUN, "Which\norder?", choices=choices, now=NOW, lifetime=0)


def case(**more: Any) -> RequestSpec:
    fields: JsonObject = {**CASE, **more}
    return escalation_request(
        "req_1", ME, RUN, fields["summary"], facts=fields["facts"], tried=fields["tried"], now=NOW, lifetime=0
    )


async def test_a_question_is_answered_in_words(place: Place):
    await place.open(asked())
    (row,) = place.inbox("list").out.splitlines()
    assert row.split("\t")[:2] == ["req_1", "question"]
    shown = place.inbox("show", "req_1")
    assert shown.out.endswith('\nAnswer with: toolward inbox answer req_1 "…"\n')
    for command, code, said in (
        (("approve", "req_1"), 2, "is a question, which is neither approved nor denied"),
        (("answer", "req_1"), 2, 'toolward inbox answer req_1 "…"'),
        (("answer", "req_1", "x", "--note", "y"), 2, "say the same thing"),
        (("answer", "req_1", "--choice", "x"), 2, "has no choices"),
        (("return", "req_1", "x"), 1, "nobody has taken it over"),
    ):
        done = place.inbox(*command)
        assert (done.code, said in done.err) == (code, True), done.err
    done = place.inbox("answer", "req_1", "ORD-1007", "--json")
    assert done.code == 0, done.err
    assert (done.json["state"], done.json["detail"]["answer"]["text"]) == ("answered", "ORD-1007")
    assert "answer           ORD-1007" in place.inbox("show", "req_1").out
    assert place.inbox("list").out == ""


async def test_an_unknown_outcome_shows_the_call_and_takes_a_choice(place: Place):
    spec = unknown_outcome_request(
        "req_1", ME, RUN, tool="crm.refund_payment", arguments={"amount_minor": 60}, call_id="call_1", since=NOW,
        known="The gateway stopped while it was under way.", now=NOW,
    )  # fmt: skip
    await place.open(spec)
    rows = dict(line.split(maxsplit=1) for line in place.inbox("show", "req_1").out.splitlines() if line)
    assert rows["tool"] == "crm.refund_payment (changes things)"
    assert rows["argument"] == "amount_minor: 60"
    assert rows["known"] == "The gateway stopped while it was under way."
    assert rows["Answer"].endswith("--choice happened | did_not_happen | cancel")
    wrong = place.inbox("answer", "req_1", "it did")
    assert (wrong.code, "must be one of its choices (happened, did_not_happen, cancel)" in wrong.err) == (
        2,
        True,
    )
    done = place.inbox("answer", "req_1", "--choice", "happened", "--note", "it is in the books", "--json")
    assert done.json["detail"]["answer"] | {"at": 0} == {
        "by": "local", "at": 0, "approve": None, "text": "it is in the books", "reason": "", "choice": "happened",
    }  # fmt: skip


async def test_a_case_is_shown_whole_taken_and_handed_back(place: Place):
    await place.open(case(tried=["Read the policy:\nit gives 15 %.", "\x1b[31mred\u202e"]))
    shown = place.inbox("show", "req_1").out
    assert "\nSummary\n  She wants more than the rules give.\n" in shown
    assert "\nFacts, and where they stand\n  - The order was 84.80.\n    [ORD-1007]\n" in shown
    assert "\nTried\n  - Read the policy:\n    it gives 15 %.\n  - \\u001b[31mred\\u202e\n" in shown
    took = place.inbox("take", "req_1")
    assert took.code == 0, took.err
    assert "toolward inbox return req_1" in took.err
    (row,) = place.inbox("list").out.splitlines()
    assert row.split("\t")[-1] == "local"
    assert "taken by         local at 20" in place.inbox("show", "req_1").out
    back = place.inbox("return", "req_1", "Refunded by hand.", "--json")
    assert (back.code, back.json["state"]) == (0, "answered")
    assert place.inbox("take", "req_1").code == 1


async def test_what_somebody_else_has_taken_is_not_answered(place: Place):
    await place.open(case())
    async with Ledger.open(place.home / "ledger.db") as ledger:
        await ledger.close_request("req_1", taken(case().request, LEA, NOW), "lea")
    done = place.inbox("return", "req_1", "x")
    assert (done.code, "lea has taken the request req_1 over" in done.err) == (1, True)
    assert place.inbox("take", "req_1", "--json").json["detail"]["taken"]["from"] == "lea"


async def test_the_run_that_waits_goes_on_and_is_watched(place: Place):
    house = House(place.home / "ledger.db")
    house.agents = {"support": CLERK}
    house.rules = (
        RULES + "  - {id: asking, principals: ['role:support'], tools: ['people.*'], effect: allow}\n"
    )
    house.clock.advance(time.time() - START_MS / 1000)  # the command goes by the wall's
    house.script(question(), asks("people.ask_person", {"question": "Never."}))
    async with house.open() as runs:
        run = await runs.start_run(ME, "support", "Say hello.")
        async for event in runs.watch_run(ME, run.id):
            if isinstance(event, RunEvent) and event.type == "input_requested":
                break
        (request,) = await runs.list_input_requests(ME)
    done = place.inbox("answer", request.id, "ORD-1007")
    assert done.code == 0, done.err
    assert "answered by local: ORD-1007" in done.err
    assert done.out  # the run's answer
