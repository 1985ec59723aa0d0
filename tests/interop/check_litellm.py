"""LiteLLM's proxy as a model endpoint: a server that nobody here wrote, at its chat-completions, its Responses and
its Anthropic route. Its own mocks answer, and, for rounds of tools, the scripted endpoint that stands behind it.

It is no dependency of the project: it is installed into a folder of its own, or the checks are skipped.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from gateway.models.http_endpoint import HttpEndpoint
from tests.endpoints import Call, Reply, ScriptedEndpoint, says, scripted_endpoint
from tests.endpoints.speech import WIRES, WireName
from tests.endpoints.talking import KEY, Talk, our_endpoint
from tests.integration.served import free_port
from tests.interop.foreign import BIN
from toolward.errors import ConfigurationError, InvalidRequest, Overloaded, Unauthenticated

LITELLM = "litellm[proxy]==1.81.13"
"""Of before the releases that strangers put malicious code into (1.82.7 and 1.82.8, later 1.107.0): read what is
known of a version before this one is changed. Nothing that came later is taken for what it needs, and nothing that
runs code while it is installed."""

NOTHING_LATER_THAN = "2026-03-01"
SECONDS_TO_START = 240.0  # it loads half the world first

CONFIG = f"""
model_list:
  - model_name: talker
    litellm_params: {{model: openai/any, api_key: none, mock_response: "Grüße from the proxy, in a few words."}}
  - model_name: caller
    litellm_params:
      model: openai/any
      api_key: none
      mock_response: Let me look.
      mock_tool_calls: [{{id: call_1, type: function, function: {{name: get, arguments: '{{"id": "A"}}'}}}}]
  - model_name: limited
    litellm_params: {{model: openai/any, api_key: none, mock_response: litellm.RateLimitError}}
  - model_name: scripted
    litellm_params: {{model: openai/any, api_key: none, api_base: BEHIND}}
general_settings: {{master_key: {KEY}}}
litellm_settings: {{telemetry: false, num_retries: 0}}
router_settings: {{num_retries: 0, disable_cooldowns: true}}
"""


pytestmark = pytest.mark.timeout(600)


class Proxy(NamedTuple):
    url: str
    behind: ScriptedEndpoint

    def model(self, wire: WireName, name: str, *, stream: bool, key: str = KEY) -> HttpEndpoint:
        return our_endpoint(wire, self.url, {"model": name}, stream=stream, key=key)


def installed(folder: Path) -> Path:
    """Its program. Skips where it cannot be had."""
    uv, python = BIN / "uv", folder / "bin" / "python"
    if not uv.exists():
        pytest.skip("uv, which installs LiteLLM, is not beside this Python: `make install` puts it there")
    made = [uv, "venv", "--quiet", "--python", BIN / "python", folder]
    filled = [uv, "pip", "install", "--quiet", "--python", python, "--only-binary", ":all:"]
    for words in (made, [*filled, "--exclude-newer", NOTHING_LATER_THAN, LITELLM]):
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            pytest.skip(f"{LITELLM} cannot be installed: {done.stderr.strip()[-300:]}")
    return folder / "bin" / "litellm"


@contextmanager
def serving(program: Path, folder: Path, port: int) -> Generator[subprocess.Popen[bytes], None, None]:
    """It gets nothing of our environment, and a home of its own."""
    environment = {"PATH": os.defpath, "HOME": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    words = [program, "--config", folder / "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*words, "--telemetry", "False"], env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=20)


async def until_it_answers(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(SECONDS_TO_START):
        while True:
            assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
            try:
                if (await client.get(f"{url}/health/liveliness")).is_success:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.2)  # there is nothing else to wait for


@pytest.fixture(scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Proxy]:
    folder = tmp_path_factory.mktemp("litellm")
    program = await asyncio.to_thread(installed, folder / "venv")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with scripted_endpoint(checks=False) as behind:  # what it asks is LiteLLM's affair
        (folder / "config.yaml").write_text(CONFIG.replace("BEHIND", behind.url), encoding="utf-8")
        with serving(program, folder, port) as process:
            await until_it_answers(url, process, folder)
            yield Proxy(f"{url}/v1", behind)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", WIRES)
async def test_text_of_a_mock(proxy: Proxy, wire: WireName, stream: bool) -> None:
    if stream and wire == "openai_responses":
        pytest.skip("its mock of a streamed response fails in itself (HTTP 500)")
    async with proxy.model(wire, "talker", stream=stream) as model:
        reply = await Talk(model, tools=()).ask("hello")
    assert (reply.text, reply.stop) == ("Grüße from the proxy, in a few words.", "final")
    assert stream or reply.usage.input_tokens > 0


async def test_a_call_of_a_mock(proxy: Proxy) -> None:
    """Only whole and on its chat route: elsewhere its mocks leave the calls out."""
    async with proxy.model("openai_chat", "caller", stream=False) as model:
        reply = await Talk(model).ask("hello")
    assert (reply.text, reply.stop) == ("Let me look.", "tool_use")
    assert [(use.id, use.name, use.arguments_json) for use in reply.tool_uses] == [
        ("call_1", "get", '{"id": "A"}')
    ]


@pytest.mark.parametrize("wire", WIRES)
async def test_its_failures_are_ours(proxy: Proxy, wire: WireName) -> None:
    limited = [] if wire == "openai_responses" else [("limited", KEY, Overloaded)]  # its mock says it as text
    for name, key, error in (
        *limited,
        ("talker", "sk-another", (Unauthenticated, InvalidRequest)),  # it has no database of keys to look in
        ("nobody", KEY, (ConfigurationError, InvalidRequest)),
    ):
        async with proxy.model(wire, name, stream=wire != "openai_responses", key=key) as model:
            with pytest.raises(error, match="'scripted' at"):
                await Talk(model, tools=()).ask("hello")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", WIRES)
async def test_a_round_of_calls_through_it(proxy: Proxy, wire: WireName, stream: bool) -> None:
    called = (Call("get", {"id": "é 😀"}), Call("get", {"id": "B"}))
    wanted = Reply("I look.", calls=called).sent(apart=True)  # it mixes up calls whose fragments take turns
    proxy.behind.script([wanted, says("Two."), replace(wanted, text=""), says("Both.")])
    async with proxy.model(wire, "scripted", stream=stream) as model:
        talk = Talk(model)
        for answer in ("Two.", "Both."):
            reply = await talk.ask("Which orders?")
            assert reply.stop == "tool_use"
            assert [json.loads(use.arguments_json) for use in reply.tool_uses] == [
                call.arguments for call in called
            ]
            talk.answer(reply)
            assert (await talk.ask()).text == answer
    asked = proxy.behind.requests[-1].json
    if wire != "openai_responses":  # which it hands on as it is
        assert [message["role"] for message in asked["messages"]][-3:] == ["assistant", "tool", "tool"]
