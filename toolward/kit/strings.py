"""Functions whose arguments come as strings: the variables of a URI, the arguments of a prompt."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from pydantic import ConfigDict
from pydantic.experimental.arguments_schema import generate_arguments_schema
from pydantic_core import SchemaValidator, ValidationError

from toolward.errors import (
    ConfigurationError,
    DeadlineExceeded,
    Internal,
    InvalidRequest,
    ToolError,
    ToolwardError,
)
from toolward.kit.context import Context
from toolward.kit.functions import Function, as_async, context_parameter
from toolward.kit.signature import violations_of
from toolward.schema import invalid_arguments
from toolward.types import CallContext, Principal

log = logging.getLogger(__name__)

MakeContext = Callable[[str, Principal, CallContext], Context[Any]]
"""The context for a thing of this name."""


class Parameter(NamedTuple):
    name: str
    description: str | None
    required: bool


class StringFunction:
    """A function that is called with strings, which become the types that it declares."""

    def __init__(self, function: Function, what: str, deadline: float) -> None:
        """`what` names it in errors; `deadline` is in seconds. Raises ConfigurationError."""
        hints = get_type_hints(function, include_extras=True)
        self.returns = hints.pop("return", None)
        self.description = inspect.getdoc(function)
        self._what = what
        self._deadline = deadline
        self._function = as_async(function, what)
        self._context = context_parameter(hints)
        self.parameters = tuple(
            Parameter(name, _description(hints.get(name)), parameter.default is inspect.Parameter.empty)
            for name, parameter in inspect.signature(function).parameters.items()
            if name != self._context
        )
        if missing := [one.name for one in self.parameters if one.name not in hints]:
            raise ConfigurationError(f"{what} has parameters without a type: {', '.join(missing)}.")
        core = generate_arguments_schema(function, "arguments", self._skip_context, ConfigDict())
        self._validator = SchemaValidator(core)

    def _skip_context(self, _index: int, name: str, _annotation: Any) -> Literal["skip"] | None:
        return "skip" if name == self._context else None

    async def __call__(
        self, values: Mapping[str, str], make: MakeContext, principal: Principal, context: CallContext
    ) -> Any:
        """Raises InvalidArguments for values that do not fit, and what the function raises: a ToolError as
        InvalidRequest, a bug as Internal."""
        try:
            _, keywords = self._validator.validate_python(dict(values), extra="forbid")
        except ValidationError as error:
            raise invalid_arguments(self._what, violations_of(error, dict(values))) from None
        if self._context is not None:
            keywords[self._context] = make(self._what, principal, context)
        seconds = min(self._deadline, context.timeout or self._deadline)
        return await _within(seconds, self._function(**keywords), self._what)


async def _within(seconds: float, work: Awaitable[Any], what: str) -> Any:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except ToolError as error:
        raise InvalidRequest(str(error)) from None
    except ToolwardError:
        raise
    except TimeoutError:
        raise DeadlineExceeded(f"{what} took longer than {seconds:g} seconds and was stopped.") from None
    except Exception:  # a bug in the function: its details go to our log, never to the caller
        log.exception("%s failed", what)
        raise Internal(f"{what} failed inside.", hint="The server's log says why.") from None


def _description(hint: Any) -> str | None:
    if get_origin(hint) is not Annotated:
        return None
    return next((part for part in get_args(hint)[1:] if isinstance(part, str)), None)
