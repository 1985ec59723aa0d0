"""What is in files may be anybody's word: results say so, unless the operator vouches for the roots."""

from collections.abc import Awaitable, Callable, Iterable
from typing import cast

from msgspec.structs import replace

from toolservers.files.paths.root import Root
from toolservers.files.paths.roots import Roots
from toolward.errors import ToolError
from toolward.types import JsonObject, ToolCall, ToolResult, text_result

_PATHS = ("path", "source", "target")
"""The arguments of all tools here that name something in a root."""


async def marked(roots: Roots, call: ToolCall, made: Callable[[], Awaitable[ToolResult]]) -> ToolResult:
    """The call's result, with its trust; also where it is refused, since what is said then may quote a file."""
    try:
        result = await made()
    except ToolError as error:
        result = text_result(str(error), is_error=True)
    trusted = all(root.trusted for root in _concerned(call, roots))
    return replace(result, trust="trusted" if trusted else "untrusted", trust_said=True)


def _concerned(call: ToolCall, roots: Roots) -> Iterable[Root]:
    """All roots where the arguments do not tell."""
    if len({root.trusted for root in roots.values()}) == 1:
        return roots.values()  # arguments that may be long are not read again
    arguments = cast(JsonObject, call.arguments)
    try:
        return [roots.place(arguments[name]).root for name in _PATHS if name in arguments] or roots.values()
    except ToolError:
        return roots.values()
