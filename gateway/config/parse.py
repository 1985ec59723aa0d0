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
  hr: {url: https://hr.corp.example/mcp, networks: [10.1.0.0/16]} # where a name may lead, beside public addresses
  erp:
    url: https://erp.example/mcp
    oauth: {token_url: https://login.example/token, client_id: us, client_secret: "${env:ERP_SECRET}"}
mcp_servers: [~/.cursor/mcp.json, mcp]  # files of desktop clients, or folders of them
models:
  default: {wire: openai_chat, base_url: https://api.example/v1, model: some-model, api_key: ${env:KEY}}
  strong: {wire: anthropic_messages, model: some-other, api_key: ${env:OTHER_KEY}, prices: {input: 3, output: 15}}
agents: [agents]                    # files, or folders of them; left out = the shipped ones
policies: [policies/mine.yaml]      # left out = the shipped default; [] = nothing is allowed
principals:
  - {id: ada, roles: [support], token: ${file:ada.token}}
gateways:
  - {id: east, key: ${file:east.key}, roles: [support]}           # a principal that says for whom it calls
http: 127.0.0.1:8700
grpc: 127.0.0.1:8701
lock: require                       # no tool that is not in tools.lock; left out = pinned when first seen; or off
ledger:
  checkpoints: /mnt/elsewhere/checkpoints.jsonl   # left out = checkpoints.jsonl in the home directory
  keep_words_days: 90                             # left out = for ever
tls: {certificate: tls/cert.pem, key: tls/key.pem, client_ca: tls/clients.pem, clients: optional}
identity: {resource: https://tools.example/mcp, providers: [{issuer: https://id.example, roles: {staff: support}}]}
budgets: [{principals: ["role:support"], tokens_per_day: 2_000_000, cost_per_day: 5.00}]   # of models
mcp: {tool_search: 200, pinned: [crm.get_record]}   # what clients of MCP are listed where there are many tools
limits: {calls: 512, requests_per_second: 50, burst: 200}                                 # of the doors
inbox: {reminders: [{url: https://hooks.example/toolward, secret: "${env:WEBHOOK_SECRET}", after: 1h}]}
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast, get_args

from gateway.config.backends import BackendsReader
from gateway.config.budgets import read_budgets
from gateway.config.convert import address
from gateway.config.gateways import read_gateways
from gateway.config.identity import read_identity
from gateway.config.limits import read_limits
from gateway.config.lockfile import NAME as LOCK_NAME
from gateway.config.mcp_doors import read_mcp
from gateway.config.mcp_servers import McpServersReader
from gateway.config.models import read_model
from gateway.config.principals import read_principals
from gateway.config.reader import Problems, Section, said_of
from gateway.config.reminders import read_reminders
from gateway.config.secrets import substitute
from gateway.config.settings import (
    GRPC,
    HTTP,
    Settings,
)
from gateway.config.shipped import agent_files, shipped_agents, shipped_policies
from gateway.config.source import Place, YamlSource, load_yaml
from gateway.config.tls import read_tls
from gateway.config.trust import digest_of
from gateway.core.built_in import OURS
from gateway.core.lock import LockMode
from toolward.errors import ConfigurationError

VERSION = 1


def read_settings(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises ConfigurationError that lists every mistake in the file, a line for each."""
    path = path.absolute()
    files: list[Path] = []  # of secrets
    source, unfilled = substitute(load_yaml(path), environment, path.resolve().parent, files)
    problems = Problems(source)
    for place, said in unfilled:
        problems.add_only(place, said)
    settings = _File(problems, source, path, environment, files).settings()
    problems.raise_any()
    return settings


class _File:
    def __init__(
        self,
        problems: Problems,
        source: YamlSource,
        path: Path,
        environment: Mapping[str, str],
        files: list[Path],
    ) -> None:
        self._problems = problems
        self._source = source
        self._environment = environment
        self._directory = path.resolve().parent
        self._watched = [path]
        self._secret_files = files
        self._root = Section(problems, (), source.data)
        if not isinstance(source.data, dict):
            problems.raise_any()

    def settings(self) -> Settings:
        root = self._root
        root.only(
            "version", "backends", "mcp_servers", "models", "agents", "policies", "principals", "http", "grpc",
            "lock", "ledger", "inbox", "budgets", "gateways", "tls", "identity", "mcp", "limits",
        )  # fmt: skip
        self._check_version()
        reader = BackendsReader(self._problems, self._directory)
        for name, at in root.section("backends").members():
            reader.read(name, at)
        imported = self._mcp_servers(reader)
        backends = (*reader.backends, *imported.backends)
        agents = self._agents() if "agents" in root else shipped_agents()
        tls, identity = read_tls(root, self._directory), read_identity(root, self._directory)
        policies = self._policies() if "policies" in root else shipped_policies()
        return Settings(
            source=self._source.file,
            backends=backends,
            facts=reader.facts,
            trusted_annotations=frozenset(reader.trusted),
            models=tuple(read_model(name, at) for name, at in root.section("models").members()),
            agents=agents,
            policies=policies,
            gateways=read_gateways(root),
            principals=read_principals(root, by_certificate=tls is not None and tls.client_ca is not None),
            tls=tls,
            identity=identity.providers,
            resource=identity.resource,
            http=root.converted("http", address, HTTP, "an address such as 127.0.0.1:8700"),
            grpc=root.converted("grpc", address, GRPC, "an address such as 127.0.0.1:8701"),
            lock=cast(LockMode, root.one_of("lock", *get_args(LockMode))) if "lock" in root else "first-use",
            lock_file=self._directory / LOCK_NAME,
            notes=tuple(imported.notes),
            watched=(*self._watched, *self._secret_files, *imported.secret_files, *agents, *policies),
            digest=digest_of((self._source, *imported.sources), backends),
            checkpoints=self._checkpoints(),
            keep_words_days=self._root.section("ledger").count("keep_words_days", 0, least=0, most=36_500),
            reminders=read_reminders(root.section("inbox")),
            budgets=read_budgets(root),
            mcp=read_mcp(root.section("mcp")),
            limits=read_limits(root),
        )

    def _mcp_servers(self, own: BackendsReader) -> McpServersReader:
        taken = {spec.name: f"the backend of {self._source.file}" for spec in own.backends}
        taken |= {name: f"the gateway itself ({why})" for name, why in OURS.items()}
        reader = McpServersReader(self._environment, taken)
        for index, text in enumerate(self._root.texts("mcp_servers")):
            place: Place = ("mcp_servers", index)
            path = self._directory / Path(text).expanduser()
            self._watched.append(path)
            inside = sorted(path.glob("*.json")) if path.is_dir() else [path]
            for file in inside:
                if file is not path:
                    self._watched.append(file)
                elif not self._is_there(path, place):
                    continue
                try:
                    reader.read(file)
                except ConfigurationError as error:
                    self._problems.add_file(error)
        return reader

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
                self._watched.append(path)
                found += agent_files(path)
            elif self._is_there(path, ("agents", index)):
                found.append(path)
        return tuple(found)

    def _policies(self) -> tuple[Path, ...]:
        paths = [self._directory / Path(text).expanduser() for text in self._root.texts("policies")]
        return tuple(path for index, path in enumerate(paths) if self._is_there(path, ("policies", index)))

    def _checkpoints(self) -> Path | None:
        at = self._root.section("ledger")
        at.only("checkpoints", "keep_words_days")
        named = at.text("checkpoints")
        return self._directory / Path(named).expanduser() if named else None

    def _is_there(self, path: Path, place: Place) -> bool:
        if path.is_file():
            return True
        self._problems.add(place, f"names {path}, and there is no such file; mend the path, or remove it")
        return False
