"""Changing files: whole or not at all, never over what nobody looked at, and undone by an id."""

import os
import resource
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.unit.files_changes import Folder, Tree, quick_folder
from toolservers.files.changes import Changed, journal, own_folder, quota, renames, trees, writing
from toolservers.files.changes.outcome import not_told
from toolservers.files.paths.refusals import explained
from toolservers.files.text.encodings import MAX_FILE, etag_of
from toolward.errors import ConfigurationError, ToolError

GIGABYTES = 10 * 2**30


@pytest.fixture
def folder() -> Iterator[Folder]:
    with quick_folder() as found:
        yield found


def refused(call: Callable[[], Changed]) -> str:
    with pytest.raises(ToolError) as caught:
        call()
    return str(caught.value)


def fill(folder: Folder, tree: Tree) -> None:
    for name, data in tree.items():
        path = folder.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data) if data is not None else path.mkdir()


# --- what stays as it is


@pytest.mark.parametrize("change", ["replace", "overwrite", "append"])
def test_a_changed_file_keeps_rights_attributes_and_owner(folder: Folder, change: str) -> None:
    fill(folder, {"a": b"caf\xe9\r\n\x00"})
    path = folder.path / "a"
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 1234, 4321)
    os.setxattr(path, "user.note", b"kept")
    before = path.stat()
    etag = etag_of(path.read_bytes())
    if change == "replace":
        folder.changes.replace(folder("a"), lambda data: data.replace(b"caf", b"Caf"))
    elif change == "overwrite":
        folder.changes.overwrite(folder("a"), lambda _data: b"Caf\xe9\r\n\x00", etag)
    else:
        folder.changes.append(folder("a"), lambda _data: b"\xff", etag)
    after = path.stat()
    assert path.read_bytes() == (b"caf\xe9\r\n\x00\xff" if change == "append" else b"Caf\xe9\r\n\x00")
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert os.getxattr(path, "user.note") == b"kept"


