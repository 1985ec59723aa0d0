"""Files of desktop clients on disk: kept, changed whole, given back."""

import json
import os
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config.client_files import ClientFiles
from gateway.desktop.clients import CLIENTS, Client, Machine, client_named
from gateway.desktop.entries import Server, entry, link, snippet
from tests.examples import examples
from tests.unit.desktop_texts import json_texts, toml_texts
from toolward.errors import ConfigurationError, Conflict, InvalidRequest

OURS = Server("toolward", ("/opt/toolward/bin/toolward", "mcp"), {"TOOLWARD_HOME": "/srv/state"})
BOM = b"\xef\xbb\xbf"
CURSOR, CODEX, ZED = client_named("cursor"), client_named("codex"), client_named("Zed")

over_each_client = pytest.mark.parametrize("client", CLIENTS, ids=[one.name for one in CLIENTS])


@pytest.fixture
def files(tmp_path: Path) -> ClientFiles:
    return ClientFiles(tmp_path / "home")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "client" / "mcp.json"


def connect(
    files: ClientFiles, client: Client, file: Path, server: Server = OURS, *, replace: bool = False
) -> str:
    change = files.connecting(client, file, server, replace=replace)
    files.apply(change)
    return change.kind


def disconnect(files: ClientFiles, client: Client, file: Path, name: str = "toolward") -> str:
    change = files.disconnecting(client, file, name)
    files.apply(change)
    return change.kind


@over_each_client
def test_every_client_from_no_file_to_none(files: ClientFiles, tmp_path: Path, client: Client) -> None:
    machine = Machine("Linux", tmp_path / "person", {})
    file = client.file_on(machine)
    assert connect(files, client, file) == "add"
    said = file.read_text()
    servers = (tomllib.loads(said) if client.format == "toml" else json.loads(said))[client.servers]
    assert servers["toolward"]["command"] == OURS.command[0]
    assert servers["toolward"]["args"] == ["mcp"]
    assert servers["toolward"]["env"] == OURS.env
    assert file.stat().st_mode & 0o777 == 0o600
    assert said == snippet(client, OURS)
    assert [(one.client, one.name) for one in files.all()] == [(client.name, "toolward")]
    assert connect(files, client, file) == "none"
    assert file.read_text() == said
    assert disconnect(files, client, file) == "restore"
    assert not (tmp_path / "person").exists()
    assert files.all() == []
    assert disconnect(files, client, file) == "gone"


@over_each_client
def test_at_a_url_no_secret_is_written(client: Client) -> None:
    server = Server("toolward", url="http://127.0.0.1:8700/mcp", key="TOOLWARD_KEY")
    if not client.url or not client.reference:
        with pytest.raises(InvalidRequest, match=client.title):
            entry(client, server)
    else:
        said = json.dumps(entry(client, server))
        assert server.url in said
        assert "TOOLWARD_KEY" in said
    if client.url:
        assert server.url in snippet(client, server)


