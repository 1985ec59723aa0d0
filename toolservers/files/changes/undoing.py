"""Undoing a change."""

from toolservers.files.changes.committing import Committer
from toolservers.files.changes.outcome import Changed, Told


def undo(committers: list[Committer], change_id: str, told: Told) -> Changed:
    raise NotImplementedError
