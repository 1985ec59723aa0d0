"""A backend's `oauth` and the section `gateways`, as `toolward.yaml` says them."""

import json
from pathlib import Path

import pytest

from gateway.cli.config import show
from gateway.cli.session import Common
from gateway.config.parse import read_settings
from gateway.config.settings import Settings
from gateway.config.trust import would_start
from gateway.core.spec import GrpcSpec, HttpSpec, OAuthSpec
from toolward.errors import ConfigurationError

SECRET = "a-secret-of-the-environment"
KEY = "k" * 40
OAUTH = 'token_url: https://login.example/token, client_id: us, client_secret: "${env:SECRET}"'


def settings(folder: Path, text: str) -> Settings:
    path = folder / "toolward.yaml"
    path.write_text(f"version: 1\n{text}", encoding="utf-8")
    return read_settings(path, {"SECRET": SECRET, "KEY": KEY, "SHORT": "short-secret"})


def test_a_backend_may_be_called_by_oauth(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        "backends:\n"
        f"  a: {{url: https://a.example/mcp, oauth: {{{OAUTH}}}}}\n"
        '  b:\n    grpc: "127.0.0.1:1"\n'
        "    oauth:\n"
        "      token_url: http://127.0.0.1:9/token?tenant=x\n      client_id: us\n"
        '      client_secret: "${env:SECRET}"\n      auth: post\n      scope: read write\n      audience: b\n'
        "      resource: https://b.example/\n      exchange: true\n      networks: [private]\n",
    )
    a, b = found.backends
    assert isinstance(a, HttpSpec)
    assert isinstance(b, GrpcSpec)
    assert a.oauth == OAuthSpec(token_url="https://login.example/token", client_id="us", client_secret=SECRET)
    assert b.oauth == OAuthSpec(
        token_url="http://127.0.0.1:9/token?tenant=x", client_id="us", client_secret=SECRET, auth="post",
        scope="read write", audience="b", resource="https://b.example/", exchange=True, networks=("private",),
    )  # fmt: skip
    assert would_start(found) == (
        "a: connects to https://a.example/mcp with a token from https://login.example/token",
        "b: connects to 127.0.0.1:1 for its callers' tokens from http://127.0.0.1:9/token",
    )
    assert SECRET not in repr(found.backends)


def test_what_is_shown_of_it_has_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "toolward.yaml"
    path.write_text(
        f"version: 1\nbackends:\n  a: {{url: https://a.example/mcp, oauth: {{{OAUTH}}}}}\n"
        f"gateways: [{{id: east, key: {KEY}}}]\n"
    )
    monkeypatch.setenv("SECRET", SECRET)
    monkeypatch.setenv("TOOLWARD_HOME", str(tmp_path / "home"))
    assert show(common=Common(config=path, json=True)) == 0
    said = capsys.readouterr().out
    configuration = json.loads(said)["configuration"]
    assert configuration["backends"]["a"]["oauth"]["client_secret"] == "${env:SECRET}"
    assert configuration["gateways"] == [{"id": "east", "key": "(in the file)", "tenants": ["default"]}]
    assert SECRET not in said
    assert KEY not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"url: https://a.example, token: t, oauth: {{{OAUTH}}}", "backends.a.token stands beside `oauth`"),
        (f"url: https://a.example, start: [x], oauth: {{{OAUTH}}}", "backends.a.oauth is for a server elsewhere"),
        (f"url: https://a.example, headers: {{AUTHORIZATION: x}}, oauth: {{{OAUTH}}}", "has an Authorization"),
        (f"command: [x], oauth: {{{OAUTH}}}", "unknown key 'oauth'"),
        ("url: https://a.example, oauth: {client_id: us}", "lacks the key 'token_url'"),
        ("url: https://a.example, oauth: {client_id: us}", "lacks the key 'client_secret'"),
        (f"url: https://a.example, oauth: {{{OAUTH}, client_key: x}}", "unknown key 'client_key'"),
        (f"url: https://a.example, oauth: {{{OAUTH}, auth: digest}}", "must be basic or post"),
        (f"url: https://a.example, oauth: {{{OAUTH}, resource: crm}}", "oauth.resource must be a URL"),
        (
            f"url: https://a.example, oauth: {{{OAUTH.replace('https', 'http')}}}",
            "oauth.token_url would get a secret over plain http",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(tmp_path, f"backends:\n  a: {{{text}}}\n")
    assert said in caught.value.text
    assert "toolward.yaml:3" in caught.value.text
    assert SECRET not in caught.value.text


def test_gateways_are_named_with_what_they_may_say(tmp_path: Path) -> None:
    (one, other) = settings(
        tmp_path,
        'gateways:\n  - {id: east, key: "${env:KEY}", tenants: [acme], roles: [support]}\n'
        f"  - {{id: west, key: {KEY[1:]}}}\n",
    ).gateways
    assert (one.id, one.key, one.tenants, one.roles) == ("east", KEY, ("acme",), ("support",))
    assert (other.tenants, other.roles) == (("default",), ())
    assert KEY not in repr(one)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{id: east}", "lacks the key 'key'"),
        ('{id: east, key: "${env:SHORT}"}', "must have 32 characters or more"),
        ('{key: "${env:KEY}"}', "lacks the key 'id'"),
        ('{id: east, key: "${env:KEY}", tenant: x}', "unknown key 'tenant'; did you mean 'tenants'"),
        (f'{{id: east, key: "${{env:KEY}}"}}, {{id: west, key: {KEY}}}', "is the key of another gateway"),
        (f'{{id: east, key: "${{env:KEY}}"}}, {{id: east, key: {KEY}x}}', "is 'east' a second time"),
    ],
)
def test_a_gateway_that_cannot_be_believed_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(tmp_path, f"gateways: [{text}]\n")
    assert said in caught.value.text
    assert "short-secret" not in caught.value.text
