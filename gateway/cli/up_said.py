"""What `toolward up` says: to people, or where log lines are objects for machines, as such lines."""

import logging
import os
from pathlib import Path

from gateway.bootstrap import Gateway, make_link, secret_file
from gateway.cli.colours import coloured
from gateway.cli.output import counted, note, shorten
from gateway.core.ports import Listing
from toolward.doors.serve import Opened
from toolward.errors import ConfigurationError
from toolward.printable import printable_lines
from toolward.telemetry.logs import FORMS

LOG_FORMAT = "TOOLWARD_LOG_FORMAT"

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)  # it speaks only where people would be told, whatever is logged elsewhere


def log_form() -> str:
    """How log lines look. Raises ConfigurationError."""
    given = os.environ.get(LOG_FORMAT) or "text"
    if given not in FORMS:
        raise ConfigurationError(
            f"{LOG_FORMAT} is {given!r}; it can be {', '.join(FORMS)}.", hint="Set it to one of these."
        )
    return given


def tell(text: str) -> None:
    """Of what goes on, in a line or a few."""
    if log_form() == "json":
        log.info(text.strip())
    else:
        note(text)


async def say_what_runs(gateway: Gateway, opened: Opened, resumed: int) -> None:
    """The backends as they are now, where the doors are, and what to do next."""
    if log_form() == "json":
        log_what_runs(gateway, opened, resumed)
        return
    for listing in gateway.backends.listings():
        note(f"  {_state(listing)}")
    for problem in _problems(gateway):
        note(f"  {coloured('note', 'ask')}  {shorten(problem, 400)}")
    note(f"\n  model    {gateway.models.said}")
    note(f"  HTTP     {opened.scheme}://{opened.http}  (console, REST, /docs, MCP at /mcp)")
    note(f"  gRPC     {opened.grpc}")
    note(f"  token    in {secret_file(gateway.home)}")
    if resumed:
        note(f"  resumes  {counted(resumed, 'unfinished run')}")
    if gateway.models.is_offline:
        await offer_local_models()
    note('\nTry:  toolward ask "Where is my order ORD-1003?"')
    note(
        f"Console, signed in by this link, once:  {console_link(gateway.home, opened)}\nCtrl-C stops everything."
    )


def log_what_runs(gateway: Gateway, opened: Opened, resumed: int) -> None:
    """Without a link that signs in: lines are collected, and read by many."""
    for problem in _problems(gateway):
        log.warning("%s", problem)
    where = {"http": f"{opened.scheme}://{opened.http}", "grpc": str(opened.grpc)}
    log.info("ready: HTTP at %(http)s, gRPC at %(grpc)s", where, extra={**where, "resumed": resumed})


def _problems(gateway: Gateway) -> tuple[str, ...]:
    return (*gateway.settings.notes, *gateway.dispatch.catalog.problems, *gateway.dispatch.policy.problems)


def console_link(home: Path, opened: Opened) -> str:
    """Where the person at this computer signs in to the console."""
    at = opened.http
    if at is not None and at.host in ("0.0.0.0", "::"):  # noqa: S104 -- no address to go to
        at = at._replace(host="127.0.0.1")
    return f"{opened.scheme}://{at}/sign-in?code={make_link(home)}"


def _state(listing: Listing) -> str:
    """Of one backend, in one line."""
    if listing.problem:
        state, said = coloured("down", "failed"), shorten(listing.problem, 200)
    else:
        state, said = coloured("ok  ", "ok"), counted(len(listing.tools), "tool")
        if listing.warning:
            state, said = coloured("warn", "ask"), f"{said}; {shorten(listing.warning, 200)}"
    return f"{state}  {listing.backend:<12} {listing.transport:<5}  {said}"


def say_outcome(said: str, failed: bool) -> None:
    """Of a reading of the configuration; failures are in the log already, which goes to the same place."""
    if not failed:
        tell(printable_lines(said))


async def offer_local_models() -> None:
    """Say which model servers answer on this computer, and how to use them; switches to none."""
    from gateway.bootstrap.models import find_local

    for server in await find_local():
        note(
            f"\n  {server.name} answers at {server.base_url}. To use it:\n"
            f"  TOOLWARD_MODEL_URL={server.base_url} TOOLWARD_MODEL_NAME={server.model}"
        )
