"""Tool servers that nobody here wrote, behind the gateway: npm's `server-everything`, over stdio and over
Streamable HTTP, and `server-filesystem`; listed and called at each of its doors, under a policy of their own."""

import asyncio
import json
import os
import re
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from msgspec.structs import replace

from gateway.bootstrap import Gateway, local_person, open_doors, open_gateway, secret_file
from gateway.config.parse import read_settings
from tests.contract.drivers import ANYBODY, Driver, McpHttpDriver, RestDriver, Told, grpc_driver
from tests.integration.served import free_port
from tests.interop.foreign import BIN, NODE
from toolward.client.mcp import McpClient
from toolward.errors import DeadlineExceeded, InvalidArguments, ToolwardError
from toolward.offers import offers_of
from toolward.types import CallContext, Progress, ToolCall, ToolResult

EVERYTHING = "@modelcontextprotocol/server-everything@2026.8.31"
FILESYSTEM = "@modelcontextprotocol/server-filesystem@2026.8.31"
DOORS = ["grpc", "rest", "mcp legacy", "mcp modern"]

CONFIG = """
version: 1
http: 127.0.0.1:0
grpc: 127.0.0.1:0
backends:
  everything: {command: [NODE, "EVERYTHING"], env: {MARK: "given"}, trust_annotations: true}
  remote: {url: "http://127.0.0.1:PORT/mcp"}
  disk:
    command: [NODE, "FILESYSTEM", "ROOT"]
    facts: {write_file: {changes: true, idempotent: true}}
policies: [policy.yaml]
"""
POLICY = """
version: 1
rules:
  - id: all-of-everything
    principals: ["role:operator"]
    tools: ["everything.*", "remote.*"]
    effect: allow
  - {id: all-that-they-offer, operations: [resource.read, prompt.get], effect: allow}
  - id: disk-reads
    principals: ["role:operator"]
    tools: [disk.read_text_file, disk.list_directory, disk.list_allowed_directories, disk.read_media_file]
    effect: allow
  - id: disk-writes-notes
    principals: ["role:operator"]
    tools: [disk.write_file]
    args:
      required: [path]
      properties: {path: {type: string, pattern: "^ROOT/notes/[a-z]+[.]txt$"}}
    effect: allow
  - id: disk-edits-need-a-person
    principals: ["role:operator"]
    tools: [disk.edit_file]
    effect: ask
    approvers: ["role:operator"]
"""


class Opened(NamedTuple):
    gateway: Gateway
    doors: dict[str, Driver]
    root: Path
    remote: str  # URLs
    url: str
    token: str


def installed(folder: Path) -> Path:
    """The folder of their programs, both packages at their pinned versions."""
    found = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    words = ["npm", "install", "--silent", "--no-audit", "--no-fund", EVERYTHING, FILESYSTEM]
    subprocess.run(words, cwd=folder, env=found, check=True, timeout=110)
    return folder / "node_modules" / "@modelcontextprotocol"


