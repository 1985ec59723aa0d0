"""tools.lock as a file: one text for one content, in place whole or not at all, and never believed blindly."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.lockfile import LockFile, lock_path
from gateway.config.origins import origins
from gateway.config.parse import read_settings
from gateway.core.catalog import build_catalog
from gateway.core.lock import ToolsLock, pin_unpinned
from tests.twins import listing
from toolward.errors import ConfigurationError
from toolward.types import JsonObject, Tool

CRM = build_catalog(
    [
        listing(
            "crm",
            Tool("get", "Reads.\n\nOne record.", {"type": "object", "required": ["b", "a"]}, title="Get"),
            Tool("put", "", {"type": "object", "maximum": 12345678901234567890123, "minimum": 1.0}),
        )
    ]
)
ORIGINS: dict[str, JsonObject] = {"crm": {"command": ["crm"]}}


def pin_crm(lock: ToolsLock) -> ToolsLock:
    return pin_unpinned(CRM, lock, ORIGINS)


def test_is_read_as_it_was_written_and_the_same_is_not_written_again(tmp_path: Path) -> None:
    file = LockFile(tmp_path / "new" / "tools.lock")
    assert file.load() == ToolsLock()
    written = file.update(pin_crm)
    assert LockFile(file.path).load() == written
    text, inode = file.path.read_text(), file.path.stat().st_ino
    assert text.count("\n") > 20
    assert '"Reads.",\n' in text
    assert file.update(lambda lock: lock) == written
    assert file.path.stat().st_ino == inode
    assert [path.name for path in file.path.parent.iterdir()] == ["tools.lock"]


@given(
    st.text(max_size=30),
    st.dictionaries(st.text(max_size=3), st.integers() | st.floats(allow_nan=False, allow_infinity=False)),
)
def test_every_text_comes_back(
    tmp_path_factory: pytest.TempPathFactory, text: str, schema: JsonObject
) -> None:
    catalog = build_catalog([listing("crm", Tool("get", text, annotations=schema))])
    file = LockFile(tmp_path_factory.mktemp("lock") / "tools.lock")
    written = file.update(lambda lock: pin_unpinned(catalog, lock, ORIGINS))
    assert LockFile(file.path).load() == written


def test_keeps_its_permissions(tmp_path: Path) -> None:
    file = LockFile(tmp_path / "tools.lock")
    file.path.write_text('{"version": 1, "backends": {}}')
    file.path.chmod(0o640)
    file.update(pin_crm)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o640


def test_sees_that_another_process_wrote(tmp_path: Path) -> None:
    ours, theirs = LockFile(tmp_path / "tools.lock"), LockFile(tmp_path / "tools.lock")
    ours.load()
    assert not ours.is_changed()
    theirs.update(pin_crm)
    assert ours.is_changed()
    ours.load()
    assert not ours.is_changed()


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tools.lock"

    def write(number: int) -> None:
        catalog = build_catalog([listing(f"crm-{number}", Tool("get"))])
        LockFile(path).update(lambda lock: pin_unpinned(catalog, lock, {}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(16)))
    assert len(LockFile(path).load().backends) == 16


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be used"),
        ('{"version": 2, "backends": {}}', "has version 2"),
        ('{"version": 1, "backends": {}, "more": 1}', "unknown field `more`"),
        ('{"version": 1, "backends": {"crm": {"origin": {}, "tools": {"get": {}}}}}', "digest"),
        ("[" * 100_000, "too deep"),
    ],
)
def test_what_is_no_lock_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "tools.lock").write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        LockFile(tmp_path / "tools.lock").load()


def test_a_text_that_is_not_the_one_of_the_digest_is_refused(tmp_path: Path) -> None:
    file = LockFile(tmp_path / "tools.lock")
    file.update(pin_crm)
    data = json.loads(file.path.read_text())
    data["backends"]["crm"]["tools"]["get"]["description"] = ["Harmless."]
    file.path.write_text(json.dumps(data))
    with pytest.raises(ConfigurationError, match=r"the digest of crm\.get is not that of its text"):
        file.load()


def test_what_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        LockFile(tmp_path / "file" / "tools.lock").update(pin_crm)


def test_lies_beside_the_configuration_or_at_home(tmp_path: Path) -> None:
    beside = tmp_path / "tools.lock"
    assert lock_path(None, tmp_path / "home") == tmp_path / "home" / "tools.lock"
    assert lock_path(beside, tmp_path / "home") == beside
    assert (
        lock_path(tmp_path / "absent" / "tools.lock", tmp_path / "home") == tmp_path / "home" / "tools.lock"
    )


def test_pins_what_the_operator_wrote_and_no_secret(tmp_path: Path) -> None:
    config = tmp_path / "toolward.yaml"
    config.write_text("""
version: 1
lock: require
policies: []
backends:
  one: {command: ["${env:PROGRAM}", --key, "${env:KEY}"], cwd: servers}
  two: {url: "https://two.test/mcp?key=${env:KEY}", token: "${env:KEY}"}
  three: {grpc: "127.0.0.1:8731", start: [three, --grpc, "127.0.0.1:8731"], cwd: /srv}
""")
    settings = read_settings(config, {"KEY": "geheim", "PROGRAM": "one"})
    assert (settings.lock, settings.lock_file) == ("require", tmp_path / "tools.lock")
    assert origins(settings) == {
        "one": {"command": ["${env:PROGRAM}", "--key", "${env:KEY}"], "cwd": "servers"},
        "two": {"url": "https://two.test/mcp"},
        "three": {
            "grpc": "127.0.0.1:8731",
            "start": ["three", "--grpc", "127.0.0.1:8731"],
            "cwd": "/srv",
        },
    }