def test_a_new_file_has_the_rights_that_the_process_gives(folder: Folder) -> None:
    (folder.path / "shared").mkdir()
    (folder.path / "shared").chmod(0o2775)
    old = os.umask(0o027)
    try:
        folder.changes.create(folder("shared/a"), b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((folder.path / "shared/a").stat().st_mode) == 0o640


def test_a_copied_folder_is_the_same_with_its_links_and_rights(folder: Folder) -> None:
    fill(folder, {"a/b/c": b"c", "a/d": b"d", "a/empty": None})
    (folder.path / "a/link").symlink_to("../nowhere")
    (folder.path / "a/d").chmod(0o755)
    (folder.path / "a/b").chmod(0o555)
    made = folder.changes.copy(folder("a"), folder("new/e"))
    assert (made.bytes, made.created, made.path) == (2, True, "new/e")
    tree = folder.tree()
    assert {name[5:]: data for name, data in tree.items() if name.startswith("new/e")} == {
        name[1:]: data for name, data in tree.items() if name.split("/")[0] == "a"
    }
    modes = [stat.S_IMODE((folder.path / "new/e" / name).stat().st_mode) for name in ("d", "b")]
    assert modes == [0o755, 0o555]
    assert folder.kept() == []


# --- never over what nobody looked at


def test_an_etag_must_be_that_of_what_is_there(folder: Folder) -> None:
    fill(folder, {"a": b"one"})
    changes, a = folder.changes, folder("a")
    assert "`read_file` it first" in refused(lambda: changes.overwrite(a, lambda _data: b"two", None))

    def two(_data: bytes) -> bytes:
        return b"two"

    for change in (changes.overwrite, changes.replace, changes.append):
        said = refused(partial(change, a, two, "0" * 16))
        assert f"its etag is {etag_of(b'one')} now" in said
    said = refused(lambda: changes.append(folder("b"), lambda _data: b"two", "0" * 16))
    assert "there is no such file" in said
    assert "does not exist" in refused(lambda: changes.replace(folder("c/d"), lambda data: data))
    assert folder.tree() == {"a": b"one"}


@pytest.mark.parametrize("there", ["file", "folder", "link", "pipe"])
def test_what_is_there_is_never_replaced(folder: Folder, there: str) -> None:
    fill(folder, {"source": b"s"})
    match there:
        case "file":
            fill(folder, {"a": b"kept"})
        case "folder":
            fill(folder, {"a": None})
        case "link":
            (folder.path / "a").symlink_to("nowhere")
        case _:
            os.mkfifo(folder.path / "a")
    before = sorted(os.listdir(folder.path))
    for change in (
        lambda: folder.changes.create(folder("a"), b"x"),
        lambda: folder.changes.copy(folder("source"), folder("a")),
        lambda: folder.changes.move(folder("source"), folder("a")),
    ):
        assert "exists already" in refused(change)
    assert sorted(name for name in os.listdir(folder.path) if name != ".toolward") == before
    assert (folder.kept(), (folder.path / "source").read_bytes()) == ([], b"s")


def _meanwhile(folder: Folder, how: str) -> None:
    path = folder.path / "a"
    match how:
        case "written":
            path.write_bytes(b"theirs")
        case "same size and time":
            times = path.stat()
            path.write_bytes(b"ONE")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        case "replaced":
            (folder.base / "their").write_bytes(b"theirs")
            (folder.base / "their").rename(path)
        case "a folder":
            path.unlink()
            path.mkdir()
        case _:
            path.unlink()


@pytest.mark.parametrize("how", ["written", "same size and time", "replaced", "a folder", "removed"])
@pytest.mark.parametrize("way", ["renameat2", "links"])
def test_what_another_process_does_at_the_last_moment_is_not_lost(
    folder: Folder, how: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "links":
        monkeypatch.setattr(renames, "_libc", object())
    fill(folder, {"a": b"one"})

    def told(_changed: Changed) -> None:
        _meanwhile(folder, how)
        seen.append(folder.tree())

    seen: list[Tree] = []
    refused(lambda: folder.changes.replace(folder("a"), lambda data: data + b" more", None, told))
    assert folder.tree() == seen[0]
    assert folder.kept() == []


def test_what_comes_to_the_place_of_a_new_file_at_the_last_moment_stays(folder: Folder) -> None:
    def told(_changed: Changed) -> None:
        fill(folder, {"a": b"theirs"})

    for change in (
        lambda: folder.changes.create(folder("a"), b"mine", told),
        lambda: folder.changes.copy(folder("b"), folder("a"), told),
        lambda: folder.changes.move(folder("b"), folder("a"), told),
    ):
        fill(folder, {"b": b"mine"})
        assert "exists already" in refused(change)
        assert folder.tree() == {"a": b"theirs", "b": b"mine"}
        (folder.path / "a").unlink()
    assert folder.kept() == []


def test_what_is_put_in_the_place_of_what_goes_stays(folder: Folder) -> None:
    def told(_changed: Changed) -> None:
        _meanwhile(folder, "replaced")

    for change in (
        lambda: folder.changes.delete(folder("a"), told),
        lambda: folder.changes.move(folder("a"), folder("b"), told),
    ):
        fill(folder, {"a": b"seen"})
        refused(change)
        assert folder.tree() == {"a": b"theirs"}
    assert folder.kept() == []


# --- what is not done at all


@pytest.mark.parametrize("inside", [".env", "deep/.git/config", "deep/id_rsa"])
def test_a_folder_with_something_hidden_or_protected_stays_where_it_is(folder: Folder, inside: str) -> None:
    fill(folder, {"a/plain": b"", f"a/{inside}": b"key"})
    before = folder.tree()
    for change in (
        lambda: folder.changes.delete(folder("a")),
        lambda: folder.changes.move(folder("a"), folder("b")),
        lambda: folder.changes.copy(folder("a"), folder("b")),
    ):
        said = refused(change)
        assert inside.rpartition("/")[2] in said or ".git" in said
    assert folder.tree() == before


def test_a_folder_does_not_bring_what_would_be_protected_where_it_comes(folder: Folder) -> None:
    fill(folder, {"a/settings.json": b"{}"})
    (folder.path / "in").symlink_to(".")
    for target in (".vscode", "in/.vscode"):
        assert "protected" in refused(partial(folder.changes.move, folder("a"), folder(target)))
        assert "protected" in refused(partial(folder.changes.copy, folder("a"), folder(target)))
    assert folder.tree() == {"a": None, "a/settings.json": b"{}", "in": b"->."}


@pytest.mark.parametrize("target", ["a", "a/b", "a/b/c/d", "in/a/x"])
def test_a_folder_goes_not_into_itself(folder: Folder, target: str) -> None:
    fill(folder, {"a/b/c": b""})
    (folder.path / "in").symlink_to(".")
    before = folder.tree()
    for change in (folder.changes.move, folder.changes.copy):
        assert "itself" in refused(partial(change, folder("a"), folder(target)))
    assert folder.tree() == before


def test_what_cannot_be_copied_is_named(folder: Folder) -> None:
    fill(folder, {"a/b": b"", "c/d": b""})
    os.mkfifo(folder.path / "a/pipe")
    (folder.path / "c/hard").hardlink_to(folder.path / "c/d")
    assert "'pipe' is a special file" in refused(lambda: folder.changes.copy(folder("a"), folder("x")))
    assert "a hard link" in refused(lambda: folder.changes.copy(folder("c"), folder("x")))
    gone = folder.changes.delete(folder("c"))
    folder.changes.undo(gone.change)
    assert (folder.path / "c/hard").stat().st_nlink == 2


def nothing(_path: Path) -> None:
    """What takes the place of a file that is removed."""


@pytest.mark.parametrize("becomes", [os.mkfifo, Path.mkdir, partial(os.symlink, "b"), nothing])
def test_a_file_that_is_replaced_while_it_is_looked_at_is_not_changed(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, becomes: Callable[[Path], None]
) -> None:
    fill(folder, {"a": b"a", "b": b"b"})
    path, stat_of = folder.path / "a", os.stat

    def replaced(name: str, *, dir_fd: int, follow_symlinks: bool) -> os.stat_result:
        status = stat_of(name, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        path.unlink()
        becomes(path)
        return status

    at = renames.At(os.open(folder.path, os.O_RDONLY), "a")
    monkeypatch.setattr(trees.os, "stat", replaced)
    with pytest.raises(ToolError, match=r"not exist|deleted or replaced|symbolic link"), explained("a"):
        trees.survey(at)
    monkeypatch.undo()
    os.close(at.folder)


def test_a_folder_with_too_much_in_it_is_refused(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder, {f"a/{number}": b"" for number in range(5)})
    monkeypatch.setattr(trees.walk, "__defaults__", (4,))
    assert "more than 4 things" in refused(lambda: folder.changes.delete(folder("a")))
    deep = "/".join(["d"] * (trees.MAX_DEPTH + 2))
    (folder.path / deep).mkdir(parents=True)
    monkeypatch.undo()
    folder.committer.journal.note(measured_at=0)
    folder.changes.create(folder("measured"), b"x")  # a root may be deeper
    assert f"{trees.MAX_DEPTH} folders" in refused(lambda: folder.changes.delete(folder("d")))


# --- undoing


def test_an_undo_is_refused_where_what_was_left_has_changed(folder: Folder) -> None:
    fill(folder, {"d/e/f": b"f"})
    changes = folder.changes
    made = changes.create(folder("a"), b"one")
    later = changes.append(folder("a"), lambda _data: b" two")
    said = refused(lambda: changes.undo(made.change))
    assert f"by the change {later.change} (appended to 'a')" in said
    (folder.path / "a").write_bytes(b"theirs")
    assert "has changed since" in refused(lambda: changes.undo(later.change))
    moved = changes.move(folder("d"), folder("g"))
    (folder.path / "g/e/new").touch()
    assert "'g' has changed since" in refused(lambda: changes.undo(moved.change))
    gone = changes.delete(folder("a"))
    fill(folder, {"a": b"another"})
    assert "'a' exists already" in refused(lambda: changes.undo(gone.change))
    assert folder.tree()["a"] == b"another"


def test_what_cannot_be_undone_is_told(folder: Folder) -> None:
    assert "there were none yet" in refused(lambda: folder.changes.undo("x"))
    made = folder.changes.create(folder("a"), b"one")
    undone = folder.changes.undo(made.change)
    assert f"by the change {undone.change}; to do it again, undo that" in refused(
        lambda: folder.changes.undo(made.change)
    )
    said = refused(lambda: folder.changes.undo("x" * 500))
    assert f"{made.change} (created 'a')" in said
    assert len(said) < 600


def test_other_roots_are_named_and_nothing_moves_between_them(tmp_path: Path) -> None:
    for name in ("one", "two", "read"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text(name)
    (tmp_path / "roots.toml").write_text(
        "".join(
            f'[{name}]\npath="{name}"\nwritable={"false" if name == "read" else "true"}\n'
            for name in ("one", "two", "read")
        )
    )
    folder = Folder(tmp_path, roots=tmp_path / "roots.toml")
    changes = folder.changes
    assert changes.copy(folder("read/a"), folder("one/b")).path == "one/b"
    assert "two roots" in refused(lambda: changes.move(folder("one/a"), folder("two/b")))
    for change in (
        lambda: changes.delete(folder("read/a")),
        lambda: changes.create(folder("read/b"), b""),
        lambda: changes.copy(folder("one/a"), folder("read/b")),
    ):
        assert "for reading alone" in refused(change)
    gone = changes.delete(folder("two/a"))
    assert changes.undo(gone.change).path == "two/a"
    assert not (tmp_path / "read/.toolward").exists()
    folder.close()


# --- room


def test_the_oldest_kept_things_make_room_and_then_changes_are_refused() -> None:
    with quick_folder(max_bytes="10000") as folder:
        changes = folder.changes
        folder.changes.create(folder("a"), b"a" * 3000)
        first = changes.delete(folder("a"))
        changes.create(folder("b"), b"b" * 3000)
        second = changes.delete(folder("b"))
        changes.create(folder("c"), b"c" * 3000)
        assert len(folder.kept()) == 2
        changes.create(folder("d"), b"d" * 3000)  # for which the first goes
        assert folder.kept() == folder.known() == [second.change]
        assert "too old to be undone" in refused(lambda: changes.undo(first.change))
        assert "There is no room" in refused(lambda: changes.create(folder("e"), b"e" * 9000))
        assert "no room" in refused(lambda: changes.append(folder("d"), lambda _data: b"e" * 9000))
        assert folder.kept() == [second.change]
        changes.undo(second.change)
        assert sorted(folder.tree()) == ["b", "c", "d"]


def test_the_oldest_kept_things_go_where_no_more_are_kept() -> None:
    with quick_folder(keep_bytes="10000") as folder:
        changes = folder.changes
        fill(folder, {"a": b"a" * 4096, "b": b"b" * 4096, "c": b"c" * 4096, "vast": b"v" * 20_000})
        deleted = [changes.delete(folder(name)).change for name in "abc"]
        assert folder.kept() == folder.known() == sorted(deleted[1:])
        assert "keeps at most 10,000" in refused(lambda: changes.delete(folder("vast")))
        changes.undo(deleted[2])
        assert sorted(folder.tree()) == ["c", "vast"]


def moved_away(folder: Folder, to: Path) -> Callable[[object], None]:
    """What another process does to `d` just before a change in it."""

    def told(_changed: object) -> None:
        to.parent.mkdir(exist_ok=True)
        (folder.path / "d").rename(to)

    return told


@pytest.mark.parametrize("place", ["outside", "root/.git/hooks"])
@pytest.mark.parametrize("change", ["create", "replace", "delete", "move", "copy", "undo"])
def test_nothing_is_changed_in_a_folder_that_is_moved_at_that_moment(place: str, change: str) -> None:
    with quick_folder() as folder:
        to = folder.base / place
        fill(folder, {"a": b"a", "d": None, "d/there": b"old"})
        told = moved_away(folder, to)
        changes = folder.changes
        made = changes.create(folder("d/made"), b"made").change if change == "undo" else ""
        before = {"there", "made"} if made else {"there"}
        done: dict[str, Callable[[], Changed]] = {
            "create": lambda: changes.create(folder("d/new"), b"data", told),
            "replace": lambda: changes.replace(folder("d/there"), lambda _: b"new", None, told),
            "delete": lambda: changes.delete(folder("d/there"), told),
            "move": lambda: changes.move(folder("a"), folder("d/a"), told),
            "copy": lambda: changes.copy(folder("a"), folder("d/a"), told),
            "undo": lambda: changes.undo(made, told),
        }
        assert "was changed by another process" in refused(done[change])
        assert {entry.name for entry in to.iterdir()} == before
        assert (to / "there").read_bytes() == b"old"
        assert (folder.path / "a").read_bytes() == b"a"


def test_a_root_is_measured_once_and_then_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with quick_folder(max_bytes="1 MB") as folder:
        walked: list[int] = []
        real = quota.walk

        def walk(top: renames.At, most: int, *, leniently: bool) -> Iterator[trees.Entry]:
            walked.append(most)
            return real(top, most, leniently=leniently)

        monkeypatch.setattr(quota, "walk", walk)
        fill(folder, {"there": b"x" * 1000})
        for number in range(5):
            folder.changes.create(folder(f"{number}"), b"x" * 100)
        folder.changes.delete(folder("there"))
        folder.changes.replace(folder("0"), lambda data: data * 3)
        counted = folder.committer.journal.fact("used")
        assert len(walked) == 1
        folder.committer.journal.note(measured_at=0)
        folder.changes.create(folder("again"), b"")
        folder.changes.create(folder("and again"), b"x")
        assert abs(folder.committer.journal.fact("used") - 1 - counted) < 10  # the note for git and the lock


def test_the_record_does_not_grow_without_end(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"KEPT_ROWS": 4, "KEPT_SECONDS": -1, "_EVERY": 3}.items():
        monkeypatch.setattr(journal, name, value)
    gone: list[str] = []
    for number in range(6):
        folder.changes.create(folder(f"{number}"), b"x")
        gone.append(folder.changes.delete(folder(f"{number}")).change)
    assert folder.kept() == folder.known() == sorted(gone[-2:])
    assert "There is no change" in refused(lambda: folder.changes.undo(gone[0]))
    folder.changes.undo(gone[-1])


# --- a disk that is full


@pytest.fixture
def small_disk() -> Iterator[Path]:
    where = Path(tempfile.mkdtemp())
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(where)], capture_output=True, check=False
    )
    if done.returncode:
        where.rmdir()
        pytest.skip("nothing can be mounted here")
    yield where
    subprocess.run(["umount", str(where)], check=True)
    where.rmdir()


def test_a_full_disk_leaves_all_as_it_was(small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "root").symlink_to(small_disk)
    folder = Folder(tmp_path)
    try:
        _fill_up(folder, 300_000)
    finally:
        folder.close()


def test_a_limit_on_files_leaves_all_as_it_was(folder: Folder) -> None:
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    folder.changes.create(folder("first"), b"")  # the journal is larger than that
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        _fill_up(folder, 1_500_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)


def _fill_up(folder: Folder, size: int) -> None:
    folder.changes.create(folder("d/a"), b"x" * size)
    before, kept = folder.tree(), folder.kept()
    for change in (
        lambda: folder.changes.create(folder("b"), b"y" * 2 * size),
        lambda: folder.changes.append(folder("d/a"), lambda _data: b"y" * size),
        lambda: folder.changes.replace(folder("d/a"), lambda data: data + data),
    ):
        assert "could not be written" in refused(change)
        assert (folder.tree(), folder.kept()) == (before, kept)
    gone = folder.changes.delete(folder("d"))
    folder.changes.undo(gone.change)
    assert folder.tree() == before


# --- the root's own folder


def _foreign(folder: Folder, how: str) -> None:
    own = folder.path / ".toolward"
    match how:
        case "a link":
            (folder.base / "elsewhere").mkdir(mode=0o700)
            own.symlink_to(folder.base / "elsewhere")
        case "a file":
            own.write_text("")
        case "open to others":
            own.mkdir()
            own.chmod(0o755)
        case "cloned":
            own.mkdir(mode=0o700)
            (own / "hook").write_text("")
        case "another owner":
            own.mkdir(mode=0o700)
            os.chown(own, 1234, 1234)
        case _:
            own.mkdir(mode=0o700)
            os.mkfifo(own / "lock")


@pytest.mark.parametrize("how", ["a link", "a file", "open to others", "cloned", "another owner", "a pipe"])
def test_an_own_folder_that_is_not_ours_stops_every_change(folder: Folder, how: str) -> None:
    if how == "another owner" and os.geteuid() != 0:
        pytest.skip("only root may give folders away")
    _foreign(folder, how)
    fill(folder, {"a": b"kept"})
    for change in (
        lambda: folder.changes.create(folder("new/b"), b""),
        lambda: folder.changes.append(folder("a"), lambda _data: b"x"),
        lambda: folder.changes.delete(folder("a")),
        lambda: folder.changes.copy(folder("a"), folder("new/c")),
        lambda: folder.changes.move(folder("a"), folder("new/c")),
    ):
        said = refused(change)
        assert "'.toolward' in the root 'root'" in said
        assert "Nothing was changed" in said
    assert folder.tree() == {"a": b"kept"}


def test_an_own_folder_that_was_removed_is_made_again(folder: Folder) -> None:
    gone = folder.changes.create(folder("a"), b"one")
    gone = folder.changes.delete(folder("a"))
    subprocess.run(["rm", "-rf", str(folder.path / ".toolward")], check=True)
    folder.changes.create(folder("b"), b"")
    assert "removed by somebody else" in refused(lambda: folder.changes.undo(gone.change))
    assert stat.S_IMODE((folder.path / ".toolward").stat().st_mode) == 0o700


def test_the_record_lies_outside_the_roots(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with pytest.raises(ConfigurationError, match=r"The folder for state .* lies in the root 'root'"):
        Folder(tmp_path / "root", root=tmp_path / "root")


def test_another_server_that_keeps_the_lock_is_not_waited_for_without_end(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_folder, "WAIT", 0.05)
    other = Folder(folder.base)
    with other.committer.changing(), pytest.raises(own_folder.Unavailable, match="under way"):
        folder.changes.create(folder("a"), b"")
    other.close()
    folder.changes.create(folder("a"), b"")


# --- large files


def test_ten_gigabytes_are_changed_in_flat_memory(folder: Folder) -> None:
    with (folder.path / "big").open("wb") as file:
        file.truncate(GIGABYTES)
        file.seek(GIGABYTES // 2)
        file.write(b"middle")
    changes = folder.changes
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    more = changes.append(folder("big"), lambda head: b"end" if not any(head) else b"")
    copied = changes.copy(folder("big"), folder("copy"))
    moved = changes.move(folder("copy"), folder("moved"))
    with (folder.path / "moved").open("rb") as file:
        file.seek(GIGABYTES)
        assert file.read() == b"end"
        file.seek(GIGABYTES // 2)
        assert file.read(6) == b"middle"
    gone = changes.delete(folder("moved"))
    for each in (gone, moved, copied, more):
        changes.undo(each.change)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # kilobytes
    assert (folder.path / "big").stat().st_size == GIGABYTES
    assert {more.bytes, copied.bytes} == {GIGABYTES + 3}
    assert (copied.etag or "").startswith("w")
    assert f"{MAX_FILE:,}" in refused(lambda: changes.replace(folder("big"), lambda data: data))
    assert f"{MAX_FILE:,}" in refused(lambda: changes.create(folder("b"), bytes(MAX_FILE + 1)))


@pytest.mark.parametrize("when", ["while it is copied", "before it is exchanged"])
@pytest.mark.parametrize("size", [MAX_FILE, 2 * MAX_FILE])
def test_a_large_file_that_is_changed_while_it_grows_stays_as_it_is(
    folder: Folder, when: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder.path / "big"
    with path.open("wb") as file:
        file.truncate(size)

    def theirs(*_arguments: object, **_named: object) -> None:
        with path.open("ab") as file:
            file.write(b"theirs")

    if when == "while it is copied":
        monkeypatch.setattr(writing, "make_alike", theirs)
    told = theirs if when == "before it is exchanged" else not_told
    refused(lambda: folder.changes.append(folder("big"), lambda _head: b"mine", None, told))
    assert path.stat().st_size == size + len(b"theirs")
    assert folder.kept() == []
