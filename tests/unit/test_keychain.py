"""`${keychain:NAME}`: a secret of the system's keychain, by a keychain of the test's own."""

import os
import socket
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from gateway.config.keychain import from_keychain
from gateway.config.parse import read_settings
from gateway.config.secrets import Substituted
from toolward.errors import ConfigurationError

CONFIG = """
version: 1
backends: {}
principals: [{id: ada, roles: [support], token: "${keychain:ada}"}]
"""


class Kept(KeyringBackend):
    """In memory; what is called `locked` waits for ever."""

    priority = 1  # pyright: ignore -- the package computes it by a property of classes

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        if username == "locked":
            threading.Event().wait()
        if username == "bus":
            return os.environ.get("DBUS_SESSION_BUS_ADDRESS")
        return self.kept.get((service, username))


@pytest.fixture
def keychain() -> Generator[Kept]:
    before, ours = keyring.get_keyring(), Kept()
    keyring.set_keyring(ours)
    yield ours
    keyring.set_keyring(before)


def read(tmp_path: Path) -> str:
    (tmp_path / "toolward.yaml").write_text(CONFIG)
    return read_settings(tmp_path / "toolward.yaml", {}).principals[0].token


def test_a_secret_comes_from_it_and_never_shows(tmp_path: Path, keychain: Kept) -> None:
    keychain.kept["toolward", "ada"] = "a-secret-of-adas"
    token = read(tmp_path)
    assert token == "a-secret-of-adas"
    assert isinstance(token, Substituted)
    assert repr(token) == "'${keychain:ada}'"


def test_what_is_missing_is_told_with_the_remedy(tmp_path: Path, keychain: Kept) -> None:
    keychain.kept["another", "ada"] = "not-ours"
    with pytest.raises(ConfigurationError, match="needs 'ada' of the system's keychain") as caught:
        read(tmp_path)
    assert "keyring set toolward ada" in caught.value.text


def test_one_that_does_not_answer_or_is_not_there_is_an_error(keychain: Kept) -> None:
    with pytest.raises(ConfigurationError, match=r"has not answered in 0\.01 s"):
        from_keychain("locked", seconds=0.01)
    keyring.set_keyring(NoKeyring())
    with pytest.raises(ConfigurationError, match="cannot be read"):
        from_keychain("ada")


@pytest.mark.skipif(sys.platform != "linux", reason="others have no such bus")
@pytest.mark.usefixtures("keychain")
def test_the_bus_is_found_that_a_client_did_not_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients hand few variables on to what they start."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/named")
    monkeypatch.setattr("gateway.config.keychain.RUNTIME", tmp_path)
    bus = tmp_path / str(os.getuid()) / "bus"
    bus.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(bus))
        assert from_keychain("bus") == "unix:path=/named"
        monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
        assert from_keychain("bus") == f"unix:path={bus}"
    bus.unlink()
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    with pytest.raises(ConfigurationError, match="there is none"):
        from_keychain("bus")
