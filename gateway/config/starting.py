"""How another program starts what we have installed: with absolute paths, since a desktop program has neither our
folder nor our PATH."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from gateway.config.builtin import SOURCE
from gateway.config.settings import Settings
from gateway.desktop.entries import Server
from toolward.errors import ConfigurationError
from toolward.places import HOME

NAME = "toolward"
"""What the gateway is called among a client's servers."""


def gateway_server(
    settings: Settings, home: Path, environment: Mapping[str, str], name: str = NAME
) -> Server:
    """This gateway over stdio, with the configuration and the home that are in force here. Raises
    ConfigurationError."""
    config = None if settings.source == SOURCE else settings.watched[0].absolute()
    words = (program("toolward"), "mcp", *(() if config is None else ("--config", str(config))))
    # Clients hand few variables on, so a home that hangs on one is named.
    named = HOME in environment or (sys.platform == "linux" and "XDG_DATA_HOME" in environment)
    return Server(name, words, {HOME: str(home)} if named else {})


def tool_server(server: str, name: str) -> Server:
    """One of the installed tool servers alone, over stdio. Raises ConfigurationError."""
    return Server(name, (program("toolserver"), server))


def program(name: str) -> str:
    """The absolute path of one of our commands: beside the Python that runs, or else on the PATH. Raises
    ConfigurationError."""
    beside = Path(sys.executable).absolute().parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise ConfigurationError(
            f"The command {name} is not found beside {sys.executable}, nor on the PATH.",
            hint="Install Toolward with its commands.",
        )
    return str(Path(found).absolute())
