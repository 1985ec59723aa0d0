"""The functions that a server is written with: `async def`, or `def` for work that blocks."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar, cast, get_origin

from toolward.errors import ConfigurationError
from toolward.kit.context import Context

Function = Callable[..., Any]
FunctionT = TypeVar("FunctionT", bound=Function)


def as_async(function: Function, what: str) -> Callable[..., Coroutine[Any, Any, Any]]:
    """An `async def` as it is; a plain `def` in a worker's thread, where it blocks nobody. A call that is stopped
    does not wait for the thread, which cannot be stopped and goes on alone. Raises ConfigurationError."""
    if inspect.iscoroutinefunction(function):
        return cast(Callable[..., Coroutine[Any, Any, Any]], function)
    if not inspect.isroutine(function) or inspect.isgeneratorfunction(function) or _is_asyncgen(function):
        raise ConfigurationError(f"{what} is neither an `async def` nor a `def` that returns its result.")

    @wraps(function)
    async def in_worker(**keywords: Any) -> Any:
        return await asyncio.to_thread(function, **keywords)

    return in_worker


def _is_asyncgen(function: Function) -> bool:
    return inspect.isasyncgenfunction(function)


def context_parameter(hints: dict[str, Any]) -> str | None:
    """The parameter that is annotated `Context[…]`."""
    return next(
        (name for name, hint in hints.items() if hint is Context or get_origin(hint) is Context), None
    )