@given(st.data())
@settings(
    max_examples=examples(6), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_undo_restores_whatever_was_there(tmp_path: Path, data: st.DataObject) -> None:
    client = data.draw(st.sampled_from([CURSOR, ZED, CODEX]))
    text = data.draw(toml_texts() if client is CODEX else json_texts(servers=client.servers))
    before = data.draw(st.sampled_from([b"", BOM])) + text.encode()
    file = tmp_path / "drawn"
    file.write_bytes(before)
    files = ClientFiles(tmp_path / "home")
    other = OURS._replace(name="other")
    with suppress(ConfigurationError):
        connect(files, client, file)
    if not files.all():  # TOML that is no TOML, or says such tables in another way
        assert client is CODEX
        assert file.read_bytes() == before
        return
    once = file.read_bytes()
    assert connect(files, client, file) == "none"
    assert connect(files, client, file, OURS._replace(env={})) == "change"
    assert connect(files, client, file) == "change"
    connect(files, client, file, other)
    assert disconnect(files, client, file, "other") == "restore"
    assert file.read_bytes() == once
    assert disconnect(files, client, file) == "restore"
    assert file.read_bytes() == before


WHOLE = b'{\r\n  "mcpServers": {\r\n    "a": {"command": "x"} // mine\r\n  }\r\n}\r\n'


def test_when_something_else_has_changed_only_ours_goes(files: ClientFiles, file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(BOM + WHOLE)
    connect(files, CURSOR, file)
    file.write_bytes(file.read_bytes().replace(b'"x"', b'"y"'))
    assert connect(files, CURSOR, file, OURS._replace(env={})) == "change"
    assert disconnect(files, CURSOR, file) == "remove"
    assert file.read_bytes() == BOM + WHOLE.replace(b'"x"', b'"y"')


def test_what_a_person_adds_to_our_entry_is_theirs(files: ClientFiles, file: Path) -> None:
    connect(files, CURSOR, file)
    said = json.loads(file.read_text())
    said["mcpServers"]["toolward"]["disabled"] = True
    file.write_text(json.dumps(said))
    assert connect(files, CURSOR, file) == "none"
    assert connect(files, CURSOR, file, OURS._replace(env={})) == "change"
    assert json.loads(file.read_text())["mcpServers"]["toolward"] == {
        "command": OURS.command[0],
        "args": ["mcp"],
        "disabled": True,
    }


def test_variables_that_a_person_adds_to_our_entry_are_theirs(files: ClientFiles, file: Path) -> None:
    connect(files, CURSOR, file)
    said = json.loads(file.read_text())
    said["mcpServers"]["toolward"]["env"]["CRM_TOKEN"] = "${env:CRM_TOKEN}"
    file.write_text(json.dumps(said))
    assert connect(files, CURSOR, file) == "none"
    assert connect(files, CURSOR, file, OURS._replace(env={})) == "change"
    assert json.loads(file.read_text())["mcpServers"]["toolward"]["env"] == {"CRM_TOKEN": "${env:CRM_TOKEN}"}
    assert connect(files, CURSOR, file) == "change"
    assert list(json.loads(file.read_text())["mcpServers"]["toolward"]["env"]) == [
        "CRM_TOKEN",
        "TOOLWARD_HOME",
    ]


@pytest.mark.parametrize(
    ("client", "comment"),
    [(CURSOR, '  // as slow as it is\n      "x": 1,'), (CODEX, "# as slow as it is\nx = 1")],
)
def test_comments_that_a_person_adds_to_our_entry_stay(
    files: ClientFiles, file: Path, client: Client, comment: str
) -> None:
    connect(files, client, file)
    key = '"args"' if client is CURSOR else "args"
    file.write_text(file.read_text().replace(key, f"{comment}\n{key}"))
    assert connect(files, client, file, OURS._replace(command=("/new/toolward", "mcp"), env={})) == "change"
    said = file.read_text()
    assert f"{comment}\n{key}" in said
    assert "/new/toolward" in said
    assert "TOOLWARD_HOME" not in said


@pytest.mark.parametrize("kind", ["json", "before", "file"])
def test_what_a_killed_connect_left_half_written_goes_with_the_next(
    files: ClientFiles, file: Path, tmp_path: Path, kind: str
) -> None:
    file.parent.mkdir()
    file.write_text("{}")
    connect(files, CURSOR, file)
    (record,) = (tmp_path / "home" / "clients").glob("*.json")
    written = file if kind == "file" else record.with_suffix(f".{kind}")
    left = written.with_name(f".{written.name}-0123456789abcdef.tmp")
    theirs = written.with_name(f".{written.name}-mine.tmp")
    for one in (left, theirs):
        one.write_text("half a sec")
    disconnect(files, CURSOR, file)
    assert not left.exists()
    assert theirs.exists()


def test_where_writing_fails_nothing_is_kept(files: ClientFiles, tmp_path: Path) -> None:
    file = tmp_path / ("long" * 60)  # which leaves no room for what is written first, whoever we are
    file.write_text("{}")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        connect(files, CURSOR, file)
    assert file.read_text() == "{}"
    assert list((tmp_path / "home" / "clients").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_keeps_its_owner_when_root_connects(files: ClientFiles, file: Path) -> None:
    file.parent.mkdir()
    file.write_text("{}")
    os.chown(file, 4711, 4712)
    file.chmod(0o640)
    connect(files, CURSOR, file)
    found = file.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (4711, 4712, 0o640)


@pytest.mark.parametrize(
    ("client", "before"),
    [
        (CURSOR, '{"mcpServers": {"toolward": {"command": "toolward", "args": ["mcp"], "env": {"A": "b"}}}}'),
        (
            CODEX,
            '[mcp_servers.toolward]\ncommand = "toolward"\nargs = ["mcp"]\n# slow\nx = 1\n\n'
            '[mcp_servers.toolward.env]\nA = "b"\n\n[tui]\nx = 1\n',
        ),
    ],
)
def test_what_a_person_copied_from_our_pages_is_ours(
    files: ClientFiles, file: Path, client: Client, before: str
) -> None:
    file.parent.mkdir()
    file.write_text(before)
    assert connect(files, client, file, OURS._replace(env={})) == "change"
    after = before
    for says in ('"command": ', "command = "):
        after = after.replace(f'{says}"toolward"', f'{says}"{OURS.command[0]}"')
    assert file.read_text() == after
    assert disconnect(files, client, file) == "restore"
    assert file.read_text() == before


def test_an_entry_of_somebody_elses_is_neither_replaced_nor_removed(files: ClientFiles, file: Path) -> None:
    file.parent.mkdir()
    theirs = '{"mcpServers": {"toolward": {"command": "mine"}}}'
    file.write_text(theirs)
    with pytest.raises(Conflict, match="not ours"):
        connect(files, CURSOR, file)
    with pytest.raises(Conflict, match="not one that we put there"):
        disconnect(files, CURSOR, file)
    assert file.read_text() == theirs
    connect(files, CURSOR, file, replace=True)
    assert OURS.command[0] in file.read_text()
    disconnect(files, CURSOR, file)
    assert file.read_text() == theirs


def test_through_a_link_and_by_another_spelling_it_is_one_file(files: ClientFiles, tmp_path: Path) -> None:
    real, linked = tmp_path / "dotfiles" / "mcp.json", tmp_path / "mcp.json"
    real.parent.mkdir()
    real.write_text("{}")
    linked.symlink_to(real)
    connect(files, CURSOR, linked)
    assert linked.is_symlink()
    assert connect(files, CURSOR, tmp_path / "dotfiles" / ".." / "dotfiles" / "mcp.json") == "none"
    assert disconnect(files, CURSOR, real) == "restore"
    assert real.read_text() == "{}"
    assert linked.is_symlink()
    gone = tmp_path / "later.json"
    gone.symlink_to(tmp_path / "not" / "yet.json")
    assert connect(files, CURSOR, gone) == "add"
    assert (tmp_path / "not" / "yet.json").is_file()


def not_utf8(file: Path) -> None:
    file.write_bytes('{"a": "ü"}'.encode("utf-16"))


def broken(file: Path) -> None:
    file.write_text('{"mcpServers": {"a": }}')


def read_only(file: Path) -> None:
    file.write_text("{}")
    file.chmod(0o444)


def folder(file: Path) -> None:
    file.mkdir()


def pipe(file: Path) -> None:
    os.mkfifo(file)


def loop(file: Path) -> None:
    file.symlink_to(file)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (not_utf8, "is not UTF-8"),
        (broken, "mcp.json:1:22: this is not valid JSON"),
        (read_only, "is read-only"),
        (folder, "is no file"),
        (pipe, "is no file"),
        (loop, "cannot be read: Too many levels of symbolic links"),
    ],
)
def test_what_cannot_be_changed_is_left_alone_and_the_text_is_offered(
    files: ClientFiles, file: Path, make: Callable[[Path], None], said: str
) -> None:
    file.parent.mkdir()
    make(file)
    with pytest.raises(ConfigurationError) as caught:
        connect(files, CURSOR, file)
    assert said in caught.value.message
    assert snippet(CURSOR, OURS).strip() in caught.value.hint
    assert files.all() == []
    assert [one.name for one in file.parent.iterdir()] == ["mcp.json"]


def test_a_file_that_changes_meanwhile_is_not_overwritten(files: ClientFiles, file: Path) -> None:
    file.parent.mkdir()
    file.write_text("{}")
    file.chmod(0o640)
    change = files.connecting(CURSOR, file, OURS)
    file.write_text('{"theirs": 1}')
    with pytest.raises(Conflict, match="has changed since"):
        files.apply(change)
    assert file.read_text() == '{"theirs": 1}'
    connect(files, CURSOR, file)
    assert file.stat().st_mode & 0o777 == 0o640
    assert json.loads(file.read_text())["theirs"] == 1


@pytest.mark.parametrize(
    ("system", "client", "path"),
    [
        ("Darwin", "claude-desktop", "/p/Library/Application Support/Claude/claude_desktop_config.json"),
        ("Windows", "claude-desktop", "/app/Claude/claude_desktop_config.json"),
        ("Linux", "claude-desktop", "/p/.config/Claude/claude_desktop_config.json"),
        ("Darwin", "zed", "/p/.config/zed/settings.json"),
        ("Windows", "zed", "/app/zed/settings.json"),
        ("Darwin", "vscode", "/p/Library/Application Support/Code/User/mcp.json"),
        ("Linux", "codex", "/p/.codex/config.toml"),
        ("Linux", "claude-code", "/p/.claude.json"),
    ],
)
def test_each_system_has_its_place(system: str, client: str, path: str) -> None:
    assert str(client_named(client).file_on(Machine(system, Path("/p"), {"APPDATA": "/app"}))) == path


def test_variables_move_a_file() -> None:
    said = {"CODEX_HOME": "/c", "CLAUDE_CONFIG_DIR": "/d", "XDG_CONFIG_HOME": "/x"}
    machine = Machine("Linux", Path("/p"), said)
    paths = [str(client_named(name).file_on(machine)) for name in ("codex", "claude-code", "zed")]
    assert paths == ["/c/config.toml", "/d/.claude.json", "/x/zed/settings.json"]


def test_links_open_the_clients_that_have_some() -> None:
    links = {one.name: link(one, OURS) for one in CLIENTS if link(one, OURS)}
    assert sorted(links) == ["cursor", "lmstudio", "vscode"]
    assert links["vscode"].startswith("vscode:mcp/install?%7B%22name%22%3A%20%22toolward%22")
    assert links["cursor"].startswith(
        "cursor://anysphere.cursor-deeplink/mcp/install?name=toolward&config=ey"
    )
    assert links["lmstudio"].startswith("lmstudio://add_mcp?name=toolward&config=ey")
