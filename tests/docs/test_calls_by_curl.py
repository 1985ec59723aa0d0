"""A call by curl, wherever one is shown, is answered with a result: by curl itself."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from gateway.bootstrap import open_doors, open_gateway, secret_file
from gateway.config.parse import read_settings
from gateway.servers.console.tools.copies import copies
from tests.docs.blocks import blocks_of
from tests.integration.served import there
from toolservers.calculator.tools import server
from toolward.doors.grpc import serve_grpc

CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends: {calculator: {grpc: "CALCULATOR"}}
"""
AT = "http://127.0.0.1:8700"
ARGUMENTS = {"expression": "0.1 + 0.2"}

SHOWN = {
    page: block.text
    for page in ("README.md", "docs/how-to/give-a-program-a-key.md")
    for block in blocks_of(page)
    if block.text.startswith("curl ")
}
SHOWN["the console"] = next(
    copy.text
    for copy in copies("calculator.calculate", "calculator__calculate", ARGUMENTS, AT)
    if copy.name == "curl"
)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
@pytest.mark.parametrize("where", SHOWN)
async def test_it_is_answered(tmp_path: Path, where: str) -> None:
    home = tmp_path / ".local" / "share" / "toolward"
    async with server.running(), serve_grpc("127.0.0.1:0", server, None, name="calculator") as calculator:
        config = tmp_path / "toolward.yaml"
        config.write_text(CONFIG.replace("CALCULATOR", calculator.address))
        async with (
            open_gateway(read_settings(config), home, environment={}) as gateway,
            open_doors(gateway) as doors,
        ):
            await there(gateway, "calculator.calculate")
            secret = secret_file(home).read_text()
            command = re.sub(r"\$TOKEN\b|\$TOOLWARD_[A-Z]+\b", "$SECRET", SHOWN[where])
            process = await asyncio.create_subprocess_shell(
                command.replace(AT, f"http://{doors.http}"),
                env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SECRET": secret},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, said = await process.communicate()
    assert process.returncode == 0, said
    assert b'"exact":"0.3"' in out.replace(b" ", b""), out
