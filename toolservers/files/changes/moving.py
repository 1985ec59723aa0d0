"""Copying, moving and deleting whatever is there, as one rename each."""

from toolservers.files.changes.committing import Committer
from toolservers.files.changes.outcome import Changed, Told


def copy(source: Committer, target: Committer, path: str, to: str, told: Told) -> Changed:
    raise NotImplementedError


def move(source: Committer, target: Committer, path: str, to: str, told: Told) -> Changed:
    raise NotImplementedError


def delete(committer: Committer, path: str, told: Told) -> Changed:
    raise NotImplementedError
