"""Ours as a user configures it: one backend, a policy of a hundred rules, a caller with a token, the ledger on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TOKEN = "a-token-of-the-benchmark-and-of-nothing-else"
ROLES = 12
RULES = 100
BACKEND = "desk"

_UP_TO_5000 = {"amount_minor": {"type": "integer", "minimum": 1, "maximum": 5000}}
_KINDS: tuple[dict[str, Any], ...] = (
    {"effect": "allow"},
    {"effect": "ask", "when": "args.amount_minor > 5000 && args.path != ''", "approvers": ["role:lead"]},
    {"effect": "allow", "args": {"required": ["amount_minor"], "properties": _UP_TO_5000}},
    {"effect": "deny", "when": "args.path.startsWith('secret/') || 'guest' in principal.roles"},
    {"effect": "allow", "when": "args.path.startsWith('notes/') && !args.path.contains('..')"},
    {"effect": "ask", "when": "!args.path.endsWith('.md')", "approvers": ["role:lead"]},
)


def rules(count: int = RULES, backends: int = 1) -> Iterator[dict[str, Any]]:
    """As in life: one for everybody and every tool, one that lets a role read all; the others name one of twelve
    roles and two tools, and most of them look at the arguments. Twenty-one speak of the tool that is called, five
    of them of the caller too, and three of these look at the arguments."""
    readable = [f"{name}.*" for name in names(backends)]
    yield {"id": "no-fortunes", "tools": ["*"], "effect": "deny", "when": "args.amount_minor > 1000000"}
    yield {"id": "reading", "principals": ["role:support"], "tools": readable, "effect": "allow"}
    for number in range(2, count):
        named = {
            "id": f"r{number}",
            "principals": [f"role:role-{number % ROLES}"],
            "tools": [f"{BACKEND}.tool_{number % 10}", f"{BACKEND}.tool_{(number + 3) % 10}"],
        }
        yield named | _KINDS[number // ROLES % len(_KINDS)]


def names(backends: int) -> list[str]:
    return [BACKEND, *(f"{BACKEND}-{number}" for number in range(1, backends))]


def settings(port: int, *, grpc: str = "", backends: int = 1) -> dict[str, Any]:
    """Of a gateway before the MCP server at `port`, or the gRPC server at the address `grpc`; more `backends` are
    the same server by other names."""
    way = {"grpc": grpc} if grpc else {"url": f"http://127.0.0.1:{port}/mcp"}
    backend = way | {"facts": {"*": {"changes": False, "idempotent": True}}, "concurrency": 256}
    return {
        "version": 1,
        "http": "127.0.0.1:0",
        "grpc": "127.0.0.1:0",
        "backends": dict.fromkeys(names(backends), backend),
        "policies": ["policy.yaml"],
        "mcp": {"tool_search": "never"},
        "principals": [
            {"id": "local", "roles": ["operator"]},
            {"id": "ada", "roles": ["support", "role-4", "role-7"], "tenant": "acme", "token": TOKEN},
        ],
    }


def write(folder: Path, port: int, *, grpc: str = "", backends: int = 1) -> Path:
    """The configuration file, its policy beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    policy = {"version": 1, "rules": list(rules(backends=backends))}
    (folder / "policy.yaml").write_text(json.dumps(policy, indent=1))
    file = folder / "toolward.yaml"
    file.write_text(json.dumps(settings(port, grpc=grpc, backends=backends), indent=1))
    return file
