"""`python -m tests.chaos.poison [CASE ...]`: a step of a run ends the gateway each time. After three attempts a
person is asked; a gateway that was asked to end (SIGTERM) does not count. Fails where it is otherwise."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.core.ports import Listing
from gateway.core.questions import CANCEL
from tests.chaos.lives import END as ENDED
from tests.chaos.lives import End, ToolsProcess, ready, start_life, waited
from tests.chaos.points import END, KILL, Points
from tests.chaos.scenarios import Scenario, calls, look, refund, says
from tests.chaos.story import Story
from tests.chaos.tools import listings
from tests.chaos.trial import Bench, Found, crm_in, differences, place
from tests.chaos.trial import look as look_at
from toolward.types import Answer, InputRequest, RequestKind

REPLIES = (calls(look("a")), calls(refund(100)), says("Done."))
MODEL = "model: before its reply"
READ = "call desk.look: before it is sent"
KEYED = "call crm.refund_payment: inside, after its effect"


class GivesUp(Story):
    async def answer(self, request: InputRequest) -> Answer:
        assert request.kind is RequestKind.ESCALATION
        return Answer(choice=CANCEL)


class Case(NamedTuple):
    """A life for each of the strikes, at its first `point`; one more comes to the end. `asked` is how often people
    are asked. `cancelled`: they say so, and the last life does not reach the point although it waits there. `then`:
    people answer before the run has recorded that it asks, and a life more is killed there."""

    point: str
    strikes: Sequence[int]
    asked: int
    cancelled: bool = False
    then: str = ""


CASES = {
    "parked after three attempts at a reply, and goes on": Case(MODEL, [KILL] * 4, 1),
    "parked after three attempts at a reading call, and goes on": Case(READ, [KILL] * 4, 1),
    "parked after three attempts at a keyed call, and goes on": Case(KEYED, [KILL] * 4, 1),
    "parked, answered, and killed before it has recorded that it asks": Case(
        MODEL, [KILL] * 3, 1, then="append [run_taken_up, input_requested]: before"
    ),
    "parked again after three more attempts": Case(MODEL, [KILL] * 7, 2),
    "parked, and given up": Case(MODEL, [KILL] * 3, 1, cancelled=True),
    "parked in a call, and given up": Case(READ, [KILL] * 3, 1, cancelled=True),
    "two attempts are not enough": Case(MODEL, [KILL] * 2, 0),
    "asked to end does not count": Case(MODEL, [END] * 5, 0),
    "asked to end between two kills does not count": Case(MODEL, [KILL, END, KILL, END, END], 0),
    "asked to end in a call does not count": Case(READ, [END] * 5, 0),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.poison", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="all, where none is named")
    cases = {name: CASES[name] for name in parser.parse_args().cases or CASES}
    found = asyncio.run(listings())
    with tempfile.TemporaryDirectory(prefix="chaoscrm") as folder:
        crm = asyncio.run(crm_in(Path(folder)))
        ready()
        wanted, _ = Bench(found, crm).undisturbed(Scenario("poison", REPLIES))
        flaws = [
            f"{name}: {flaw}" for name, case in cases.items() for flaw in _flaws(case, wanted, crm, found)
        ]
    print(f"{len(cases)} cases", *flaws, sep="\n")
    return 1 if flaws else 0


def _flaws(case: Case, wanted: Found, crm: Path, found: tuple[Listing, ...]) -> Sequence[str]:
    scenario = Scenario("poison", REPLIES, GivesUp if case.cancelled else Story, hasty=bool(case.then))
    with place(crm) as trial:
        tools = ToolsProcess(trial)
        tools.start()
        try:
            flaws = _lived(trial, case, lambda points: start_life(trial, found, scenario, points))
        finally:
            tools.stop()
        if not flaws:
            ended = look_at(trial)
            escalations = [one for one in ended.requests if one[0] == "escalation"]
            if escalations != [("escalation", "answered", "")] * case.asked:
                flaws.append(f"people were asked {escalations}")
            rest = ended._replace(requests=[one for one in ended.requests if one not in escalations])
            flaws += _given_up(trial) if case.cancelled else differences(wanted, rest)
        if flaws:
            print((trial / "gateway.log").read_text(encoding="utf-8")[-6000:])
    return flaws


def _lived(folder: Path, case: Case, start: Callable[[Points], int]) -> list[str]:
    points = [*((case.point, strike) for strike in case.strikes), *([(case.then, KILL)] if case.then else ())]
    for number, (point, strike) in enumerate(points, 1):
        ended = waited(start(Points(strike=strike, wanted=point)))
        if ended != (KILL if strike == KILL else 0) or (folder / ENDED).exists():
            return [f"life {number} ended by {ended}"]
    last = Points(strike=KILL, wanted=case.point if case.cancelled else "")
    ended = waited(start(last))
    return [f"the last life ended by {ended}"] if ended else []


def _given_up(folder: Path) -> list[str]:
    (run,) = msgspec.json.decode((folder / ENDED).read_bytes(), type=End).runs
    return [] if (run.state, run.error) == ("failed", "given_up") else [f"it is {run.state}, {run.error}"]


if __name__ == "__main__":
    sys.exit(main())
