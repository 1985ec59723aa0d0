"""Where calls with an idempotency key are kept: not in the root, which the tools can change."""

import hashlib
import os
from pathlib import Path, PurePath
from sqlite3 import Connection

from toolward.kit.effects.sqlite_store import SqliteStore, connect_file


def open_keys(folder: str, root: PurePath) -> SqliteStore[Connection]:
    """One file for each root, in `folder` or, where that is empty, in the data folder. It is made at the first
    call with a key."""
    name = f"{hashlib.sha256(os.fsencode(root)).hexdigest()[:16]}.db"

    def connect() -> Connection:
        return connect_file((Path(folder) if folder else _default_folder()) / name)

    return SqliteStore(connect, f"of the keys of {root}")


def _default_folder() -> Path:
    home = os.environ.get("TOOLWARD_HOME")
    if home:
        return Path(home) / "files-keys"
    from platformdirs import user_data_path

    return user_data_path("toolward", appauthor=False) / "files-keys"
