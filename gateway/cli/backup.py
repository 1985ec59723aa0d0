"""`toolward backup|restore`: a copy of all that there is, and the way back."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.bootstrap.copies import back_up, put_back
from gateway.cli import our_version
from gateway.cli.output import EXIT_OK, note, print_json
from gateway.cli.permitted import permit
from gateway.cli.session import Common, settings_of


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
                "paused": done.paused,
                "kept": None if done.kept is None else str(done.kept),
            }
        )
        return EXIT_OK
    print(f"{home} is as it was when {folder} was made")
    note(f"{done.voided} approvals are void, {done.paused} runs are paused: toolward run list --state paused")
    if done.kept is not None:
        note(f"What was there before is in {done.kept}; remove it when you are content.")
    return EXIT_OK
