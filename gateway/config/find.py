"""Which configuration is in force, and where this installation keeps its state."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from gateway.config.builtin import builtin_settings
from gateway.config.exchange import finish
from gateway.config.parse import read_settings
from gateway.config.settings import Settings
from gateway.config.source import shown
from gateway.config.trust import require_trust, trusted_file
from toolward.errors import ConfigurationError
from toolward.places import HOME, config_folder, data_folder

NAME = "toolward.yaml"
CONFIG = "TOOLWARD_CONFIG"

Origin = Literal["flag", "environment", "working directory", "user directory", "built-in"]


class Found(NamedTuple):
    """The configuration that won, and where it was found. No path means the built-in one."""

    origin: Origin
    path: Path | None = None

    @property
    def why(self) -> str:
        """For `toolward config path`."""
        if self.path is None:
            own = user_config()
            nor = "" if own is None else f", and none in {own.parent}"
            return f"the built-in default: there is no {NAME} here{nor}"
        means = {"flag": "named on the command line", "environment": f"named by {CONFIG}"}
        return f"{shown(self.path)}: {means.get(self.origin, f'found in the {self.origin}')}"


def find_config(
    flag: Path | None = None, environment: Mapping[str, str] = os.environ, directory: Path | None = None
) -> Found:
    """The first of: `flag`, TOOLWARD_CONFIG, ./toolward.yaml, the user's directory, the built-in default. Raises
    ConfigurationError when a named file is not there."""
    if flag is not None:
        return Found("flag", _named(flag, "the command line"))
    if named := environment.get(CONFIG):
        return Found("environment", _named(Path(named).expanduser(), CONFIG))
    here = (directory or Path.cwd()) / NAME
    if here.is_file():
        return Found("working directory", here)
    if (own := user_config()) is not None and own.is_file():
        return Found("user directory", own)
    return Found("built-in")


def load_settings(
    found: Found, home: Path, environment: Mapping[str, str] = os.environ, *, free_ports: bool = False
) -> Settings:
    """`free_ports` is for the built-in servers; a file's addresses are its own. Raises ConfigurationError that
    lists every mistake, or that says that a file which nobody named is not trusted."""
    settings = read_found(found, home, environment, free_ports=free_ports)
    if found.path is None or found.origin != "working directory":
        return settings  # ours, or named by somebody, or from where only they can put it
    require_trust(found.path, settings, home)
    return msgspec.structs.replace(settings, watched=(*settings.watched, trusted_file(home)))


def read_found(
    found: Found, home: Path, environment: Mapping[str, str] = os.environ, *, free_ports: bool = False
) -> Settings:
    """`load_settings` to look at, and not to use: trusted or not. Raises ConfigurationError."""
    if found.path is None:
        return builtin_settings(home, free_ports=free_ports)
    return read_settings(found.path, environment)


def user_config() -> Path | None:
    """None for a user without a home directory."""
    try:
        return config_folder() / NAME
    except ConfigurationError:
        return None


def home_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Where state lies. It need not be there yet. Raises ConfigurationError."""
    return data_folder(environment)


def make_home(home: Path) -> Path:
    """Make the directory where it is missing, for its owner only, and finish a restore of it that was interrupted.
    Raises ConfigurationError."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            f"{home} cannot be made: {error.strerror or error}.", hint=f"Set {HOME} to a folder of yours."
        ) from None
    try:
        finish(home)
    except OSError as error:
        raise ConfigurationError(
            f"A restore of {home} was interrupted, and cannot be finished: {error}.",
            hint="Mend that, and start again: nothing of it is lost.",
        ) from None
    if not os.access(home, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{home} cannot be written to.", hint=f"Set {HOME} to a folder of yours.")
    return home


def _named(path: Path, by: str) -> Path:
    if path.is_file():
        return path
    raise ConfigurationError(f"There is no file {shown(path)}, which {by} names.", hint="Mend the path.")
