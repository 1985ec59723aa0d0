"""Of this computer: Python, packages, the home directory, the disk, the clock."""

import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from gateway.bootstrap.identity import secret_file
from gateway.cli.checks.finding import Finding
from gateway.config.keys import keys_file
from gateway.config.settings import Settings
from gateway.config.trust import trusted_file
from gateway.core.spec import StdioSpec
from toolward.places import HOME

LOW, EMPTY = 1024**3, 100 * 1024**2
"""Free bytes below which that is a warning, and below which it must be mended."""

SKEW = 2.0
"""Seconds by which the home directory's clock may differ from this computer's."""

_RELEASED = 1_760_000_000  # Unix seconds: no clock is right that is before this program
_OLDEST = (3, 11)
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?([^;]*)(?:;(.*))?")
_LEAST = re.compile(r">=\s*([0-9.]+)")
_EXTRA = re.compile(r"extra == '([a-z0-9-]+)'")
_NEEDED = ("", "gateway")
SERVERS = frozenset({"calculator", "search", "files", "crm"})
"""Those that come along, each with an extra of its name."""


def of_python() -> Finding:
    said = f"Python {sys.version.split()[0]} ({sys.executable})"
    if sys.version_info[:2] < _OLDEST:
        return Finding("python", "failed", said, "Install Toolward into Python 3.11 or newer.")
    return Finding("python", "ok", said)


def servers_started(settings: Settings) -> frozenset[str]:
    """Those of SERVERS that this computer starts, and so needs the packages of."""
    launches = (one.launch if isinstance(one, StdioSpec) else one.start for one in settings.backends)
    words = {word.removeprefix("toolservers.") for one in launches if one is not None for word in one.command}
    return SERVERS & words


def of_packages(servers: Collection[str] = SERVERS) -> Iterator[Finding]:
    """Whether what the gateway and these servers stand on is installed, as new as it must be."""
    wanting: dict[str, list[str]] = {}
    try:
        lines = requires("toolward") or []
        release = version("toolward")
    except PackageNotFoundError:
        yield Finding("packages", "failed", "Toolward is not installed here.", "pip install 'toolward[all]'")
        return
    for line in lines:
        if (found := _REQUIREMENT.match(line)) is None:
            continue
        name, bounds, marker = found[1], found[2], found[3] or ""
        extra = said[1] if (said := _EXTRA.search(marker)) else ""
        if extra in (*_NEEDED, *servers) and "platform" not in marker and (flaw := _flaw(name, bounds)):
            wanting.setdefault(extra, []).append(flaw)
    for extra, flaws in wanting.items():
        what = f"the extra {extra}" if extra else "toolward"
        state = "failed" if extra in _NEEDED else "warn"
        remedy = f"pip install 'toolward[{extra}]'" if extra else "pip install --upgrade toolward"
        yield Finding("packages", state, f"{what} lacks {', '.join(flaws)}", remedy)
    if not wanting:
        yield Finding("packages", "ok", f"toolward {release}, and all that it stands on")


def of_home(home: Path) -> Iterator[Finding]:
    """Whether it is there, ours to write, and nobody else's to read."""
    there = next(one for one in (home, *home.parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        said = f"{there} is no folder that you may write to"
        yield Finding("home", "failed", said, f"Set {HOME} to one of yours.")
        return
    if there != home:
        yield Finding("home", "ok", f"{home} is not there yet: the first start makes it")
        return
    mode = home.stat().st_mode
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        yield Finding("home", "warn", f"{home} can be read by others", f"chmod 700 {home}")
    else:
        yield Finding("home", "ok", str(home))
    for file in (secret_file(home), keys_file(home), trusted_file(home)):
        if file.exists() and os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
            yield Finding("home", "failed", f"{file} can be read or written by others", f"chmod 600 {file}")


def of_disk(home: Path) -> Finding:
    there = next(one for one in (home, *home.parents) if one.exists())
    free = shutil.disk_usage(there).free
    said = f"{free / 1024**3:.1f} GiB free where {home} lies"
    if free < EMPTY:
        return Finding(
            "disk", "failed", said, "Make room: without it nothing can be recorded, so nothing runs."
        )
    if free < LOW:
        return Finding("disk", "warn", said, "Make room, or set ledger.keep_words_days in toolward.yaml.")
    return Finding("disk", "ok", said)


def of_clock(home: Path) -> Finding:
    """Whether it can be right, and agrees with that of the file system: expiry and leases go by it."""
    now = time.time()
    if now < _RELEASED:
        return Finding(
            "clock",
            "failed",
            "this computer's clock is years behind",
            "Set it, by NTP where there is a network.",
        )
    if home.is_dir() and os.access(home, os.W_OK):
        with tempfile.NamedTemporaryFile(dir=home, prefix=".clock-") as file:
            skew = abs(os.fstat(file.fileno()).st_mtime - time.time())
        if skew > SKEW:
            said = f"the file system of {home} is {skew:.0f} s off this computer's clock"
            return Finding("clock", "warn", said, "Set both by NTP: approvals and leases expire by them.")
    return Finding("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(now)))


def _flaw(name: str, bounds: str) -> str:
    """What is wrong with an installed package, or nothing."""
    try:
        found = version(name)
    except PackageNotFoundError:
        return name
    least = _LEAST.search(bounds)
    if least is not None and _numbers(found) < _numbers(least[1]):
        return f"{name}{least[0]} (there is {found})"
    return ""


def _numbers(text: str) -> tuple[int, ...]:
    """`2.1.0rc1` is (2, 1, 0); what is behind the numbers does not count."""
    parts = re.match(r"[0-9.]*", text)
    return tuple(int(part) for part in (parts[0] if parts else "").split(".") if part)