@contextmanager
def over_http(program: Path, port: int) -> Generator[None, None, None]:
    """`server-everything` at its HTTP door; it says when it listens."""
    process = subprocess.Popen(
        [NODE, program, "streamableHttp"],
        env=os.environ | {"PORT": str(port)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "listening on port" in line:
                break
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


async def all_running(gateway: Gateway) -> None:
    """Node may take its time to start on a busy machine; a backend that is late is tried again by itself."""
    changed = asyncio.Event()
    gateway.backends.on_change(changed.set)
    async with asyncio.timeout(90):
        while any(one.problem for one in gateway.backends.listings()):
            await changed.wait()
            changed.clear()


@pytest.fixture(scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Opened]:
    """All of it once: npm alone takes its time."""
    folder = tmp_path_factory.mktemp("upstreams")
    root = folder / "root"
    (root / "notes").mkdir(parents=True)
    (root / "hello.txt").write_text("hello from disk\n", encoding="utf-8")
    packages = await asyncio.to_thread(installed, folder)
    everything = packages / "server-everything" / "dist" / "index.js"
    filesystem = packages / "server-filesystem" / "dist" / "index.js"
    port = free_port()
    filled = {
        "NODE": str(NODE),
        "EVERYTHING": str(everything),
        "FILESYSTEM": str(filesystem),
        "ROOT": str(root),
        "PORT": str(port),
    }
    for name, text in (("toolward.yaml", CONFIG), ("policy.yaml", POLICY)):
        (folder / name).write_text(re.sub("|".join(filled), lambda at: filled[at[0]], text), encoding="utf-8")
    home = folder / "home"
    async with AsyncExitStack() as stack:
        stack.enter_context(over_http(everything, port))
        settings = read_settings(folder / "toolward.yaml")
        gateway = await stack.enter_async_context(open_gateway(settings, home, environment={}))
        await all_running(gateway)
        at = await stack.enter_async_context(open_doors(gateway))
        token = secret_file(home).read_text()
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://{at.http}", timeout=60))
        doors: dict[str, Driver] = {
            "grpc": await stack.enter_async_context(grpc_driver(str(at.grpc), token)),
            "rest": RestDriver(client, token),
            "mcp legacy": McpHttpDriver(client, token, modern=False),
            "mcp modern": McpHttpDriver(client, token, modern=True),
        }
        remote = f"http://127.0.0.1:{port}/mcp"
        yield Opened(gateway, doors, root, remote, f"http://{at.http}/mcp", token)


async def call(opened: Opened, door: str, name: str, **arguments: Any) -> Told:
    return await opened.doors[door].call(name, json.dumps(arguments).encode())


# --- what is listed ---------------------------------------------------------------------------------------


async def test_each_of_them_is_discovered(opened: Opened) -> None:
    assert {one.backend: one.problem for one in opened.gateway.backends.listings()} == dict.fromkeys(
        ("everything", "remote", "disk"), ""
    )


@pytest.mark.parametrize("door", DOORS)
async def test_every_door_lists_what_the_policy_shows(opened: Opened, door: str) -> None:
    names = set(await opened.doors[door].names())
    for backend in ("everything", "remote"):
        assert {f"{backend}.echo", f"{backend}.get-sum", f"{backend}.get-tiny-image"} <= names
    assert {name for name in names if name.startswith("disk.")} == {
        "disk.edit_file",
        "disk.list_allowed_directories",
        "disk.list_directory",
        "disk.read_media_file",
        "disk.read_text_file",
        "disk.write_file",
    }


async def test_nobody_is_offered_what_needs_a_client_that_we_are_not(opened: Opened) -> None:
    """Tools that would ask our caller's model or person are only shown to clients that say they can do that."""
    names = {tool.name for one in opened.gateway.backends.listings() for tool in one.tools}
    assert not [name for name in names if "sampling" in name or "elicitation" in name]


# --- what is called ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("backend", ["everything", "remote"])
async def test_plain_and_structured_results_come_through(opened: Opened, door: str, backend: str) -> None:
    said = await call(opened, door, f"{backend}.echo", message="grüße")
    assert (said.code, said.text) == ("ok", "Echo: grüße")
    summed = await call(opened, door, f"{backend}.get-sum", a=0.5, b=2)
    assert "2.5" in summed.text
    weather = await call(opened, door, f"{backend}.get-structured-content", location="Chicago")
    structured = weather.structured
    if isinstance(structured, bytes):
        structured = json.loads(structured)
    assert set(structured) == {"temperature", "conditions", "humidity"}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("backend", ["everything", "remote"])
async def test_images_links_and_resources_come_through(opened: Opened, door: str, backend: str) -> None:
    image = await call(opened, door, f"{backend}.get-tiny-image")
    assert image.kinds == ("text", "image", "text")
    links = await call(opened, door, f"{backend}.get-resource-links", count=2)
    assert links.kinds == ("text", "resource_link", "resource_link")
    resource = await call(
        opened, door, f"{backend}.get-resource-reference", resourceType="Blob", resourceId=2
    )
    assert resource.kinds == ("text", "resource", "text")


@pytest.mark.parametrize("door", DOORS)
async def test_arguments_are_refused_before_they_are_sent(opened: Opened, door: str) -> None:
    said = await call(opened, door, "everything.get-sum", a="one", b=2)
    assert said.code == "invalid_arguments"
    assert "/a" in said.text


@pytest.mark.parametrize("backend", ["everything", "remote"])
async def test_progress_of_a_long_call_is_passed_on(opened: Opened, backend: str) -> None:
    told: list[Progress] = []
    outcome = await opened.gateway.dispatch.call_tool(
        local_person(opened.gateway.settings),
        ToolCall(f"{backend}.trigger-long-running-operation", b'{"duration":0.2,"steps":4}'),
        CallContext(timeout=30, progress=told.append),
    )
    assert isinstance(outcome, ToolResult)
    assert [(one.progress, one.total) for one in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("backend", ["everything", "remote"])
async def test_a_call_that_outlasts_its_deadline_ends_and_the_connection_serves_on(
    opened: Opened, backend: str
) -> None:
    me = local_person(opened.gateway.settings)
    long = ToolCall(f"{backend}.trigger-long-running-operation", b'{"duration":60,"steps":1}')
    with pytest.raises(DeadlineExceeded, match="did not answer"):
        await opened.gateway.dispatch.call_tool(me, long, CallContext(timeout=0.5))
    assert (await call(opened, "rest", f"{backend}.echo", message="still here")).text == "Echo: still here"


@pytest.mark.parametrize("backend", ["everything", "remote"])
async def test_a_tool_that_wants_a_task_says_so_and_its_words_are_a_result(
    opened: Opened, backend: str
) -> None:
    """We run no tasks of others': the call fails at once, in the server's own words."""
    said = await call(opened, "rest", f"{backend}.simulate-research-query", topic="tea")
    assert said.code == "tool_error"
    assert "requires task augmentation" in said.text


@pytest.mark.parametrize("backend", ["everything", "remote"])
async def test_messages_that_nobody_asked_for_disturb_no_call(opened: Opened, backend: str) -> None:
    """It logs and tells of changed resources by itself from now on; the first of both come at once."""
    for switch in ("toggle-simulated-logging", "toggle-subscriber-updates"):
        assert (await call(opened, "rest", f"{backend}.{switch}")).text.startswith("Started")
    answers = await asyncio.gather(
        *(call(opened, "grpc", f"{backend}.echo", message=str(at)) for at in range(50))
    )
    assert [one.text for one in answers] == [f"Echo: {at}" for at in range(50)]
    for switch in ("toggle-simulated-logging", "toggle-subscriber-updates"):
        assert (await call(opened, "rest", f"{backend}.{switch}")).text.startswith("Stopped")


async def test_a_child_sees_nothing_of_our_environment_but_what_it_is_given(opened: Opened) -> None:
    said = await call(opened, "rest", "everything.get-env")
    seen: dict[str, str] = json.loads(said.text)
    assert seen["MARK"] == "given"
    assert not {name for name in seen if name.startswith(("TOOLWARD_", "PYTEST_", "OPENAI_"))}


# --- what there is beside tools -----------------------------------------------------------------------------


async def test_resources_templates_and_prompts_are_the_same_through_the_gateway(opened: Opened) -> None:
    async with McpClient(opened.remote) as direct, McpClient(opened.url, token=opened.token) as through:
        given, passed = offers_of(direct), offers_of(through)
        assert given.resources is not None
        assert given.prompts is not None
        assert passed.resources is not None
        assert passed.prompts is not None
        listed = (await given.resources.list_resources(ANYBODY)).resources
        shown = {one.uri: one for one in (await passed.resources.list_resources(ANYBODY)).resources}
        assert listed
        for one in listed:  # both backends have it, so each is listed by its qualified name
            assert shown[f"remote+{one.uri}"] == replace(one, uri=f"remote+{one.uri}")
            assert f"everything+{one.uri}" in shown
            body = await passed.resources.read_resource(ANYBODY, f"remote+{one.uri}", CallContext(timeout=30))
            assert body == await given.resources.read_resource(ANYBODY, one.uri, CallContext(timeout=30))
        templates = (await given.resources.list_templates(ANYBODY)).templates
        assert templates
        assert {f"remote+{one.uri_template}" for one in templates} <= {
            one.uri_template for one in (await passed.resources.list_templates(ANYBODY)).templates
        }
        dynamic = "demo://resource/dynamic/text/1"
        for backend in ("remote", "everything"):
            (body,) = await passed.resources.read_resource(
                ANYBODY, f"{backend}+{dynamic}", CallContext(timeout=30)
            )
            assert (body.uri, "Resource 1" in (body.text or "")) == (dynamic, True)
        with pytest.raises(InvalidArguments, match=re.escape(f"everything+{dynamic}, remote+{dynamic}")):
            await passed.resources.read_resource(ANYBODY, dynamic, CallContext(timeout=30))
        prompts = (await given.prompts.list_prompts(ANYBODY)).prompts
        got = {one.name: one for one in (await passed.prompts.list_prompts(ANYBODY)).prompts}
        for prompt in prompts:
            assert got[f"remote.{prompt.name}"] == replace(prompt, name=f"remote.{prompt.name}")
            values = {one.name: "1" for one in prompt.arguments if one.required}
            try:
                expected = await given.prompts.get_prompt(
                    ANYBODY, prompt.name, values, CallContext(timeout=30)
                )
            except ToolwardError as error:
                with pytest.raises(type(error)):
                    await passed.prompts.get_prompt(
                        ANYBODY, f"remote.{prompt.name}", values, CallContext(timeout=30)
                    )
            else:
                assert expected == await passed.prompts.get_prompt(
                    ANYBODY, f"remote.{prompt.name}", values, CallContext(timeout=30)
                )


# --- a policy over it --------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
async def test_files_are_read_and_written_where_the_policy_lets_them(opened: Opened, door: str) -> None:
    hello = str(opened.root / "hello.txt")
    read = await call(opened, door, "disk.read_text_file", path=hello)
    assert (read.code, read.text) == ("ok", "hello from disk\n")
    note = opened.root / "notes" / f"{door.replace(' ', '')}.txt"
    wrote = await call(opened, door, "disk.write_file", path=str(note), content="noted")
    assert wrote.code == "ok", wrote
    assert note.read_text() == "noted"
    denied = await call(opened, door, "disk.write_file", path=hello, content="spoilt")
    assert denied.code == "denied"
    hidden = await call(opened, door, "disk.move_file", source=hello, destination=f"{hello}2")
    assert hidden.code == "unknown_tool"  # what no rule speaks of is not even admitted to be there
    assert (opened.root / "hello.txt").read_text() == "hello from disk\n"


@pytest.mark.parametrize("door", DOORS)
async def test_an_edit_needs_a_person(opened: Opened, door: str) -> None:
    edits = [{"oldText": "hello", "newText": "bye"}]
    said = await call(opened, door, "disk.edit_file", path=str(opened.root / "hello.txt"), edits=edits)
    assert said.code == "approval_required", said
    assert (opened.root / "hello.txt").read_text() == "hello from disk\n"


async def test_what_the_server_itself_refuses_is_a_result(opened: Opened) -> None:
    said = await call(opened, "rest", "disk.read_text_file", path="/etc/passwd")
    assert said.code == "tool_error"
    assert "outside allowed directories" in said.text
