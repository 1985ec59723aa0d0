"""`mcpServers` JSON as a source of backends: one bad entry is told and left out, a bad file is an error."""

import json
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.config.json_source import parse_json
from gateway.config.mcp_servers import McpServersReader, backend_name
from gateway.config.parse import read_settings
from gateway.config.settings import Settings
from gateway.core.spec import HttpSpec, StdioSpec
from toolward.errors import ConfigurationError
from toolward.names import BACKEND_NAME
from toolward.types import Json


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(servers: str, rest: str = "", **environment: str) -> Settings:
    """`servers` as an mcp.json."""
    Path("mcp.json").write_text(servers, encoding="utf-8")
    Path("toolward.yaml").write_text(f"version: 1\nmcp_servers: [mcp.json]\n{rest}", encoding="utf-8")
    return read_settings(Path("toolward.yaml"), environment)


def notes(entry: str, **environment: str) -> tuple[str, ...]:
    """What is said of one bad entry, that leaves the good one beside it alone."""
    found = read(f'{{"mcpServers": {{"good": {{"command": "x"}},\n"it": {entry}}}}}', **environment)
    assert [spec.name for spec in found.backends] == ["good"]
    return found.notes


def test_everything_that_desktop_clients_write() -> None:
    text = """{"mcpServers": {
      "GitHub": {"command": "npx", "args": ["-y", "server", "--key=${K}"],
                 "env": {"TOKEN": "${env:T}", "PLAIN": "s3cret"}, "cwd": "work", "type": "stdio"},
      "docs": {"type": "http", "url": "https://docs.example/mcp?k=${K}", "headers": {"X-Key": "${K:-none}"}},
      "wind": {"serverUrl": "https://wind.example/mcp"},
      "gem": {"httpUrl": "https://gem.example/mcp", "url": "https://gem.example/sse"},
      "off": {"command": "${NO_SUCH}", "disabled": true},
      "zed-off": {"command": "x", "enabled": false}
    }, "theme": "dark"}"""
    found = read(text, K="k3y", T="t0ken")
    github, docs, wind, gem = found.backends
    assert isinstance(github, StdioSpec)
    assert (github.name, github.address) == ("github", "npx -y server '--key=${K}'")
    assert github.launch.command == ("npx", "-y", "server", "--key=k3y")
    assert github.launch.env == {"TOKEN": "t0ken", "PLAIN": "s3cret"}
    assert github.launch.cwd == Path.cwd() / "work"
    assert set(github.launch.hidden) == {"--key=k3y", "s3cret", "t0ken"}
    assert isinstance(docs, HttpSpec)
    assert (docs.url, docs.address) == ("https://docs.example/mcp?k=k3y", "https://docs.example/mcp")
    assert docs.headers == {"X-Key": "k3y"}
    assert isinstance(wind, HttpSpec)
    assert wind.url == "https://wind.example/mcp"
    assert isinstance(gem, HttpSpec)
    assert gem.url == "https://gem.example/mcp"
    assert found.notes == ("mcp.json:2: 'GitHub' is called github here.",)
    assert (found.facts, found.trusted_annotations) == ({}, frozenset())
    shown = f"{found!r} {found.backends!r} {[spec.address for spec in found.backends]} {found.notes}"
    assert not any(secret in shown for secret in ("k3y", "t0ken", "s3cret"))


