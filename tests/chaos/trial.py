"""One trial: a scenario is killed at chosen points until it comes to its end, which must be that of the undisturbed
one."""

import os
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec

from gateway.core.ports import Listing
from gateway.ledger.ledger import keys_beside, outside
from gateway.ledger.verify import verify
from tests.chaos.lives import END, End, EndOfRun, ToolsProcess, start_life, waited
from tests.chaos.points import KILL, LEDGER, Points
from tests.chaos.scenarios import Scenario
from tests.chaos.tools import DATABASE, Settings, crm, notes_in

MOST_LIVES = 12
LOOKED = "A person looked: this call of"

Request = tuple[str, str, str]  # kind, state, tool


class Found(NamedTuple):
    """Everything that must be as it is without a kill."""

    runs: list[EndOfRun]
    refunds: list[Any]
    messages: list[Any]
    notes: list[str]
    requests: list[Request]
    unknown: list[Request]  # what was asked because an outcome was not known
    twice: list[str]  # calls of which people were asked again without their being made again
    leases: int
    findings: list[str]


class Trial(msgspec.Struct):
    """What came of it: `kills` are the points that were hit, `unknown` how often a person had to look."""

    scenario: str
    kills: list[str] = []
    unknown: int = 0
    seconds: float = 0.0
    flaws: list[str] = []
    folder: str = ""
    log: str = ""


class Broken(Exception):
    """A life that ended otherwise than by its kill."""


class Bench:
    """Where trials are made. `crm` is a database to begin with."""

    def __init__(self, listings: tuple[Listing, ...], crm: Path) -> None:
        self._listings = listings
        self._crm = crm

    def undisturbed(self, scenario: Scenario) -> tuple[Found, list[str]]:
        """What is found at the end, and the names of the points on the way. Raises Broken."""
        with place(self._crm) as folder:
            self._live(folder, scenario, ())
            return look(folder), _end(folder).points

    def trial(self, scenario: Scenario, undisturbed: Found, targets: Sequence[int]) -> Trial:
        """One life for each target, killed at the point of that number, and one more."""
        started = time.monotonic()
        made = Trial(scenario.name)
        with place(self._crm) as folder:
            try:
                made.kills = self._live(folder, scenario, targets)
                found = look(folder)
                made.unknown = len(found.unknown)
                made.flaws = list(differences(undisturbed, found, racing=scenario.racing))
            except Broken as broken:
                made.flaws = [str(broken)]
            made.seconds = time.monotonic() - started
            if made.flaws:
                made.log = (folder / "gateway.log").read_text(encoding="utf-8")[-6000:]
        return made

    def _live(self, folder: Path, scenario: Scenario, targets: Sequence[int]) -> list[str]:
        """Where it was killed."""
        tools = ToolsProcess(folder)
        kills: list[str] = []
        try:
            for life in range(MOST_LIVES):
                tools.start()
                target = targets[life] if life < len(targets) else 0
                pid = start_life(folder, self._listings, scenario, Points(target))
                ended = waited(pid)
                if ended == 0:
                    return kills
                if ended != KILL or not target:
                    raise Broken(f"life {life + 1} ended by {ended}")
                kills.append(str(target))
            raise Broken(f"it has not come to its end in {MOST_LIVES} lives")
        finally:
            tools.stop()


async def crm_in(folder: Path) -> Path:
    """A new database of the CRM."""
    async with crm.running(Settings(folder / DATABASE)):
        pass
    return folder / DATABASE


class place:  # noqa: N801 -- it is used as a function
    def __init__(self, crm: Path) -> None:
        self._crm = crm
        self._folder = Path()

    def __enter__(self) -> Path:
        self._folder = Path(tempfile.mkdtemp(prefix="chaos"))
        shutil.copy(self._crm, self._folder / DATABASE)
        os.chmod(self._folder / DATABASE, 0o600)
        return self._folder

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _end(folder: Path) -> End:
    return msgspec.json.decode((folder / END).read_bytes(), type=End)


