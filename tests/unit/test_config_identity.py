"""Who may call and by what, as `toolward.yaml` says it: `identity`, `tls`, and the certificates of principals."""

from pathlib import Path

import pytest

from gateway.bootstrap.identity import Callers, local_person
from gateway.config.parse import read_settings
from gateway.config.settings import Settings
from gateway.config.trust import would_start
from toolward.auth.certificates import HEADER, said
from toolward.auth.jwt_settings import JwtSettings
from toolward.doors.tls import Tls
from toolward.errors import ConfigurationError, Unauthenticated
from toolward.types import Principal

EVERYTHING = """
tls: {certificate: cert.pem, key: key.pem, client_ca: ca.pem, clients: optional}
identity:
  resource: https://tools.example/mcp
  providers:
    - {issuer: "https://id.example", prefix: "a:"}
    - issuer: https://login.example/tenant/
      audience: [api://tools, other]
      keys: keys.json
      networks: [private]
      id_claim: preferred_username
      prefix: "b:"
      roles_claim: realm_access.roles
      roles: {staff: support}
      tenant_claim: org
      scopes: {crm.read: ["crm.get_*"]}
      skew: 5
principals:
  - {id: ada, roles: [support], token: of-ada, certificate: ada@corp.example}
  - {id: robot, certificate: "spiffe://corp.example/robot"}
  - {id: local, roles: [operator]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cert.pem", "key.pem", "ca.pem", "keys.json"):
        (tmp_path / name).write_text('{"keys":[]}')
    return tmp_path


def read(folder: Path, text: str) -> Settings:
    path = folder / "toolward.yaml"
    path.write_text(f"version: 1\n{text}\n", encoding="utf-8")
    return read_settings(path, {})


def test_everything_that_a_file_can_say_of_callers(folder: Path) -> None:
    settings = read(folder, EVERYTHING)
    assert settings.tls == Tls(folder / "cert.pem", folder / "key.pem", folder / "ca.pem", "optional")
    assert settings.resource == "https://tools.example/mcp"
    assert settings.identity == (
        JwtSettings("https://id.example", ("https://tools.example/mcp",), prefix="a:", tenant_claim=""),
        JwtSettings(
            "https://login.example/tenant/",
            ("api://tools", "other"),
            keys=str(folder / "keys.json"),
            roles_claim="realm_access.roles",
            tenant_claim="org",
            networks=("private",),
            id_claim="preferred_username",
            prefix="b:",
            tenant="",
            roles={"staff": "support"},
            scopes={"crm.read": ("crm.get_*",)},
            skew=5,
        ),
    )
    assert local_person(settings).id == "local"
    assert would_start(settings) == ("identity: connects to https://id.example",)


PROVIDER = 'identity: {providers: [{issuer: "https://id.example", audience: a'
TLS = "tls: {certificate: cert.pem, key: key.pem"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("identity: {}", "lacks the key 'providers'"),
        ("identity: {providers: [{issuer: 'https://id.example'}]}", "lacks the key 'audience'"),
        ("identity: {providers: [{audience: a}]}", "lacks the key 'issuer'"),
        ("identity: {providers: [{issuer: corp, audience: a}]}", "must be an https URL"),
        ("identity: {providers: [{issuer: 'http://id.example', audience: a}]}", "must be an https URL"),
        ("identity: {providers: [{issuer: 'https://id.example?a=1', audience: a}]}", "has a query"),
        ("identity: {resource: tools, providers: [{issuer: 'https://id.example'}]}", "must be a URL such as"),
        (PROVIDER + ", keys: none.json}]}", "there is no such file"),
        (PROVIDER + ", keys: 'http://id.example/keys'}]}", "a path, or an https URL"),
        (PROVIDER + ", prefix: 'é:'}]}", "prefix must begin with a letter"),
        (PROVIDER + ", tenant: 'a b'}]}", "tenant has 'a b'"),
        (PROVIDER + ", roles: {staff: 'a b'}}]}", "roles.staff has 'a b'"),
        (PROVIDER + ", scopes: {read: ['crm.?']}}]}", "has '?' in it"),
        (PROVIDER + ", scopes: {'a b': []}}]}", "is no scope"),
        (PROVIDER + ", skew: 601}]}", "from 0 to 600"),
        (PROVIDER + ", networks: [home]}]}", "is no network"),
        (PROVIDER + ", role: x}]}", "did you mean 'roles'"),
        (PROVIDER + "}, {issuer: 'https://id.example', audience: b}]}", "is that of another provider"),
        (PROVIDER + "}, {issuer: 'https://two.example', audience: b}]}", "lacks the key 'prefix'"),
        (PROVIDER + ", prefix: a}, {issuer: 'https://two.example', audience: b, prefix: ab}]}", "apart"),
        ("tls: {}", "lacks the key 'certificate'"),
        ("tls: {certificate: none.pem, key: key.pem}", "there is no such file"),
        (TLS + ", clients: optional}", "says nothing without `client_ca`"),
        (TLS + ", client_ca: ca.pem, clients: maybe}", "must be required or optional"),
        ("principals: [{id: a, certificate: a.example}]", "says nothing without `tls.client_ca`"),
        (
            TLS + ", client_ca: ca.pem}\nprincipals: [{id: a, certificate: x.y}, {id: b, certificate: x.y}]",
            "is that of another principal",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(folder: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, text)
    assert message in caught.value.text
    assert "toolward.yaml:" in caught.value.text


def test_a_single_provider_needs_no_prefix_and_can_name_none_of_our_own(folder: Path) -> None:
    settings = read(folder, PROVIDER + "}]}\nprincipals: [{id: local}, {id: ada, token: t}]")
    callers = Callers(settings, "the secret")
    assert settings.identity[0].prefix == ""
    assert callers._foreign(Principal("grace"), "t").id == "grace"  # pyright: ignore[reportPrivateUsage] -- what tokens pass
    for name in ("local", "ada"):
        with pytest.raises(Unauthenticated, match=r"a principal of this gateway.s own has that id"):
            callers._foreign(Principal(name), "t")  # pyright: ignore[reportPrivateUsage] -- likewise


def test_other_tokens_of_ours_are_looked_for_before_any_provider_is(folder: Path) -> None:
    callers = Callers(read(folder, PROVIDER + "}]}"), "the secret", {"key": Principal("bo")}.get)
    assert callers({"authorization": "Bearer key"}) == Principal("bo")
    assert callers({"authorization": "Bearer the secret", HEADER: said(dns=["x"])}) == Principal(
        "local", ("operator",)
    )


@pytest.mark.parametrize(
    ("certificate", "name", "known"),
    [
        (said(uris=["spiffe://a/b"]), "spiffe://a/b", True),
        (said(uris=["spiffe://a/B"]), "spiffe://a/b", False),
        (said(dns=["A.example"]), "a.Example", True),
        (said(dns=["*.example"]), "a.example", False),
        (said(emails=["ada@a.example"]), "ada@a.example", True),
        (said(uris=["ada@a.example"]), "ada@a.example", False),
        (said(dns=["spiffe://a/b"]), "spiffe://a/b", False),
        (said(common=["spiffe://a/b"]), "spiffe://a/b", True),
        (said(common=["Ada, her laptop"]), "Ada, her laptop", True),
        (said(common=["Jürgen \u202e"]), "Jürgen \u202e", True),
        (said(), "a.example", False),
    ],
)
def test_a_name_in_a_certificate_must_be_of_its_kind_and_the_same(
    folder: Path, certificate: str, name: str, known: bool
) -> None:
    settings = read(folder, f"{TLS}, client_ca: ca.pem}}\nprincipals: [{{id: ada, certificate: x.y}}]")
    (ada,) = settings.principals
    changed = type(ada)(id="ada", certificate=name)
    callers = Callers(type(settings)(source="", agents=(), policies=(), principals=(changed,)), "the secret")
    assert certificate.isascii()
    if known:
        assert callers({HEADER: certificate}) == Principal("ada")
        return
    with pytest.raises(Unauthenticated, match="nobody who is known here"):
        callers({HEADER: certificate})
