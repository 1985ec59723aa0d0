"""`toolward run export`: runs as lines of JSON, one at a time, so that any number of them can go out."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from gateway.agent.chat_training import Unfit, example
from gateway.bootstrap import local_person
from gateway.cli.options import StateOption
from gateway.cli.output import EXIT_OK, note
from gateway.cli.permitted import operation_policy
from gateway.cli.session import Common, open_session, settings_of
from gateway.cli.times import since_ms
from gateway.core.operation_policy import refusal
from gateway.runs.trajectories import Trajectory, told, trajectory
from toolward.errors import ConfigurationError, Denied, InvalidRequest
from toolward.types import AgentProvider, Principal, Run, RunFilter

Format = Literal["toolward", "openai"]
Refuses = Callable[[Run], Denied | None]

_PAGE = 50


def export(
    *runs: Annotated[str, Parameter(help="ids of runs, instead of filters")],
    format: Annotated[Format, Parameter(help="our own, or the chat format for fine-tuning")] = "toolward",  # noqa: A002 -- the option's name
    out: Annotated[Path | None, Parameter(help="write to this file instead of standard output")] = None,
    agent: Annotated[str, Parameter(help="only runs of this agent")] = "",
    owner: Annotated[str, Parameter(help="runs of this person instead of yours; * is everybody's")] = "",
    state: StateOption = None,
    tool: Annotated[str, Parameter(help="only runs that called this tool, by its qualified name")] = "",
    since: Annotated[
        str, Parameter(help="started at most so long ago (12h, 2d), or from 2026-11-25 on")
    ] = "",
    until: Annotated[str, Parameter(help="started longer ago than this, or before this time")] = "",
    min_tokens: Annotated[int, Parameter(help="only runs that used at least so many tokens")] = 0,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Write runs as lines of JSON, newest first."""
    began, ended = since_ms(since, "--since"), since_ms(until, "--until")
    only = RunFilter(agent, owner, state, tool, began, ended, min_tokens)
    if runs and only != RunFilter():
        raise InvalidRequest("Name runs, or give filters, not both.", hint="toolward run export run_1m7w…")
    with _writing(out) as write:
        return asyncio.run(_export(runs, only, format, write, common))


async def _export(
    names: tuple[str, ...], only: RunFilter, form: Format, write: Callable[[bytes], None], common: Common
) -> int:
    settings, _ = settings_of(common)
    person, policy = local_person(settings), operation_policy(settings)

    def refuses(run: Run) -> Denied | None:
        resource = {"agent": run.agent, "owner": run.owner}
        return refusal(policy.decide(person, "run.export", resource), person, "run.export")

    async with open_session(common, tools=False) as session:
        chosen = permitted(session.agents, session.principal, names, only, refuses)
        written = await write_runs(session.agents, session.principal, chosen, form, write)
    note(f"{written} run{'' if written == 1 else 's'} written")
    return EXIT_OK


async def write_runs(
    agents: AgentProvider,
    principal: Principal,
    run_ids: AsyncIterator[str],
    form: Format,
    write: Callable[[bytes], None],
) -> int:
    """Each is written before the next one is read; how many were."""
    written = 0
    async for run_id in run_ids:
        if (line := _line(await trajectory(agents, principal, run_id), form)) is not None:
            write(line + b"\n")
            written += 1
    return written


async def permitted(
    agents: AgentProvider, principal: Principal, names: tuple[str, ...], only: RunFilter, refuses: Refuses
) -> AsyncIterator[str]:
    """The ids of those that policy lets the local person export. Raises Denied for one that was named."""
    for name in names:
        if denied := refuses(await agents.get_run(principal, name)):
            raise denied
        yield name
    cursor: str | None = None
    while not names:
        page = await agents.list_runs(principal, size=_PAGE, cursor=cursor, only=only)
        for run in page.runs:
            if denied := refuses(run):
                note(f"{run.id} is left out: {denied.message}")
            else:
                yield run.id
        if (cursor := page.next_cursor) is None:
            return


def _line(found: Trajectory, form: Format) -> bytes | None:
    line = told(found)
    if form == "toolward":
        return msgspec.json.encode(line)
    try:
        return msgspec.json.encode(example(line))
    except Unfit as why:
        note(f"{found.run.id} is left out: it {why}.")
        return None


@contextmanager
def _writing(out: Path | None) -> Generator[Callable[[bytes], None], None, None]:
    """What writes a line. A file gets its name when all is in it, and nobody else may read it."""
    if out is None:
        yield _to_stdout
        return
    if not out.name:
        raise InvalidRequest("--out names no file.", hint="toolward run export --out runs.jsonl")
    part = out.with_name(f"{out.name}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:

            def to_file(line: bytes) -> None:
                file.write(line)

            yield to_file
        part.replace(out)
    except OSError as error:
        raise ConfigurationError(
            f"{out} cannot be written: {error.strerror or error}.", hint="Name another file."
        ) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _to_stdout(line: bytes) -> None:
    sys.stdout.write(line.decode())
    sys.stdout.flush()
