"""`toolward policy replay`."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from gateway.bootstrap import ledger_file
from gateway.bootstrap.past import PastRuns, past_calls
from gateway.cli.colours import coloured
from gateway.cli.output import EXIT_FAILED, EXIT_OK, note, print_json, shorten
from gateway.cli.permitted import permit
from gateway.cli.session import Common, settings_of
from gateway.cli.surrounding import surroundings
from gateway.cli.tables import print_table
from gateway.cli.times import since_ms
from gateway.config.policies import load_policy
from gateway.core.policy import Policy, bind
from gateway.core.replaying import Flip, Replayed
from gateway.core.replaying import replay as decide_again
from gateway.core.tables import said_of
from toolward.errors import InvalidRequest


def replay(
    *candidate: Annotated[Path, Parameter(help="the files of the candidate policy")],
    since: Annotated[
        str,
        Parameter(help="made at most so long ago (12h, 7d), or from 2026-11-25 on; without it, all calls"),
    ] = "",
    limit: Annotated[int, Parameter(help="at most so many calls, the newest")] = 10_000,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Decide recorded calls again by a candidate policy, and print what would change."""
    if not candidate:
        raise InvalidRequest(
            "No policy is named.", hint="toolward policy replay policies/mine.yaml --since 7d"
        )
    if limit < 1:
        raise InvalidRequest(f"--limit {limit} is no number of calls.", hint="Name 1 or more.")
    began = since_ms(since, "--since")
    permit(settings_of(common)[0], "ledger.read")
    return asyncio.run(_replay(load_policy(candidate), began, limit, common))


async def _replay(policy: Policy, began: int, limit: int, common: Common) -> int:
    around = await surroundings(common)
    bound = bind(policy, around.catalog)
    ledger = ledger_file(around.home)
    calls = islice(past_calls(ledger, began), min(limit, sys.maxsize))
    found = decide_again(calls, bound, around.catalog, around.agents.get, PastRuns(ledger).sources)
    for problem in bound.problems:
        note(f"{coloured('problem', 'failed')}  {problem}")
    if common.json:
        print_json(_as_json(found) | {"problems": bound.problems})
    else:
        _print(found)
    return EXIT_FAILED if found.flips or bound.problems else EXIT_OK


def _print(found: Replayed) -> None:
    header = ("call", "at", "principal", "tool", "was", "would be", "arguments")
    print_table(header, map(_row, found.flips))
    for line in summary(found):
        note(line)


def _row(flip: Flip) -> Sequence[str]:
    call = flip.call
    return (
        call.id,
        datetime.fromtimestamp(call.at / 1000, UTC).isoformat(timespec="seconds"),
        ",".join(call.principal.labels[:-1]) + (f",agent:{call.agent}" if call.agent else ""),
        call.tool,
        said_of(call.effect, call.rule),
        said_of(flip.effect, flip.rule),
        shorten((call.arguments_json or b"").decode(errors="replace"), 120),
    )


def summary(found: Replayed) -> list[str]:
    """`2 of 412 calls flip: 1 deny -> allow, 1 allow -> ask; 1 of them with a tool that may change things.`"""
    if not found.calls:
        return ["No call is on record in that time."]
    lines = [f"None of {_calls(found.calls)} flips."]
    if found.flips:
        kinds = ", ".join(f"{count} {kind}" for kind, count in found.kinds.items())
        changing = sum(flip.changes for flip in found.flips)
        verb = "flips" if len(found.flips) == 1 else "flip"
        lines = [
            f"{len(found.flips)} of {_calls(found.calls)} {verb}: {kinds};"
            f" {changing} with a tool that may change things."
        ]
    if found.moved:
        lines.append(f"{_calls(found.moved)} decided alike, but by another rule.")
    lines += [f"{_calls(count)} could not be decided again: {why}." for why, count in found.lost.items()]
    return lines


def _calls(count: int) -> str:
    return f"{count:,} call" if count == 1 else f"{count:,} calls"


def _as_json(found: Replayed) -> dict[str, Any]:
    return {
        "calls": found.calls,
        "flips": list(map(_flip, found.flips)),
        "kinds": found.kinds,
        "moved": found.moved,
        "lost": found.lost,
    }


def _flip(flip: Flip) -> dict[str, Any]:
    call = flip.call
    return {
        "call": call.id,
        "at": call.at,
        "principal": call.principal,
        "agent": call.agent,
        "run_id": call.run_id,
        "tool": call.tool,
        "arguments": msgspec.Raw(call.arguments_json or b"null"),
        "was": {"effect": call.effect, "rule": call.rule},
        "would_be": {"effect": flip.effect, "rule": flip.rule, "reason": flip.reason},
        "changes": flip.changes,
    }
