"""A real model endpoint in the stand-in's place, with no file edited."""

import asyncio
from pathlib import Path

from tests.e2e.command import serving, toolward
from tests.endpoints import calls, says, scripted_endpoint


async def test_the_environment_puts_an_endpoint_in_place_and_it_is_shown_the_tools(tmp_path: Path) -> None:
    async with scripted_endpoint() as endpoint:
        endpoint.script(
            [
                calls(("calculator__calculate", {"expression": "6*7"}), ("crm__get_recrod", {})),
                calls(("calculator__calculate", {"expresion": "6*7"})),
                says("It is 42."),
            ]
        )
        environment = {
            "TOOLWARD_MODEL_URL": endpoint.url,
            "TOOLWARD_MODEL_NAME": "any",
            "TOOLWARD_MODEL_KEY": "sk-x",
        }
        done = await asyncio.to_thread(
            toolward, tmp_path / "home", "ask", "How much is six times seven?", **environment
        )
    assert done.code == 0, done.err
    assert done.out.strip() == "It is 42."
    first, second, third = (request.json for request in endpoint.requests)
    assert {"calculator__calculate", "crm__refund_payment"} <= {
        tool["function"]["name"] for tool in first["tools"]
    }
    results = [message["content"] for message in second["messages"] if message["role"] == "tool"]
    assert '"42"' in results[0]
    assert "crm__get_record" in results[1]  # what it probably meant
    assert "did you mean 'expression'" in third["messages"][-1]["content"]
    assert "sk-x" not in done.out + done.err


async def test_an_openai_key_alone_is_enough_to_switch(tmp_path: Path) -> None:
    async with scripted_endpoint() as endpoint:
        endpoint.script([says("Hello.")])
        environment = {"OPENAI_API_KEY": "sk-y", "OPENAI_BASE_URL": endpoint.url}
        none = ("--config", str(serving(tmp_path)))  # the test above shows the built-in ones
        done = await asyncio.to_thread(toolward, tmp_path / "home", "ask", "hello", *none, **environment)
    assert (done.code, done.out.strip()) == (0, "Hello."), done.err
    assert endpoint.requests[0].headers["authorization"] == "Bearer sk-y"
