"""The content of a home is exchanged for another, and a kill at any point leaves no half of either."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config.exchange import content, exchange, staged
from gateway.config.find import make_home

OLD = {"ledger.db": "old", "secret": "old", "clients/a.json": "old", "only-old": "old"}
NEW = {"ledger.db": "new", "secret": "new", "clients/a.json": "new", "only-new": "new"}

KILLED = """
import os, signal, sys
from pathlib import Path
from gateway.config.exchange import exchange

left = int(sys.argv[2])

def count(event, args):
    global left
    if event in ("os.rename", "os.mkdir", "os.rmdir"):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
exchange(Path(sys.argv[1]), "then")
"""


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, said in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(said)
    return folder


def read(folder: Path) -> dict[str, str]:
    files = [file for one in content(folder) for file in (one.rglob("*") if one.is_dir() else (one,))]
    return {str(file.relative_to(folder)): file.read_text() for file in files if file.is_file()}


def test_what_was_there_goes_aside(tmp_path: Path) -> None:
    home = written(tmp_path / "home", OLD)
    written(staged(home), NEW)
    aside = exchange(home, "then")
    assert aside is not None
    assert aside == home / "before-then"
    assert read(home) == NEW
    assert read(aside) == OLD


def test_two_in_one_second_have_places_of_their_own(tmp_path: Path) -> None:
    home, third = written(tmp_path / "home", OLD), {"third": "3"}
    written(staged(home), NEW)
    exchange(home, "then")
    written(staged(home), third)
    aside = exchange(home, "then")
    assert aside is not None
    assert aside == home / "before-then-2"
    assert (read(home / "before-then"), read(aside), read(home)) == (OLD, NEW, third)


def test_where_nothing_was_nothing_goes_aside(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "lost+found").mkdir(parents=True)
    written(staged(home), NEW)
    assert exchange(home, "then") is None
    assert read(home) == NEW


@pytest.mark.parametrize("at", range(1, 17))
def test_killed_at_any_point_it_is_gone_on_with(tmp_path: Path, at: int) -> None:
    home = written(tmp_path / "home", OLD)
    written(staged(home), NEW)
    done = subprocess.run([sys.executable, "-c", KILLED, str(home), str(at)], timeout=60, check=False)
    assert done.returncode == (-signal.SIGKILL if at < 16 else 0)
    make_home(home)
    if at == 1:  # it had not begun: the other may not be whole
        assert read(home) == OLD
        assert [one.name for one in home.iterdir() if one.name.startswith((".", "before"))] == []
    else:
        assert read(home) == NEW
        assert read(home / "before-then") == OLD
        assert [one.name for one in home.iterdir() if one.name.startswith(".")] == []
