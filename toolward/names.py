"""Names of tools: the qualified name `backend.tool`, and the alias that models and desktop clients can take."""

import difflib
import hashlib
import re
from collections.abc import Iterable

TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
"""What MCP allows as a tool's name (spec 2026-07-28, server/tools)."""

BACKEND_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
"""No dot and no underscore, so that a qualified name and its alias both split in one way."""

ALIAS_LENGTH = 64
"""The longest function name that every model endpoint takes: `[A-Za-z0-9_-]{1,64}`."""

_NOT_IN_ALIAS = re.compile(r"[^A-Za-z0-9_-]")


def qualify(backend: str, tool: str) -> str:
    """`crm`, `get_record` -> `crm.get_record`."""
    return f"{backend}.{tool}"


def split(qualified: str) -> tuple[str, str]:
    """`crm.get_record` -> (`crm`, `get_record`); the backend is empty where there is no dot."""
    backend, dot, tool = qualified.partition(".")
    return (backend, tool) if dot else ("", qualified)


def alias(qualified: str) -> str:
    """`crm.get_record` -> `crm__get_record`. An overlong or altered name ends in a hash of the whole name, so
    two names share an alias only if somebody named a tool like another's alias; the catalog checks for that."""
    backend, tool = split(qualified)
    plain = f"{backend}__{tool}" if backend else tool
    safe = _NOT_IN_ALIAS.sub("_", plain)
    if safe == plain and len(safe) <= ALIAS_LENGTH:
        return safe
    digest = hashlib.sha256(qualified.encode()).hexdigest()[:8]
    return f"{safe[: ALIAS_LENGTH - 9]}_{digest}"


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be, for *did you mean*."""
    if len(name) > 2 * 128:  # comparing is quadratic, and nobody mistypes a name into that
        return None
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None
