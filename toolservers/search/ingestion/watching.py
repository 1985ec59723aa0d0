"""What happens in the folders of sources, told soon after: as paths that are to be looked at again.

The system's notices are hints alone. They get lost in a burst, do not come from network disks, and tell nothing of
what happened before the watch stood; so whole sources are looked at again now and then, too, and all the time where
the system has no notices left to give.

Each folder is watched by itself, as a scan finds them: a watch that goes down by itself follows links, and one link
to `/` would watch the whole computer.
"""

import errno
import os
import stat
import threading
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from toolservers.search.ingestion.scanning import Folder
from toolservers.search.sources import Source
from toolward.errors import Unavailable

Changes = Mapping[str, frozenset[str]]
"""By the name of a source: paths in it, each with all below it; `""` is the whole source."""

MAX_WATCHED = 50_000
"""Folders of all sources together. With more, sources are looked at again and again instead."""

TOGETHER = 100
"""Milliseconds: after so many without a change, what has changed is told."""
AT_MOST = 500
"""Milliseconds: after so many it is told in any case."""
_TICK = 250
"""Milliseconds: so often it is seen to that the folders of the sources are still the same ones."""
_AGAIN = 300.0
"""Seconds between two looks at whole sources."""
_AGAIN_POLLING = 2.0
"""The same, without notices; at least four times what a look takes."""
_RETRY = 60.0
"""Seconds until notices are tried again."""
MANY = 1_000
"""More paths of one source are told as the whole source."""


class Watch:
    """The first changes that it tells are all sources whole, as soon as it is sure that nothing is missed from
    then on. `polling` says why the system's notices are not used, and is empty where they are."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._all: Changes = {source.name: frozenset({""}) for source in sources}
        self._stop = threading.Event()
        self.polling = ""

    async def changes(self) -> AsyncGenerator[Changes]:
        """Until it is closed or cancelled. What happens while the last ones are dealt with is told after."""
        told = self.changes_here()
        thread = CapacityLimiter(1)  # its own: it waits nearly all the time
        try:
            while (
                found := await run_sync(next, told, None, limiter=thread, abandon_on_cancel=True)
            ) is not None:
                yield found
        finally:
            self.stop()

    def changes_here(self) -> Iterator[Changes]:
        """The same, blocking, until `stop` is called by somebody else."""
        while not self._stop.is_set():
            try:
                yield from self._noticed()  # ends when other folders are to be watched
            except (OSError, RuntimeError) as error:  # the second is what watchfiles raises for some
                why = error.strerror if isinstance(error, OSError) else error
                self.polling = f"The system gives no notices of changes: {why or error}."
                yield from self._looked(_AGAIN_POLLING if isinstance(error, FileNotFoundError) else _RETRY)

    def stop(self) -> None:
        """For good; its thread ends soon after."""
        self._stop.set()

    def _noticed(self) -> Iterator[Changes]:
        """Until other folders are in the place of the sources'. Raises OSError or RuntimeError where the system
        gives no notices, or a folder went before it was watched."""
        roots, next_look = self._roots(), 0.0
        watched: set[str] = set()
        former: Iterator[set[str]] = iter(())
        while self._roots() == roots:  # once for each set of folders that are watched
            folders = self._folders()
            notices = self._notices(folders)
            paths = next(notices, None)  # now the new watch stands; until then the former one did
            fresh = folders - watched if watched else set[str]()
            if told := self._by_source(fresh):
                yield told
            is_another = bool(fresh) and self._folders() != folders
            if paths is not None:
                paths |= next(former, set[str]())
            while paths is not None and not self._stop.is_set():
                self.polling = ""
                told = self._by_source(paths)
                if time.monotonic() >= next_look:
                    told, next_look = self._all, time.monotonic() + _AGAIN
                if told:
                    yield told
                if is_another or self._changes(folders, paths) or self._roots() != roots:
                    break
                paths = next(notices, None)
            else:
                return
            former, watched = notices, folders

    def _notices(self, folders: set[str]) -> Iterator[set[str]]:
        """Paths of what happened in them, none where nothing did for some time; it ends when it is stopped."""
        from watchfiles import watch

        if not folders:
            raise FileNotFoundError(errno.ENOENT, "no folder is there")
        if len(folders) > MAX_WATCHED:
            raise OSError(errno.ENOSPC, f"there are more than {MAX_WATCHED:,} folders")
        for notices in watch(
            *folders,
            watch_filter=None,
            recursive=False,
            debounce=AT_MOST,
            step=TOGETHER,
            rust_timeout=_TICK,
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
            ignore_permission_denied=True,
        ):
            yield {path for _, path in notices}

    def _changes(self, folders: set[str], paths: set[str]) -> bool:
        """Whether the folders that are to be watched are others after that."""
        return any(path in folders or self._is_folder(path) for path in paths)

    def _looked(self, seconds: float) -> Iterator[Changes]:
        """Whole sources, again and again, as long as that."""
        end = time.monotonic() + seconds
        while not self._stop.is_set():
            began = time.monotonic()
            yield self._all
            now = time.monotonic()
            if self._stop.wait(max(_AGAIN_POLLING, 4 * (now - began))) or now >= end:
                return

    def _folders(self) -> set[str]:
        found: set[str] = set()
        for source in self._sources:
            with suppress(Unavailable), Folder(source) as folder:
                found.update(
                    os.path.join(source.folder, path) if path else str(source.folder)
                    for path in folder.folders()
                )
        return found

    def _roots(self) -> list[tuple[int, int] | None]:
        """Which folders the sources have now: one may be put in another's place."""
        return [_identity(source) for source in self._sources]

    def _by_source(self, paths: Iterable[str]) -> Changes:
        found: dict[str, set[str]] = {}
        for path in paths:
            for source in self._sources:
                inside = _inside(source, path)
                if inside is not None and source.enters(inside):
                    found.setdefault(source.name, set()).add(inside)
        return {name: frozenset(inside if len(inside) <= MANY else {""}) for name, inside in found.items()}

    def _is_folder(self, path: str) -> bool:
        """Whether it is one that is to be watched."""
        with suppress(OSError):
            return stat.S_ISDIR(os.lstat(path).st_mode) and bool(self._by_source([path]))
        return False


def _identity(source: Source) -> tuple[int, int] | None:
    with suppress(OSError):
        status = os.stat(source.folder)
        return status.st_dev, status.st_ino
    return None


def _inside(source: Source, path: str) -> str | None:
    folder = str(source.folder)
    if path == folder:
        return ""
    inside = path.removeprefix(folder.rstrip("/") + "/")
    return None if inside == path else inside
