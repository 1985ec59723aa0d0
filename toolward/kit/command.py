"""`toolserver NAME` and `toolserver ./mine.py`: one command line for every tool server."""

import argparse
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from toolward.auth import new_secret
from toolward.auth.tokens import known_token
from toolward.doors.address import Address, parse_address
from toolward.doors.running import run_loop
from toolward.doors.serve import Opened, serve
from toolward.errors import ConfigurationError, ToolwardError
from toolward.kit.file import is_file, load_file
from toolward.kit.options import SECRETS, Options
from toolward.kit.server import ToolServer
from toolward.kit.settings import add_flags, read
from toolward.kit.trust import LOCAL, authentication, proves_nobody, terms
from toolward.names import closest
from toolward.telemetry.logs import log_to_stderr
from toolward.telemetry.tracing import open_tracing
from toolward.types import Principal

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint  # several milliseconds that `run` alone does not need

GROUP = "toolward.toolservers"

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)  # it speaks only where people would be told, whatever is logged elsewhere

EXAMPLES = """examples:
  toolserver {name}                          MCP over stdio, for a desktop client
  toolserver {name} --http 127.0.0.1:8710    MCP at http://127.0.0.1:8710/mcp
  toolserver {name} --grpc 127.0.0.1:8711    toolward.v1.ToolService

Where nothing says who may call, only loopback addresses are served, to every user of this computer.

{secrets}"""


def main() -> None:
    """The `toolserver` command. Exit codes: 0 stopped, 1 failed, 2 usage."""
    from importlib.metadata import entry_points

    known = {point.name: point for point in entry_points(group=GROUP)}
    name, *rest = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help", "--list"):
        _print_servers(known)
    elif name == "--new-token":
        _print_token(rest)
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
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] in server.commands:
        _run_command(server.commands[given[0]], given[1:])
        return
    options = _parser(server).parse_args(given)
    try:
        shared = read("", Options, vars(options))
    except ToolwardError as error:
        _fail(error, 1)
    log_to_stderr(shared.log_format, shared.log_level)
    try:
        settings = read(server.info.name, server.settings, vars(options))
        run_loop(_serve(server, settings, shared, stdio=options.stdio))
    except ToolwardError as error:
        if shared.log_format == "text":
            _fail(error, 1)
        log.error("%s", error.text)
        raise SystemExit(1) from None


def _run_command(where: str, arguments: list[str]) -> None:
    """Exits with what it says, where it says something. What it raises is told as for a server."""
    from importlib import import_module

    module, _, name = where.partition(":")
    try:
        status = getattr(import_module(module), name)(arguments)
    except ToolwardError as error:
        _fail(error, 1)
    if status:
        raise SystemExit(status)


async def _serve(server: ToolServer[Any], settings: Any, options: Options, *, stdio: bool) -> None:
    http, grpc = _address(options.http), _address(options.grpc)
    stdio = stdio or (http is None and grpc is None)
    authenticate = authentication(options, http, grpc)

    def ready(opened: Opened) -> None:
        line = _ready_line(server.info.name, opened, stdio=stdio, is_open=proves_nobody(options))
        if options.log_format == "json":
            log.info("ready: %s", line)
        else:
            print(line, file=sys.stderr, flush=True)

    with open_tracing(server.info.name, os.environ) as tracing:
        on_terms = terms(options, tracing)
        async with server.running(settings):
            await serve(
                server,
                server.info,
                authenticate,
                local=LOCAL,
                stdio=stdio,
                http=http,
                grpc=grpc,
                terms=on_terms,
                ready=ready,
            )


def _ready_line(name: str, opened: Opened, *, stdio: bool, is_open: bool) -> str:
    doors = ["MCP over stdio"] if stdio else []
    if opened.http is not None:
        doors.append(f"MCP at {opened.scheme}://{opened.http}/mcp")
    if opened.grpc is not None:
        doors.append(f"gRPC at {opened.grpc}")
    on_socket = opened.http is not None or opened.grpc is not None
    return f"{name}: {', '.join(doors)}" + (
        " (open to every user of this computer)" if on_socket and is_open else ""
    )


def _parser(server: ToolServer[Any]) -> argparse.ArgumentParser:
    name = server.info.name
    parser = argparse.ArgumentParser(
        prog=f"toolserver {name}",
        description=server.info.instructions or f"Serve the tools of {name}.",
        epilog=EXAMPLES.format(name=name, secrets=SECRETS) + _commands(server),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stdio", action="store_true", help="serve MCP over stdio (the default)")
    parser.add_argument("--version", action="version", version=f"{name} {server.info.version}")
    add_flags(parser.add_argument_group(f"settings of {name}"), name, server.settings)
    add_flags(parser.add_argument_group("doors, trust, telemetry"), "", Options)
    return parser


def _commands(server: ToolServer[Any]) -> str:
    lines = [f"  toolserver {server.info.name} {word} --help" for word in server.commands]
    return "\n\n" + "\n".join(["commands:", *lines]) if lines else ""


def _address(text: str) -> Address | None:
    return parse_address(text) if text else None


def _run_loaded(point: "EntryPoint", arguments: list[str]) -> None:
    try:
        run(point.load(), arguments)
    except ImportError as error:  # some load their packages when they start
        message = f"The server {point.name} lacks a package: {error.name}."
        _fail(ConfigurationError(message, hint=f"Install it: pip install 'toolward[{point.name}]'"), 1)


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
    print("`toolserver --new-token ID` makes a bearer token for ID, and its entry in a file for --tokens.")


def _print_token(arguments: list[str]) -> None:
    """The token goes to whoever it is for, the entry into the file of `--tokens`; it is kept nowhere."""
    if len(arguments) != 1 or not arguments[0]:
        _fail(ConfigurationError("A new token is for somebody.", hint="Say for whom: --new-token ada"), 2)
    token, principal = new_secret(), arguments[0]
    digest = known_token(token, Principal(principal)).sha256
    print(f"# token, shown this once: {token}")
    print(f'[[tokens]]\nsha256 = "{digest}"\nid = {msgspec.json.encode(principal).decode()}\nroles = []')


def _fail(error: ToolwardError, status: int) -> NoReturn:
    print(f"toolserver: {error.text}", file=sys.stderr)
    raise SystemExit(status)