def test_the_servers_of_an_editor_and_a_folder_of_files(tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    (tmp_path / "many/b.json").write_text('{"servers": {"b": {"command": "x"}}}')
    (tmp_path / "many/a.json").write_text('{"mcpServers": {"a": {"command": "x"}}}')
    (tmp_path / "many/c.txt").write_text("not read")
    (tmp_path / "toolward.yaml").write_text("version: 1\nmcp_servers: [many]\n")
    found = read_settings(tmp_path / "toolward.yaml", {})
    assert [spec.name for spec in found.backends] == ["a", "b"]
    assert {path.name for path in found.watched} >= {"toolward.yaml", "many", "a.json", "b.json"}


LEFT_OUT = " This server is left out."
BAD = [
    ('"x"', "mcpServers.it must be a mapping, not 'x'"),
    ("{}", 'mcpServers.it lacks the key \'command\'; write, for example, "command": "npx", or "url": '
           '"https://docs.example/mcp"'),
    ('{"command": 5}', "mcpServers.it.command must be text, not 5"),
    ('{"command": ""}', "mcpServers.it.command is empty"),
    ('{"command": "x", "args": "y"}', "mcpServers.it.args must be a list, not 'y'"),
    ('{"command": "x", "env": {"PORT": 80}}', "mcpServers.it.env.PORT must be text; put it in quotes"),
    ('{"command": "x", "args": ["\\u0000"]}', "mcpServers.it.command has a NUL character in it; remove it"),
    ('{"command": "x", "envFile": ".env"}',
     "mcpServers.it.envFile is not supported; name the variables in 'env', as ${env:NAME} or ${file:PATH}"),
    ('{"command": "x", "type": "http"}',
     "mcpServers.it.type is 'http', and there is a 'command'; remove one of the two"),
    ('{"type": "sse", "url": "https://a.example/sse"}',
     "mcpServers.it.type is 'sse', a transport that MCP has given up; use the server's Streamable HTTP URL"),
    ('{"type": "ws", "url": "https://a.example/"}',
     "mcpServers.it.type must be http or streamable-http, not 'ws'"),
    ('{"url": "ftp://a/mcp"}',
     "mcpServers.it.url must be a URL such as https://docs.example/mcp, without credentials, not 'ftp://a/mcp'"),
    ('{"command": "${NO_SUCH}"}',
     "mcpServers.it.command needs the environment variable NO_SUCH, which is not set; set it, or remove the "
     "reference"),
    ('{"command": "x", "env": {"K": "${input:key}"}}',
     "mcpServers.it.env.K holds ${input:key}, which only an editor can fill in; write the value, or ${env:NAME}"),
    ('{"command": "${workspaceFolder}/x"}',
     "mcpServers.it.command holds ${workspaceFolder}, which only an editor can fill in; write the value, or "
     "${env:NAME}"),
    ('{"command": "/usr/bin/toolward", "args": ["mcp"]}',
     "mcpServers.it.command starts this gateway itself, which would start itself again"),
    ('{"command": "uvx", "args": ["toolward", "mcp"]}',
     "mcpServers.it.command starts this gateway itself, which would start itself again"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "said"), BAD, ids=[entry for entry, _ in BAD])
def test_a_bad_entry_is_left_out_with_its_line_and_takes_no_other_with_it(entry: str, said: str) -> None:
    assert notes(entry) == (f"mcp.json:2: {said}.{LEFT_OUT}",)


def test_what_only_another_client_understands_is_said() -> None:
    found = read('{"mcpServers": {"a": {"command": "x", "disabledTools": ["y"]}}}')
    assert [spec.name for spec in found.backends] == ["a"]
    assert found.notes == ("mcp.json:1: 'disabledTools' means nothing here: policy says what may be called.",)


def test_no_file_of_a_client_opens_a_network_but_toolward_yaml_does_for_the_same_server() -> None:
    text = '{"mcpServers": {"hr": {"url": "https://hr.corp.example/mcp",\n"networks": ["private"]}}}'
    found = read(text)
    (hr,) = found.backends
    assert isinstance(hr, HttpSpec)
    assert hr.networks == ()
    why = "no file of a client opens a network; write this server under backends in toolward.yaml"
    assert found.notes == (f"mcp.json:2: 'networks' means nothing here: {why}.",)
    found = read(text, "backends: {hr: {url: https://hr.corp.example/mcp, networks: [private]}}\n")
    (hr,) = found.backends
    assert isinstance(hr, HttpSpec)
    assert hr.networks == ("private",)
    assert found.notes[-1].endswith(f"as is the backend of toolward.yaml; rename one.{LEFT_OUT}")


def test_names_that_collide_are_told_and_the_first_stays() -> None:
    text = '{"mcpServers": {"crm": {"command": "x"},\n"Docs": {"command": "x"},\n"docs": {"command": "y"}}}'
    found = read(text, 'backends: {crm: {command: ["x"]}}\n')
    assert [spec.name for spec in found.backends] == ["crm", "docs"]
    assert found.notes == (
        "mcp.json:1: mcpServers.crm would be called crm, as is the backend of toolward.yaml; rename one."
        f"{LEFT_OUT}",
        "mcp.json:2: 'Docs' is called docs here.",
        f"mcp.json:3: mcpServers.docs would be called docs, as is mcp.json:2 ('Docs'); rename one.{LEFT_OUT}",
    )


BROKEN = [
    ("", "mcp.json:1:1: this is not valid JSON. Check the commas, the quotes and the brackets there."),
    ("[]", "mcp.json:1: the file must be a mapping, not a list"),
    ('{"a": 1}', "mcp.json: there is no 'mcpServers' in it, and no 'servers'."),
    ('{"mcpServers": []}', "mcp.json:1: mcpServers must be a mapping, not a list"),
    ('{"mcpServers": {"a": {},\n"a": {}}}',
     "mcp.json:2:4: the key 'a' is here twice, first on line 1. Remove one."),
    ('{"mcpServers": {"a": {"command": "x",,}}}', "mcp.json:1:38: a key in double quotes is missing."),
    ('{\n/* mine\n"mcpServers": {}}', "mcp.json:2:1: a comment does not end."),
    ('{"a": ' + "[" * 100, "mcp.json:1:70: this is nested more than 64 levels deep."),
    ('{"a": NaN}', "mcp.json:1:7: this is not a number that JSON has."),
    ('{"a": "\\ud800"}', "mcp.json:1:15: a text has half a character in it (a lone surrogate)."),
    ('{"mcpServers": {' + ",".join(f'"s{n}": {{}}' for n in range(201)) + "}}",
     "mcp.json:1: mcpServers has 201 servers; at most 200 are taken"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BROKEN, ids=[text[:20] for text, _ in BROKEN])
def test_a_broken_file_is_an_error_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    assert caught.value.text.startswith(said)


def test_every_mistake_is_told_at_once_also_in_the_files_that_it_names() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read("{", "http: here\n")
    first, second = caught.value.text.splitlines()
    assert first.startswith("toolward.yaml:3: http must be an address")
    assert second.startswith("mcp.json:1:2: a key in double quotes is missing")
    Path("toolward.yaml").write_text("version: 1\nmcp_servers: [gone.json]\n")
    with pytest.raises(ConfigurationError, match=r"toolward\.yaml:2: mcp_servers\[0\] names .*gone\.json"):
        read_settings(Path("toolward.yaml"), {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)  # fmt: skip


@given(JSON, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_what_json_is_is_read_as_json(value: Json, indent: str | int | None, as_ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=as_ascii)
    assert parse_json(text, "f.json").data == json.loads(text)


def test_comments_and_a_comma_before_an_end_are_taken_as_editors_write_them() -> None:
    found = read('{\n  // mine\n  "servers": {"a": {"command": "x", /* so */ "args": ["//", 1 ,],},},\n}')
    assert found.notes == (f"mcp.json:3: servers.a.args[1] must be text, not 1.{LEFT_OUT}",)
    assert [spec.name for spec in read('{"context_servers": {"a": {"command": "x"}}} // Zed').backends] == [
        "a"
    ]


@given(st.text() | st.text('{}[]",:1a \\\n'))
def test_any_other_text_is_refused_where_json_refuses_it(text: str) -> None:
    assume(not re.search(r"//|/\*|,[ \t\r\n]*[}\]]", text))
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ConfigurationError, match=r"^f\.json:\d+:\d+: "):
            parse_json(text, "f.json")
        return
    with suppress(ConfigurationError):  # stricter it may be: duplicate keys, NaN, lone surrogates
        assert parse_json(text, "f.json").data == expected


@given(st.text())
def test_any_name_becomes_a_valid_one_and_a_valid_one_stays(text: str) -> None:
    name = backend_name(text)
    assert BACKEND_NAME.fullmatch(name)
    assert backend_name(name) == name


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_any_entries_are_taken_or_told(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, Json]
) -> None:
    path = tmp_path_factory.mktemp("drawn") / "mcp.json"
    try:
        path.write_text(json.dumps({"mcpServers": entries}), encoding="utf-8")
        reader = McpServersReader({}, {})
        reader.read(path)
    except ConfigurationError:
        return
    assert len(reader.backends) <= len(entries)
