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
ledger: {checkpoints: /mnt/elsewhere/checkpoints.jsonl}   # left out = checkpoints.jsonl in the home directory
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from gateway.config.backends import BackendsReader
from gateway.config.convert import address, url
from gateway.config.reader import Problems, Section, said_of
from gateway.config.secrets import substitute
from gateway.config.settings import (
    GRPC,
    HTTP,
    MODEL_TIMEOUT,
    ModelSettings,
    PrincipalSettings,
    Settings,
)
from gateway.config.shipped import agent_files, shipped_agents, shipped_policies
from gateway.config.source import Place, load_yaml
from toolward.types import Json

VERSION = 1
LOCAL = PrincipalSettings(id="local", roles=("operator",))
"""The person at this computer, who proves themself by the installation's secret."""

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
        root.only(
            "version", "backends", "models", "agents", "policies", "principals", "http", "grpc", "ledger"
        )
        self._check_version()
        reader = BackendsReader(self._problems, self._directory)
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
            http=root.converted("http", address, HTTP, "an address such as 127.0.0.1:8700"),
            grpc=root.converted("grpc", address, GRPC, "an address such as 127.0.0.1:8701"),
            checkpoints=self._checkpoints(),
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

    def _checkpoints(self) -> Path | None:
        at = self._root.section("ledger")
        at.only("checkpoints")
        named = at.text("checkpoints")
        return self._directory / Path(named).expanduser() if named else None

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
        base_url=str(at.converted("base_url", url, "", "a URL such as https://api.example/v1")),
        model=at.needed_text("model", "model: the-model"),
        api_key=at.text("api_key", secret=True),
        timeout=at.seconds("timeout", MODEL_TIMEOUT),
    )
