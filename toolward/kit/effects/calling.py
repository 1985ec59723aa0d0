"""Calling the tools of a server that take a Transaction or an Effect."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeAlias, get_args, get_origin

from toolward.errors import ConfigurationError
from toolward.kit.effects.elsewhere import Effect, Evidence, NotDone
from toolward.kit.effects.once import Effects, KeyedCall
from toolward.kit.effects.writing import Transaction
from toolward.types import ToolResult

OpenEffects: TypeAlias = "Callable[[Any], Effects[Any]]"
AsResult = Callable[[Any], ToolResult]


class ChangeParameter(NamedTuple):
    """The parameter by which a tool changes things. `evidence` is None for a Transaction."""

    name: str
    evidence: type[Evidence[Any]] | None


def change_parameter(hints: Mapping[str, Any], parameters: Iterable[str]) -> ChangeParameter | None:
    """Raises ConfigurationError where there are two, or an Effect has no evidence."""
    found = [name for name in parameters if _origin(hints[name]) in (Transaction, Effect)]
    if not found:
        return None
    if len(found) > 1:
        raise ConfigurationError(
            f"A tool takes {' and '.join(found)}: one of them cannot be undone when the other fails.",
            hint="Make two tools of it.",
        )
    hint = hints[found[0]]
    if _origin(hint) is Transaction:
        return ChangeParameter(found[0], None)
    kind = next(iter(get_args(hint)), None)
    if not isinstance(kind, type) or not issubclass(kind, Evidence):
        raise ConfigurationError(
            f"The parameter {found[0]} does not say what evidence its effect leaves.",
            hint="Write Effect[MyEvidence], where MyEvidence is a dataclass over toolward.kit.Evidence.",
        )
    return ChangeParameter(found[0], kind)


def _origin(hint: Any) -> Any:
    return get_origin(hint) or hint


class KeyedCalls:
    """What one server's tools change, from its start to its end."""

    def __init__(self) -> None:
        self.open_with: OpenEffects | None = None
        self._effects: Effects[Any] | None = None
        self._state: Any = None

    @asynccontextmanager
    async def running(self, state: Any, tools: Iterable[str]) -> AsyncGenerator[None]:
        """`tools` are those that change things. Raises ConfigurationError where nothing keeps their keys."""
        if self.open_with is None and (names := ", ".join(tools)):
            raise ConfigurationError(
                f"Nothing says where the changes of {names} are kept.",
                hint="Decorate a function from the server's state to its Effects with @server.effects.",
            )
        self._state = state
        try:
            yield
        finally:
            effects, self._effects, self._state = self._effects, None, None
            if effects is not None:
                await effects.close()

    async def call(
        self,
        call: KeyedCall,
        parameter: ChangeParameter,
        function: Callable[..., Awaitable[Any]],
        as_result: AsResult,
        state: Any,
    ) -> ToolResult:
        """`function` waits for nothing but the parameter; `state` is the call's."""
        effects = self._opened(state)

        async def change(given: Any) -> ToolResult:
            return as_result(await function(**{parameter.name: given}))

        async def recover(evidence: Evidence[Any]) -> ToolResult | NotDone:
            found = await evidence.recover(state)
            return found if isinstance(found, NotDone) else as_result(found)

        if parameter.evidence is None:
            return await effects.change(call, change)
        return await effects.perform(call, parameter.evidence, change, recover)

    def _opened(self, state: Any) -> Effects[Any]:
        """Opened at the first call: a server that only lists its tools starts sooner. Those of a state that a call
        was given are kept, and closed, by whoever keeps that state."""
        if self.open_with is None:
            raise ConfigurationError("The server is not running.", hint="Call it in `async with running()`.")
        if state is not self._state:
            return self.open_with(state)
        if self._effects is None:
            self._effects = self.open_with(state)
        return self._effects
