"""What a folder that is copied, moved or deleted must not have in it: what its own rules keep from the tools."""

from collections.abc import Callable

from toolservers.files.changes.renames import At
from toolservers.files.changes.trees import Entry, walk
from toolservers.files.paths.refusals import shown
from toolservers.files.paths.root import Root
from toolward.errors import ToolError

Check = Callable[[Entry], None]


def untouchable(root: Root, base: str) -> Check:
    """For what is below `base`, or would come there: nothing hidden, nothing protected. Raises ToolError."""

    def check(entry: Entry) -> None:
        path = f"{base}/{entry.path}"
        _require_visible(root, path)
        if root.guards.protects(path):
            raise _refused(root.shown(path), "protected here")

    return check


def invisible(root: Root, base: str) -> Check:
    """For what is read below `base`. Raises ToolError."""
    return lambda entry: _require_visible(root, f"{base}/{entry.path}")


def every(*checks: Check) -> Check:
    def check(entry: Entry) -> None:
        for each in checks:
            each(entry)

    return check


def check_again(at: At, root: Root, base: str, asked: str) -> None:
    """Where links made of the path that was asked for another one, by which nothing was checked yet."""
    if base != asked:
        check = untouchable(root, base)
        for entry in walk(at):
            check(entry)


def _require_visible(root: Root, path: str) -> None:
    if not root.sees(path):
        raise _refused(root.shown(path), "hidden here, as files are that hold keys")


def _refused(path: str, why: str) -> ToolError:
    return ToolError(
        f"{shown(path)} is {why}, so that the folder is not copied, moved or deleted as a whole; do it with the "
        "things beside it, one by one, or ask a person."
    )
