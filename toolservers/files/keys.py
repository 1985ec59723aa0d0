"""Where calls with an idempotency key are kept: outside the roots, which the tools can change."""

import os
from pathlib import Path
from sqlite3 import Connection

from toolservers.files.settings import Settings
from toolward.kit.effects.sqlite_store import SqliteStore, connect_file


def open_keys(state: Path) -> SqliteStore[Connection]:
    """A file in the state folder, which is made at the first call with a key."""
    return SqliteStore(lambda: connect_file(state / "keys.db"), f"of the keys in {state}")


def state_folder(settings: Settings) -> Path:
    if settings.state:
        return Path(settings.state)
    home = os.environ.get("TOOLWARD_HOME")
    if home:
        return Path(home) / "files-state"
    from platformdirs import user_data_path

    return user_data_path("toolward", appauthor=False) / "files-state"
