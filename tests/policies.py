"""Policies in tests: YAML with the lines that errors name, read as the gateway reads it."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from gateway.core.policy import Policy, PolicySource, parse_policy

SHIPPED = Path(__file__).parent.parent / "policies"


def source(text: str, file: str = "policy.yaml") -> PolicySource:
    """The text as a source; its lines come from the same text, read with positions."""
    safe: Any = YAML(typ="safe")
    with_lines: Any = YAML(typ="rt")
    plain, marked = safe.load(text), with_lines.load(text)

    def line_of(path: tuple[str | int, ...]) -> int | None:
        node: Any = marked
        line: int | None = 1
        for part in path:
            positions = getattr(node, "lc", None)
            if positions is None:
                return None
            try:
                line = (positions.key(part) if hasattr(node, "keys") else positions.item(part))[0] + 1
                node = node[part]
            except (KeyError, IndexError, TypeError):
                return None
        return line

    return PolicySource(file, plain, line_of)


def policy(text: str) -> Policy:
    return parse_policy([source(text)])


def shipped(name: str) -> Policy:
    path = SHIPPED / f"{name}.yaml"
    return parse_policy([source(path.read_text(encoding="utf-8"), f"policies/{name}.yaml")])
