"""Runs with a moody model, moody tools and moody people, over the real worker, dispatch and ledger.

What happens follows from a seed, as far as threads and the event loop let it.
"""

import asyncio
from contextlib import suppress
from pathlib import Path
from random import Random

from gateway.agent.definition import AgentDefinition, Limits
from gateway.core.ports import ModelPort, ModelReply, ModelRequest, OnPiece, StopReason, ToolUse, Usage
from gateway.runs.runner import Runs
from tests.integration.run_house import ADA, LEAD, RULES, House
from toolward.errors import ToolwardError, Unavailable
from toolward.types import (
    Answer,
    CallContext,
    InputRequest,
    Principal,
    RequestKind,
    Run,
    RunState,
    ToolCall,
    ToolResult,
    text_result,
)

CLERK = AgentDefinition(
    name="support",
    instructions="Help.",
    tools=("crm.*", "people.*"),
    limits=Limits(turns=5, calls=8),
    people=("self", "role:lead"),
)
NAMES = (
    "crm__get",
    "crm__note",
    "crm__save",
    "crm__refund",
    "crm__delete",
    "crm.get",
    "crm__gte",
    "people__ask_person",
)
STOPS: tuple[StopReason, ...] = ("final", "final", "final", "final", "final", "final", "length", "refusal")
_PROGRESS = 0.15  # seconds after which a tool that hangs is taken for one


class MoodyModel(ModelPort):
    def __init__(self, mood: Random) -> None:
        self._mood = mood

    async def reply(self, request: ModelRequest, on_piece: OnPiece | None = None) -> ModelReply:
        mood = self._mood
        for _ in range(mood.randrange(20)):
            await asyncio.sleep(0)
        if mood.random() < 0.03:
            raise Unavailable("The model endpoint is not there.")
        if mood.random() < 0.25 or (not request.tools and mood.random() < 0.8):
            return ModelReply(
                mood.choice(["Done.", "It is so. 😀", "ha\ud800lf", ""]),
                (),
                mood.choice(STOPS),
                Usage(3, 2),
                "m",
            )
        uses = tuple(self._use(number) for number in range(mood.randint(1, 3)))
        return ModelReply(mood.choice(["", "I look."]), uses, "tool_use", Usage(5, 5), "m")

    def _use(self, number: int) -> ToolUse:
        mood = self._mood
        name = mood.choice(NAMES)
        arguments = '{"question":"Which?"}' if "ask" in name else f'{{"id":"{mood.choice("AB")}"}}'
        if mood.random() < 0.1:
            arguments = mood.choice(["", "{", "[1]", '{"id":1}', ' {"id": "A"} '])
        return ToolUse(f"use_{number}", name, arguments)


class Life:
    """One house, its runs, and what people do with them."""

    def __init__(self, path: Path, seed: int) -> None:
        self.mood = Random(seed)
        self.house = House(path)
        self.house.agents = {"support": CLERK}
        self.house.rules = (
            RULES + "  - {id: asking, principals: ['role:support'], tools: ['people.*'], effect: allow}\n"
        )
        self.house.model = MoodyModel(self.mood)
        for tool in ("get", "note", "save", "refund", "delete"):
            self.house.backends.answers[f"crm.{tool}"] = self._work
        self.runs: list[str] = []

    async def _work(self, call: ToolCall, context: CallContext) -> ToolResult:
        for _ in range(self.mood.randrange(10)):
            await asyncio.sleep(0)
        chance = self.mood.random()
        if chance < 0.05:
            await asyncio.Future()  # until the gateway stops
        if chance < 0.12:
            raise Unavailable("The backend crm is not running.")
        return text_result(self.mood.choice(["done", "no", '{"id":"A"}']), is_error=chance < 0.2)

    async def live(self, actions: int) -> None:
        """Act so often, with restarts between."""
        done = 0
        while done < actions:
            async with self.house.open() as runs:
                if not self.runs:
                    self.runs.append((await runs.start_run(ADA, "support", "Do it.")).id)
                await runs.resume_unfinished()
                while done < actions:
                    done += 1
                    if not await self._act(runs):
                        break

    async def _act(self, runs: Runs) -> bool:
        """Something; False where it is time to restart."""
        run = await runs.get_run(ADA, self.mood.choice(self.runs))
        with suppress(ToolwardError):  # what the state does not allow, people are told
            match self.mood.randrange(20):
                case 0 | 1:
                    await runs.send_message(ADA, run.id, self.mood.choice(["And?", "Leave it."]))
                case 2:
                    await runs.pause_run(ADA, run.id)
                case 3 | 4:
                    await runs.resume_run(ADA, run.id)
                case 5:
                    await runs.rate_run(ADA, run.id, 0.5, "so so")
                case 6 if self.mood.random() < 0.2:
                    await runs.cancel_run(ADA, run.id)
                case 7 if len(self.runs) < 4:
                    again = await runs.retry_run(ADA, run.id, self.mood.randint(1, run.last_seq))
                    self.runs.append(again.id)
                case 8 if self.mood.random() < 0.3:
                    self.house.clock.advance(8 * 24 * 3600)
                    await runs.expire_input_requests()
                case 9:
                    return False
                case 10 | 11 | 12 | 13:
                    await self._answer(runs)
                case _:
                    return await self._progress(runs, run)
        return True

    async def _answer(self, runs: Runs) -> None:
        who = self.mood.choice([ADA, LEAD])
        requests = await runs.list_input_requests(who)
        if requests:
            await self._say(runs, who, self.mood.choice(requests))

    async def _say(self, runs: Runs, who: Principal, request: InputRequest) -> None:
        mood = self.mood
        if mood.random() < 0.1:
            await runs.withdraw_input_request(who, request.id)
        elif mood.random() < 0.1 and request.kind is not RequestKind.APPROVAL:
            await runs.take_input_request(who, request.id)
        elif request.choices:
            await runs.answer_input_request(who, request.id, Answer(choice=mood.choice(request.choices)))
        elif request.kind is RequestKind.APPROVAL:
            changed = b'{"id":"B"}' if mood.random() < 0.2 else b""
            yes = bool(changed) or mood.random() < 0.7
            await runs.answer_input_request(
                who, request.id, Answer(approve=yes, arguments_json=changed, reason="" if yes else "no")
            )
        else:
            await runs.answer_input_request(who, request.id, Answer(text="That one."))

    async def _progress(self, runs: Runs, run: Run) -> bool:
        """Let it work until something is on record; False where nothing comes."""
        if run.state not in (RunState.QUEUED, RunState.RUNNING):
            return True
        try:
            async with asyncio.timeout(_PROGRESS):
                async for _ in runs.watch_run(ADA, run.id, run.last_seq):
                    break
        except TimeoutError:
            return False
        return True
