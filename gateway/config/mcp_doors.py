"""The section `mcp` of `toolward.yaml`: what clients of MCP are listed."""

from gateway.config.reader import Section, said_of
from gateway.core.globs import flaw_in_tool_glob
from gateway.core.spec import McpSpec

NEVER = "never"
MOST = 100_000


def read_mcp(at: Section) -> McpSpec:
    at.only("tool_search", "pinned")
    pinned = at.texts("pinned")
    for index, glob in enumerate(pinned):
        if flaw := flaw_in_tool_glob(glob):
            at.wrong_item("pinned", index, flaw)
    return McpSpec(_tool_search(at), pinned)


def _tool_search(at: Section) -> int:
    value = at.raw("tool_search") if "tool_search" in at else McpSpec().tool_search
    if value == NEVER:
        return 0
    if type(value) is int and 1 <= value <= MOST:
        return value
    at.wrong("tool_search", f"must be a whole number from 1 to {MOST:,}, or {NEVER}, not {said_of(value)}")
    return McpSpec().tool_search
