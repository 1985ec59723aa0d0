"""Every `curl` that the pages show for our REST door, and the one of the console, is run as it is written, but for
where the gateway and its home are."""

import json
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from gateway.servers.console.tools.copies import copies
from tests.docs.blocks import Block, blocks_of, pages
from tests.e2e.command import Up, serving

SHOWN = [block for page in pages() for block in blocks_of(page) if "127.0.0.1:8700/v1/" in block.text]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Path, str]]:
    """Its home, and where it answers."""
    folder = tmp_path_factory.mktemp("gateway")
    up = Up(folder / "home", serving(folder, "calculator"))
    try:
        yield folder / "home", up.where["http"]
    finally:
        up.stop()


def test_there_are_some() -> None:
    assert {block.page for block in SHOWN} >= {"README.md", "docs/how-to/give-a-program-a-key.md"}


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")


@needs_curl
@pytest.mark.parametrize("block", SHOWN, ids=str)
def test_the_call_of_a_page_is_made(block: Block, gateway: tuple[Path, str]) -> None:
    home, address = gateway
    script = block.text.replace("http://127.0.0.1:8700", address)
    made(script.replace("~/.local/share/toolward", str(home)), home)


@needs_curl
def test_the_call_that_the_console_offers_is_made(gateway: tuple[Path, str]) -> None:
    home, address = gateway
    tool, arguments = "calculator.calculate", {"expression": "0.1 + 0.2"}
    (script,) = [one.text for one in copies(tool, "unused", arguments, address) if one.name == "curl"]
    made(script, home)


def made(script: str, home: Path) -> None:
    key = (home / "secret").read_text(encoding="utf-8")
    done = subprocess.run(
        ["sh", "-euc", script],
        env={"PATH": "/usr/bin:/bin", "TOOLWARD_KEY": key, "TOOLWARD_TOKEN": key, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert json.loads(done.stdout)["structured_content"]["exact"] == "0.3", done.stdout
