"""A policy file is changed whole or not at all, stays as it was in all that is not its text, and is kept before."""

import hashlib
import os
from pathlib import Path

import pytest

from gateway.config import policy_files
from gateway.config.policy_files import policy_of, read_policy_files, write_policy_file
from gateway.config.shipped import shipped_policies
from toolward.errors import ConfigurationError, Conflict, Denied, ToolwardError

OLD = "version: 1\nrules:\n  - {id: one, tools: [a.b], effect: allow}\n"
NEW = OLD.replace("allow", "deny")


def write(path: Path, text: str, digest: str = "", now: float = 1_780_000_000.0) -> Path:
    digest = digest or hashlib.sha256(path.read_bytes()).hexdigest()
    return write_policy_file(path, text, digest, path.parent / "before", now)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OLD.encode(), NEW.encode()),
        (OLD.replace("\n", "\r\n").encode(), NEW.replace("\n", "\r\n").encode()),
        (b"\xef\xbb\xbf" + OLD.encode(), b"\xef\xbb\xbf" + NEW.encode()),
        (OLD.rstrip().encode(), NEW.encode()),
    ],
    ids=["plain", "CRLF", "byte order mark", "no line end"],
)
def test_only_the_text_changes_and_the_bytes_before_are_kept(
    tmp_path: Path, before: bytes, after: bytes
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(before)
    path.chmod(0o640)
    (file,) = read_policy_files([path])
    assert file.text.rstrip("\n") == OLD.rstrip("\n")
    copy = write(path, NEW.rstrip("\n"), file.digest)
    assert path.read_bytes() == after
    assert path.stat().st_mode & 0o777 == 0o640
    assert copy.read_bytes() == before
    assert copy.stat().st_mode & 0o777 == 0o600


def test_who_was_first_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OLD)
    (file,) = read_policy_files([path])
    path.write_text(OLD + "# by another\n")
    with pytest.raises(Conflict, match="has changed since it was read"):
        write(path, NEW, file.digest)
    assert path.read_text().endswith("# by another\n")
    assert not (tmp_path / "before").exists()


def test_a_link_stays_one_and_what_it_names_is_changed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "mine.yaml", tmp_path / "link.yaml"
    target.write_text(OLD)
    link.symlink_to(target)
    write(link, NEW)
    assert link.is_symlink()
    assert target.read_text() == NEW


def test_copies_are_many_and_not_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_files, "KEPT", 3)
    path = tmp_path / "mine.yaml"
    path.write_text("0")
    for number in range(1, 7):
        write(path, str(number), now=1_780_000_000.0 + number)
    assert [one.read_text().strip() for one in sorted((tmp_path / "before").iterdir())] == ["3", "4", "5"]


def test_what_came_with_toolward_is_not_changed() -> None:
    (path,) = shipped_policies()
    (file,) = read_policy_files([path])
    assert "came with Toolward" in file.kept
    before = path.read_bytes()
    with pytest.raises(Denied, match="came with Toolward") as caught:
        write(path, NEW)
    assert "a copy of your own" in caught.value.hint
    assert path.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_may_not_be_written_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OLD)
    path.chmod(0o440)
    assert read_policy_files([path])[0].kept == "the gateway may not write to it"


def test_a_text_that_is_too_large_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_files, "MAX_BYTES", 100)
    path = tmp_path / "mine.yaml"
    path.write_text(OLD)
    with pytest.raises(ToolwardError, match="larger than 100 bytes"):
        write(path, "#" * 101)
    assert path.read_text() == OLD


def test_mistakes_are_told_with_the_names_of_the_files_and_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OLD)
    (file,) = read_policy_files([path])
    with pytest.raises(ConfigurationError, match=r"mine\.yaml:3: there is no key 'efect' here"):
        policy_of([file._replace(text=OLD.replace("effect", "efect"))])
