"""Which servers are told for whom the gateway calls, as `toolward.yaml` says it."""

from pathlib import Path

import pytest

from gateway.config.builtin import builtin_settings
from gateway.config.parse import read_settings
from gateway.core.spec import Spec
from toolward.errors import ConfigurationError

KEY = "a key that gateway and server share"


def backends(folder: Path, text: str) -> dict[str, Spec]:
    path = folder / "toolward.yaml"
    path.write_text(f"version: 1\nbackends:\n{text}", encoding="utf-8")
    return {one.name: one for one in read_settings(path, {"KEY": KEY}).backends}


def test_a_server_is_told_where_the_file_says_so(tmp_path: Path) -> None:
    found = backends(
        tmp_path,
        "  a: {command: [x], on_behalf_of: true}\n"
        '  b: {url: "http://127.0.0.1:1/mcp", principal_key: "${env:KEY}"}\n'
        '  c: {grpc: "127.0.0.1:1", start: [x], on_behalf_of: true}\n'
        "  d: {command: [somebody-elses-server]}\n"
        '  e: {grpc: "127.0.0.1:1", on_behalf_of: false, principal_key: "${env:KEY}"}\n',
    )
    assert {name: (one.on_behalf_of, one.principal_key) for name, one in found.items()} == {
        "a": (True, ""),
        "b": (True, KEY),
        "c": (True, ""),
        "d": (False, ""),
        "e": (False, ""),
    }
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('  a: {grpc: "127.0.0.1:1", on_behalf_of: true}\n', "needs a 'principal_key' here"),
        ("  a: {command: [x], principal_key: short-secret}\n", "must have 32 characters or more"),
        ("  a: {command: [x], on_behalf_of: sometimes}\n", "must be true or false"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        backends(tmp_path, text)
    assert "toolward.yaml:3: backends.a." in caught.value.text
    assert "short-secret" not in caught.value.text


def test_our_own_servers_are_told(tmp_path: Path) -> None:
    assert all(one.on_behalf_of for one in builtin_settings(tmp_path).backends)
