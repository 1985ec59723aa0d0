"""An identity provider on loopback: its metadata, its keys, and the tokens that it signs."""

import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from tests.integration.raw_server import Line, serving

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"


class IdentityProvider:
    """Tests change what it says: `metadata` is laid over the usual, `missing` are paths that are 404."""

    def __init__(self, path: str = "") -> None:
        self.path = path
        self.issuer = ""
        self.key = self.new_key("one")
        self.keys = [self.key]
        self.metadata: dict[str, Any] = {}
        self.missing: set[str] = set()
        self.asked: list[str] = []

    @staticmethod
    def new_key(kid: str) -> ECKey:
        return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})

    async def __call__(self, line: Line) -> None:
        head, _ = await line.request()
        path = head.split(" ")[1]
        self.asked.append(path)
        found = None if path in self.missing else self._document(path)
        body = json.dumps(found).encode()
        status = b"404 Not Found" if found is None else b"200 OK"
        await line.send(
            b"HTTP/1.1 %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (status, len(body), body)
        )

    def _document(self, path: str) -> Any:
        if path in (self.path + OPENID, OAUTH + self.path):
            return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"} | self.metadata
        if path == f"{self.path}/keys":
            return {"keys": [key.as_dict(private=False) for key in self.keys]}
        return None

    def token(self, key: ECKey | None = None, /, **claims: Any) -> str:
        """A claim that is None is left out."""
        now = int(time.time())
        said = {"iss": self.issuer, "aud": "toolward", "sub": "grace", "iat": now, "exp": now + 300} | claims
        head = {"alg": "ES256", "kid": (key or self.key).kid, "typ": "at+jwt"}
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(head, kept, key or self.key, algorithms=["ES256"])


@asynccontextmanager
async def identity_provider(path: str = "") -> AsyncGenerator[IdentityProvider, None]:
    provider = IdentityProvider(path)
    async with serving(provider) as served:
        provider.issuer = served.url + path
        yield provider
