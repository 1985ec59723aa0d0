"""Secrets in the system's keychain: of macOS, of a Linux desktop (Secret Service), of Windows (Credential Locker).

`keyring set toolward NAME` puts one there; `${keychain:NAME}` in a configuration stands for it. The package
`keyring` is loaded when a configuration has such a reference.
"""

import os
import sys
import threading
from pathlib import Path

from toolward.errors import ConfigurationError

SERVICE = "toolward"
"""Under which our secrets stand there: no configuration reaches another program's."""

SECONDS = 20.0
"""That a keychain may take: a locked one asks the person first."""


RUNTIME = Path("/run/user")
"""Where Linux desktops keep what lives as long as a person is signed in, by their number."""


def from_keychain(name: str, seconds: float = SECONDS) -> str:
    """Raises ConfigurationError, whose texts are parts of a sentence."""
    _name_the_bus()
    try:
        from keyring import get_password
    except ImportError:
        raise ConfigurationError(
            "the package keyring is not installed;", hint="install it: pip install 'toolward[keychain]'"
        ) from None
    found: list[str | None] = []
    failed: list[str] = []

    def ask() -> None:
        try:
            found.append(get_password(SERVICE, name))
        except Exception as error:  # each keychain raises its own
            failed.append(str(error) or type(error).__name__)

    asking = threading.Thread(target=ask, name="keychain", daemon=True)  # one that never answers ends with us
    asking.start()
    asking.join(seconds)
    if failed:
        raise ConfigurationError(
            f"it cannot be read ({' '.join(failed[0].split())[:200]});",
            hint="use ${env:NAME} or ${file:PATH} there",
        )
    if not found:
        raise ConfigurationError(f"it has not answered in {seconds:g} s;", hint="unlock it, and try again")
    if found[0] is None:
        raise ConfigurationError("there is none;", hint=f"put it there: keyring set {SERVICE} {name}")
    return found[0]


def _name_the_bus() -> None:
    """By which Secret Service is reached. A desktop client hands few variables on to what it starts, and this is
    none of them; where it is not named it is in one place."""
    if sys.platform == "linux" and (bus := RUNTIME / str(os.getuid()) / "bus").is_socket():
        os.environ.setdefault("DBUS_SESSION_BUS_ADDRESS", f"unix:path={bus}")
