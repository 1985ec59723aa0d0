"""`toolward backup|restore`: a copy of all that there is, and the way back."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.bootstrap.copies import Restored, back_up, put_back
from gateway.cli import our_version
from gateway.cli.output import EXIT_OK, note, print_json
from gateway.cli.permitted import permit
from gateway.cli.session import Common, settings_of
from toolward.printable import printable

_SHOWN = 20  # runs that are named


def backup(
    to: Annotated[Path, Parameter(help="a folder that is not there yet")],
    /,
    *,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Copy all that this installation keeps."""
    settings, home = settings_of(common)
    permit(settings, "home.backup")
    manifest = back_up(settings, home, to, our_version())
    if common.json:
        print_json({"path": str(to.absolute()), "files": len(manifest.files), "at": manifest.at})
        return EXIT_OK
    print(f"{len(manifest.files)} files of {home} are in {to}")
    note("Whoever has this copy can sign in as you: keep it where nobody else reads it.")
    return EXIT_OK


def restore(
    folder: Annotated[Path, Parameter(help="what `toolward backup` made")],
    /,
    *,
    replace: Annotated[
        bool, Parameter(help="also where there is an installation: it is moved aside", negative=())
    ] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Put a backup in place."""
    settings, home = settings_of(common)
    permit(settings, "home.restore")
    done = put_back(home, folder, replace=replace)
    if common.json:
        print_json(
            {
                "home": str(home),
                "voided": done.voided,
                "paused": [one._asdict() for one in done.paused],
                "kept": None if done.kept is None else str(done.kept),
            }
        )
        return EXIT_OK
    print(f"{home} is as it was when {folder} was made")
    _say_what_to_do(done)
    if done.kept is not None:
        note(f"What was there before is in {done.kept}; remove it when you are content.")
    return EXIT_OK


def _say_what_to_do(done: Restored) -> None:
    """About what was going on when the backup was taken."""
    if done.voided:
        note(f"{_counted(done.voided, 'approval')} void: who wants the call asks again.")
    if not done.paused:
        return
    note(f"{_counted(len(done.paused), 'run')} paused:")
    for one in done.paused[:_SHOWN]:
        calls = f"; under way: {', '.join(one.under_way)}" if one.under_way else ""
        note(f"  {printable(f'{one.run}  {one.agent}, of {one.owner}{calls}')}")
    if len(done.paused) > _SHOWN:
        note("  … and more: toolward run list --state paused --owner '*'")
    note("Start the gateway (toolward up), and let one go on: toolward run resume RUN")
    if any(one.under_way for one in done.paused):
        note(
            "A call that was under way is made again only where that cannot do a thing twice; of another you are"
            " asked\nwhat became of it: toolward inbox list"
        )


def _counted(count: int, what: str) -> str:
    return f"1 {what} is" if count == 1 else f"{count:,} {what}s are"
