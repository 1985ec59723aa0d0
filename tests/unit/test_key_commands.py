"""`toolward key`: made, shown once, listed and revoked by its file alone, as far as policy lets the person here."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import make_app
from gateway.config.keys import keys_file, read_keys
from toolward.auth.api_keys import ApiKeys
from toolward.errors import Conflict, Denied, InvalidRequest, NotFound, ToolwardError
from toolward.types import Principal

Key = Callable[..., Any]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Key:
    """`toolward key …` here; what it prints, read where it is JSON. `rules` are the policy's."""
    monkeypatch.setenv("TOOLWARD_HOME", str(tmp_path / "home"))
    config = tmp_path / "toolward.yaml"
    config.write_text("version: 1\npolicies: [policy.yaml]\nprincipals: [{id: ada}]\nbackends: {}\n")

    def run(*words: str, rules: str = "  - {id: all, operations: ['key.*'], effect: allow}\n") -> Any:
        (tmp_path / "policy.yaml").write_text(f"version: 1\nrules:\n{rules}")
        assert make_app()(["key", *words, "--config", str(config)], exit_on_error=False) == 0
        out, err = capsys.readouterr()
        return json.loads(out) if "--json" in words else (out.rstrip("\n"), err)

    return run


def test_a_key_is_made_shown_once_listed_and_revoked(tmp_path: Path, key: Key) -> None:
    text, told = key(
        "create", "ci", "--role", "a", "--role", "b", "--scope", "crm.*", "--scope", "run.read", "--name", "x"
    )
    made = key("create", "bot", "--expires", "never", "--tenant", "acme", "--json")
    keys = ApiKeys(read_keys(tmp_path / "home"))
    found = keys.principal(text)
    assert (found.id, found.roles, found.scopes) == ("ci", ("a", "b"), ("crm.*", "run.read"))
    assert keys.principal(made["key"]) == Principal("bot", (), "acme", None, made["prefix"])
    assert "narrowed to crm.*, run.read" in told
    assert "The scope crm.* matches no operation, and no backend" in told
    stored = keys_file(tmp_path / "home").read_text()
    assert text not in stored
    assert made["key"] not in stored

    first, second = key("list", "--json")["keys"]
    assert first["expires"][:10] > first["created"][:10]
    assert second["expires"] is None
    for shown in (json.dumps([first, second]), key("list")[0]):
        assert found.api_key in shown
        assert "sha256" not in shown
        assert keys_file(tmp_path / "home").read_text().split('"sha256": "')[1][:64] not in shown

    revoked, _ = key("revoke", text)  # whoever has it may paste all of it
    assert text not in revoked
    assert key("list", "--json")["keys"][0]["revoked"] is not None
    with pytest.raises(ToolwardError, match="was revoked"):
        ApiKeys(read_keys(tmp_path / "home")).principal(text)
    with pytest.raises(Conflict):
        key("revoke", found.api_key)


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (("create", "ci", "--scope", "crm"), InvalidRequest, "names neither tools nor an operation"),
        (("create", "a b"), InvalidRequest, "no such key: its owner cannot be 'a b'"),
        (("create", "ci", "--role", "*"), InvalidRequest, "no such key: its roles cannot be '\\*'"),
        (("create", "ci", "--name", "n" * 129), InvalidRequest, "no such key: its name cannot be 'nnn"),
        (("create", "ci", "--expires", "2020-01-01"), InvalidRequest, "not in the next ten years"),
        (("create", "ci", "--expires", "999999w"), InvalidRequest, "not in the next ten years"),
        (("create", "ci", "--expires", "soon"), InvalidRequest, "is no time"),
        (("revoke", "nothing"), NotFound, "There is no API key 'nothing'"),
    ],
)
def test_a_mistake_makes_no_key(
    tmp_path: Path, key: Key, words: tuple[str, ...], error: type[ToolwardError], said: str
) -> None:
    with pytest.raises(error, match=said):
        key(*words)
    assert read_keys(tmp_path / "home") == ()


def test_what_the_pages_show_works(key: Key) -> None:
    pages = [(ROOT / page).read_text() for page in ("README.md", "docs/identity.md")]
    shown = [
        line
        for page in pages
        for line in re.findall(r"^(?:\$ )?toolward key (create .*)$", page, re.MULTILINE)
    ]
    assert len(shown) >= 2
    for line in shown:
        key(*shlex.split(line))


def test_each_command_asks_policy_for_the_owner_that_it_is_about(tmp_path: Path, key: Key) -> None:
    prefix = key("create", "ci", "--json")["prefix"]
    for_bots = "  - {id: bots, operations: ['key.*'], when: resource.owner == 'bot', effect: allow}\n"
    before = keys_file(tmp_path / "home").read_bytes()
    for words in (("create", "ci"), ("list",), ("revoke", prefix)):
        with pytest.raises(Denied) as denied:
            key(*words, rules=for_bots)
        assert "to ada: no rule allows key." in denied.value.message
    assert keys_file(tmp_path / "home").read_bytes() == before
    key("create", "bot", rules=for_bots)
    shown, told = key("list", rules=for_bots)
    assert prefix not in shown
    assert "1 more are not shown" in told
