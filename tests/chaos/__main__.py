"""`python -m tests.chaos`: kill a gateway at every point of every scenario, or at a seeded sample of them."""

import argparse
import asyncio
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.chaos.lives import ready
from tests.chaos.scenarios import BY_NAME, SCENARIOS
from tests.chaos.tools import listings
from tests.chaos.trial import Bench, Found, Trial, crm_in

DOUBLED = 0.3
"""The part of the trials in which the life after the first kill is killed, too."""


class Plan(NamedTuple):
    scenario: str
    targets: tuple[int, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=0, help="at most about so many; 0: at every point")
    parser.add_argument("--seconds", type=float, default=3000, help="no trial is begun after so long")
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="one scenario, by its name")
    parser.add_argument("--at", type=int, nargs="*", default=[], help="points of its lives, with --only")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="chaoscrm") as folder:
        bench = Bench(asyncio.run(listings()), asyncio.run(crm_in(Path(folder))))
        ready()
        return _run(bench, options)


def _run(bench: Bench, options: argparse.Namespace) -> int:
    started = time.monotonic()
    chosen = [one for one in SCENARIOS if options.only in ("", one.name)]
    undisturbed: dict[str, Found] = {}
    points: dict[str, list[str]] = {}
    for scenario in chosen:
        undisturbed[scenario.name], points[scenario.name] = bench.undisturbed(scenario)
        if flaws := undisturbed[scenario.name].findings:
            raise SystemExit(f"{scenario.name}, undisturbed: {flaws}")
    total = sum(map(len, points.values()))
    print(f"{len(chosen)} scenarios with {total} points, {time.monotonic() - started:.1f} s", flush=True)
    if options.at:
        plans = [Plan(chosen[0].name, tuple(options.at))]
    else:
        plans = planned(points, random.Random(options.seed), options.kills)
    trials = list(_trials(bench, undisturbed, points, plans, options))
    return report(trials, points, time.monotonic() - started)


def planned(points: dict[str, list[str]], chance: random.Random, kills: int) -> list[Plan]:
    """Every point once, or a sample; some with a second kill at any point of the next life. Those around events
    and in calls come first, for when the time is over."""
    first: list[Plan] = []
    rest: list[Plan] = []
    for name, names in points.items():
        for target, point in enumerate(names, 1):
            again = chance.random() < DOUBLED
            second = (chance.randint(1, len(names)),) if again else ()
            (first if "[" in point or "inside" in point else rest).append(Plan(name, (target, *second)))
    if kills:
        return chance.sample([*first, *rest], min(kills, len(first) + len(rest)))
    chance.shuffle(first)
    chance.shuffle(rest)
    return [*first, *rest]


def _trials(
    bench: Bench,
    undisturbed: dict[str, Found],
    points: dict[str, list[str]],
    plans: Sequence[Plan],
    options: argparse.Namespace,
) -> Iterator[Trial]:
    forks = multiprocessing.get_context("fork")
    pipes: list[Connection] = []
    until = time.monotonic() + options.seconds
    for job in range(options.jobs):
        mine, its = forks.Pipe(duplex=False)
        share = plans[job :: options.jobs]
        forks.Process(target=_work, args=(bench, undisturbed, share, until, its), daemon=False).start()
        its.close()
        pipes.append(mine)
    done, kills = 0, 0
    while pipes:
        for pipe in wait(pipes):
            assert isinstance(pipe, Connection)
            try:
                trial = msgspec.json.decode(pipe.recv_bytes(), type=Trial)
            except EOFError:
                pipes.remove(pipe)
                continue
            done, kills = done + 1, kills + len(trial.kills)
            if trial.flaws:
                where = [points[trial.scenario][int(at) - 1 :][:1] for at in trial.kills]
                print(f"\n{trial.scenario}, killed at {trial.kills} ({where}): {trial.flaws}", flush=True)
                print(trial.log, flush=True)
            if done % 25 == 0:
                print(f"{done} of {len(plans)} trials, {kills} kills", flush=True)
            yield trial


def _work(
    bench: Bench, undisturbed: dict[str, Found], plans: Sequence[Plan], until: float, pipe: Connection
) -> None:
    for plan in plans:
        if time.monotonic() > until:
            return
        trial = bench.trial(BY_NAME[plan.scenario], undisturbed[plan.scenario], plan.targets)
        pipe.send_bytes(msgspec.json.encode(trial))


def report(trials: Sequence[Trial], points: dict[str, list[str]], seconds: float) -> int:
    kinds: Counter[str] = Counter()
    for trial in trials:
        for target in trial.kills[:1]:
            kinds[points[trial.scenario][int(target) - 1]] += 1
    kills = sum(len(trial.kills) for trial in trials)
    failed = [trial for trial in trials if trial.flaws]
    print(f"\nfirst kills by kind, of {kills} kills in {len(trials)} trials:")
    for kind, count in sorted(kinds.items()):
        print(f"  {count:4} {kind}")
    looked = sum(trial.unknown for trial in trials)
    missed = [name for name in {one for names in points.values() for one in names} if name not in kinds]
    print(f"kinds of points where nothing was killed: {len(missed)} {sorted(missed)[:20]}")
    doubled = sum(len(trial.kills) > 1 for trial in trials)
    print(f"{doubled} times the next life was killed, too")
    print(f"{looked} outcomes unknown, {len(failed)} trials failed, {seconds:.0f} s")
    return 1 if failed or len(trials) == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
