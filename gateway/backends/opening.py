"""One attempt to reach one backend: start its process if it is ours, connect, and say what went wrong."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from gateway.backends.children import Child, running
from gateway.backends.credentials import OAuthCredentials, credentials_of
from gateway.backends.timing import Timing
from gateway.core.spec import GrpcSpec, Launch, OAuthSpec, Spec, StdioSpec
from toolward.auth import new_secret
from toolward.auth.on_behalf import OnBehalf
from toolward.auth.subject_tokens import SubjectTokens
from toolward.client.grpc import GrpcClient
from toolward.errors import InvalidResult, ToolwardError, Unavailable
from toolward.outbound.reach import Reach
from toolward.types import ToolProvider

log = logging.getLogger(__name__)

TOKEN = "TOOLWARD_TOKEN"  # noqa: S105 -- the name of the variable by which a server learns its token
PRINCIPAL_KEY = "TOOLWARD_PRINCIPAL_KEY"
"""The variable by which a server learns the key that we sign with, for whom we call."""

_STEP = 0.05
_SHARE = 0.9  # of the time to connect: the client gives up before its caller, because it can say more


class Opening:
    """Use `provider` once, then ask `explain` what an error means. With `starts`, a server that has a command is
    started; without, it is expected to run. `tell` hears why it failed before the process is stopped, which may
    take its time."""

    def __init__(
        self,
        spec: Spec,
        logs: Path,
        timing: Timing,
        tell: Callable[[str], None],
        *,
        starts: bool,
        subjects: SubjectTokens | None = None,
    ) -> None:
        self._spec = spec
        self._subjects = subjects
        self._logs = logs
        self._timing = timing
        self._tell = tell
        self._starts = starts
        self._problem = ""
        self._give_up = 0.0  # by the loop's clock
        self.child: Child | None = None
        ours = isinstance(spec, StdioSpec) or (spec.start is not None and starts)
        key = spec.principal_key or (new_secret() if spec.on_behalf_of and ours else "")
        self._keys = {PRINCIPAL_KEY: key} if key else {}
        self.on_behalf = OnBehalf(key) if key else None
        """Signs for whom we call, where this server is told; the key is a new one for each start of ours."""

    def load(self) -> None:
        """Import what such a backend needs, before its time to connect begins: a second, and several on a busy
        machine, which would be lacking to the first backend."""
        if not isinstance(self._spec, GrpcSpec):
            import_module("gateway.backends.mcp")

    @asynccontextmanager
    async def provider(self) -> AsyncGenerator[ToolProvider]:
        """Enter and leave in one task. Raises ToolwardError."""
        self._give_up = _now() + self._timing.connect * _SHARE
        async with AsyncExitStack() as stack:
            try:
                provider = await self._open(stack, self._spec)
            except Exception as error:
                self._problem = await self.explain(error)
                self._tell(self._problem)
                raise
            yield provider

    async def explain(self, error: Exception) -> str:
        """Why there is no connection: words that go on from "crm is not running: "."""
        if self._problem:
            return self._problem
        if isinstance(error, TimeoutError):  # by now we have stopped its process
            return f"it did not answer within {self._timing.connect:g} s"
        refused = isinstance(
            error, InvalidResult
        )  # likewise stopped: how it ended would hide what it answered
        if not refused and self.child is not None and (words := await self.child.obituary()):
            return words
        if isinstance(error, ToolwardError):
            said = error.message.removeprefix(f"{self._spec.name} ").rstrip(".")
            return f"{said}. {error.hint.rstrip('.')}" if error.hint else said
        log.error("connecting to the backend %s failed", self._spec.name, exc_info=error)
        return f"an error of ours, {type(error).__name__}; the log has it"

    async def _open(self, stack: AsyncExitStack, spec: Spec) -> ToolProvider:
        if spec.on_behalf_of and self.on_behalf is None:  # its tools would act for the gateway, for anybody
            raise Unavailable(
                "it is to be told for whom we call, and there is no key for that",
                hint="Give it a principal_key.",
            )
        if isinstance(spec, GrpcSpec):
            token = spec.token
            if spec.start is not None and self._starts:
                host, _, port = spec.target.rpartition(":")
                token = await self._start(stack, spec.start, spec.token, host.strip("[]"), int(port))
            client = GrpcClient(
                spec.target,
                token,
                timeout=self._timing.connect,
                reach=Reach(spec.networks),
                credentials=await self._credentials(stack, spec.oauth),
            )
            return await stack.enter_async_context(client)
        from gateway.backends.mcp import over_http, over_stdio  # a second of imports, for those who need it

        if isinstance(spec, StdioSpec):
            launch = _with(spec.launch, self._keys)
            launched = running(launch, spec.name, self._logs, pipes=True, grace=self._timing.grace)
            self.child = await stack.enter_async_context(launched)
            return await stack.enter_async_context(over_stdio(spec, self.child, self._left()))
        url = urlsplit(spec.url)
        port = url.port or (443 if url.scheme == "https" else 80)
        token = await self._start(stack, spec.start, spec.token, url.hostname or "", port)
        credentials = await self._credentials(stack, spec.oauth)
        return await stack.enter_async_context(over_http(spec, token, self._left(), credentials))

    async def _credentials(self, stack: AsyncExitStack, spec: OAuthSpec | None) -> OAuthCredentials | None:
        return await stack.enter_async_context(credentials_of(self._spec.name, spec, self._subjects))

    def _left(self) -> float:
        return max(self._give_up - _now(), _STEP)

    async def _start(
        self, stack: AsyncExitStack, start: Launch | None, token: str, host: str, port: int
    ) -> str:
        """Start the server, if it is ours to start, and wait until it listens. Gives the token to call it with."""
        if start is None or not self._starts:
            return token
        if await _accepts(host, port):  # it would get our token
            said = f"it cannot be started: another program listens on {host}:{port}"
            raise Unavailable(said, hint="Stop that program, or give the server another port.")
        token = token or new_secret()
        launch = _with(start, {TOKEN: token, **self._keys})
        launched = running(launch, self._spec.name, self._logs, pipes=False, grace=self._timing.grace)
        self.child = await stack.enter_async_context(launched)
        while not await _accepts(host, port):
            if self.child.has_ended:
                raise Unavailable("it ended before it listened")
            await asyncio.sleep(_STEP)
        return token


def _with(launch: Launch, secrets: Mapping[str, str]) -> Launch:
    """With these in its environment, and never shown."""
    return msgspec.structs.replace(
        launch, env={**launch.env, **secrets}, hidden=(*launch.hidden, *secrets.values())
    )


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _accepts(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
