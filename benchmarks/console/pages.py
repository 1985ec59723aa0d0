"""The console of a gateway in process: what a browser would be sent, without a socket."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from msgspec.structs import replace

from gateway.bootstrap import make_link, open_gateway
from gateway.bootstrap.console import make_console
from gateway.bootstrap.identity import authentication
from gateway.bootstrap.oversight import oversight_of
from gateway.config.builtin import builtin_settings
from toolward.doors.entrance import Entrance

_HERE = "http://127.0.0.1:8700"


class Console(NamedTuple):
    """A browser without its window, signed in as the person at this computer."""

    client: httpx.AsyncClient

    async def get(self, path: str) -> None:
        (await self.client.get(path)).raise_for_status()


@asynccontextmanager
async def console_over(home: Path) -> AsyncGenerator[Console]:
    """The console of a gateway without tool servers, whose home this is."""
    settings = replace(builtin_settings(home), backends=())
    async with open_gateway(settings, home, environment={}) as gateway:
        app = make_console(
            gateway, Entrance(), authentication(gateway), oversight_of(gateway), port=8700, secure=False
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=_HERE) as client:
            sent = {"code": make_link(home), "next": "/help"}
            answer = await client.post("/sign-in", data=sent)
            assert answer.is_redirect, answer.text
            yield Console(client)
