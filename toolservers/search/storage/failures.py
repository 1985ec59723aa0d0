"""SQLite's failures as ours: mapped here, once."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import apsw

from toolward.errors import ConfigurationError, Unavailable


@contextmanager
def mapped(path: Path) -> Generator[None]:
    """Raises ConfigurationError for a file that is no index, Unavailable for what may pass. What was written in the
    transaction is undone in either case."""
    try:
        yield
    except apsw.FullError:
        raise Unavailable(
            f"The disk with the index {path} is full; nothing was changed.", hint="Make room, then try again."
        ) from None
    except (apsw.BusyError, apsw.LockedError):
        raise Unavailable(
            f"Another process writes to the index {path} and does not end.", hint="Try again in some seconds."
        ) from None
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise ConfigurationError(
            f"{path} is no index, or is damaged: {error}.",
            hint="Move it away: the index is made again from the documents.",
        ) from None
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError, apsw.IOError) as error:
        raise Unavailable(
            f"The index {path} cannot be read or written: {error}.",
            hint="See that its folder exists and is writable, and that its disk works.",
        ) from None
