"""A tool server: named functions behind the ToolProvider interface."""

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar, overload

from toolward.doors.eager import Begun
from toolward.errors import (
    ConfigurationError,
    DeadlineExceeded,
    Internal,
    ToolError,
    ToolwardError,
    UnknownTool,
)
from toolward.kit.changes import Changes
from toolward.kit.context import Context
from toolward.kit.effects.calling import AsResult, KeyedCalls, OpenEffects
from toolward.kit.effects.once import keyed
from toolward.kit.functions import Function, FunctionT
from toolward.kit.paging import page
from toolward.kit.prompts import Prompts
from toolward.kit.reply import as_result, bounded
from toolward.kit.resources import Resources
from toolward.kit.settings import NoSettings
from toolward.kit.signature import Signature
from toolward.names import TOOL_NAME, closest
from toolward.schema import MAX_BYTES, Schema, check_arguments, parse_object
from toolward.types import (
    CallContext,
    JsonObject,
    Principal,
    ServerInfo,
    Tool,
    ToolCall,
    ToolPage,
    ToolResult,
    text_result,
)

log = logging.getLogger(__name__)

SettingsT = TypeVar("SettingsT")
Lifespan = Callable[[SettingsT], AsyncGenerator[Any, None]]
Go = Callable[[Any], Awaitable[ToolResult]]
"""Makes the call, with what it is given as the call's `ctx.state`."""
Around = Callable[[Any, Principal, ToolCall, Go], Coroutine[Any, Any, ToolResult]]

DEFAULT_DEADLINE = 30.0  # seconds for one call


class _Registered(NamedTuple):
    tool: Tool
    schema: Schema
    signature: Signature
    deadline: float
    max_bytes: int


