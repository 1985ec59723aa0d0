"""The page about OpenAI clients: its example is run, its parameters are those that are read."""

import asyncio
import contextlib
import io
import re
from pathlib import Path

import msgspec

from gateway.servers.chat_completions_request import ChatRequest
from tests.integration.run_house import says
from tests.integration.test_openai_clients import opened

PAGE = (Path(__file__).parents[2] / "docs" / "openai-clients.md").read_text(encoding="utf-8")


def test_every_parameter_that_is_read_is_in_the_table() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == {field.name for field in msgspec.structs.fields(ChatRequest)}


def test_its_example_works(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

    async def main() -> str:
        async with opened(tmp_path) as door:
            model = door.house.script(says("On its way, Ada."))
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                await asyncio.to_thread(exec, code, {"GATEWAY": door.url, "TOKEN": "adas"})
            assert [message.text for message in model.requests[0].messages[1:3]] == [
                "My name is Ada.",
                "Hello, Ada.",
            ]
        return said.getvalue()

    assert asyncio.run(main()) == "On its way, Ada."
