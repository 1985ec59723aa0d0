"""What a command works with: the gateway that runs here, or one of its own for as long as the command takes."""

import os
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
from cyclopts import Parameter

from gateway.bootstrap import local_person, secret_file
from gateway.cli.hangups import heeding_hangups
from gateway.cli.output import note
from gateway.config.find import find_config, home_directory, load_settings
from gateway.config.settings import Settings
from toolward.errors import ToolwardError, Unauthenticated
from toolward.types import AgentProvider, Principal, ServerInfo, ToolProvider

if TYPE_CHECKING:
    from gateway.bootstrap import Gateway


@Parameter(name="*")
@dataclass(frozen=True)
class Common:
    """Options of every command."""

    config: Annotated[Path | None, Parameter(help="configuration file, instead of the one that is found")] = (
        None
    )
    json: Annotated[bool, Parameter(help="print JSON", negative=())] = False


class Session(NamedTuple):
    """A gateway to ask. `own` is set when the command brought it; then nothing else runs."""

    tools: ToolProvider
    agents: AgentProvider
    principal: Principal
    info: ServerInfo
    own: "Gateway | None"


def settings_of(common: Common, *, free_ports: bool = False) -> tuple[Settings, Path]:
    """The configuration in force and the home directory. Raises ConfigurationError."""
    home = home_directory()
    return loading(common, home, free_ports=free_ports)(), home


def loading(common: Common, home: Path, *, free_ports: bool = False) -> Callable[[], Settings]:
    """What reads the configuration that is found now, however often. Raises ConfigurationError."""
    found = find_config(common.config)
    if found.path is None:
        builtin = load_settings(found, home, free_ports=free_ports)
        return lambda: builtin  # whose ports, once found free, are to stay
    return partial(load_settings, found, home)


@asynccontextmanager
async def open_session(
    common: Common, *, patient: bool = True, tools: bool = True
) -> AsyncGenerator[Session, None]:
    """The gateway at the configured address if one answers there, else one of our own; `patient` and `tools` as
    there."""
    settings, home = settings_of(common)
    principal = local_person(settings)
    async with AsyncExitStack() as stack:
        if _answers(settings):
            from gateway.cli.session_tls import tls_to
            from toolward.client.grpc import GrpcClient

            client = await stack.enter_async_context(
                GrpcClient(str(settings.grpc), _secret(home), tls=tls_to(settings.tls))
            )
            await _check(client, principal, settings)
            yield Session(client, client, principal, ServerInfo("toolward", ""), None)
        else:
            own = await stack.enter_async_context(open_own(common, patient=patient, tools=tools))
            if held := len(own.dispatch.catalog.withheld):
                what = (
                    "1 tool is withheld: it differs"
                    if held == 1
                    else f"{held} tools are withheld: they differ"
                )
                note(f"{what} from tools.lock. See: toolward tool review")
            yield Session(own.dispatch, own.runs, principal, own.info, own)


@asynccontextmanager
async def open_own(
    common: Common, *, patient: bool = True, tools: bool = True
) -> AsyncGenerator["Gateway", None]:
    """A gateway for this command alone, with its own servers on free ports. Without `tools` none is started, for
    what needs only the record."""
    from gateway.bootstrap import (
        open_gateway,
    )  # a second, which a command that finds one running does not need

    home = home_directory()
    load = loading(common, home, free_ports=True)
    settings = load()
    if not tools:
        settings, load = msgspec.structs.replace(settings, backends=()), None
    with heeding_hangups() as hangups:
        async with open_gateway(settings, home, load=load, patient=patient) as gateway:
            hangups.reload = gateway.reload.nudge
            yield gateway


def _answers(settings: Settings) -> bool:
    try:
        socket.create_connection(settings.grpc, timeout=0.3).close()
    except OSError:
        return False
    return True


def _secret(home: Path) -> str:
    path = secret_file(home)
    return path.read_text(encoding="utf-8").strip() if os.access(path, os.R_OK) else ""


async def _check(client: ToolProvider, principal: Principal, settings: Settings) -> None:
    """Say plainly when what answers there is not ours."""
    try:
        await client.list_tools(principal)
    except Unauthenticated as error:
        raise Unauthenticated(
            f"A gateway runs at {settings.grpc}, and it does not know this installation's secret.",
            hint="Set TOOLWARD_HOME to its home, or give this one another address (grpc: in toolward.yaml).",
        ) from error
    except ToolwardError as error:
        from gateway.cli.session_tls import hint_for

        raise type(error)(
            f"What answers at {settings.grpc} is no gateway of ours: {error.message}",
            hint=hint_for(settings.tls),
        ) from error
