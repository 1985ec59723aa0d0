"""`toolward client list|connect|disconnect|print`: this gateway in the files of desktop clients."""

import os
import platform
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

from cyclopts import Parameter

from gateway.cli.colours import coloured
from gateway.cli.output import EXIT_OK, note, print_json
from gateway.cli.session import Common, settings_of
from gateway.cli.tables import print_table
from gateway.config.client_files import Change, ClientFiles
from gateway.config.find import find_config, home_directory, load_settings, make_home
from gateway.config.source import shown
from gateway.config.starting import NAME, gateway_server, tool_server
from gateway.desktop.clients import CLIENTS, Client, Machine, client_named
from gateway.desktop.entries import Server, entry, link, snippet
from toolward.errors import ConfigurationError, InvalidRequest, NotFound, ToolwardError
from toolward.names import closest
from toolward.printable import printable_lines

KEY = "TOOLWARD_KEY"
"""The variable of a client's environment that holds its API key, where nothing else is said."""

_PASSED_ON = ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER")
"""All of its environment that a client surely hands on: the MCP SDKs do so."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SERVER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@Parameter(name="*")
@dataclass(frozen=True)
class Where:
    """Which file, and which of its entries."""

    project: Annotated[
        Path | None,
        Parameter(help="the file of the project in this folder, instead of yours for all projects"),
    ] = None
    name: Annotated[
        str, Parameter(help=f"what it is called there; {NAME}, or {NAME}-SERVER, if not given")
    ] = ""


@Parameter(name="*")
@dataclass(frozen=True)
class What:
    """What the client gets."""

    server: Annotated[
        str,
        Parameter(help="one tool server alone, without gateway and policy: calculator, search, files, crm"),
    ] = ""
    env: Annotated[
        list[str] | None,
        Parameter(
            help="for it: NAME=VALUE, or NAME for what the client's environment has; may be given again",
            negative=(),
        ),
    ] = None
    http: Annotated[
        bool, Parameter(help="the gateway's HTTP door, with an API key, instead of over stdio", negative=())
    ] = False
    key_env: Annotated[str, Parameter(help="with --http: the variable that holds the key at the client")] = (
        KEY
    )


def list_clients(
    *,
    project: Annotated[Path | None, Parameter(help="also the files of the project in this folder")] = None,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """List the desktop clients that we know, and which of them are connected, also in which projects."""
    machine = _machine()
    files = ClientFiles(home_directory())
    rows: list[_Row] = []
    for one in CLIENTS:
        places = [(one.file_on(machine, folder), folder) for folder in _scopes(one, project)]
        rows += [_state(one, file, folder, files) for file, folder in places]
        known = {os.path.realpath(file) for file, _ in places}
        others = sorted({made.path for made in files.all() if made.client == one.name} - known)
        more = [_state(one, Path(file), Path(file).parent, files) for file in others]
        rows += [row for row in more if row.state.startswith("connected")]
    if common.json:
        print_json({"clients": [row._asdict() for row in rows]})
    else:
        print_table(
            ("client", "program", "state", "file"),
            [(one.name, one.title, one.state, one.file) for one in rows],
        )
    return EXIT_OK


def connect(
    client: Annotated[str, Parameter(help="its name in `toolward client list`")],
    /,
    *,
    what: What = What(),
    where: Where = Where(),
    dry_run: Annotated[
        bool, Parameter(help="show what would change, and write nothing", negative=())
    ] = False,
    force: Annotated[bool, Parameter(help="replace an entry of somebody else's", negative=())] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Put this gateway into a client's file."""
    found = client_named(client)
    server = _server(what, where, common)
    home = home_directory()
    files = ClientFiles(home)
    change = files.connecting(found, _file(found, where), server, replace=force)
    _tell(change, dry_run=dry_run, common=common)
    if dry_run:
        return EXIT_OK
    make_home(home)
    files.apply(change)
    if not common.json:
        _say_connected(change, what, where)
        if not (what.server or what.http):
            _say_needed(common, home)
    return EXIT_OK


