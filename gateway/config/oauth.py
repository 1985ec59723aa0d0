"""A backend's `oauth`: how access tokens for it are had."""

from typing import Literal, cast

from gateway.config.convert import networks, url
from gateway.config.reader import Section
from gateway.core.spec import OAuthSpec
from toolward.outbound.token_server import is_safe

_KEYS = (
    "token_url",
    "client_id",
    "client_secret",
    "auth",
    "scope",
    "audience",
    "resource",
    "exchange",
    "networks",
)


def read_oauth(at: Section) -> OAuthSpec | None:
    """Of the backend `at`; None where it has none."""
    if "oauth" not in at:
        return None
    _alone(at)
    found = at.section("oauth")
    found.only(*_KEYS)
    return OAuthSpec(
        token_url=_token_url(found),
        client_id=found.needed_text("client_id", "client_id: toolward"),
        client_secret=_secret(found),
        auth=cast(
            Literal["basic", "post"], found.one_of("auth", "basic", "post") if "auth" in found else "basic"
        ),
        scope=found.text("scope"),
        audience=found.text("audience"),
        resource=found.converted("resource", url, "", "a URL such as https://crm.example"),
        exchange=found.flag("exchange", False),
        networks=networks(found),
    )


def _alone(at: Section) -> None:
    """A backend has one credential: which of two is meant nobody can know."""
    if "token" in at:
        at.wrong("token", "stands beside `oauth`, which has a token of its own; remove one of them")
    if "start" in at:
        at.wrong("oauth", "is for a server elsewhere: one that is started here gets a token of its own")
    if "headers" in at and any(name.lower() == "authorization" for name in at.section("headers")):
        at.wrong("headers", "has an Authorization beside `oauth`; remove one of them")


def _token_url(at: Section) -> str:
    if "token_url" not in at:
        at.missing("token_url", "token_url: https://login.example/oauth2/token")
        return ""
    found = at.converted("token_url", url, "", "a URL such as https://login.example/oauth2/token")
    if found and not is_safe(found):
        at.wrong("token_url", "would get a secret over plain http; use https (http does on loopback only)")
    return found


def _secret(at: Section) -> str:
    if "client_secret" not in at:
        at.missing("client_secret", 'client_secret: "${env:CRM_CLIENT_SECRET}"')
        return ""
    found = at.text("client_secret", secret=True)
    if not found:
        at.wrong("client_secret", "is empty")
    return found
