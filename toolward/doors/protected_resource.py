"""What a door on HTTP tells a client that has no token: where to get one (RFC 9728, RFC 6750; MCP's spec,
basic/authorization)."""

from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from toolward.errors import ConfigurationError
from toolward.types import Headers

WELL_KNOWN = "/.well-known/oauth-protected-resource"


class ProtectedResource:
    """`resource` is the URL of the door as clients know it, their tokens' audience. The issuers give these."""

    def __init__(self, resource: str, *issuers: str) -> None:
        """Raises ConfigurationError for what is no URL."""
        url = urlsplit(resource)
        if url.scheme not in ("http", "https") or not url.netloc or url.query or url.fragment:
            raise ConfigurationError(
                f"{resource!r} is not the URL of a door.", hint="Write it like https://tools.example.com/mcp."
            )
        path = url.path.rstrip("/")
        self.host = f"[{url.hostname}]" if ":" in (url.hostname or "") else str(url.hostname)
        self.paths = frozenset((WELL_KNOWN + path, WELL_KNOWN))
        self._resource = resource
        self._address = f"{url.scheme}://{url.netloc}{WELL_KNOWN}{path}"
        self.tell(issuers)

    def tell(self, issuers: Iterable[str], scopes: Iterable[str] = ()) -> None:
        """From now on: who gives tokens, and which scopes mean something here."""
        named = sorted(set(scopes))
        self.document = msgspec.json.encode(
            {
                "resource": self._resource,
                "authorization_servers": list(issuers),
                "bearer_methods_supported": ["header"],
            }
            | ({"scopes_supported": named} if named else {})
        )
        self._scopes = f', scope="{" ".join(named)}"' if named else ""

    def challenge(self, headers: Headers) -> str:
        """The `WWW-Authenticate` for a request with these headers; it says more to one that has a token."""
        flaw = 'error="invalid_token", ' if headers.get("authorization") else ""
        return f'Bearer {flaw}resource_metadata="{self._address}"{self._scopes}'
