"""Files as MCP resources: opened as tools open them, whole or not at all."""

from mimetypes import MimeTypes
from os import read
from urllib.parse import quote

from toolservers.files.paths.refusals import shown
from toolservers.files.paths.roots import Roots
from toolward.errors import NotFound, ToolError
from toolward.types import ResourceBody

URI = "files://{root}/{+path}"
"""The root by its name (`root` where there is but one), then the path in it, percent-encoded."""

MAX_RESOURCE = 1_000_000
"""Bytes; a resource has no windows, so that larger files are for `read_file`."""

_TYPES = MimeTypes()  # Python's own table, the same on every machine
_TYPES.add_type("text/markdown", ".md")
for _ending in (".toml", ".yaml", ".yml", ".jsonl", ".log"):
    _TYPES.add_type("text/plain", _ending)


def body(roots: Roots, root: str, path: str) -> ResourceBody:
    """UTF-8 as text, anything else as a blob. Raises NotFound, ToolError. Blocking."""
    if root not in roots:
        raise NotFound(f"There is no root {root[:100]!r}.", hint=f"There are: {', '.join(roots)}.")
    one, below = roots.place(path if roots.only is not None else f"{root}/{path}")
    with one.file(below) as opened:
        if opened.status.st_size > MAX_RESOURCE:
            raise _too_large(one.shown(below))
        data = b""
        while piece := read(opened.descriptor, MAX_RESOURCE + 1 - len(data)):  # it may grow meanwhile
            data += piece
            if len(data) > MAX_RESOURCE:
                raise _too_large(one.shown(below))
    guessed = _TYPES.guess_type(below)[0]
    uri = f"files://{root}/{quote(below)}"
    try:
        if b"\0" in data:
            raise ValueError
        return ResourceBody(uri, guessed or "text/plain", text=data.decode())
    except ValueError:
        return ResourceBody(uri, guessed or "application/octet-stream", blob=data)


def _too_large(path: str) -> ToolError:
    return ToolError(
        f"{shown(path)} has more than {MAX_RESOURCE:,} bytes; read it in parts, with `read_file`."
    )
