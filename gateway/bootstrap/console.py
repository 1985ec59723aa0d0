"""The console of a gateway, put together."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.bootstrap.house import Gateway
from gateway.bootstrap.identity import secret_file
from gateway.bootstrap.proofs import Proofs
from gateway.bootstrap.signed_out import SignedOutFiles
from gateway.oversight import Oversight
from gateway.servers.console.parts import Parts
from gateway.servers.console.sessions import Sessions
from toolward.auth import Authenticate, local_secret

Document = Callable[[], Mapping[str, Any]]


def make_console(
    gateway: Gateway,
    entrance: Any,
    authenticate: Authenticate,
    oversight: Oversight,
    *,
    port: int,
    secure: bool,
    document: Document = dict,
) -> Any:
    """The ASGI application of the console."""
    from gateway.servers.console.app import console_app
    from gateway.servers.console.pages import Pages
    from gateway.servers.console.rooms import all_rooms

    sessions = Sessions(_session_key(gateway.home), signed_out=SignedOutFiles(gateway.home))
    parts = Parts(
        gateway.info,
        Pages(sessions, gateway.info.version),
        sessions,
        Proofs(gateway, entrance, authenticate, sessions),
        entrance.to(gateway.dispatch, "http"),
        entrance.to_agents(gateway.runs, "http"),
        oversight,
        partial(entrance.ask, "http"),
        cookie=f"toolward-{port}",
        secure=secure,
        document=document,
        outside=_outside(gateway.settings.resource),
    )
    return console_app(parts, all_rooms(parts), max_body=gateway.settings.limits.of_doors.body_bytes)


def _session_key(home: Path) -> bytes:
    """Of this installation: every worker reads what another wrote, also after a restart. A new secret ends all
    sessions."""
    secret = local_secret(secret_file(home))
    return hmac.new(secret.encode(), b"toolward console sessions", hashlib.sha256).digest()


def _outside(resource: str) -> str:
    """`https://tools.example` of the MCP door's URL, as clients know it."""
    at = urlsplit(resource)
    return f"{at.scheme}://{at.netloc}" if at.netloc else ""
