"""Resources of a tool server: functions that are read at a URI, or at every URI of a template."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast, get_args
from urllib.parse import unquote

from toolward.errors import ConfigurationError, NotFound
from toolward.kit.functions import FunctionT
from toolward.kit.paging import page
from toolward.kit.signature import output
from toolward.kit.strings import MakeContext, StringFunction
from toolward.offers import Resource, ResourcePage, ResourceTemplate, TemplatePage
from toolward.types import CallContext, JsonObject, Principal, ResourceBody

DEADLINE = 30.0  # seconds for one reading
MAX_URI = 8192  # characters

_VARIABLE = re.compile(r"\{(\+?)([A-Za-z_][A-Za-z0-9_]*)\}")
_SEGMENT, _REST = r"[^/?#]+", r".+"


class UriTemplate:
    """`kb://articles/{id}`: `{id}` takes one segment, `{+path}` (once) takes all that follows, slashes too."""

    def __init__(self, text: str) -> None:
        """Raises ConfigurationError for forms of RFC 6570 that are not known here."""
        pieces = _VARIABLE.split(text)  # literal, "+" or "", name, literal, …
        self.text = text
        self.variables = tuple(pieces[2::3])
        if any(sign in literal for literal in pieces[::3] for sign in "{}"):
            raise ConfigurationError(
                f"The URI template {text!r} cannot be read.",
                hint="It may have {name} and {+name}, no other forms.",
            )
        if len(set(self.variables)) < len(self.variables) or pieces[1::3].count("+") > 1:
            raise ConfigurationError(f"The URI template {text!r} has a variable twice, or two of {{+name}}.")
        pattern = re.escape(pieces[0])
        for plus, name, literal in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
            pattern += f"(?P<{name}>{_REST if plus else _SEGMENT}){re.escape(literal)}"
        self._pattern = re.compile(pattern, re.DOTALL)

    def match(self, uri: str) -> dict[str, str] | None:
        """The values of the variables, with percent signs decoded; None where `uri` is not of this family."""
        found = self._pattern.fullmatch(uri)
        return None if found is None else {name: unquote(value) for name, value in found.groupdict().items()}


class _Readable(NamedTuple):
    function: StringFunction
    mime_type: str | None
    encode: Callable[[Any], bytes]


class Resources:
    """A ResourceProvider whose resources are functions."""

    def __init__(self, make: MakeContext) -> None:
        self._make = make
        self._fixed: dict[str, tuple[Resource, _Readable]] = {}
        self._families: dict[str, tuple[ResourceTemplate, UriTemplate, _Readable]] = {}

    def __bool__(self) -> bool:
        return bool(self._fixed or self._families)

    def decorate(
        self,
        uri: str,
        *,
        name: str | None,
        title: str | None,
        mime_type: str | None,
        annotations: JsonObject | None,
        deadline: float,
    ) -> Callable[[FunctionT], FunctionT]:
        """The decorator of `ToolServer.resource`. Raises ConfigurationError, also when it is applied."""
        template = UriTemplate(uri)
        if uri in self._fixed or uri in self._families:
            raise ConfigurationError(f"There are two resources at {uri}.")

        def register(function: FunctionT) -> FunctionT:
            reader = StringFunction(function, uri, deadline)
            if {one.name for one in reader.parameters} != set(template.variables):
                raise ConfigurationError(
                    f"The parameters of {function.__name__} and the variables of {uri} are not the same names."
                )
            _, encode = output(reader.returns)
            readable = _Readable(reader, mime_type or _mime_type(reader.returns), encode)
            shown = (name or function.__name__, title, reader.description, readable.mime_type, annotations)
            if template.variables:
                self._families[uri] = (ResourceTemplate(uri, *shown), template, readable)
            else:
                self._fixed[uri] = (Resource(uri, *shown), readable)
            return function

        return register

    async def list_resources(self, principal: Principal, cursor: str | None = None) -> ResourcePage:
        found, more = page(self._fixed, cursor)
        return ResourcePage(tuple(resource for resource, _ in found), more)

    async def list_templates(self, principal: Principal, cursor: str | None = None) -> TemplatePage:
        found, more = page(self._families, cursor)
        return TemplatePage(tuple(template for template, _, _ in found), more)

    async def read_resource(
        self, principal: Principal, uri: str, context: CallContext
    ) -> tuple[ResourceBody, ...]:
        readable, values = self._find(uri)
        value = await readable.function(values, self._make, principal, context)
        return _bodies(value, uri, readable)

    def _find(self, uri: str) -> tuple[_Readable, Mapping[str, str]]:
        if (fixed := self._fixed.get(uri)) is not None:
            return fixed[1], {}
        if len(uri) <= MAX_URI:
            for _, template, readable in self._families.values():
                if (values := template.match(uri)) is not None:
                    return readable, values
        raise NotFound(f"There is no resource at {uri[:200]!r}.", hint="List the resources and templates.")


def _mime_type(returns: Any) -> str | None:
    """What a function of this return type gives; None where it says so itself."""
    if returns is str:
        return "text/plain"
    if returns is bytes:
        return "application/octet-stream"
    return None if returns is ResourceBody or ResourceBody in get_args(returns) else "application/json"


def _bodies(value: Any, uri: str, readable: _Readable) -> tuple[ResourceBody, ...]:
    if isinstance(value, ResourceBody):
        return (value,)
    if isinstance(value, list | tuple):
        many = tuple(cast(list[Any], value))
        if many and all(isinstance(one, ResourceBody) for one in many):
            return many
    if isinstance(value, bytes):
        return (ResourceBody(uri, readable.mime_type, blob=value),)
    text = value if isinstance(value, str) else readable.encode(value).decode()
    return (ResourceBody(uri, readable.mime_type, text=text),)
