"""The section `backends` of `toolward.yaml`: how each tool server is reached or started, and what is known of its
tools."""

import shlex
from pathlib import Path

import msgspec

from gateway.config.convert import BY_NAME, networks, target, url
from gateway.config.oauth import read_oauth
from gateway.config.reader import Problems, Section
from gateway.config.secrets import Substituted, as_written
from gateway.core.built_in import OURS
from gateway.core.catalog import ToolFacts
from gateway.core.spec import CALL_TIMEOUT, CONCURRENCY, QUEUE, GrpcSpec, HttpSpec, Launch, Spec, StdioSpec
from toolward.auth.on_behalf import SHORTEST_KEY
from toolward.names import BACKEND_NAME, qualify

_KINDS = ("command", "url", "grpc")
_ON_SOCKET = ("token", "oauth", "start", "networks")
_COMMON = ("timeout", "concurrency", "queue", "trust_annotations", "facts", "on_behalf_of", "principal_key")
_LAUNCH = ("env", "cwd")


class BackendsReader:
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
        elif name in OURS:
            self._problems.add(at.place, f"has a name that is taken: {OURS[name]}; give it another one")
        kinds = [kind for kind in _KINDS if kind in at]
        if len(kinds) == 1:
            timeout = at.seconds("timeout", CALL_TIMEOUT)
            read = _READ[kinds[0]](self, name, at, timeout)
            self.backends.append(self._for_whom(_bounded(read, at), at))
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
        found = at.converted("url", url, "", "a URL such as http://127.0.0.1:8740/mcp, without credentials")
        return HttpSpec(
            name=name,
            address=as_written(found).partition("?")[0],  # keys hide in queries
            url=found,
            token=at.text("token", secret=True),
            headers=at.text_map("headers"),
            oauth=read_oauth(at),
            networks=networks(at),
            start=self._start(at),
            timeout=timeout,
        )

    def grpc(self, name: str, at: Section, timeout: float) -> Spec:
        at.only("grpc", *_ON_SOCKET, *_LAUNCH, *_COMMON)
        example = f"HOST:PORT, such as 127.0.0.1:8731 or {BY_NAME}tools.internal:8731"
        found = at.converted("grpc", target, "", example)
        if found.startswith(BY_NAME) and "start" in at:
            at.wrong("start", f"starts one server, and {BY_NAME} names any number of them; write HOST:PORT")
        return GrpcSpec(
            name=name,
            address=as_written(found),
            target=found,
            token=at.text("token", secret=True),
            oauth=read_oauth(at),
            networks=networks(at),
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


_READ = {"command": BackendsReader.stdio, "url": BackendsReader.http, "grpc": BackendsReader.grpc}


def _bounded(spec: Spec, at: Section) -> Spec:
    """How many calls it gets at once, and how many may wait for that."""
    concurrency = at.count("concurrency", CONCURRENCY, least=1, most=10_000)
    queue = at.count("queue", QUEUE, least=0, most=100_000)
    return msgspec.structs.replace(spec, concurrency=concurrency, queue=queue)


def _facts(at: Section) -> ToolFacts:
    at.only("changes", "idempotent", "keeps_keys")
    return ToolFacts(
        changes=at.flag("changes", True),
        idempotent=at.flag("idempotent", False),
        keeps_keys=at.flag("keeps_keys", False),
    )
