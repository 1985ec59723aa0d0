"""`toolward.yaml` -> Settings, strictly: unknown keys are refused, and every mistake is told with file and line.

version: 1
backends:
  calculator: {command: [toolserver, calculator]}                 # MCP over stdio
  crm:
    url: http://127.0.0.1:8740/mcp                                # MCP over Streamable HTTP
    token: ${env:CRM_TOKEN}
    start: [toolserver, crm, --http, "127.0.0.1:8740"]            # what starts it, if this gateway does
    on_behalf_of: true                                            # it is told for whom each call is made
    facts: {refund_payment: {changes: true, keeps_keys: true}}
  files: {grpc: "127.0.0.1:8731", timeout: 10}                    # gRPC
models:
  default: {wire: openai_chat, base_url: https://api.example/v1, model: some-model, api_key: ${env:KEY}}
agents: [agents]                    # files, or folders of them; left out = the shipped ones
policies: [policies/mine.yaml]      # left out = the shipped default; [] = nothing is allowed
principals:
  - {id: ada, roles: [support], token: ${file:ada.token}}
http: 127.0.0.1:8700
grpc: 127.0.0.1:8701
"""

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from gateway.config.reader import Problems, Section, said_of
from gateway.config.secrets import Substituted, as_written, substitute
from gateway.config.settings import (
    CALL_TIMEOUT,
    GRPC,
    HTTP,
    MODEL_TIMEOUT,
    ModelSettings,
    PrincipalSettings,
    Settings,
)
from gateway.config.shipped import agent_files, shipped_agents, shipped_policies
from gateway.config.source import Place, load_yaml
from gateway.core.catalog import ToolFacts
from gateway.core.spec import GrpcSpec, HttpSpec, Launch, Spec, StdioSpec
from toolward.auth.on_behalf import SHORTEST_KEY
from toolward.doors.address import Address, parse_address
from toolward.errors import ConfigurationError
from toolward.names import BACKEND_NAME, qualify
from toolward.types import Json

VERSION = 1
LOCAL = PrincipalSettings(id="local", roles=("operator",))
"""The person at this computer, who proves themself by the installation's secret."""

_KINDS = ("command", "url", "grpc")
_ON_SOCKET = ("token", "start")
_COMMON = ("timeout", "trust_annotations", "facts", "on_behalf_of", "principal_key")
_LAUNCH = ("env", "cwd")
_PRINCIPAL_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}")


