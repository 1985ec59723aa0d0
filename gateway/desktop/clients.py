"""The desktop programs that we know: where each keeps its MCP servers, and how it writes one; by what their
documentation said in November 2026."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import NamedTuple

from toolward.errors import NotFound
from toolward.names import closest


class Machine(NamedTuple):
    """What paths depend on: `system` is what `platform.system()` says."""

    system: str
    home: Path
    environment: Mapping[str, str]

    def path(self, template: str) -> Path:
        config = {
            "Darwin": self.home / "Library" / "Application Support",
            "Windows": Path(self.environment.get("APPDATA") or self.home / "AppData" / "Roaming"),
        }.get(self.system, self._xdg)
        named = {
            "{home}": str(self.home),
            "{config}": str(config),
            "{xdg}": str(config if self.system == "Windows" else self._xdg),
            "{codex}": self.environment.get("CODEX_HOME") or str(self.home / ".codex"),
            "{claude}": self.environment.get("CLAUDE_CONFIG_DIR") or str(self.home),
        }
        head, _, rest = template.partition("/")
        return Path(named[head]) / rest

    @property
    def _xdg(self) -> Path:
        return Path(self.environment.get("XDG_CONFIG_HOME") or self.home / ".config")


class Client(NamedTuple):
    """A program. `servers` is the key under which its file has its servers, `url` that of an entry's URL (empty
    where a file knows none); `reference` is how it writes a variable of its environment, `%s` being the name."""

    name: str
    title: str
    file: str
    restart: str
    """What makes it read its file again."""
    project: str = ""
    """Its file in a project, if it has one."""
    servers: str = "mcpServers"
    format: str = "json"
    url: str = "url"
    reference: str = ""
    types: tuple[str, str] = ("", "")
    """What an entry says as `type`: over stdio, at a URL."""
    also: Mapping[str, str] = {}
    """What every entry says beside that."""
    note: str = ""

    def file_on(self, machine: Machine, project: Path | None = None) -> Path:
        return machine.path(self.file) if project is None else project / self.project


CLIENTS = (
    Client(
        "claude-desktop",
        "Claude Desktop",
        "{config}/Claude/claude_desktop_config.json",
        "Quit Claude Desktop (not only its window) and start it again.",
        url="",
        note="Servers at a URL are added in its settings (Connectors), not in the file.",
    ),
    Client(
        "claude-code",
        "Claude Code",
        "{claude}/.claude.json",
        "Start Claude Code anew; /mcp shows its servers.",
        project=".mcp.json",
        reference="${%s}",
        types=("stdio", "http"),
        note="Claude Code writes this file, too: end its sessions before you connect it.",
    ),
    Client(
        "cursor",
        "Cursor",
        "{home}/.cursor/mcp.json",
        "Cursor reads it by itself; see Settings, MCP.",
        project=".cursor/mcp.json",
        reference="${env:%s}",
    ),
    Client(
        "vscode",
        "VS Code",
        "{config}/Code/User/mcp.json",
        "Run “MCP: List Servers” in VS Code, and start it there.",
        project=".vscode/mcp.json",
        servers="servers",
        reference="${env:%s}",
        types=("stdio", "http"),
    ),
    Client(
        "windsurf",
        "Windsurf",
        "{home}/.codeium/windsurf/mcp_config.json",
        "Press Refresh among the MCP servers of Cascade.",
        url="serverUrl",
        reference="${env:%s}",
    ),
    Client(
        "zed",
        "Zed",
        "{xdg}/zed/settings.json",
        "Zed reads it by itself; see Settings of the agent panel.",
        project=".zed/settings.json",
        servers="context_servers",
        also={"source": "custom"},
    ),
    Client(
        "codex",
        "Codex",
        "{codex}/config.toml",
        "Start Codex anew; /mcp shows its servers.",
        project=".codex/config.toml",
        servers="mcp_servers",
        format="toml",
        reference="%s",
        note="In a project Codex reads the file once you trust the project.",
    ),
    Client(
        "gemini",
        "Gemini CLI",
        "{home}/.gemini/settings.json",
        "Start Gemini CLI anew; /mcp shows its servers.",
        project=".gemini/settings.json",
        url="httpUrl",
        reference="${%s}",
    ),
    Client(
        "lmstudio",
        "LM Studio",
        "{home}/.lmstudio/mcp.json",
        "LM Studio reads it by itself; see the Program tab.",
    ),
    Client(
        "kiro",
        "Kiro",
        "{home}/.kiro/settings/mcp.json",
        "Kiro reads it by itself; see its MCP servers panel.",
        project=".kiro/settings/mcp.json",
        reference="${%s}",
        note="Kiro asks once before it fills in a variable of the environment.",
    ),
)

SERVER_KEYS = tuple(dict.fromkeys(one.servers for one in CLIENTS if one.format == "json"))
"""Under which their JSON files have servers."""

URL_KEYS = (*sorted({one.url for one in CLIENTS} - {"", "url"}), "url")
"""By which an entry names a URL; where several are in one, the first counts."""


def client_named(name: str) -> Client:
    """Raises NotFound."""
    for one in CLIENTS:
        if name.lower() in (one.name, one.title.lower()):
            return one
    names = [one.name for one in CLIENTS]
    near = closest(name.lower(), names)
    raise NotFound(
        f"There is no desktop client {name[:60]!r} here.",
        hint=f"Did you mean {near}?" if near else f"There are: {', '.join(names)}.",
    )


def starts_this_gateway(command: Iterable[str]) -> bool:
    """Whether these words are `toolward mcp`, however it is started."""
    words = [PurePath(word).name.removesuffix(".exe") for word in command]
    return "mcp" in words and any(word in ("toolward", "gateway.cli") for word in words)
