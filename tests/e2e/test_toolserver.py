"""`toolserver`: one command line for every tool server."""

import json
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager

import httpx
import pytest

from tests.e2e.command import BIN, free_port
from toolward.client.grpc import GrpcClient
from toolward.errors import Unauthenticated
from toolward.types import NO_CONTEXT, Principal, ToolCall, ToolResult

ME = Principal("me")


def toolserver(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "toolserver"), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | environment,
    )


@contextmanager
def running(*arguments: str, **environment: str) -> Generator[subprocess.Popen[str], None, None]:
    """A server that said that it is ready."""
    process = subprocess.Popen(
        [str(BIN / "toolserver"), *arguments], stderr=subprocess.PIPE, text=True, env=os.environ | environment
    )
    assert process.stderr is not None
    try:
        assert process.stderr.readline().startswith(arguments[0])
        yield process
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ["calculator", "crm", "files", "search"])
def test_every_server_answers_over_stdio_with_few_tokens(name: str, tmp_path: object) -> None:
    places = {
        "TOOLWARD_CRM_DATABASE": f"{tmp_path}/crm.db",
        "TOOLWARD_FILES_ROOT": f"{tmp_path}/files",
        "TOOLWARD_SEARCH_INDEX": f"{tmp_path}/search.db",
        "TOOLWARD_SEARCH_EMBEDDINGS": "none",
    }
    done = subprocess.run(
        [str(BIN / "toolserver"), name],
        input='{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n',
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ | places,
    )
    tools = json.loads(done.stdout)["result"]["tools"]
    seen = sum(
        len(json.dumps([one["name"], one["description"], one["inputSchema"]], separators=(",", ":")))
        for one in tools
    )
    assert seen / 4 < (2500 if name == "crm" else 1500)


def test_the_list_names_every_server_and_help_every_setting() -> None:
    listed = toolserver("--list")
    assert listed.returncode == 0
    assert all(name in listed.stdout for name in ("calculator", "crm", "files", "search"))
    said = toolserver("files", "--help").stdout
    assert "--root" in said
    assert "TOOLWARD_FILES_ROOT" in said


def test_an_unknown_server_is_a_usage_error_with_the_nearest() -> None:
    done = toolserver("calculater")
    assert (done.returncode, "Did you mean 'calculator'?" in done.stderr) == (2, True)


def test_an_address_that_others_reach_needs_a_token() -> None:
    done = toolserver("calculator", "--http", "0.0.0.0:0")
    assert done.returncode == 1
    assert "Set TOOLWARD_TOKEN" in done.stderr


async def test_both_doors_of_one_process_know_their_caller_by_the_token() -> None:
    http, grpc = free_port(), free_port()
    doors = ("--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{grpc}")
    with running("calculator", *doors, TOOLWARD_TOKEN="a-token"):
        async with GrpcClient(f"127.0.0.1:{grpc}", "a-token") as client:
            call = ToolCall("calculate", b'{"expression":"0.1+0.2"}')
            result = await client.call_tool(ME, call, NO_CONTEXT)
        assert isinstance(result, ToolResult)
        assert result.structured["decimal"] == "0.3"
        async with GrpcClient(f"127.0.0.1:{grpc}", "wrong") as stranger:
            with pytest.raises(Unauthenticated):
                await stranger.list_tools(ME)
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        headers = {"accept": "application/json, text/event-stream"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{http}", headers=headers) as web:
            assert (await web.post("/mcp", json=message)).status_code == 401
            assert (await web.get("/healthz")).json() == {"status": "ok"}


@pytest.mark.parametrize("door", ["--http", "--grpc"])
def test_a_port_in_use_is_named_with_the_remedy(door: str) -> None:
    port = free_port()
    with running("calculator", door, f"127.0.0.1:{port}"):
        second = toolserver("search", door, f"127.0.0.1:{port}")
    assert second.returncode == 1
    assert str(port) in second.stderr
    assert "choose another" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_setting_of_the_wrong_kind_is_named() -> None:
    done = toolserver("calculator", "--http", "nowhere")
    assert done.returncode == 1
    assert "'nowhere' is not an address" in done.stderr
