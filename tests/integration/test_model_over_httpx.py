"""An endpoint over a client of httpx that somebody gives: its failures are told as those of our own pool are."""

import httpx
import pytest

from gateway.core.ports import ModelRequest
from tests.endpoints import Raw, Silence, refuses, says, scripted_endpoint
from tests.endpoints.chat import delta, events
from tests.integration.asking import BOTH, HELLO, KEY, ask, chat
from toolward.errors import DeadlineExceeded, Overloaded, Unavailable

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@BOTH
async def test_a_client_of_httpx_that_is_given(streamed: bool) -> None:
    cut_off = events(delta(content="x"), cut=True) if streamed else Raw((b'{"choices":',), cut=True)
    async with scripted_endpoint() as endpoint, httpx.AsyncClient(trust_env=False) as client:
        endpoint.script([says("Grüße."), cut_off, refuses(429, "slow down", {"retry-after": "3"}), Silence()])
        model = chat(endpoint.url, KEY, client=client)
        assert (await ask(model, streamed)).text == "Grüße."
        with pytest.raises(
            Unavailable, match=r"'gpt' at .* closed the connection before its reply was whole"
        ):
            await ask(model, streamed)
        with pytest.raises(Overloaded, match="slow down") as caught:
            await ask(model, streamed)
        assert caught.value.retry_after == 3.0
        with pytest.raises(DeadlineExceeded):
            await ask(model, streamed, ModelRequest(HELLO.messages, timeout=0.05))
        gone = chat("http://127.0.0.1:9", client=client)
        with pytest.raises(Unavailable, match=r"'gpt' at .* cannot be reached: "):
            await ask(gone, streamed)
