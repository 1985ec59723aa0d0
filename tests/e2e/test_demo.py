"""The main job, as a newcomer runs it."""

from pathlib import Path

from tests.e2e.command import toolward

TOOLS = ("search.search", "search.fetch", "crm.get_record", "calculator.calculate", "files.write_file")


def test_the_demo_answers_saves_and_is_denied(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = toolward(home, "demo")
    assert done.code == 0, done.err
    for server in ("MCP over stdio", "MCP over HTTP", "gRPC"):
        assert server in done.err
    for tool in TOOLS:
        assert f"allow {tool}" in done.err
    assert "12.72" in done.out
    saved = (home / "demo" / "workspace" / "notes" / "ORD-1007.md").read_text()
    assert "12.72" in saved
    assert "84.80" in saved
    assert "the rule no-large-refunds denies it" in done.err
    assert "toolward up" in done.err
    assert "toolward client list" in done.err
    assert home.stat().st_mode & 0o077 == 0


def test_the_demo_can_be_run_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert toolward(home, "demo").code == 0
    again = toolward(home, "demo", "--json")
    assert again.code == 0
    kinds = [line.get("type") for line in again.lines[:-1]]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_completed"


def test_the_demo_leaves_a_folder_alone_that_is_not_its_own(tmp_path: Path) -> None:
    home = tmp_path / "home"
    precious = home / "demo" / "precious.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    done = toolward(home, "demo")
    assert done.code == 1
    assert "no demo made" in done.err
    assert precious.read_text() == "mine"
