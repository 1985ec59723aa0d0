"""Where this user's data and configuration lie."""

import os
from collections.abc import Mapping
from pathlib import Path

from toolward.errors import ConfigurationError

HOME = "TOOLWARD_HOME"
_APPLICATION = "toolward"


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """TOOLWARD_HOME, or the user's data directory. It need not be there yet. Raises ConfigurationError."""
    try:
        if named := environment.get(HOME):
            return Path(named).expanduser().absolute()
        from platformdirs import user_data_path

        return user_data_path(_APPLICATION, appauthor=False)
    except RuntimeError:
        raise _homeless() from None


def config_folder() -> Path:
    """The user's configuration directory. Raises ConfigurationError."""
    try:
        from platformdirs import user_config_path

        return user_config_path(_APPLICATION, appauthor=False)
    except RuntimeError:
        raise _homeless() from None


def _homeless() -> ConfigurationError:
    """Neither HOME nor the system's list of users has a directory for them, as in some containers."""
    return ConfigurationError("This user has no home directory.", hint=f"Set {HOME} to a folder of theirs.")
