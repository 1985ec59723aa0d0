"""Prompts of a tool server: functions that give the messages which a conversation begins with."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast, get_args

from toolward.errors import ConfigurationError, Internal, NotFound
from toolward.kit.functions import FunctionT
from toolward.kit.paging import page
from toolward.kit.strings import MakeContext, StringFunction
from toolward.names import closest
from toolward.offers import Prompt, PromptArgument, PromptMessage, PromptPage, PromptText
from toolward.types import CallContext, Content, Principal, TextContent

DEADLINE = 30.0  # seconds to fill one in


class _Registered(NamedTuple):
    prompt: Prompt
    function: StringFunction


class Prompts:
    """A PromptProvider whose prompts are functions."""

    def __init__(self, make: MakeContext) -> None:
        self._make = make
        self._prompts: dict[str, _Registered] = {}

    def __bool__(self) -> bool:
        return bool(self._prompts)

    def register(
        self, function: FunctionT, name: str | None, title: str | None, deadline: float
    ) -> FunctionT:
        """Raises ConfigurationError."""
        name = name or function.__name__
        if name in self._prompts:
            raise ConfigurationError(f"There are two prompts named {name}.")
        filled = StringFunction(function, name, deadline)
        arguments = tuple(
            PromptArgument(one.name, one.description, one.required) for one in filled.parameters
        )
        self._prompts[name] = _Registered(Prompt(name, filled.description, title, arguments), filled)
        return function

    async def list_prompts(self, principal: Principal, cursor: str | None = None) -> PromptPage:
        found, more = page(self._prompts, cursor)
        return PromptPage(tuple(registered.prompt for registered in found), more)

    async def get_prompt(
        self, principal: Principal, name: str, arguments: Mapping[str, str], context: CallContext
    ) -> PromptText:
        if (registered := self._prompts.get(name)) is None:
            near = closest(name, self._prompts)
            hint = f"Did you mean {near!r}?" if near else "List the prompts."
            raise NotFound(f"There is no prompt named {name[:128]!r}.", hint=hint)
        value = await registered.function(arguments, self._make, principal, context)
        if isinstance(value, PromptText):
            return value
        pieces: list[Any] = list(cast(list[Any], value)) if isinstance(value, list | tuple) else [value]
        messages = tuple(_message(piece, name) for piece in pieces)
        return PromptText(messages, registered.prompt.description)


def _message(piece: Any, name: str) -> PromptMessage:
    if isinstance(piece, PromptMessage):
        return piece
    if isinstance(piece, str):
        return PromptMessage(TextContent(piece))
    if isinstance(piece, get_args(Content)):
        return PromptMessage(piece)
    raise Internal(f"The prompt {name} gave what is no message.")
