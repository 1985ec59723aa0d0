"""The keys of an identity provider at a URL, fetched from a real server that rotates them, hangs, and fails."""

import asyncio
import json
from typing import Any

from joserfc.jwk import ECKey

from tests.integration.raw_server import Line, serving
from tests.integration.scripted_tools import failing
from toolward.auth.keys import keys_at
from toolward.errors import Unavailable


class Provider:
    """Answers with its keys, or as it is told."""

    def __init__(self) -> None:
        self.kids = ["one"]
        self.status = 200
        self.asked: list[str] = []

    async def __call__(self, line: Line) -> None:
        head, _ = await line.request()
        self.asked.append(head.split("\r\n")[0])
        keys: list[Any] = [
            ECKey.generate_key("P-256", {"kid": kid}).as_dict(private=False) for kid in self.kids
        ]
        body = json.dumps({"keys": keys}).encode()
        await line.send(
            b"HTTP/1.1 %d X\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
            % (self.status, len(body), body)
        )


async def test_many_who_wait_for_the_keys_share_one_request() -> None:
    provider = Provider()
    async with serving(provider) as served:
        keys = keys_at(f"{served.url}/jwks?tenant=acme")
        assert keys.find("one") is None
        found = await asyncio.gather(*(keys.look("one") for _ in range(50)))
        assert all(key is found[0] is not None for key in found)
        assert keys.find("one") is found[0]
        assert provider.asked == ["GET /jwks?tenant=acme HTTP/1.1"]


async def test_a_provider_that_fails_is_named_without_its_query_and_asked_again_later() -> None:
    provider = Provider()
    provider.status = 500
    async with serving(provider) as served:
        keys = keys_at(f"{served.url}/jwks?secret=1")
        for _ in range(5):
            error = await failing(keys.look("one"))
            assert isinstance(error, Unavailable)
            assert "HTTP 500" in error.message
            assert "secret" not in error.text
        assert len(provider.asked) == 1


async def test_a_provider_that_is_not_there_is_unavailable() -> None:
    async with serving(Provider()) as served:
        url = f"{served.url}/jwks"
    assert isinstance(await failing(keys_at(url).look("one")), Unavailable)
