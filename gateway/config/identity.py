"""The section `identity` of `toolward.yaml`: whose signed tokens are taken, and who their bearers are here.

identity:
  resource: https://tools.example/mcp          # the MCP door as clients know it; their tokens are for it
  providers:
    - issuer: https://id.example/realms/corp   # its keys are found by its metadata
      roles_claim: realm_access.roles
      roles: {support-team: support}
      tenant: acme
      scopes: {crm.read: ["crm.get_*", "crm.find_*"]}
      sign_in: {client_id: toolward, client_secret: "${env:CORP_SECRET}", name: Corp}
"""

import importlib.util
import re
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Literal, NamedTuple, cast

from gateway.config.convert import networks, url
from gateway.config.principals import flaw_in_word
from gateway.config.reader import Section
from gateway.core.globs import flaw_in_glob
from toolward.auth.discovery import metadata_addresses
from toolward.auth.jwt_settings import JwtSettings, SignIn
from toolward.auth.on_behalf import SKEW
from toolward.auth.published import check_address
from toolward.errors import ConfigurationError

MOST_PROVIDERS = 20
LONGEST_SKEW = 600
LONGEST_NAME = 60

_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@:|/-]{0,63}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")  # RFC 6749, section 3.3


class Identity(NamedTuple):
    providers: tuple[JwtSettings, ...] = ()
    resource: str = ""


def read_identity(root: Section, directory: Path) -> Identity:
    if "identity" not in root:
        return Identity()
    at = root.section("identity")
    at.only("resource", "providers")
    resource = str(at.converted("resource", _resource, "", "a URL such as https://tools.example/mcp"))
    sections = at.sections("providers")
    if not sections:
        at.missing("providers", "providers: [{issuer: https://id.example, audience: toolward}]")
    elif importlib.util.find_spec("joserfc") is None:
        at.wrong("providers", "needs the package joserfc: pip install 'toolward[jwt]'")
    found = tuple(_provider(one, resource, directory) for one in sections)
    if len(found) > MOST_PROVIDERS:
        at.wrong("providers", f"are {len(found)}, and at most {MOST_PROVIDERS} are taken")
    _check_apart(found, sections)
    return Identity(found, resource)


def _check_apart(found: tuple[JwtSettings, ...], sections: list[Section]) -> None:
    """No provider can name somebody whom another one can name."""
    for (one, _), (other, at) in combinations(zip(found, sections, strict=True), 2):
        if one.issuer == other.issuer:
            at.wrong("issuer", "is that of another provider; write one")
        elif one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix):
            said = "of several providers each has a `prefix` of its own, with which no other one begins"
            if "prefix" in at:
                at.wrong("prefix", f"does not keep its callers apart from another's: {said}")
            else:
                at.missing("prefix", f'prefix: "corp:" ({said})')


def _provider(at: Section, resource: str, directory: Path) -> JwtSettings:
    at.only(
        "issuer", "audience", "keys", "networks", "id_claim", "prefix", "roles_claim", "roles",
        "tenant_claim", "tenant", "scopes", "skew", "sign_in",
    )  # fmt: skip
    if "audience" not in at and not resource:
        at.missing("audience", "audience: toolward (or `resource` beside `providers`)")
    tenant = at.text("tenant")
    if tenant and (flaw := flaw_in_word(tenant)):
        at.wrong("tenant", flaw)
    prefix = at.text("prefix")
    if prefix and not _PREFIX.fullmatch(prefix):
        at.wrong("prefix", "must begin with a letter or number; use A-Z, a-z, 0-9 and _.@:|/-, at most 64")
    keys = _keys(at, directory)
    return JwtSettings(
        issuer=_issuer(at, by_metadata=not keys or "sign_in" in at),
        audience=at.names("audience", resource or "-"),
        keys=keys,
        networks=networks(at),
        id_claim=at.text("id_claim", "sub"),
        prefix=prefix,
        roles_claim=at.text("roles_claim", "roles"),
        roles=_roles(at),
        tenant_claim=at.text("tenant_claim"),
        tenant=tenant or ("" if "tenant_claim" in at else "default"),
        scopes=_scopes(at),
        skew=at.count("skew", SKEW, least=0, most=LONGEST_SKEW),
        sign_in=_sign_in(at),
    )


def _sign_in(at: Section) -> SignIn | None:
    """How people sign in to the console with a browser; None where they cannot."""
    if "sign_in" not in at:
        return None
    inner = at.section("sign_in")
    inner.only("client_id", "client_secret", "auth", "name", "scope")
    secret = inner.text("client_secret", secret=True)
    if "client_secret" in inner and not secret:
        inner.wrong("client_secret", "is empty; leave it out for a client without one")
    scope = inner.text("scope", "openid")
    if "openid" not in scope.split() or not all(map(_SCOPE.fullmatch, scope.split())):
        inner.wrong("scope", 'must be scopes with `openid` among them: "openid profile"')
    name = inner.text("name")
    if name and (len(name) > LONGEST_NAME or not name.isprintable()):
        inner.wrong("name", f"must be a few words that can be read, at most {LONGEST_NAME} characters")
    return SignIn(
        client_id=inner.needed_text("client_id", "client_id: toolward"),
        client_secret=secret,
        auth=cast(
            Literal["basic", "post"], inner.one_of("auth", "basic", "post") if "auth" in inner else "basic"
        ),
        name=name,
        scope=scope,
    )


def _issuer(at: Section, *, by_metadata: bool) -> str:
    issuer = at.needed_text("issuer", "issuer: https://id.example")
    if not (issuer and by_metadata):
        return issuer
    try:
        check_address(metadata_addresses(issuer)[0], "What is known of")
    except ConfigurationError:
        at.wrong(
            "issuer",
            "must be an https URL, for its keys are looked for there; or write `keys`, and no `sign_in`",
        )
    if "?" in issuer or "#" in issuer:
        at.wrong("issuer", "has a query or a fragment, and no issuer has one; write it as tokens do")
    return issuer


def _keys(at: Section, directory: Path) -> str:
    """A URL, or an absolute path."""
    text = at.text("keys")
    if not text:
        return ""
    if "://" not in text:
        path = directory / Path(text).expanduser()
        if not path.is_file():
            at.wrong("keys", f"names {path}, and there is no such file; mend the path")
        return str(path)
    try:
        check_address(text, "The keys at")
    except ConfigurationError:
        at.wrong("keys", "must be a path, or an https URL without credentials")
    return text


def _resource(text: str) -> str:
    if url(text).partition("?")[1] or "#" in text:
        raise ValueError(text)
    return text


def _roles(at: Section) -> Mapping[str, str] | None:
    if "roles" not in at:
        return None
    inner = at.section("roles")
    found = {theirs: inner.needed_text(theirs, f"{theirs}: support") for theirs in inner}
    for theirs, ours in found.items():
        if ours and (flaw := flaw_in_word(ours)):
            inner.wrong(theirs, flaw)
    return found


def _scopes(at: Section) -> Mapping[str, tuple[str, ...]] | None:
    if "scopes" not in at:
        return None
    inner = at.section("scopes")
    found = {scope: inner.texts(scope) for scope in inner}
    for scope, patterns in found.items():
        if not _SCOPE.fullmatch(scope):
            inner.wrong(
                scope, "is no scope: visible ASCII without spaces, quotes and backslashes, at most 128"
            )
        for index, pattern in enumerate(patterns):
            if flaw := flaw_in_glob(pattern):
                inner.wrong_item(scope, index, flaw)
    return found
