"""python -m tests.servers.swapping ROOT OUTSIDE

The attacker of tests/unit/test_files_race.py: until it is killed it exchanges things in ROOT with links, hard links
and pipes that lead to OUTSIDE, each pair atomically (`renameat2(RENAME_EXCHANGE)`), and makes again what a tool
took away. On each line that comes in it says how many exchanges it has made. It changes nothing outside itself.
"""

import ctypes
import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_EXCHANGE = 2
_HERE = -100
_renameat2 = ctypes.CDLL(None, use_errno=True).renameat2

Pair = tuple[Path, Callable[[Path], None], Path, Callable[[Path], None]]


def folder(path: Path) -> None:
    (path / "inner").mkdir(parents=True)
    for name in ("secret.txt", "inner/secret.txt", "own.txt"):
        file(path / name)


def file(path: Path) -> None:
    with path.open("x") as new:  # never through a link
        new.write("mine\n")


def link(target: Path | str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def hard(target: Path) -> Callable[[Path], None]:
    return lambda path: path.hardlink_to(target)


def pairs(root: Path, outside: Path) -> list[Pair]:
    """What is exchanged: its honest form first."""
    secret = outside / "secret.txt"
    return [
        (root / "work", folder, root / "work-2", link(outside)),
        (root / "near", folder, root / "near-2", link("../outside")),
        (root / "deep/er", folder, root / "deep/er-2", link("../..")),
        (root / "file.txt", file, root / "file-2.txt", link(secret)),
        (root / "linked.txt", file, root / "linked-2.txt", hard(secret)),
        (root / "piped.txt", file, root / "piped-2.txt", os.mkfifo),
        (root / "deep/secret.txt", file, root / "deep/secret-2.txt", hard(secret)),
        (root / "either", folder, root / "either-2", hard(secret)),
    ]


def make(one: Pair) -> None:
    for path, how in (one[:2], one[2:]):
        with suppress(OSError):
            path.parent.mkdir(exist_ok=True)
            how(path)


def main(root: Path, outside: Path) -> None:
    all_pairs, count, flickering = pairs(root, outside), 0, root / "flickering.txt"
    for one in all_pairs:
        make(one)
    print("ready", flush=True)
    while True:
        for one in all_pairs:
            if _renameat2(_HERE, os.fsencode(one[0]), _HERE, os.fsencode(one[2]), _EXCHANGE) == 0:
                count += 1
            else:
                make(one)
        for how in (hard(outside / "secret.txt"), Path.unlink, file, Path.unlink):
            with suppress(OSError):
                how(flickering)
        if select.select([sys.stdin], [], [], 0)[0]:
            if not sys.stdin.readline():
                return
            print(count, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
