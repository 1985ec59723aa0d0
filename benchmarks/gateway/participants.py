"""Who stands between the load and the upstream, each a process of its own: ours, nginx, nobody, other gateways."""

import json
import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.gateway import configured
from benchmarks.gateway.load import Target, WrongAnswer, check
from benchmarks.gateway.processes import (
    environment,
    first_line,
    free_port,
    needed,
    process,
    wait_for_port,
)

Opening = Callable[[int, Path], AbstractContextManager[Target]]
"""From the port of the upstream, and a folder for itself, to where it is called."""

_NGINX = """
worker_processes 1;
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  upstream tools {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://tools; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


@contextmanager
def direct(upstream: int, folder: Path) -> Generator[Target, None, None]:
    yield Target("direct", upstream, 0)


@contextmanager
def nginx(upstream: int, folder: Path) -> Generator[Target, None, None]:
    """A plain reverse proxy: one worker, kept connections to the upstream, no log."""
    program, port = needed("nginx", "nginx-light"), free_port()
    user = "user root;" if os.geteuid() == 0 else ""  # else its worker may not enter our folder
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, upstream=upstream, port=port, user=user))
    command = [program, "-p", str(folder), "-c", str(config), "-e", str(folder / "nginx.log")]
    with process(command, measured=True, folder=folder) as started:
        wait_for_port(started, port, folder)
        yield Target("nginx", port, started.pid)


TOOL = f"{configured.BACKEND}.tool_0"
OURS = {"authorization": f"Bearer {configured.TOKEN}"}

_PLAIN = "from gateway.cli import main; main()"
_PROFILED = "import cProfile; from gateway.cli import main; cProfile.run('main()', {out!r})"


@contextmanager
def toolward(
    upstream: int,
    folder: Path,
    *,
    grpc: str = "",
    backends: int = 1,
    options: tuple[str, ...] = (),
    profile: Path | None = None,
    traces: bool = True,
    pinned: bool = True,
    name: str = "toolward",
) -> Generator[Target, None, None]:
    """`toolward up`, all layers on. `grpc` is the address of a gRPC upstream in place of the MCP one; `profile` is
    where cProfile leaves its figures when the process ends. `traces` go to the MCP upstream, which takes them."""
    home = folder / "home"
    env = environment(TOOLWARD_HOME=str(home), **(traced(upstream) if traces else {}))
    file = configured.write(folder, upstream, grpc=grpc, backends=backends)
    main = ["-c", _PROFILED.format(out=str(profile))] if profile else ["-c", _PLAIN]
    command = [sys.executable, *main, "up", "--json", "--config", str(file), *options]
    with process(command, measured=True, folder=folder, env=env, pinned=pinned) as started:
        where = json.loads(first_line(started, folder))
        port = urlsplit(str(where["http"])).port
        assert port is not None
        made = Target(
            name,
            port,
            started.pid,
            tool=TOOL,
            headers=OURS,
            grpc=where["grpc"],
        )
        wait_until_right(made)
        yield made


@contextmanager
def layer(upstream: int, folder: Path, *, name: str) -> Generator[Target, None, None]:
    """Ours with the layers up to this one: `benchmarks.gateway.layers`."""
    file = configured.write(folder, upstream)
    command = [sys.executable, "-m", "benchmarks.gateway.layers", name, str(file), str(folder / "home")]
    with process(command, measured=True, folder=folder, env=environment(**traced(upstream))) as started:
        port = urlsplit(str(json.loads(first_line(started, folder))["http"])).port
        assert port is not None
        target = Target(name, port, started.pid, tool=TOOL, headers=OURS)
        wait_until_right(target)
        yield target


def traced(collector: int) -> dict[str, str]:
    """Variables by which one call in a hundred is traced."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector}",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.01",
    }


def wait_until_right(target: Target, within: float = 30.0) -> None:
    """Until a call is answered rightly: a gateway may find its backends after its start. Raises WrongAnswer."""
    until = time.monotonic() + within
    while True:
        try:
            check(target)
            return
        except WrongAnswer:
            if time.monotonic() > until:
                raise
        time.sleep(0.1)