class ToolServer(Generic[SettingsT]):
    """Tools under one name, served together. It is a ToolProvider; `toolward.doors` serves it.

    `settings` is a frozen dataclass whose fields become flags and environment variables
    (`toolward.kit.settings`).
    """

    def __init__(
        self,
        name: str,
        *,
        version: str = "0.1.0",
        title: str = "",
        instructions: str = "",
        settings: type[SettingsT] = NoSettings,
        commands: Mapping[str, str] | None = None,
    ) -> None:
        """`commands` are words that may follow the server's name on the command line (`toolserver crm world …`),
        each with the function that it calls: `my_package.my_module:main`, imported then, which takes the rest of
        the arguments and whose int, if any, is the exit code."""
        self.info = ServerInfo(name, version, title, instructions)
        self.settings = settings
        self.commands = dict(commands or {})
        self._tools: dict[str, _Registered] = {}
        self._lifespan: Lifespan[SettingsT] | None = None
        self._state: Any = None
        self._resources = Resources(self._context)
        self._prompts = Prompts(self._context)
        self._keyed = KeyedCalls()
        self._around: Around | None = None
        self._changes = Changes()

    @overload
    def tool(self, function: FunctionT, /) -> FunctionT: ...
    @overload
    def tool(
        self,
        /,
        *,
        name: str | None = None,
        title: str | None = None,
        annotations: JsonObject | None = None,
        deadline: float = DEFAULT_DEADLINE,
        max_bytes: int = MAX_BYTES,
    ) -> Callable[[FunctionT], FunctionT]: ...
    def tool(
        self,
        function: FunctionT | None = None,
        /,
        *,
        name: str | None = None,
        title: str | None = None,
        annotations: JsonObject | None = None,
        deadline: float = DEFAULT_DEADLINE,
        max_bytes: int = MAX_BYTES,
    ) -> FunctionT | Callable[[FunctionT], FunctionT]:
        """Offer a function as a tool; its docstring is the description. A plain `def`, for work that blocks, runs
        in a worker's thread.

        `annotations` are MCP's hints (`readOnlyHint`, `destructiveHint`, `idempotentHint`); `deadline` is in
        seconds; `max_bytes` bounds the arguments, and the result. Raises ConfigurationError for a name that MCP
        does not allow or that is taken. May also be called while the server runs: clients are told.
        """

        def register(function: FunctionT) -> FunctionT:
            self._register(name or function.__name__, function, title, annotations, deadline, max_bytes)
            return function

        return register if function is None else register(function)

    def remove_tool(self, name: str) -> None:
        """No longer offer a tool; calls of it in work go on. Raises UnknownTool."""
        del self._tools[self._find(name).tool.name]
        self._changes.tell()

    def _register(
        self,
        name: str,
        function: Function,
        title: str | None,
        annotations: JsonObject | None,
        deadline: float,
        max_bytes: int,
    ) -> None:
        if not TOOL_NAME.fullmatch(name):
            raise ConfigurationError(f"{name!r} cannot be a tool's name: 1 to 128 of A-Z a-z 0-9 _ . - are.")
        if name in self._tools:
            raise ConfigurationError(f"The server {self.info.name} has two tools named {name}.")
        signature = Signature(function, name)
        tool = Tool(
            name=name,
            description=inspect.getdoc(function) or "",
            input_schema=signature.input_schema,
            output_schema=signature.output_schema,
            title=title,
            annotations=annotations,
        )
        schema = Schema(signature.input_schema, f"input schema of {name}")
        self._tools[name] = _Registered(tool, schema, signature, deadline, max_bytes)
        self._changes.tell()

    def resource(
        self,
        uri: str,
        *,
        name: str | None = None,
        title: str | None = None,
        mime_type: str | None = None,
        annotations: JsonObject | None = None,
        deadline: float = DEFAULT_DEADLINE,
    ) -> Callable[[FunctionT], FunctionT]:
        """Offer what a function gives as the resource at `uri`; with variables (`kb://articles/{id}`) every
        resource of that template, whose variables are the function's parameters. It may give text, bytes,
        ResourceBody (or several), or any value as JSON; raise NotFound where there is nothing.

        Raises ConfigurationError.
        """
        return self._resources.decorate(
            uri, name=name, title=title, mime_type=mime_type, annotations=annotations, deadline=deadline
        )

    @overload
    def prompt(self, function: FunctionT, /) -> FunctionT: ...
    @overload
    def prompt(
        self, /, *, name: str | None = None, title: str | None = None, deadline: float = DEFAULT_DEADLINE
    ) -> Callable[[FunctionT], FunctionT]: ...
    def prompt(
        self,
        function: FunctionT | None = None,
        /,
        *,
        name: str | None = None,
        title: str | None = None,
        deadline: float = DEFAULT_DEADLINE,
    ) -> FunctionT | Callable[[FunctionT], FunctionT]:
        """Offer what a function gives as a prompt: text, content, PromptMessage, or several of them. Its
        parameters are the prompt's arguments, which come as strings. Raises ConfigurationError."""

        def register(function: FunctionT) -> FunctionT:
            return self._prompts.register(function, name, title, deadline)

        return register if function is None else register(function)

    @property
    def resources(self) -> Resources | None:
        """None where there are none, so that no door claims any."""
        return self._resources or None

    @property
    def prompts(self) -> Prompts | None:
        return self._prompts or None

    def _context(self, name: str, principal: Principal, context: CallContext) -> Context[Any]:
        return Context(self._state, principal, "", "", context, name)

    def lifespan(self, opened: Lifespan[SettingsT]) -> Lifespan[SettingsT]:
        """Decorate an async generator that takes the settings and yields the state that tools get as
        `ctx.state`; what follows the yield runs when the server stops."""
        self._lifespan = opened
        return opened

    def effects(self, opened: OpenEffects) -> OpenEffects:
        """Decorate a function from the lifespan's state to the `Effects` in which calls of tools that take a
        Transaction or an Effect are kept with their keys."""
        self._keyed.open_with = opened
        return opened

    def around(self, function: Around) -> Around:
        """Decorate an `async def (state, principal, call, go)` through which every call of a tool goes, once its
        arguments are known to be good: `await go(state)` makes the call and gives its result, all of it done and
        committed. Another state than the lifespan's (one tenant's database) becomes the call's `ctx.state`, and
        `@server.effects` is asked for its Effects at each call: keep and close them with that state. What is
        raised is the caller's, under the tool's deadline."""
        self._around = function
        return function

    def running(self, settings: SettingsT | None = None) -> AbstractAsyncContextManager[None]:
        """While this is open, tools can be called. Raises what the lifespan raises."""
        return self._running(self.settings() if settings is None else settings)

    @asynccontextmanager
    async def _running(self, settings: SettingsT) -> AsyncGenerator[None, None]:
        changing = [name for name, one in self._tools.items() if one.signature.change_parameter]
        async with asynccontextmanager(self._lifespan or _stateless)(settings) as state:
            self._state = state
            try:
                async with self._keyed.running(state, changing):
                    yield
            finally:
                self._state = None

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        found, more = page(self._tools, cursor)
        return ToolPage(tuple(registered.tool for registered in found), more)

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> ToolResult:
        registered = self._find(call.name)
        arguments = parse_object(
            call.arguments_json, f"arguments of {call.name}", max_bytes=registered.max_bytes
        )
        check_arguments(registered.schema, arguments, call.name)
        keywords = registered.signature.bind(call.arguments_json, call.name)

        def go(state: Any) -> Coroutine[Any, Any, ToolResult]:
            return self._call(registered, principal, call, context, arguments, keywords, state)

        state, around = self._state, self._around
        work = partial(go, state) if around is None else partial(around, state, principal, call, go)
        return await self._run(registered, work, context)

    def _call(
        self,
        registered: _Registered,
        principal: Principal,
        call: ToolCall,
        context: CallContext,
        arguments: JsonObject,
        keywords: dict[str, Any],
        state: Any,
    ) -> Coroutine[Any, Any, ToolResult]:
        """Raises InvalidRequest for a key that is too long."""
        signature = registered.signature
        if parameter := signature.context_parameter:
            keywords = keywords | {
                parameter: Context(state, principal, call.call_id, call.idempotency_key, context, call.name)
            }
        function = partial(signature.call, **keywords)

        def result_of(value: Any) -> ToolResult:
            return bounded(as_result(value, signature.encode), call.name, registered.max_bytes)

        if (change := signature.change_parameter) is None:
            return _plainly(function, result_of)
        return self._keyed.call(keyed(principal, call, arguments), change, function, result_of, state)

    async def _run(
        self,
        registered: _Registered,
        work: Callable[[], Coroutine[Any, Any, ToolResult]],
        context: CallContext,
    ) -> ToolResult:
        name = registered.tool.name
        seconds = min(registered.deadline, context.timeout or registered.deadline)
        try:
            until = asyncio.get_running_loop().time() + seconds
            begun = Begun(work())
            if begun.done:
                return begun.value
            async with asyncio.timeout_at(until):
                return await begun.finish()
        except ToolError as error:
            return text_result(str(error), is_error=True)
        except TimeoutError:
            raise DeadlineExceeded(
                f"{name} took longer than {seconds:g} seconds and was stopped.",
                hint="Ask for less at once, or give it more time.",
            ) from None
        except ToolwardError:
            raise
        except Exception:  # a bug in the tool: its details go to our log, never to the caller
            log.exception("the tool %s failed", name)
            raise Internal(f"{name} failed inside.", hint="The server's log says why.") from None

    def _find(self, name: str) -> _Registered:
        if (registered := self._tools.get(name)) is not None:
            return registered
        near = closest(name, self._tools)
        raise UnknownTool(
            f"There is no tool named {name[:128]!r}.",
            hint=f"Did you mean {near!r}?" if near else f"There are: {', '.join(self._tools)}.",
        )

    def watch(self) -> AsyncIterator[None]:
        """Yields after each change of the tools since this was called; several at once may be one."""
        return self._changes.watch()


async def _stateless(_settings: Any) -> AsyncGenerator[None, None]:
    yield


async def _plainly(function: Callable[[], Awaitable[Any]], result_of: AsResult) -> ToolResult:
    return result_of(await function())
