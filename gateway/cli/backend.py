"""`toolward backend list|add|remove|logs`: the tool servers behind the gateway, and the file that names them."""

import asyncio
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from gateway.cli.output import EXIT_OK, note, print_json, shorten
from gateway.cli.permitted import permit
from gateway.cli.running import running
from gateway.cli.session import Common, settings_of
from gateway.cli.tables import print_table
from gateway.config.backends_file import add_backend, remove_backend
from gateway.config.find import NAME, find_config, make_home
from gateway.config.settings import Settings
from gateway.config.source import shown
from gateway.config.starting_file import starting_file
from gateway.config.trust import trust
from gateway.config.whole_files import put
from gateway.core.spec import GrpcSpec, StdioSpec
from toolward.errors import ConfigurationError, InvalidRequest, NotFound, Unavailable
from toolward.names import BACKEND_NAME, closest
from toolward.places import config_folder
from toolward.printable import printable
from toolward.types import Json

_EVERY = 0.5  # seconds between two looks of --follow
_MOST = 1024 * 1024  # bytes of a log that are looked at


def list_backends(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """List the tool servers; as they are where a gateway runs, else as they are configured."""
    settings, home = settings_of(common)
    permit(settings, "backend.read", [{"backend": spec.name} for spec in settings.backends])
    now = asyncio.run(_as_they_are(settings, home))
    found = [_told(settings, spec.name, now) for spec in settings.backends]
    if common.json:
        print_json({"running": now is not None, "backends": found})
        return EXIT_OK
    header = ("name", "transport", "address", "state", "tools", "said")
    print_table(header, [[shorten(str(cell), 100) for cell in one.values()] for one in found])
    if now is None:
        note("No gateway runs, so they were not asked. Start one with toolward up, or see: toolward doctor")
    return EXIT_OK


# Long by its options.
def add(
    name: Annotated[str, Parameter(help="its name: tools are called NAME.TOOL")],
    command: Annotated[
        tuple[str, ...],
        Parameter(
            help="what starts it, for one that speaks MCP over stdio; behind --", allow_leading_hyphen=True
        ),
    ] = (),
    /,
    *,
    url: Annotated[str, Parameter(help="where it is reached by MCP over HTTP")] = "",
    grpc: Annotated[str, Parameter(help="HOST:PORT where it is reached over gRPC")] = "",
    token: Annotated[
        str,
        Parameter(help="its bearer token, by reference: ${env:NAME} or ${file:PATH}; for --url and --grpc"),
    ] = "",
    env: Annotated[
        list[str] | None, Parameter(help="NAME=VALUE for the command; may be given again", negative=())
    ] = None,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Write a tool server into the configuration; a gateway that runs takes it up."""
    entry = _entry(command, url, grpc, token, env or [])
    if not BACKEND_NAME.fullmatch(name):
        raise InvalidRequest(
            f"{name[:64]!r} is no name for a backend.",
            hint="Use a-z, 0-9 and -, at most 32 of them, a letter first.",
        )
    settings, home = settings_of(common)
    permit(settings, "backend.add", [{"backend": name}])
    with _file(common, home) as (path, made):
        _trust_again(common, add_backend(path, name, entry), home)
    if common.json:
        print_json({"path": str(path), "made": made, "backend": name, "entry": entry})
        return EXIT_OK
    if made:
        note(
            f"There was no configuration, so {shown(path)} was made; the servers that come along are in it, too."
        )
    print(f"added: {name}, in {shown(path)}")
    note(
        "Its tools count as changing things until that file says otherwise (facts:), and policy denies what it does"
        " not name.\nA gateway that runs takes it up by itself; with workers, one that is to be started waits for a"
        " restart. See: toolward backend list"
    )
    return EXIT_OK


def remove(name: str, /, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Take a tool server out of the configuration; a gateway that runs stops it."""
    settings, home = settings_of(common)
    permit(settings, "backend.remove", [{"backend": name}])
    with _file(common, home) as (path, made):
        _trust_again(common, remove_backend(path, name), home)
    if common.json:
        print_json({"path": str(path), "made": made, "backend": name})
    else:
        print(f"removed: {name}, from {shown(path)}")
    return EXIT_OK


def logs(
    name: Annotated[str, Parameter(help="which server")],
    /,
    *,
    lines: Annotated[int, Parameter(name=("--lines", "-n"), help="at most this many, the last ones")] = 50,
    follow: Annotated[
        bool, Parameter(name=("--follow", "-f"), help="go on with new ones", negative=())
    ] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Show what a server that the gateway started wrote to its standard error."""
    settings, home = settings_of(common)
    known = [spec.name for spec in settings.backends]
    if name not in known:
        near = closest(name, known)
        hint = f"Did you mean {near}?" if near else f"There are: {', '.join(known) or 'none'}."
        raise NotFound(f"There is no backend {name[:64]!r}.", hint=hint)
    permit(settings, "backend.read", [{"backend": name}])
    file = home / "logs" / f"{name}.log"
    said, at = _last(file, max(lines, 0))
    if not said and not file.exists():
        note(f"{name} has written nothing yet, or it is not this gateway that starts it.")
    _print(said, common)
    while follow:
        time.sleep(_EVERY)
        said, at = _since(file, at)
        _print(said, common)
    return EXIT_OK


# --- list -----------------------------------------------------------------------------------------------


async def _as_they_are(settings: Settings, home: Path) -> Mapping[str, Any] | None:
    """By name; None where no gateway runs."""
    async with running(settings, home) as gateway:
        try:
            status = await gateway.get("/v1/status")
        except Unavailable:
            return None
    return {one["name"]: one for one in status["backends"]}


def _told(settings: Settings, name: str, now: Mapping[str, Any] | None) -> dict[str, Any]:
    spec = next(one for one in settings.backends if one.name == name)
    transport = "stdio" if isinstance(spec, StdioSpec) else "grpc" if isinstance(spec, GrpcSpec) else "http"
    told = {"name": name, "transport": transport, "address": spec.address}
    if now is None:
        return {**told, "state": "not asked", "tools": "", "said": ""}
    if (one := now.get(name)) is None:
        return {**told, "state": "not taken up", "tools": "", "said": "the gateway does not know it yet"}
    state = "down" if one["problem"] else "warn" if one["warning"] else "ok"
    return {**told, "state": state, "tools": one["tools"], "said": one["problem"] or one["warning"]}


# --- add, remove ----------------------------------------------------------------------------------------


def _entry(command: tuple[str, ...], url: str, grpc: str, token: str, env: list[str]) -> dict[str, Json]:
    """Raises InvalidRequest."""
    if sum(map(bool, (command, url, grpc))) != 1:
        raise InvalidRequest(
            "Say how it is reached: by a command behind --, or by --url, or by --grpc.",
            hint="toolward backend add notes -- notes-server --stdio",
        )
    if env and not command:
        raise InvalidRequest("--env is for a command that the gateway starts.", hint="Leave it out.")
    if token and command:
        raise InvalidRequest("--token is for --url and --grpc.", hint="Give a command its secrets by --env.")
    if token and not token.startswith(("${env:", "${file:")):
        raise InvalidRequest(
            "The token stands there itself, and would stand in the file.",
            hint="Write where it is: --token '${env:NAME}' or '${file:PATH}'.",
        )
    entry: dict[str, Json] = (
        {"command": list(command)} if command else {"url": url} if url else {"grpc": grpc}
    )
    if token:
        entry["token"] = token
    pairs = [one.partition("=") for one in env]
    if wrong := [name for name, equals, _ in pairs if not equals or not name]:
        raise InvalidRequest(f"--env {wrong[0][:60]!r} is not NAME=VALUE.", hint="--env LEVEL=debug")
    if pairs:
        entry["env"] = {name: value for name, _, value in pairs}
    return entry


@contextmanager
def _file(common: Common, home: Path) -> Generator[tuple[Path, bool]]:
    """The file in force, and whether it was made for this; then it is left only where all goes well."""
    found = find_config(common.config)
    if found.path is not None:
        yield found.path, False
        return
    path = config_folder() / NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        put(path, starting_file(make_home(home)).encode(), 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be made: {error.strerror or error}.", hint="Name a file: --config toolward.yaml"
        ) from None
    try:
        yield path, True
    except BaseException:
        path.unlink()
        raise


def _trust_again(common: Common, after: Settings, home: Path) -> None:
    """What lies in this folder was trusted, else we would not be here; the change is the operator's own."""
    found = find_config(common.config)
    if found.path is not None and found.origin == "working directory":
        trust(found.path, after, make_home(home))


# --- logs -----------------------------------------------------------------------------------------------


def _last(file: Path, count: int) -> tuple[list[str], int]:
    """The last lines, also of the file before it where this one is short; and where this one ends."""
    before = file.with_name(f"{file.name}.1")
    newest, at = _read(file, 0)
    lines = newest if len(newest) >= count else [*_read(before, 0)[0], *newest]
    return (lines[-count:] if count else []), at


def _since(file: Path, at: int) -> tuple[list[str], int]:
    """From where it was read to; from its beginning where it is a new file."""
    try:
        return _read(file, at if file.stat().st_size >= at else 0)
    except OSError:
        return [], 0


def _read(file: Path, at: int) -> tuple[list[str], int]:
    try:
        with file.open("rb") as opened:
            opened.seek(max(at, file.stat().st_size - _MOST))
            raw = opened.read(_MOST)
            return raw.decode("utf-8", "replace").splitlines(), opened.tell()
    except OSError:
        return [], 0


def _print(lines: list[str], common: Common) -> None:
    for line in lines:
        print_json({"line": line}) if common.json else print(printable(line.rstrip()))
    sys.stdout.flush()