def look(folder: Path) -> Found:
    with closing(sqlite3.connect(folder / DATABASE)) as crm:
        refunds = crm.execute("SELECT payment_id, amount_minor, reason FROM refunds ORDER BY id").fetchall()
        messages = crm.execute("SELECT ticket_id, body FROM messages ORDER BY ticket_id, number").fetchall()
    with closing(sqlite3.connect(folder / LEDGER)) as ledger:
        asked: list[Request] = ledger.execute("SELECT kind, state, tool FROM input_requests").fetchall()
        unknown = "SELECT detail FROM input_requests WHERE kind = 'unknown_outcome'"
        looked = Counter(msgspec.json.decode(row[0])["call_id"] for row in ledger.execute(unknown))
        leases = ledger.execute("SELECT count(*) FROM run_leases WHERE holder != ''").fetchone()[0]
    file = folder / LEDGER
    runs = _end(folder).runs
    made = Counter[str]()
    for run in runs:
        made.update(run.made)
    said = verify(file, keys_beside(str(file)), outside(str(file)))
    return Found(
        runs,
        refunds,
        messages,
        notes_in(folder),
        sorted(one for one in asked if one[0] != "unknown_outcome"),
        sorted(one for one in asked if one[0] == "unknown_outcome"),
        sorted(call for call, asked in looked.items() if asked > made[call]),
        leases,
        [str(finding) for finding in said.findings],
    )


_MAY_BE_MISSING = {
    *("run_paused", "run_resumed"),  # a late pause finds it ended
    *("input_requested", "input_answered"),  # somebody may say yes before the run says that it asks
}
"""Events; what people are asked is compared by the requests themselves."""


def differences(wanted: Found, found: Found, *, racing: bool = False) -> Sequence[str]:
    flaws = [f"{name}: {flaw}" for name, flaw in _compared(wanted, found).items() if flaw]
    if any(state != "answered" for _, state, _ in found.unknown):
        flaws.append(f"unknown outcomes: {found.unknown}")
    if len(wanted.runs) != len(found.runs):
        flaws.append(f"{len(found.runs)} runs instead of {len(wanted.runs)}")
    for one, other in zip(wanted.runs, found.runs, strict=False):
        flaws += _run_flaws(msgspec.structs.replace(one, calls=other.calls) if racing else one, other)
    return flaws


def _compared(wanted: Found, found: Found) -> Mapping[str, str]:
    pairs: dict[str, tuple[Any, Any]] = {
        "refunds": (wanted.refunds, found.refunds),
        "messages": (wanted.messages, found.messages),
        "notes": (wanted.notes, found.notes),
        "requests": (wanted.requests, found.requests),
        "asked twice what became of a call": ([], found.twice),
        "leases": (0, found.leases),
        "ledger verify": ([], found.findings),
    }
    return {
        name: "" if one == other else f"{_only(other, one)} instead of {_only(one, other)}"
        for name, (one, other) in pairs.items()
    }


def _only(one: Any, other: Any) -> Any:
    """What is in one and not in the other."""
    if not isinstance(one, list):
        return one
    left = Counter(map(str, cast(list[Any], one))) - Counter(map(str, cast(list[Any], other)))
    return sorted(left.elements()) or "another order"


def _in_other_words(wanted: str, found: str) -> bool:
    """What people said of an unknown outcome; and a no that came before the run had said that it asks."""
    no = wanted.startswith("A person did not approve") and found.startswith("lea denied this call")
    return no or found.startswith(LOOKED)


def _run_flaws(wanted: EndOfRun, found: EndOfRun) -> Sequence[str]:
    fields = ("state", "answer", "error", "turns", "calls")
    flaws = [
        f"{field}: {getattr(found, field)!r} instead of {getattr(wanted, field)!r}"
        for field in fields
        if getattr(found, field) != getattr(wanted, field)
    ]
    if len(wanted.told) != len(found.told):
        flaws.append(f"the model was told {found.told} instead of {wanted.told}")
    for one, other in zip(wanted.told, found.told, strict=False):
        if one != other and not _in_other_words(str(one.get("text", "")), str(other.get("text", ""))):
            flaws.append(f"the model was told {other} instead of {one}")
    lost = set(wanted.types) - set(found.types) - _MAY_BE_MISSING
    return [*flaws, *(f"no event {kind}" for kind in lost)]