def disconnect(
    client: Annotated[str, Parameter(help="its name in `toolward client list`")],
    /,
    *,
    where: Where = Where(),
    server: Annotated[str, Parameter(help="the tool server that was connected alone")] = "",
    dry_run: Annotated[
        bool, Parameter(help="show what would change, and write nothing", negative=())
    ] = False,
    force: Annotated[bool, Parameter(help="remove an entry of somebody else's, too", negative=())] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Take it out of a client's file again."""
    found, files = client_named(client), ClientFiles(home_directory())
    change = files.disconnecting(found, _file(found, where), _name(server, where), replace=force)
    _tell(change, dry_run=dry_run, common=common)
    if dry_run:
        return EXIT_OK
    files.apply(change)
    if not common.json and change.kind != "gone":
        how = "is as it was before" if change.kind == "restore" else "has all but our entry"
        note(f"Disconnected: {shown(change.path)} {how}. {found.restart}")
    return EXIT_OK


def print_client(
    client: Annotated[str, Parameter(help="its name in `toolward client list`")],
    /,
    *,
    what: What = What(),
    where: Where = Where(),
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Print what belongs into a client's file, and write nothing."""
    found = client_named(client)
    server, file = _server(what, where, common), _file(found, where)
    text, opens = snippet(found, server), link(found, server)
    if common.json:
        said = entry(found, server, to_paste=True)
        print_json({"client": found.name, "file": str(file), "key": found.servers, "name": server.name,
                    "entry": said, "text": text, "link": opens})  # fmt: skip
        return EXIT_OK
    print(printable_lines(text.rstrip("\n")))
    note(f"It belongs into {shown(file)}. {found.restart}")
    if opens:
        note(f"Or open: {opens}")
    return EXIT_OK


def _tell(change: Change, *, dry_run: bool, common: Common) -> None:
    file = shown(change.path)
    if common.json:
        told = {
            "client": change.client.name,
            "file": str(change.path),
            "name": change.name,
            "done": change.kind,
        }
        more = {"dry_run": dry_run, "difference": change.difference, "restart": change.client.restart}
        print_json(told | more)
    elif change.kind == "none":
        note(f"{change.client.title} is connected already: {change.name} in {file}.")
    elif change.kind == "gone":
        note(f"{change.client.title} is not connected: there is no {change.name} in {file}.")
    else:
        print(printable_lines(change.difference))
        if dry_run:
            note("Nothing was written (--dry-run).")


def _say_connected(change: Change, what: What, where: Where) -> None:
    if change.kind != "none":
        undo = ["toolward client disconnect", change.client.name]
        undo += ["--project", shlex.quote(str(where.project))] if where.project else []
        undo += ["--name", change.name] if change.name != NAME else []
        note(coloured(f"Connected: {change.name} in {shown(change.path)}.", "ok"))
        note(f"  {change.client.restart} To undo it: {' '.join(undo)}")
        if change.client.note:
            note(f"  {change.client.note}")
    if what.http:
        note(
            f"  The client needs {what.key_env} in its environment. "
            f"A key: toolward key create {change.client.name} --role support"
        )
    if what.server:
        note("  This server is called past the gateway: no policy decides, and nothing is recorded.")


def _say_needed(common: Common, home: Path) -> None:
    """What the configuration takes from our environment: the client may not have it in its own."""
    known = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        load_settings(find_config(common.config), home, known)
    except ConfigurationError as error:
        note(
            "  The configuration needs what the client may not have in its environment, and does not start then:"
        )
        note(error.message)
        note(
            "  Write ${file:PATH} or ${keychain:NAME} there, or give it the variable in the env of our entry."
        )


def _server(what: What, where: Where, common: Common) -> Server:
    """Raises ConfigurationError, InvalidRequest, NotFound."""
    name = _name(what.server, where)
    if what.server and what.http:
        raise InvalidRequest(
            "One tool server is connected over stdio.", hint="Leave --http or --server away."
        )
    if what.server:
        env, passed = _variables(what.env or ())
        alone = tool_server(_installed(what.server), name)
        return alone._replace(env=env, passed=passed)
    if what.env:
        raise InvalidRequest(
            "--env goes with --server: the gateway takes its settings from its configuration.",
            hint="Write them in toolward.yaml.",
        )
    settings, home = settings_of(common)
    if not what.http:
        return gateway_server(settings, home, os.environ, name)
    if not _VARIABLE.fullmatch(what.key_env):
        raise InvalidRequest(f"{what.key_env[:60]!r} is no name of a variable.", hint=f"Such as {KEY}.")
    scheme = "http" if settings.tls is None else "https"
    return Server(name, url=settings.resource or f"{scheme}://{settings.http}/mcp", key=what.key_env)


def _name(server: str, where: Where) -> str:
    name = where.name or (f"{NAME}-{server}" if server else NAME)
    if not _SERVER_NAME.fullmatch(name):
        raise InvalidRequest(
            f"A server cannot be called {name[:80]!r} in a client's file.",
            hint="Take letters, digits, - and _, at most 64.",
        )
    return name


def _installed(server: str) -> str:
    from importlib.metadata import entry_points

    known = [point.name for point in entry_points(group="toolward.toolservers")]
    if server in known:
        return server
    near = closest(server, known)
    raise NotFound(
        f"There is no tool server {server[:60]!r} installed.",
        hint=f"Did you mean {near}?" if near else f"There are: {', '.join(sorted(known))}.",
    )


def _variables(said: list[str] | tuple[()]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Those with values, and those that the client has. Raises InvalidRequest."""
    values: dict[str, str] = {}
    passed: list[str] = []
    for one in said:
        name, equals, value = one.partition("=")
        if not _VARIABLE.fullmatch(name):
            raise InvalidRequest(
                f"--env {one[:60]!r} names no variable.", hint="Write --env NAME=VALUE or --env NAME."
            )
        if equals:
            values[name] = value
        else:
            passed.append(name)
    return values, tuple(passed)


def _machine() -> Machine:
    return Machine(platform.system(), Path.home(), os.environ)


def _file(client: Client, where: Where) -> Path:
    """Raises InvalidRequest."""
    if where.project is None:
        return client.file_on(_machine())
    if not client.project:
        raise InvalidRequest(
            f"{client.title} has no file of a project.",
            hint="Leave --project away: it has one for all projects.",
        )
    if not where.project.is_dir():
        raise InvalidRequest(f"There is no folder {shown(where.project)}.", hint="Name the project's folder.")
    return client.file_on(_machine(), where.project.absolute())


class _Row(NamedTuple):
    name: str
    title: str
    scope: str
    state: str
    file: str


def _scopes(client: Client, project: Path | None) -> Iterator[Path | None]:
    yield None
    if project is not None and client.project:
        yield project.absolute()


def _state(client: Client, file: Path, project: Path | None, files: ClientFiles) -> _Row:
    """`found` where the program seems to be here: it has its file, or a folder of its own for it."""
    scope, state = ("user", "no file") if project is None else ("project", "no file")
    with suppress(ToolwardError, OSError):
        own_folder = project is None and file.parent != Path.home()
        if file.exists() or (own_folder and file.parent.is_dir()):
            state = "found"
        if names := files.connected(client, file):
            state = f"connected as {', '.join(names)}" if names != [NAME] else "connected"
    return _Row(client.name, client.title, scope, state, str(file))
