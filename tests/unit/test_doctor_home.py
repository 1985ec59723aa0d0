"""What `toolward doctor` says of a home directory that is not there yet."""

from pathlib import Path

from gateway.cli.checks.computer import of_home


def test_it_can_be_made_in_a_folder(tmp_path: Path) -> None:
    (found,) = of_home(tmp_path / "share" / "toolward")
    assert (found.state, "the first start makes it" in found.said) == ("ok", True)


def test_it_cannot_be_made_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    (found,) = of_home(file / "toolward")
    assert (found.state, found.said) == ("failed", f"{file} is no folder that you may write to")
