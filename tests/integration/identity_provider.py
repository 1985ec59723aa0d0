"""An identity provider on loopback: its metadata, its keys, the tokens that it signs, and a page to sign in at,
where everybody is grace and says yes at once."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

from tests.integration.raw_server import Line, serving

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"
CLIENT, SECRET = "console", "s3cret/of the client"


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
        self.id_claims: dict[str, Any] = {}
        """Laid over what ID tokens say; one that is None is left out."""
        self.refuses = ""
        """The error that whoever wants to sign in is answered with."""
        self._codes: dict[str, dict[str, str]] = {}

    @staticmethod
    def new_key(kid: str) -> ECKey:
        return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})

    async def __call__(self, line: Line) -> None:
        head, form = await line.request()
        path = head.split(" ")[1]
        at = urlsplit(path)
        self.asked.append(at.path if at.path == f"{self.path}/authorize" else path)
        location = ""
        if at.path == f"{self.path}/authorize":
            status, found, location = "303 See Other", None, self._authorized(dict(parse_qsl(at.query)))
        elif at.path == f"{self.path}/token":
            status, found = self._granted(head, dict(parse_qsl(form.decode())))
        else:
            found = None if path in self.missing else self._document(path)
            status = "404 Not Found" if found is None else "200 OK"
        body = json.dumps(found).encode()
        more = f"location: {location}\r\n" if location else ""
        told = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{more}connection: close\r\n\r\n"
        await line.send(told.encode() + body)

    def _authorized(self, asked: dict[str, str]) -> str:
        """Where the browser goes on (RFC 6749, 4.1.2)."""
        answer = {"state": asked["state"], "iss": self.issuer}
        if self.refuses:
            answer["error"] = self.refuses
        else:
            assert (asked["client_id"], asked["code_challenge_method"]) == (CLIENT, "S256")
            answer["code"] = code = secrets.token_urlsafe()
            self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def _granted(self, head: str, form: dict[str, str]) -> tuple[str, Any]:
        pair = base64.b64encode(urlencode({CLIENT: SECRET}).replace("=", ":").encode()).decode()
        if f"basic {pair}".lower() not in head.lower():
            return "401 Unauthorized", {"error": "invalid_client"}
        begun = self._codes.pop(form.get("code", ""), {})
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        told = (begun.get("redirect_uri"), begun.get("code_challenge"))
        if told != (form.get("redirect_uri"), challenge):
            return "400 Bad Request", {"error": "invalid_grant"}
        said = {"aud": CLIENT, "nonce": begun.get("nonce")} | self.id_claims
        return "200 OK", {
            "access_token": self.token(),
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": self.token(typ="JWT", **said),
        }

    def _document(self, path: str) -> Any:
        if path in (self.path + OPENID, OAUTH + self.path):
            usual = {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/keys",
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
            }
            return usual | self.metadata
        if path == f"{self.path}/keys":
            return {"keys": [key.as_dict(private=False) for key in self.keys]}
        return None

    def token(self, key: ECKey | None = None, /, *, typ: str = "at+jwt", **claims: Any) -> str:
        """A claim that is None is left out."""
        now = int(time.time())
        said = {"iss": self.issuer, "aud": "toolward", "sub": "grace", "iat": now, "exp": now + 300} | claims
        head = {"alg": "ES256", "kid": (key or self.key).kid, "typ": typ}
        kept = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(head, kept, key or self.key, algorithms=["ES256"])


@asynccontextmanager
async def identity_provider(path: str = "") -> AsyncGenerator[IdentityProvider, None]:
    provider = IdentityProvider(path)
    async with serving(provider) as served:
        provider.issuer = served.url + path
        yield provider
