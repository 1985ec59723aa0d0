"""`mcpServers` JSON, as desktop clients keep it, as a source of backends.

{"mcpServers": {
  "github": {"command": "npx", "args": ["-y", "the-server"], "env": {"TOKEN": "${env:GITHUB_TOKEN}"}},
  "docs":   {"type": "http", "url": "https://docs.example/mcp", "headers": {"X-Key": "${KEY}"}}
}}

What each client calls its servers and their URLs is understood (`gateway.desktop.clients`), and so are comments. A
file that cannot be read is an error. An entry that cannot be used is left out and noted, because such a file is
another program's, and the rest of it is still good. What is known of the tools of these servers stays unknown.
"""

import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from gateway.config.convert import url
from gateway.config.json_source import load_json
from gateway.config.reader import Problems, Section, said_of
from gateway.config.secrets import Substituted, as_written, substitute_as_clients_do
from gateway.config.source import YamlSource
from gateway.core.spec import HttpSpec, Launch, Spec, StdioSpec
from gateway.desktop.clients import SERVER_KEYS, URL_KEYS, starts_this_gateway
from toolward.errors import ConfigurationError
from toolward.names import BACKEND_NAME
from toolward.types import Json

MAX_SERVERS = 200
"""Entries of one file."""

_STDIO, _HTTP = ("stdio",), ("http", "streamable-http", "streamableHttp", "streamable_http")
_NOT_OURS = dict.fromkeys(
    ("disabledTools", "enabledTools", "excludeTools", "includeTools", "tools", "alwaysAllow", "autoApprove"),
    "policy says what may be called",
) | {  # other programs write such a file: it opens no private network
    "networks": "no file of a client opens a network; write this server under backends in toolward.yaml"
}
_LONGEST = 32
_LEAST_HIDDEN = (
    6  # characters: shorter values are no secrets, and hiding them would garble what a process says
)


class McpServersReader:
    """The backends of any number of files; `taken` are names that others have, with who has them."""

    def __init__(self, environment: Mapping[str, str], taken: Mapping[str, str]) -> None:
        self._environment = environment
        self._taken = dict(taken)
        self.backends: list[Spec] = []
        self.notes: list[str] = []
        """What was left out or renamed, and why, with file and line."""
        self.sources: list[YamlSource] = []
        self.secret_files: list[Path] = []

    def read(self, path: Path) -> None:
        """Raises ConfigurationError where the file as a whole is wrong."""
        source = load_json(path)
        key, servers = _servers(source)
        self.sources.append(source)
        for name, entry in servers:
            problems = Problems(source)
            spec = self._entry(Section(problems, (key, name), entry), name, path, problems)
            if problems.lines:
                self.notes += [f"{line}. This server is left out." for line in problems.lines]
            elif spec is not None:
                self.backends.append(spec)
                self._taken[spec.name] = f"{source.at((key, name))} ({name[:60]!r})"
                if spec.name != name:
                    self.notes.append(f"{source.at((key, name))}: {name[:60]!r} is called {spec.name} here.")

    def _entry(self, at: Section, name: str, path: Path, problems: Problems) -> Spec | None:
        """None where it is not to be used; the problems say why, if there is something to say."""
        if problems.lines or at.raw("disabled") is True or at.raw("enabled") is False:
            return None
        directory = path.resolve().parent
        filled, unfilled = substitute_as_clients_do(
            {key: at.raw(key) for key in at}, at.place, self._environment, directory, self.secret_files
        )
        for place, said in unfilled:
            problems.add_only(place, said)
        at = Section(problems, at.place, filled)
        called = backend_name(name)
        if (other := self._taken.get(called)) is not None:
            problems.add(at.place, f"would be called {called}, as is {other}; rename one")
        for key, why in _NOT_OURS.items():
            if key in at:
                self.notes.append(f"{problems.at((*at.place, key))}: {key!r} means nothing here: {why}.")
        if "command" in at:
            return _on_stdio(called, at, directory)
        return _over_http(called, at)


def backend_name(text: str) -> str:
    """`My Server` -> `my-server`: a valid name for a backend, the same for the same text. Where nothing much is
    left of the text, or it was too long, the name ends in a digest of it."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if plain and not plain[0].isalpha():
        plain = f"mcp-{plain}"
    if BACKEND_NAME.fullmatch(plain):
        return plain
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{plain[: _LONGEST - 9].rstrip('-') or 'mcp'}-{mark}"


def _servers(source: YamlSource) -> tuple[str, Iterable[tuple[str, Json]]]:
    """Under which key they stand, and they. Raises ConfigurationError."""
    problems = Problems(source)
    root = Section(problems, (), source.data)
    problems.raise_any()
    key = next((key for key in SERVER_KEYS if key in root), "")
    if not key:
        raise ConfigurationError(
            f"{source.file}: there is no 'mcpServers' in it, and no 'servers'.",
            hint="Name the file where a desktop client keeps its MCP servers, or remove it from mcp_servers.",
        )
    servers = root.section(key)
    if len(list(servers)) > MAX_SERVERS:
        problems.add((key,), f"has {len(list(servers))} servers; at most {MAX_SERVERS} are taken")
    problems.raise_any()
    return key, [(name, servers.raw(name)) for name in servers]


def _on_stdio(name: str, at: Section, directory: Path) -> Spec | None:
    if "type" in at and at.raw("type") not in _STDIO:
        at.wrong("type", f"is {said_of(at.raw('type'))}, and there is a 'command'; remove one of the two")
    if "envFile" in at:
        at.wrong("envFile", "is not supported; name the variables in 'env', as ${env:NAME} or ${file:PATH}")
    command = (at.needed_text("command", '"command": "npx"'), *at.texts("args"))
    if starts_this_gateway(command):
        at.wrong("command", "starts this gateway itself, which would start itself again")
    env, cwd = at.text_map("env"), at.text("cwd")
    for key, words in (("command", command), ("env", (*env, *env.values())), ("cwd", (cwd,))):
        if any("\0" in word for word in words):
            at.wrong(key, "has a NUL character in it; remove it")
    hidden = {str(word) for word in (*command, *env.values()) if isinstance(word, Substituted)}
    hidden |= {str(value) for value in env.values() if len(value) >= _LEAST_HIDDEN}  # often a key in plain
    launch = Launch(
        command=command,
        env=env,
        cwd=directory / Path(cwd).expanduser() if cwd else None,
        hidden=tuple(sorted(hidden)),
    )
    return StdioSpec(name=name, address=shlex.join(as_written(word) for word in command), launch=launch)


def _over_http(name: str, at: Section) -> Spec | None:
    key = next((key for key in URL_KEYS if key in at), "")
    if at.raw("type") == "sse":
        at.wrong("type", "is 'sse', a transport that MCP has given up; use the server's Streamable HTTP URL")
    elif "type" in at and at.raw("type") not in _HTTP:
        at.wrong("type", f"must be http or streamable-http, not {said_of(at.raw('type'))}")
    elif not key:
        at.missing("command", '"command": "npx", or "url": "https://docs.example/mcp"')
    if not key:
        return None
    found = at.converted(key, url, "", "a URL such as https://docs.example/mcp, without credentials")
    return HttpSpec(
        name=name,
        address=as_written(found).partition("?")[0],  # keys hide in queries
        url=found,
        headers=at.text_map("headers"),
    )
