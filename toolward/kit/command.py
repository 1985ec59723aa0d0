"""`toolserver NAME` and `toolserver ./mine.py`: one command line for every tool server."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, NoReturn

from toolward.auth import Authenticate, bearer, open_to_all
from toolward.doors.serve import Address, Opened, parse_address, serve
from toolward.errors import ConfigurationError, ToolwardError
from toolward.kit.file import is_file, load_file
from toolward.kit.server import ToolServer
from toolward.kit.settings import add_flags, read
from toolward.names import closest
from toolward.types import Principal

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint  # several milliseconds that `run` alone does not need

GROUP = "toolward.toolservers"
TOKEN = "TOOLWARD_TOKEN"  # noqa: S105 -- the name of the variable, not a token
LOCAL = Principal("local", roles=("operator",))

EXAMPLES = """examples:
  toolserver {name}                          MCP over stdio, for a desktop client
  toolserver {name} --http 127.0.0.1:8710    MCP at http://127.0.0.1:8710/mcp
  toolserver {name} --grpc 127.0.0.1:8711    toolward.v1.ToolService

With TOOLWARD_TOKEN set, callers over HTTP and gRPC must send it as a bearer token; without it, only
loopback addresses are served, to every user of this computer."""


def main() -> None:
    """The `toolserver` command. Exit codes: 0 stopped, 1 failed, 2 usage."""
    from importlib.metadata import entry_points

    known = {point.name: point for point in entry_points(group=GROUP)}
    name, *rest = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help", "--list"):
        _print_servers(known)
    elif name in known:
        _run_loaded(known[name], rest)
    elif is_file(name):
        _run_file(name, rest)
    else:
        near = closest(name, known)
        hint = f"Did you mean {near!r}?" if near else f"There are: {', '.join(sorted(known))}."
        hint += " A server of your own is called by its file: toolserver ./mine.py"
        _fail(ConfigurationError(f"There is no tool server named {name!r}.", hint=hint), 2)


def run(server: ToolServer[Any], arguments: list[str] | None = None) -> None:
    """Serve `server` as the command line says; returns when it was stopped, exits otherwise."""
    options = _parser(server).parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    try:
        settings = read(server.info.name, server.settings, vars(options))
        _run_loop(_serve(server, settings, options))
    except ToolwardError as error:
        _fail(error, 1)


def _run_loop(work: Coroutine[Any, Any, None]) -> None:
    """On uvloop where there is one: it is not made for Windows."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


async def _serve(server: ToolServer[Any], settings: Any, options: argparse.Namespace) -> None:
    http, grpc = _address(options.http), _address(options.grpc)
    stdio = options.stdio or (http is None and grpc is None)
    authenticate = _authentication(http, grpc)

    def ready(opened: Opened) -> None:
        print(_ready_line(server.info.name, opened, stdio=stdio), file=sys.stderr, flush=True)

    async with server.running(settings):
        await serve(
            server,
            server.info,
            authenticate,
            local=LOCAL,
            stdio=stdio,
            http=http,
            grpc=grpc,
            ready=ready,
        )


def _authentication(*addresses: Address | None) -> Authenticate:
    token = os.environ.get(TOKEN, "")
    if token:
        return bearer({token: LOCAL})
    for address in addresses:
        if address is not None and not address.is_loopback:
            raise ConfigurationError(
                f"{address} can be reached from other computers, and nothing says who may call.",
                hint=f"Set {TOKEN}, or serve on 127.0.0.1.",
            )
    return open_to_all(LOCAL)


def _ready_line(name: str, opened: Opened, *, stdio: bool) -> str:
    doors = ["MCP over stdio"] if stdio else []
    if opened.http is not None:
        doors.append(f"MCP at http://{opened.http}/mcp")
    if opened.grpc is not None:
        doors.append(f"gRPC at {opened.grpc}")
    on_socket = opened.http is not None or opened.grpc is not None
    is_open = on_socket and not os.environ.get(TOKEN)
    return f"{name}: {', '.join(doors)}" + (" (open to every user of this computer)" if is_open else "")


def _parser(server: ToolServer[Any]) -> argparse.ArgumentParser:
    name = server.info.name
    parser = argparse.ArgumentParser(
        prog=f"toolserver {name}",
        description=server.info.instructions or f"Serve the tools of {name}.",
        epilog=EXAMPLES.format(name=name),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stdio", action="store_true", help="serve MCP over stdio (the default)")
    parser.add_argument("--http", metavar="HOST:PORT", help="serve MCP over Streamable HTTP at /mcp")
    parser.add_argument("--grpc", metavar="HOST:PORT", help="serve gRPC")
    parser.add_argument("--version", action="version", version=f"{name} {server.info.version}")
    add_flags(parser, name, server.settings)
    return parser


def _address(text: str | None) -> Address | None:
    return None if text is None else parse_address(text)


def _run_loaded(point: "EntryPoint", arguments: list[str]) -> None:
    try:
        server = point.load()
    except ImportError as error:
        message = f"The server {point.name} lacks a package: {error.name}."
        _fail(ConfigurationError(message, hint=f"Install it: pip install 'toolward[{point.name}]'"), 1)
    run(server, arguments)


def _run_file(name: str, arguments: list[str]) -> None:
    try:
        server = load_file(name, arguments)
    except ConfigurationError as error:
        _fail(error, 1)
    run(server, arguments)


def _print_servers(known: dict[str, "EntryPoint"]) -> None:
    print(
        "usage: toolserver NAME|FILE.py [--stdio] [--http HOST:PORT] [--grpc HOST:PORT] [settings]\n\nservers:"
    )
    for name in sorted(known):
        print(f"  {name}")
    print("\n`toolserver NAME --help` shows a server's settings. Example: toolserver calculator")


def _fail(error: ToolwardError, status: int) -> NoReturn:
    print(f"toolserver: {error.text}", file=sys.stderr)
    raise SystemExit(status)