def read_settings(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises ConfigurationError that lists every mistake in the file, a line for each."""
    source, unfilled = substitute(load_yaml(path), environment, path.resolve().parent)
    problems = Problems(source)
    for place, said in unfilled:
        problems.add_only(place, said)
    settings = _File(problems, source.file, source.data, path.resolve().parent).settings()
    problems.raise_any()
    return settings


class _File:
    def __init__(self, problems: Problems, file: str, data: Json, directory: Path) -> None:
        self._problems = problems
        self._file = file
        self._directory = directory
        self._root = Section(problems, (), data)
        if not isinstance(data, dict):
            problems.raise_any()

    def settings(self) -> Settings:
        root = self._root
        root.only("version", "backends", "models", "agents", "policies", "principals", "http", "grpc")
        self._check_version()
        reader = _Backends(self._problems, self._directory)
        for name, at in root.section("backends").members():
            reader.read(name, at)
        return Settings(
            source=self._file,
            backends=tuple(reader.backends),
            facts=reader.facts,
            trusted_annotations=frozenset(reader.trusted),
            models=tuple(_model(name, at) for name, at in root.section("models").members()),
            agents=self._agents() if "agents" in root else shipped_agents(),
            policies=self._policies() if "policies" in root else shipped_policies(),
            principals=self._principals() if "principals" in root else (LOCAL,),
            http=root.converted("http", _address, HTTP, "an address such as 127.0.0.1:8700"),
            grpc=root.converted("grpc", _address, GRPC, "an address such as 127.0.0.1:8701"),
        )

    def _check_version(self) -> None:
        version = self._root.raw("version")
        if "version" not in self._root:
            self._root.missing("version", f"version: {VERSION}")
        elif version is True or version != VERSION:  # True equals 1
            self._root.wrong("version", f"must be {VERSION}, not {said_of(version)}")

    def _agents(self) -> tuple[Path, ...]:
        found: list[Path] = []
        for index, text in enumerate(self._root.texts("agents")):
            path = self._directory / Path(text).expanduser()
            if path.is_dir():
                found += agent_files(path)
            elif self._is_there(path, ("agents", index)):
                found.append(path)
        return tuple(found)

    def _policies(self) -> tuple[Path, ...]:
        paths = [self._directory / Path(text).expanduser() for text in self._root.texts("policies")]
        return tuple(path for index, path in enumerate(paths) if self._is_there(path, ("policies", index)))

    def _is_there(self, path: Path, place: Place) -> bool:
        if path.is_file():
            return True
        self._problems.add(place, f"names {path}, and there is no such file; mend the path, or remove it")
        return False

    def _principals(self) -> tuple[PrincipalSettings, ...]:
        found: list[PrincipalSettings] = []
        for at in self._root.sections("principals"):
            at.only("id", "roles", "tenant", "token")
            one = PrincipalSettings(
                id=at.needed_text("id", "id: ada"),
                roles=at.texts("roles"),
                tenant=at.text("tenant", "default"),
                token=at.text("token", secret=True),
            )
            for key, word in (
                ("id", one.id),
                ("tenant", one.tenant),
                *(("roles", role) for role in one.roles),
            ):
                if word and not _PRINCIPAL_WORD.fullmatch(word):
                    at.wrong(key, f"has {word!r}; use A-Z, a-z, 0-9 and _.@-, at most 128")
            if any(one.id == other.id for other in found):
                at.wrong("id", f"is {one.id!r} a second time; every principal has an id of its own")
            if one.token and any(one.token == other.token for other in found):
                at.wrong("token", "is the token of another principal; every principal has its own")
            found.append(one)
        return tuple(found)


class _Backends:
    """The backends of a file, and what it says of their tools."""

    def __init__(self, problems: Problems, directory: Path) -> None:
        self._problems = problems
        self._directory = directory
        self.backends: list[Spec] = []
        self.facts: dict[str, ToolFacts] = {}
        self.trusted: set[str] = set()

    def read(self, name: str, at: Section) -> None:
        if not BACKEND_NAME.fullmatch(name):
            said = "is no name for a backend; use a-z, 0-9 and -, at most 32 of them, a letter first"
            self._problems.add(at.place, said)
        kinds = [kind for kind in _KINDS if kind in at]
        if len(kinds) == 1:
            timeout = at.seconds("timeout", CALL_TIMEOUT)
            read = _READ[kinds[0]](self, name, at, timeout)
            self.backends.append(self._for_whom(read, at))
        else:
            at.only(*_KINDS, *_ON_SOCKET, *_LAUNCH, *_COMMON)
            how = f"has {' and '.join(map(repr, kinds))}" if kinds else "does not say how it is reached"
            self._problems.add(at.place, f"{how}; give it one of 'command', 'url' or 'grpc'")
        if at.flag("trust_annotations", False):
            self.trusted.add(name)
        for tool, of_tool in at.section("facts").members():
            self.facts[qualify(name, tool)] = _facts(of_tool)

    def _for_whom(self, spec: Spec, at: Section) -> Spec:
        """Whether this server is told for whom we call, and by which key it believes that."""
        key = at.text("principal_key", secret=True)
        told = at.flag("on_behalf_of", bool(key))
        if key and len(key) < SHORTEST_KEY:
            at.wrong(
                "principal_key",
                f"must have {SHORTEST_KEY} characters or more (openssl rand -base64 32)",
            )
        starts = isinstance(spec, StdioSpec) or spec.start is not None
        if told and not key and not starts:
            at.wrong(
                "on_behalf_of", "needs a 'principal_key' here, for the server is not started by this gateway"
            )
        return msgspec.structs.replace(spec, on_behalf_of=told, principal_key=key if told else "")

    def stdio(self, name: str, at: Section, timeout: float) -> Spec:
        at.only("command", *_LAUNCH, *_COMMON)
        launch = self._launch(at, "command")
        address = shlex.join(as_written(word) for word in launch.command)
        return StdioSpec(name=name, address=address, launch=launch, timeout=timeout)

    def http(self, name: str, at: Section, timeout: float) -> Spec:
        at.only("url", *_ON_SOCKET, "headers", *_LAUNCH, *_COMMON)
        url = at.converted("url", _url, "", "a URL such as http://127.0.0.1:8740/mcp, without credentials")
        return HttpSpec(
            name=name,
            address=as_written(url).partition("?")[0],  # keys hide in queries
            url=str(url),
            token=at.text("token", secret=True),
            headers=at.text_map("headers"),
            start=self._start(at),
            timeout=timeout,
        )

    def grpc(self, name: str, at: Section, timeout: float) -> Spec:
        at.only("grpc", *_ON_SOCKET, *_LAUNCH, *_COMMON)
        target = at.converted("grpc", _target, "", "HOST:PORT, such as 127.0.0.1:8731")
        return GrpcSpec(
            name=name,
            address=as_written(target),
            target=str(target),
            token=at.text("token", secret=True),
            start=self._start(at),
            timeout=timeout,
        )

    def _start(self, at: Section) -> Launch | None:
        if "start" in at:
            return self._launch(at, "start")
        for key in _LAUNCH:
            if key in at:
                at.wrong(key, "is for a process that this gateway starts; add 'start', or remove it")
        return None

    def _launch(self, at: Section, key: str) -> Launch:
        command = at.texts(key)
        if at.raw(key) == []:
            at.wrong(key, "is empty; write the program and its arguments as a list")
        env = at.text_map("env")
        cwd = at.text("cwd")
        return Launch(
            command=command,
            env=env,
            cwd=self._directory / Path(cwd).expanduser() if cwd else None,
            hidden=tuple(str(value) for value in (*command, *env.values()) if isinstance(value, Substituted)),
        )


_READ = {"command": _Backends.stdio, "url": _Backends.http, "grpc": _Backends.grpc}


def _facts(at: Section) -> ToolFacts:
    at.only("changes", "idempotent", "keeps_keys")
    return ToolFacts(
        changes=at.flag("changes", True),
        idempotent=at.flag("idempotent", False),
        keeps_keys=at.flag("keeps_keys", False),
    )


def _model(name: str, at: Section) -> ModelSettings:
    wire = at.one_of("wire", "openai_chat", "offline")
    if wire == "offline":
        at.only("wire")
        return ModelSettings(name=name, wire="offline")
    at.only("wire", "base_url", "model", "api_key", "timeout")
    if "base_url" not in at:
        at.missing("base_url", "base_url: https://api.example/v1")
    return ModelSettings(
        name=name,
        wire="openai_chat",
        base_url=str(at.converted("base_url", _url, "", "a URL such as https://api.example/v1")),
        model=at.needed_text("model", "model: the-model"),
        api_key=at.text("api_key", secret=True),
        timeout=at.seconds("timeout", MODEL_TIMEOUT),
    )


def _url(text: str) -> str:
    """Raises ValueError."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError(text)
    _ = parts.port  # raises where it is none
    return text


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except ConfigurationError:
        raise ValueError(text) from None


def _target(text: str) -> str:
    if not text.rpartition(":")[0] or _address(text).port == 0:
        raise ValueError(text)
    return text
