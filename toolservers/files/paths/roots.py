"""The roots that are served, and what a path of a caller means among them.

With one root a path is relative to it. With several the first part names the root, as in `notes/today.md`, and the
folder above them, `.`, has the roots in it and nothing else.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Self

from toolservers.files.paths.refusals import leaves_root, shown
from toolservers.files.paths.root import Root
from toolservers.files.settings import Settings, root_specs
from toolward.errors import ConfigurationError, ToolError

MAX_PATH = 4096
"""Characters in one path."""


class Place(NamedTuple):
    """`path` from the root, `.` for the root itself, without empty parts. `..` stays: what it means depends on
    links, and the opener judges it."""

    root: Root
    path: str


class Roots(Mapping[str, Root]):
    """By name. Use as a context manager: closing it closes the folders."""

    def __init__(self, roots: Mapping[str, Root]) -> None:
        self._roots = dict(roots)

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Blocking. Raises ConfigurationError where a root cannot be used, or lies in another one."""
        with ExitStack() as opened:
            specs = root_specs(settings)
            roots: dict[str, Root] = {}
            for name, spec in specs.items():
                roots[name] = root = Root(name, spec, prefix=f"{name}/" if len(specs) > 1 else "")
                opened.callback(root.close)
            _refuse_nested(roots)
            if settings.roots:
                require_outside(Path(settings.roots).parent, roots, "The folder of the roots file")
            opened.pop_all()
            return cls(roots)

    def __getitem__(self, name: str) -> Root:
        return self._roots[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._roots)

    def __len__(self) -> int:
        return len(self._roots)

    def close(self) -> None:
        for root in self._roots.values():
            root.close()

    @property
    def only(self) -> Root | None:
        """The one root, where there is but one: its name is then in no path."""
        return next(iter(self._roots.values())) if len(self._roots) == 1 else None

    def is_top(self, path: str) -> bool:
        """Whether this is the folder that has the roots in it; never so with one root."""
        return self.only is None and not [part for part in path.split("/") if part not in ("", ".")]

    def place(self, path: str) -> Place:
        """Raises ToolError where no name can be so, or there is no such root."""
        if "\0" in path or len(path) > MAX_PATH or re.search("[\ud800-\udfff]", path):
            raise ToolError(
                f"{shown(path)} cannot be a path: it is too long, or has characters that no name can have; "
                "use one such as `notes/today.md`."
            )
        parts = PurePosixPath(path)
        if parts.is_absolute():
            for root in self._roots.values():
                if parts.is_relative_to(root.path):
                    return Place(root, str(parts.relative_to(root.path)))
            raise leaves_root(path)
        if self.only is not None:
            return Place(self.only, str(parts))
        if not parts.parts or parts.parts[0] not in self._roots:
            raise ToolError(
                f"{shown(path)} begins with no root; the roots are {', '.join(map(repr, self._roots))}: "
                f"write `{next(iter(self._roots))}/...`."
            )
        return Place(self._roots[parts.parts[0]], str(PurePosixPath(*parts.parts[1:])))

    def shown(self, root: Root, path: str) -> str:
        """As a caller writes it; the inverse of `place`."""
        return root.shown(path)


def _refuse_nested(roots: Mapping[str, Root]) -> None:
    for one in roots.values():
        for other in roots.values():
            if one is not other and lies_in(Path(one.path), other):
                raise ConfigurationError(
                    f"The root {one.name!r} lies in the root {other.name!r}: a file would have two sets of rights.",
                    hint="Give roots that lie beside each other.",
                )


def require_outside(path: Path, roots: Mapping[str, Root], what: str) -> None:
    """For what decides over the roots. Raises ConfigurationError."""
    for root in roots.values():
        if lies_in(path.resolve(), root):
            raise ConfigurationError(
                f"{what} {path} lies in the root {root.name!r}, where tools come: whoever writes there would give "
                "themselves rights.",
                hint="Put it outside all roots (--roots, --state).",
            )


def lies_in(path: Path, root: Root) -> bool:
    """Whether a folder is the root or below it, or will be when it is made: by what the folders are, since one may
    have two names (bind mounts, letters' cases)."""
    mine = os.fstat(root.descriptor)
    for folder in (path, *path.parents):
        with suppress(FileNotFoundError, NotADirectoryError):
            if os.path.samestat(folder.stat(), mine):
                return True
    return False
