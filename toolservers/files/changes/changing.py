"""Every way in which things in the roots change, and how a change is undone."""

import hashlib
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from toolservers.files.changes import moving, undoing
from toolservers.files.changes.committing import Committer
from toolservers.files.changes.outcome import Changed, Told, not_told
from toolservers.files.changes.writing import Writing
from toolservers.files.paths.roots import Place, Roots, require_outside
from toolward.errors import ToolwardError


class Changes:
    """Blocking: call it from worker threads, as many as you like. Methods raise ToolError for what a caller
    can mend, Unavailable where the record of changes fails (then nothing was changed), OutcomeUnknown where
    only the disk's last word is missing.

    `told` is called just before the effect, with what will be answered: by that `recover` finds out, in whichever
    process, whether it took place. What `told` raises stops the change.
    """

    def __init__(self, roots: Roots, state: Path) -> None:
        """`state` is the folder for the journals, made at the first change. What a kill cut off is settled. Raises
        ConfigurationError where a tool could reach `state`."""
        if any(root.writable for root in roots.values()):
            require_outside(state, roots, "The folder for state")
        self._committers = {
            name: Committer(root, state / f"{_digest(root.path)}.db") for name, root in roots.items()
        }
        for committer in self._committers.values():
            if committer.root.writable and committer.has_journal():
                with suppress(ToolwardError), committer.changing():
                    pass

    def close(self) -> None:
        for committer in self._committers.values():
            committer.close()

    def create(self, place: Place, data: bytes, told: Told = not_told) -> Changed:
        """A new file; missing folders above it are made."""
        with self._writing(place, told, make=True) as writing:
            return writing.create(data)

    def overwrite(
        self, place: Place, make: Callable[[bytes], bytes], etag: str | None, told: Told = not_told
    ) -> Changed:
        """All of a file's bytes, by what `make` gives for them: the etag of the present ones is needed."""
        with self._writing(place, told) as writing:
            return writing.replace(make, etag, "overwrote", require=True)

    def replace(
        self,
        place: Place,
        transform: Callable[[bytes], bytes],
        etag: str | None = None,
        told: Told = not_told,
    ) -> Changed:
        """A file's bytes by what `transform` makes of them. It sees exactly those that are then replaced, and may
        raise. With `etag`, they must still be that version."""
        with self._writing(place, told) as writing:
            return writing.replace(transform, etag, "edited", require=False)

    def append(
        self,
        place: Place,
        tail: Callable[[bytes], bytes],
        etag: str | None = None,
        told: Told = not_told,
    ) -> Changed:
        """`tail` makes what is added of the whole file, or of its first HEAD bytes where it has more than
        MAX_FILE; of nothing where there is no file: then one is made."""
        with self._writing(place, told, make=True) as writing:
            return writing.append(tail, etag)

    def copy(self, source: Place, target: Place, told: Told = not_told) -> Changed:
        """A file, or a folder with all in it, also from another root. Refused where something in it is hidden,
        would be protected there, has a second name or is special. Times are new; rights and attributes stay."""
        committer = self._committers[source.root.name]
        return moving.copy(committer, self._changing(target), source.path, target.path, told)

    def move(self, source: Place, target: Place, told: Told = not_told) -> Changed:
        """Whatever is there, within one root."""
        return moving.move(self._changing(source), self._changing(target), source.path, target.path, told)

    def delete(self, place: Place, told: Told = not_told) -> Changed:
        """Whatever is there; it is kept as long as the root has room."""
        return moving.delete(self._changing(place), place.path, told)

    def undo(self, change: str, told: Told = not_told) -> Changed:
        """A change by its id, unless what it left has changed since. That is a change as well."""
        return undoing.undo(list(self._committers.values()), change, told)

    def recover(self, changed: Changed) -> Changed | None:
        """What an earlier call answered, or would have; None where it changed nothing, and will not any more.
        Raises OutcomeUnknown where nothing tells."""
        for committer in self._committers.values():
            writable = committer.root.writable and committer.has_journal()
            if writable and committer.is_done(changed.change):
                return changed
        return None

    def _changing(self, place: Place) -> Committer:
        """Raises ToolError where nothing may be changed there at all: then nothing is made either."""
        place.root.require_changeable(place.path)
        return self._committers[place.root.name]

    @contextmanager
    def _writing(self, place: Place, told: Told, *, make: bool = False) -> Generator[Writing]:
        committer = self._changing(place)
        with committer.changing() as own, place.root.parent(place.path, make=make) as parent:
            yield Writing(committer, own, parent, told)


def _digest(path: os.PathLike[str]) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
