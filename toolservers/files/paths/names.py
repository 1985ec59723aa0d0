"""Paths in an answer's text: each on one line, and none that looks like something else."""

import json
import os

NOT_UTF8 = "the name is not UTF-8; no tool can take it"


def one_line(path: str) -> str:
    """As it is, where it can be read so; else as a JSON string, or with its bytes that are not UTF-8 as `\\xe9`."""
    if not is_utf8(path):
        return f'"{os.fsencode(path).decode(errors="backslashreplace")}"'
    plain = path.isprintable() and path == path.strip() and '"' not in path
    return path if plain else json.dumps(path)


def is_utf8(path: str) -> bool:
    """Whether a caller can write it: names are bytes, and not all of them are text."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
