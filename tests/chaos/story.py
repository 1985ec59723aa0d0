"""What people do while a run goes on: everything that they would do again if the gateway had not heard of it."""

from collections import Counter
from contextlib import suppress
from pathlib import Path

import msgspec

from gateway.agent.state import RunStateData, fold
from gateway.core.questions import DID_NOT_HAPPEN, GO_ON, HAPPENED
from gateway.core.requests import editors_of
from gateway.runs.runner import Runs
from tests.chaos.house import ADA, LEA, LEO
from tests.chaos.tools import ask, happened
from toolward.errors import Conflict
from toolward.types import Answer, InputRequest, RequestKind, RequestState, RunEvent, RunState

TOO_MUCH = "Too much."
"""The reason of a refund that lea makes smaller, to which leo agrees."""


class Story:
    """One run as people see it. Scenarios say in `moves` what they do, from what they see; `over` whether they have
    done all."""

    def __init__(self, runs: Runs, folder: Path, run_id: str) -> None:
        self.runs = runs
        self.folder = folder
        self.run_id = run_id
        self.events: list[RunEvent] = []

    @property
    def state(self) -> RunStateData:
        return fold(self.events)

    @property
    def waits(self) -> bool:
        return self.state.run.state is RunState.INPUT_REQUIRED

    def seen(self, kind: str) -> int:
        return Counter(event.type for event in self.events)[kind]

    def first(self, kind: str) -> int:
        """The number of the first event of this type."""
        return next(event.seq for event in self.events if event.type == kind)

    async def moves(self) -> None:
        """After each event."""
        await self.answers()

    async def over(self) -> bool:
        """When the run has ended; False where it was made to go on."""
        return True

    async def live(self) -> None:
        """Until all is done."""
        while True:
            after = self.events[-1].seq if self.events else 0
            async for event in self.runs.watch_run(ADA, self.run_id, after, deltas=True):
                if isinstance(event, RunEvent):
                    self.events.append(event)
                    await self.moves()
            if await self.over():
                return

    async def answers(self, *but: RequestKind) -> None:
        """To everything that is asked, but for these."""
        for request in await self.runs.list_input_requests(LEA, self.run_id):
            if request.kind in but:
                continue
            await self.reply(request)

    async def reply(self, request: InputRequest) -> None:
        """Whoever changed a call's arguments does not approve it."""
        who = LEO if editors_of(request) else LEA
        with suppress(Conflict):  # the gateway had heard it
            if request.kind is RequestKind.ESCALATION:
                await self.runs.take_input_request(who, request.id)
            after = await self.runs.answer_input_request(
                ADA if request.kind is RequestKind.QUESTION else who, request.id, await self.answer(request)
            )
            if after.state is RequestState.OPEN:
                await self.reply(after)

    async def answer(self, request: InputRequest) -> Answer:
        match request.kind:
            case RequestKind.UNKNOWN_OUTCOME:
                return Answer(choice=await self.outcome(request))
            case RequestKind.QUESTION:
                return Answer(text="The blue one.")
            case RequestKind.ESCALATION:
                return Answer(choice=GO_ON) if request.choices else Answer(text="It was replaced.")
            case _:
                arguments = request.detail["arguments"]
                if arguments.get("reason") == TOO_MUCH:
                    less = msgspec.json.encode({**arguments, "amount_minor": 501, "reason": "As agreed."})
                    return Answer(approve=True, arguments_json=less)
                no = "not like this" in str(msgspec.json.encode(arguments))
                return Answer(approve=not no, reason="Not like this." if no else "")

    async def outcome(self, request: InputRequest) -> str:
        """People look: only what a tool without keys did is ever asked."""
        assert request.detail["tool"] == "desk.note", request
        told = await ask(self.folder, happened(request.detail["arguments"]["text"]))
        return HAPPENED if told.text == "True" else DID_NOT_HAPPEN
