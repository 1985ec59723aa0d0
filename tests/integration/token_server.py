"""A small authorization server (RFC 6749, RFC 8693) on loopback, strict in what it is asked."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from tests.integration.raw_server import Line, serving

ID, SECRET = "our client/1", "s3cret: of+ours %&="  # both need the encoding of RFC 6749, 2.3.1
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"


def jwt(subject: str, expires: float = 1e12) -> str:
    """Like a token of an identity provider; nobody here looks at the signature."""
    claims = json.dumps({"sub": subject, "exp": expires}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"


def subject_of(token: str) -> str:
    body = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["sub"])


@dataclass
class Authority:
    """Gives `own-1`, `own-2`, … to the client itself, and `for-SUBJECT-1`, … for subject tokens that it knows."""

    url: str = ""
    lifetime: Any = 3600
    subjects: set[str] = field(default_factory=set[str])
    forms: list[dict[str, str]] = field(default_factory=list[dict[str, str]])  # of every request, in order
    given: set[str] = field(default_factory=set[str])
    raw: bytes | None = None  # said in place of an answer
    status: int = 200
    open: asyncio.Event = field(default_factory=asyncio.Event)  # answers wait for it
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def asked(self) -> int:
        return len(self.forms)

    async def __call__(self, line: Line) -> None:
        while True:
            head, body = await line.request()
            form = self._form(head, body)
            self.forms.append(form)
            self.arrived.set()
            await self.open.wait()
            status, text = self.status, self.raw
            if text is None:
                status, said = self._answer(head, form)
                text = json.dumps(said).encode()
            await line.send(
                b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (status, len(text), text)
            )

    def _form(self, head: str, body: bytes) -> dict[str, str]:
        assert head.startswith("POST /token?tenant=acme HTTP/1.1\r\n")
        assert "content-type: application/x-www-form-urlencoded" in head.lower()
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
        assert len(dict(pairs)) == len(pairs), "no parameter may come twice (RFC 6749, 3.2)"
        assert all(value for _, value in pairs)
        return dict(pairs)

    def _answer(self, head: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if not self._is_client(head, form):
            return 401, {"error": "invalid_client", "error_description": f"not {SECRET}"}
        if form["grant_type"] == "client_credentials":
            return 200, self._token("own")
        if form["grant_type"] != EXCHANGE:
            return 400, {"error": "unsupported_grant_type"}
        assert form["subject_token_type"] == form["requested_token_type"] == ACCESS
        subject = subject_of(form["subject_token"])
        if subject not in self.subjects:
            return 400, {"error": "invalid_grant", "error_description": form["subject_token"]}
        return 200, self._token(f"for-{subject}") | {"issued_token_type": ACCESS}

    def _is_client(self, head: str, form: dict[str, str]) -> bool:
        basic = "authorization: basic"
        lines = [line.split(" ")[-1] for line in head.split("\r\n") if line.lower().startswith(basic)]
        if not lines:
            return (form.get("client_id"), form.get("client_secret")) == (ID, SECRET)
        name, _, secret = base64.b64decode(lines[0], validate=True).decode("ascii").partition(":")
        assert "client_secret" not in form, "one way of authentication per request (RFC 6749, 2.3)"
        return (unquote_plus(name), unquote_plus(secret)) == (ID, SECRET)

    def _token(self, name: str) -> dict[str, Any]:
        token = f"{name}-{len(self.given) + 1}"
        self.given.add(token)
        answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer"}
        return answer if self.lifetime is None else answer | {"expires_in": self.lifetime}


@asynccontextmanager
async def authority() -> AsyncGenerator[Authority]:
    made = Authority()
    made.open.set()
    async with serving(made) as served:
        made.url = f"{served.url}/token?tenant=acme"
        yield made
