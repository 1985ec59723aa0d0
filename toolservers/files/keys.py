"""Where calls with an idempotency key are kept: outside the roots, which the tools can change."""

import hashlib
import os
from pathlib import Path
from sqlite3 import Connection

from toolservers.files.settings import Settings
from toolward.kit.effects.sqlite_store import SqliteStore, connect_file
from toolward.places import data_folder


def open_keys(settings: Settings) -> SqliteStore[Connection]:
    """A file in the state folder for each --root or roots file, made at the first call with a key: one key may come
    to several servers."""
    served = os.fsencode(Path(settings.roots or settings.root).resolve())
    file = state_folder(settings) / f"keys-{hashlib.sha256(served).hexdigest()[:16]}.db"
    return SqliteStore(lambda: connect_file(file), f"of the keys of {os.fsdecode(served)}")


def state_folder(settings: Settings) -> Path:
    if settings.state:
        return Path(settings.state)
    return data_folder() / "files-state"
