"""The table of docs/desktop-clients.md says what the clients are, and its YAML is read by our own reader."""

import re
from pathlib import Path

import keyring
import pytest
from keyring.backends.null import Keyring as Null

from gateway.config.parse import read_settings
from gateway.desktop.clients import CLIENTS
from toolward.errors import ConfigurationError

PAGE = (Path(__file__).parents[2] / "docs" / "desktop-clients.md").read_text(encoding="utf-8")


def test_the_table_has_every_client_as_it_is() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in PAGE.splitlines()
        if line.startswith("| `")
    ]
    told = {row[0].strip("`"): row for row in rows}
    assert list(told) == [one.name for one in CLIENTS]
    for one in CLIENTS:
        _, file, project, key, over_http = told[one.name]
        (path,) = re.findall(r"`([^`]+)`", file)
        assert one.file.endswith(path.removeprefix("~").removeprefix("/.config").removeprefix("/.codex"))
        assert project == (f"`{one.project}`" if one.project else "–")
        assert key == f"`{one.servers}`"
        if one.format == "toml":
            assert over_http == "`bearer_token_env_var`"
        elif not one.url:
            assert over_http == "not by its file"
        else:
            assert over_http == (
                f"`{one.reference % 'TOOLWARD_KEY'}`" if one.reference else "the key as plain text"
            )


def test_the_keychain_of_the_page_is_asked_for(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "toolward.yaml").write_text(text)
    before = keyring.get_keyring()
    keyring.set_keyring(Null())
    try:
        with pytest.raises(ConfigurationError, match="keyring set toolward docs-token"):
            read_settings(tmp_path / "toolward.yaml", {})
    finally:
        keyring.set_keyring(before)
