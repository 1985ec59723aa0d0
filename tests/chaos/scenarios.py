"""What is killed: each scenario is a model's script, and what people do with the run."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from msgspec.json import encode

from gateway.core.ports import ModelReply, ToolUse, Usage
from tests.chaos.house import ADA
from tests.chaos.story import TOO_MUCH, Story
from toolward.errors import Conflict
from toolward.types import RequestKind, RunState


class Scenario(NamedTuple):
    name: str
    replies: Sequence[ModelReply]
    story: type[Story] = Story
    racing: bool = False  # how many calls had begun when it was cancelled is chance
    hasty: bool = False  # people answer before the run has recorded that it asks


def says(text: str) -> ModelReply:
    return ModelReply(text, usage=Usage(10, 5), model="scripted")


def calls(*wishes: tuple[str, dict[str, Any]], text: str = "") -> ModelReply:
    uses = tuple(
        ToolUse(f"use_{number}", tool.replace(".", "__"), encode(arguments).decode())
        for number, (tool, arguments) in enumerate(wishes, 1)
    )
    return ModelReply(text, uses, "tool_use", Usage(10, 5), "scripted")


def get(record: str) -> tuple[str, dict[str, Any]]:
    return "crm.get_record", {"record_id": record}


def look(text: str) -> tuple[str, dict[str, Any]]:
    return "desk.look", {"text": text}


def wait(text: str) -> tuple[str, dict[str, Any]]:
    return "desk.wait", {"text": text}


def note(text: str) -> tuple[str, dict[str, Any]]:
    return "desk.note", {"text": text}


def message(body: str) -> tuple[str, dict[str, Any]]:
    return "crm.add_ticket_message", {"ticket_id": "TCK-3003", "body": body}


def refund(minor: int, reason: str = "Damaged.") -> tuple[str, dict[str, Any]]:
    return "crm.refund_payment", {"payment_id": "PAY-5007", "amount_minor": minor, "reason": reason}


def escalate(summary: str) -> tuple[str, dict[str, Any]]:
    return "people.escalate_to_person", {"summary": summary, "facts": [], "tried": []}


def question(text: str) -> tuple[str, dict[str, Any]]:
    return "people.ask_person", {"question": text}


class Talk(Story):
    """Something else is asked while a refund waits for its approval, which comes after that was answered; and once
    more when the run has ended."""

    async def moves(self) -> None:
        if self.waits and not self.seen("message_received"):
            await self.say("By the way: where is ORD-1014?", "m1")
        away = self.seen("message_received") and len(self.state.turns) > 2 and self.waits
        await self.answers(*() if away else (RequestKind.APPROVAL,))

    async def over(self) -> bool:
        if self.seen("message_received") > 1:
            return True
        await self.say("Thank you. Note it, please.", "m2")
        return False

    async def say(self, text: str, key: str) -> None:
        await self.runs.send_message(ADA, self.run_id, text, key)


class Paused(Story):
    async def moves(self) -> None:
        await self.answers()
        with suppress(Conflict):  # it may have ended meanwhile
            if self.seen("model_replied") and not self.seen("run_paused"):
                await self.runs.pause_run(ADA, self.run_id)
            elif self.state.run.state is RunState.PAUSED:
                await self.runs.resume_run(ADA, self.run_id)


class Cancelled(Story):
    async def moves(self) -> None:
        if self.waits and len(self.state.turns) > 1:
            await self.runs.cancel_run(ADA, self.run_id)
        else:
            await self.answers(RequestKind.APPROVAL, RequestKind.QUESTION)


class Retried(Story):
    """From the first reply, after it has ended; what it did is repeated when a person says so."""

    again = False

    async def over(self) -> bool:
        if not self.again:
            run = await self.runs.retry_run(ADA, self.run_id, self.first("model_replied"), "again")
            other = Retried(self.runs, self.folder, run.id)
            other.again = True
            await other.live()
        return True


LONG = " ".join(f"Sentence {number} of a long answer that comes in many pieces." for number in range(6))
WORDS = [
    calls(look(f"topic {number}"), text=f"I look at topic {number} for you, and then go on.")
    for number in range(5)
]

SCENARIOS = (
    Scenario(
        "parallel reads",
        [
            calls(get("ORD-1007"), wait("a"), look("b"), wait("c")),
            calls(get("PAY-5007"), ("crm.find_records", {"record_type": "ticket", "query": "TCK-3003"})),
            says("All of it was read."),
        ],
    ),
    Scenario(
        "changes in order",
        [
            calls(message("first"), note("one"), look("x"), message("second"), note("two")),
            says("Done in order."),
        ],
    ),
    Scenario(
        "approvals",
        [
            calls(refund(1272), look("x"), refund(600, "not like this"), text="Two refunds."),
            calls(message("Refunded."), note("refunded")),
            says("One was refunded."),
        ],
    ),
    Scenario(
        "keyed effects",
        [
            calls(refund(100, "First."), refund(200, "Second.")),
            calls(message("You got 3.00 EUR."), refund(300, "Third.")),
            calls(message("And again 3.00 EUR.")),
            says("Six euros in three refunds."),
        ],
    ),
    Scenario(
        "effects without keys",
        [calls(note("a")), calls(note("b"), note("c")), says("Three notes.")],
    ),
    Scenario("streaming", [calls(wait("a"), text=LONG), says(LONG)]),
    Scenario(
        "conversation",
        [
            calls(refund(1272), text="I ask for it."),
            calls(get("ORD-1014")),
            says("It is held in Linz."),
            says("And now the refund is made."),
            calls(note("thanks")),
            says("Noted."),
        ],
        Talk,
    ),
    Scenario("long conversation", [*WORDS, calls(message("Looked at five topics.")), says("Five topics.")]),
    Scenario("question", [calls(question("Which one?"), look("x")), calls(note("blue")), says("Blue.")]),
    Scenario(
        "hasty people",
        [
            calls(
                question("Which one?"),
                question("Which one?"),
                refund(1272),
                refund(900, TOO_MUCH),
                refund(600, "not like this"),
            ),
            calls(note("a"), escalate("It is broken."), note("b")),
            says("Blue, and two refunds."),
        ],
        hasty=True,
    ),
    Scenario("paused", [calls(look("a"), note("b")), calls(refund(1272)), says("Done.")], Paused),
    Scenario("cancelled", [calls(note("a")), calls(refund(1272), question("Really?"))], Cancelled, True),
    Scenario(
        "retried",
        [calls(message("Hello."), look("x")), calls(refund(400)), says("Done.")],
        Retried,
    ),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
