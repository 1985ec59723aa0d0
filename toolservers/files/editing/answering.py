"""What `edit_file` answers: where the replacements were made, or, for a dry run, what they would be."""

import os
from collections.abc import Callable, Sequence

from toolservers.files.changes import Changed, Changes
from toolservers.files.changes.writing import require_etag
from toolservers.files.editing.diffs import unified_diff
from toolservers.files.editing.edits import Edit, Edited, edited
from toolservers.files.paths.names import one_line
from toolservers.files.paths.refusals import shown
from toolservers.files.paths.roots import Roots
from toolservers.files.text.encodings import MAX_FILE, etag_of, read_whole
from toolward.errors import ToolError

MAX_LINES = 20
"""Lines of one edit that are told."""


def edit(
    roots: Roots,
    changes: Changes,
    path: str,
    edits: Sequence[Edit],
    etag: str | None,
    told: Callable[[Changed, str], None],
) -> str:
    """Blocking. `told` is called just before the effect, with what will be answered. Raises ToolError."""
    places = ""

    def transform(data: bytes) -> bytes:
        nonlocal places
        done, after = _edited(data, edits, path)
        places = _places(done)
        return after

    def answer(changed: Changed) -> str:
        facts = f"{changed.bytes:,} bytes, etag {changed.etag}, change {changed.change}"
        return f"[{one_line(changed.path)}: edited, now {facts}; {places}]"

    changed = changes.replace(
        roots.place(path), transform, etag, lambda changed: told(changed, answer(changed))
    )
    return answer(changed)


def dry_run(roots: Roots, path: str, edits: Sequence[Edit], etag: str | None) -> tuple[str, str]:
    """Blocking: the diff, and the line of facts. Raises ToolError for all that `edit` would refuse but what lies
    with the system: rights, and room."""
    root, inside = roots.place(path)
    with root.file(inside) as file:
        root.require_changeable(file.path)
        data = read_whole(file.descriptor)
        if data is None:
            size = os.fstat(file.descriptor).st_size
            raise ToolError(f"{shown(path)} has {size:,} bytes; files of at most {MAX_FILE:,} are edited.")
        require_etag(path, etag, etag_of(data))
        done, after = _edited(data, edits, path)
        name = one_line(roots.shown(root, inside))
        facts = f"it would have {len(after):,} bytes, etag {etag_of(after)}; {_places(done)}"
        return unified_diff(done, name), f"[{name}: dry run, nothing was changed; {facts}]"


def _edited(data: bytes, edits: Sequence[Edit], path: str) -> tuple[Edited, bytes]:
    done, after = edited(data, edits, path)
    if after == data:
        raise ToolError(
            f"{shown(path)} would stay as it is: `old` and `new` differ in ends of lines alone, and both are "
            "written with those of the file."
        )
    return done, after


def _places(done: Edited) -> str:
    told: list[str] = []
    for number, lines in sorted(done.lines().items()):
        shown_lines = ", ".join(f"{line:,}" for line in lines[:MAX_LINES])
        more = f" and {len(lines) - MAX_LINES:,} more" if len(lines) > MAX_LINES else ""
        told.append(f"edit {number}: line{'s' * (len(lines) > 1)} {shown_lines}{more}")
    return "; ".join(told)
