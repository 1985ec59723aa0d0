"""Other gateways, each in an environment of its own, with one worker, as fast as its documentation lets it be:
without sessions, with answers as JSON, without access logs and limits on rates."""

import http.client
import json
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.gateway.load import PATIENCE, Target
from benchmarks.gateway.participants import Opening, wait_until_right
from benchmarks.gateway.processes import HERE, Missing, environment, free_port, process, wait_for_port

PACKAGES = {
    "fastmcp": "fastmcp",
    "contextforge": "mcp-contextforge-gateway",
    "litellm": "litellm",
}
_SECRET = "a-secret-of-the-benchmark-and-of-nothing-else-0123456789"  # of what lives for minutes


def _pinned(name: str) -> Path:
    return HERE / "peers" / f"{name}.txt"


def version(name: str) -> str:
    return peers.version(_pinned(name), PACKAGES[name])


def _python(name: str) -> Path:
    """Raises Missing."""
    try:
        return peers.install(_pinned(name))
    except subprocess.CalledProcessError as error:
        raise Missing(f"{PACKAGES[name]} could not be installed: {error}") from None


@contextmanager
def fastmcp(upstream: int, folder: Path, *, way: str) -> Generator[Target, None, None]:
    """`default`: what its documentation has first; `shared`: one connected client for all calls."""
    python, port = _python("fastmcp"), free_port()
    script = str(HERE / "peers" / "fastmcp_proxy.py")
    command = [str(python), script, f"http://127.0.0.1:{upstream}/mcp", str(port), way]
    with process(command, measured=True, folder=folder, env=environment(HOME=str(folder))) as started:
        wait_for_port(started, port, folder)
        target = Target(f"fastmcp-{way}", port, started.pid, reads=True)
        wait_until_right(target)
        yield target


@contextmanager
def litellm(upstream: int, folder: Path) -> Generator[Target, None, None]:
    python, port, key = _python("litellm"), free_port(), "sk-of-the-benchmark"
    desk = {"url": f"http://127.0.0.1:{upstream}/mcp", "transport": "http", "auth_type": "none"}
    config = {
        "mcp_servers": {"desk": desk | {"allow_all_keys": True}},
        "general_settings": {"master_key": key},
        "litellm_settings": {"telemetry": False},
    }
    file = folder / "litellm.yaml"
    file.write_text(json.dumps(config))
    words = ["--config", str(file), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    env = environment(HOME=str(folder), LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOG="ERROR")
    with process([str(python.parent / "litellm"), *words], measured=True, folder=folder, env=env) as started:
        wait_for_port(started, port, folder)
        headers = {"x-litellm-api-key": f"Bearer {key}"}
        target = Target(
            "litellm", port, started.pid, path="/mcp/", tool="desk-tool_0", headers=headers, reads=True
        )
        wait_until_right(target)
        yield target


@contextmanager
def contextforge(upstream: int, folder: Path) -> Generator[Target, None, None]:
    """Its catalog is in a database of its own; the upstream is made known to it over its interface."""
    python, port = _python("contextforge"), free_port()
    env = environment(
        HOME=str(folder),
        DATABASE_URL=f"sqlite:///{folder}/mcp.db",
        JWT_SECRET_KEY=_SECRET,
        AUTH_ENCRYPTION_SECRET=_SECRET,
        PLATFORM_ADMIN_EMAIL="admin@example.com",
        PLATFORM_ADMIN_PASSWORD="Strong-pass-0123",
        BASIC_AUTH_PASSWORD="Strong-pass-0123",
        CACHE_TYPE="memory",
        SSRF_ALLOW_LOCALHOST="true",
        PLUGINS_ENABLED="false",
        RATE_LIMITING_ENABLED="false",
        TOOL_RATE_LIMIT="100000000",
        LOG_LEVEL="ERROR",
    )
    token = _token(python, env)
    words = ["mcpgateway.main:app", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command = [str(python.parent / "mcpgateway"), *words, "--no-access-log"]
    with process(command, measured=True, folder=folder, env=env) as started:
        wait_for_port(started, port, folder)
        headers = {"authorization": f"Bearer {token}"}
        _register(port, headers, upstream)
        target = Target(
            "contextforge", port, started.pid, path="/mcp/", tool="desk-tool-0", headers=headers, reads=True
        )
        wait_until_right(target)
        yield target


def _token(python: Path, env: Mapping[str, str]) -> str:
    words = ["--username", "admin@example.com", "--exp", "600", "--admin", "--secret", _SECRET]
    done = subprocess.run(
        [str(python), "-m", "mcpgateway.utils.create_jwt_token", *words],
        env=dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=120,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Missing("mcpgateway makes no token")
    return done.stdout.strip()


def _register(port: int, headers: Mapping[str, str], upstream: int) -> None:
    """Raises Missing."""
    said: dict[str, Any] = {
        "name": "desk",
        "url": f"http://127.0.0.1:{upstream}/mcp",
        "transport": "STREAMABLEHTTP",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        sent = {"content-type": "application/json"} | dict(headers)
        connection.request("POST", "/gateways", json.dumps(said), sent)
        reply = connection.getresponse()
        body = reply.read()
    finally:
        connection.close()
    if reply.status not in (200, 201):
        raise Missing(f"mcpgateway does not take the upstream: {reply.status} {body[:200]!r}")


OPENINGS: dict[str, Opening] = {
    "fastmcp-default": partial(fastmcp, way="default"),
    "fastmcp-shared": partial(fastmcp, way="shared"),
    "contextforge": contextforge,
    "litellm": litellm,
}
