"""Where the policies and agents that come with Toolward lie: inside the package in a wheel, at the top of the
repository in a checkout."""

from pathlib import Path

import gateway
from toolward.errors import ConfigurationError

_PACKAGE = Path(gateway.__file__).parent


def shipped_policies() -> tuple[Path, ...]:
    """The policy that holds where nothing else is configured."""
    return (shipped_folder("policies") / "default.yaml",)


def shipped_agents() -> tuple[Path, ...]:
    return agent_files(shipped_folder("agents"))


def agent_files(folder: Path) -> tuple[Path, ...]:
    """The agents in a folder, by name."""
    return tuple(sorted(folder.glob("*.yaml")))


def shipped_folder(name: str) -> Path:
    """`policies` or `agents`. Raises ConfigurationError where the installation lacks it."""
    for folder in (_PACKAGE / "data" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise ConfigurationError(
        f"This installation lacks its folder of {name}.", hint="Install the package toolward again."
    )
