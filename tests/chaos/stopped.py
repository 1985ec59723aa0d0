"""`python -m tests.chaos.stopped [CASE ...]`: the owner of a run is stopped (SIGSTOP) until another gateway has
taken the run over, and then let go on (SIGCONT). Fails where anything is then done twice, lost, or left over.

Nothing waits for a time but the lease that runs out: processes say over pipes, or by stopping, how far they are.
"""

import argparse
import asyncio
import os
import select
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from gateway.core.ports import Listing, ModelReply
from tests.chaos.lives import LONGEST, ToolsProcess, ready, start_life, waited
from tests.chaos.points import STOP, Points
from tests.chaos.scenarios import Scenario, calls, note, refund, says
from tests.chaos.story import Story
from tests.chaos.tools import listings
from tests.chaos.trial import Bench, Found, crm_in, differences, look, place

LEASE_SECONDS, LOOK_SECONDS = 1.0, 0.05


class Silent(Story):
    """Nobody says what became of a call; that it is asked is told over a pipe."""

    told: ClassVar[int] = -1

    async def moves(self) -> None:
        if self.seen("input_requested") and not self.seen("tool_returned") and Silent.told >= 0:
            os.write(Silent.told, b"?")
            Silent.told = -1


class Case(NamedTuple):
    """Stopped at the first point of this name. `late`: let go on while people are asked about its call; otherwise
    when the run has ended in other hands."""

    point: str
    replies: Sequence[ModelReply]
    unknown: Sequence[str] = ()  # states of the requests about an unknown outcome, at the end
    late: bool = False


NOTED = (calls(note("a")), says("Noted."))
REFUNDED = (calls(refund(100)), says("Refunded."))
CASES = {
    "before an append": Case("append [model_replied]: before", NOTED),
    "after an append": Case("append [model_replied]: after", NOTED),
    "before an intent": Case("intend desk.note [tool_called]: before", NOTED),
    "before a call is sent": Case("intend desk.note [tool_called]: after", NOTED, ("answered",)),
    "in a call without keys": Case("call desk.note: inside, after its effect", NOTED, ("void",), late=True),
    "in a call without keys, whose outcome comes too late": Case(
        "call desk.note: inside, after its effect", NOTED, ("answered",)
    ),
    "in a keyed call": Case("call crm.refund_payment: inside, after its effect", REFUNDED),
    "in a keyed call before its effect": Case("call crm.refund_payment: inside, before its effect", REFUNDED),
    "before the outcome of a keyed call": Case("append [tool_returned]: before", REFUNDED),
    "before the end": Case("append [run_completed]: before", NOTED),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.stopped", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="all, where none is named")
    cases = {name: CASES[name] for name in parser.parse_args().cases or CASES}
    found = asyncio.run(listings())
    with tempfile.TemporaryDirectory(prefix="chaoscrm") as folder:
        crm = asyncio.run(crm_in(Path(folder)))
        ready()
        bench = Bench(found, crm)
        replies = {id(case.replies): case.replies for case in cases.values()}
        wanted = {key: bench.undisturbed(Scenario("stopped", each))[0] for key, each in replies.items()}
        flaws = [
            f"{name}: {flaw}"
            for name, case in cases.items()
            for flaw in _flaws_of(case, wanted[id(case.replies)], crm, found)
        ]
    print(f"{len(cases)} cases", *flaws, sep="\n")
    return 1 if flaws else 0


def _flaws_of(case: Case, wanted: Found, crm: Path, found: tuple[Listing, ...]) -> Sequence[str]:
    with place(crm) as trial:
        flaws = _flaws(case, wanted, _made(trial, found, case))
        if flaws:
            print(*(file.read_text(encoding="utf-8")[-6000:] for file in trial.glob("*.log")), sep="\n")
    return flaws


def _made(folder: Path, found: tuple[Listing, ...], case: Case) -> Found:
    story = Silent if case.late else Story
    scenario = Scenario("stopped", case.replies, story)
    tools = ToolsProcess(folder)
    tools.start()
    times = {"lease_seconds": LEASE_SECONDS, "look_seconds": LOOK_SECONDS}
    hears, Silent.told = os.pipe()
    try:
        owner = start_life(folder, found, scenario, Points(strike=STOP, wanted=case.point), **times)
        _stopped(owner)
        other = start_life(folder, found, scenario, Points(), **times)
        if case.late:
            _read(hears)
        else:
            assert waited(other) == 0, "the other gateway failed"
        os.kill(owner, signal.SIGCONT)
        assert waited(owner) == 0, "the owner failed"
        if case.late:
            assert waited(other) == 0, "the other gateway failed"
        return look(folder)
    except AssertionError:
        print(*(file.read_text(encoding="utf-8")[-6000:] for file in folder.glob("*.log")), sep="\n")
        raise
    finally:
        tools.stop()
        os.close(hears)
        if Silent.told >= 0:
            os.close(Silent.told)
            Silent.told = -1


def _stopped(pid: int) -> None:
    _, status = os.waitpid(pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), f"it was not stopped, but ended with {status}"


def _read(pipe: int) -> None:
    there, _, _ = select.select([pipe], [], [], LONGEST)
    assert there, "the other gateway has not asked about the call"


def _flaws(case: Case, wanted: Found, found: Found) -> Sequence[str]:
    states = [state for _, state, _ in found.unknown]
    flaws = [] if states == list(case.unknown) else [f"unknown outcomes: {states}"]
    void = found._replace(unknown=[])
    return [*flaws, *differences(wanted, void)]


if __name__ == "__main__":
    sys.exit(main())
