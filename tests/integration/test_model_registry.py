"""Endpoints as configuration and environment make them, asked over real connections."""

import asyncio
from typing import Any, get_args

import pytest

from gateway.bootstrap.models import Models, open_models
from gateway.config.secrets import Substituted
from gateway.core.model_spec import ModelSpec, Rates, WireName
from gateway.core.ports import Message, ModelRequest, Piece
from tests.endpoints import refuses, says, scripted_endpoint
from tests.integration.raw_server import always, serving
from toolward.errors import ConfigurationError

pytestmark = pytest.mark.anyio

HELLO = ModelRequest((Message("user", "hello"),), timeout=10.0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def spec(url: str, name: str = "big", wire: WireName = "openai_chat", **more: Any) -> ModelSpec:
    return ModelSpec(name=name, wire=wire, base_url=url, model="scripted", **more)


@pytest.mark.parametrize("wire", [one for one in get_args(WireName) if one != "offline"])
async def test_every_wire_is_made_and_guarded(wire: WireName) -> None:
    async with scripted_endpoint() as endpoint:
        endpoint.script([refuses(503), says("Hello.")])
        one = spec(
            endpoint.url,
            wire=wire,
            api_key=Substituted("sk-1", "${env:KEY}"),
            headers={"X-Team": Substituted("a", "${env:TEAM}")},
            rates=Rates(input=1_000_000, output=1_000_000),
            context_tokens=1000,
            extra={"metadata": {"user_id": Substituted("a", "${env:TEAM}")}},
        )
        async with open_models([one], {}) as models:
            port = models.endpoint("big")
            pieces: list[Piece] = []
            reply = await port.reply(HELLO, pieces.append)
    assert "".join(piece.text for piece in pieces) == "Hello."
    assert (reply.text, reply.endpoint, reply.cost) == ("Hello.", "big", 18)
    assert (port.facts.name, port.facts.priced, port.facts.context_tokens) == ("big", True, 1000)
    request = endpoint.requests[-1]
    assert request.headers["x-team"] == "a"
    assert request.json["metadata"] == {"user_id": "a"}


async def test_names_and_the_default() -> None:
    url = "http://127.0.0.1:1/v1"
    async with open_models([], {}) as models:
        assert (models.default, models.is_offline, models.names) == ("offline", True, ("offline",))
        assert models.endpoint("default") is models.endpoint("offline")
        assert (await models.endpoint("default").reply(HELLO)).cost == 0
    async with open_models([spec(url, "small"), spec(url, "big")], {}) as models:
        assert (models.default, models.is_offline) == ("small", False)
        assert models.said == "small (scripted)"
        assert models.endpoint("default").facts.name == "small"
        assert not models.endpoint("big").facts.priced
        with pytest.raises(ConfigurationError, match="no model endpoint named 'bigg'") as caught:
            models.endpoint("bigg")
        assert caught.value.hint == "Did you mean 'big'?"
    async with open_models([spec(url, "default")], {"OPENAI_API_KEY": "sk-1"}) as models:
        facts = models.endpoint("default").facts
        assert (facts.name, facts.provider, facts.priced) == ("default", "openai", True)
        assert facts.context_tokens > 100_000
        assert models.said.endswith("(from the environment)")


def ok_saying(text: str) -> bytes:
    body = b'{"choices": [{"message": {"content": "%s"}, "finish_reason": "stop"}]}' % text.encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


async def test_a_reply_names_its_endpoint_as_it_can_be_asked_for() -> None:
    async with serving(always(ok_saying("hello"))) as served:
        environment = {"TOOLWARD_MODEL_URL": f"{served.url}/v1", "TOOLWARD_MODEL_NAME": "m"}
        for models in (
            open_models([spec(served.url)], {}),
            open_models([], environment),
            open_models([], {}),
        ):
            async with models as found:
                for name in ("default", *found.names):
                    reply = await found.endpoint(name).reply(HELLO)
                    assert found.endpoint(reply.endpoint) is found.endpoint(name)


async def change(models: Models, *specs: ModelSpec) -> None:
    models.use(await models.prepare(specs))


async def test_a_change_makes_what_changed_anew_and_who_holds_an_endpoint_keeps_it() -> None:
    async with serving(always(ok_saying("old"))) as old, serving(always(ok_saying("new"))) as new:
        async with open_models([spec(old.url), spec(old.url, "same")], {}) as models:
            held, same = models.endpoint("big"), models.endpoint("same")
            await change(models, spec(new.url), spec(old.url, "same"), spec(new.url, "added"))
            assert models.endpoint("same") is same
            assert models.names == ("big", "same", "added", "offline")
            assert (await held.reply(HELLO)).text == "old"
            assert (await models.endpoint("big").reply(HELLO)).text == "new"
            assert (await held.reply(HELLO)).text == "old"  # for as long as it is held
            assert not old.lines[0].closed.is_set()
            del held
            async with asyncio.timeout(5):
                await old.lines[0].closed.wait()
            await change(models)
            assert models.is_offline
            with pytest.raises(ConfigurationError, match="There is no model endpoint named 'big'"):
                models.endpoint("big")
        async with asyncio.timeout(5):
            for line in (*old.lines, *new.lines):
                await line.closed.wait()


async def test_what_cannot_be_made_leaves_all_as_it_was() -> None:
    async with open_models([spec("http://127.0.0.1:1/v1")], {}) as models:
        before = models.endpoint("big")
        with pytest.raises(ConfigurationError, match="characters that no header may"):
            await change(models, spec("http://127.0.0.1:1/v1", api_key="two words"))
        assert models.endpoint("big") is before
