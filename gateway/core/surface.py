"""What backends offer beside tools: resources, templates and prompts, as the catalog has them.

A URI stays as its backend wrote it. `BACKEND+URI` (`search+kb://articles/1`) names it too, whoever else has the
same URI; a prompt is always `backend.prompt`. What cannot be offered safely is left out and told, as with tools.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from gateway.core.entries import check_shape
from gateway.core.ports import Listing
from gateway.core.steps import Steps
from gateway.core.uri_templates import UriTemplate, flaw_in_uri
from toolward.errors import ConfigurationError
from toolward.names import qualify
from toolward.offers import Prompt, Resource, ResourceTemplate

MAX_ENTRIES = 1_000
"""Resources, and templates, and prompts of one backend; what it lists beyond them is left out."""

MAX_ENTRY_BYTES = 64 * 1024
"""All that is said of one, as JSON."""

MAX_SURFACE_BYTES = 4 * 1024 * 1024
"""All that one backend lists of resources, templates and prompts, as JSON."""

MAX_PROMPT_NAME = 128

MAX_TOLD = 10
"""Of one backend that are told one by one."""

SEPARATOR = "+"
"""Between a backend and a URI. A scheme may have it inside, so both together are a URI again (RFC 3986, 3.1)."""


class CatalogResource(msgspec.Struct, frozen=True):
    """`said` is what its backend says, under its own URI."""

    backend: str
    said: Resource

    can_be_found = True
    """By its own URI, without its backend's name."""

    @property
    def uri(self) -> str:
        return self.said.uri

    def shown(self, uri: str) -> Resource:
        """As callers see it, at this URI."""
        return self.said if uri == self.said.uri else msgspec.structs.replace(self.said, uri=uri)


class CatalogTemplate(msgspec.Struct, frozen=True):
    """`template` is None where no URI can be told to be of it; then it is found by its backend's name alone."""

    backend: str
    said: ResourceTemplate
    template: UriTemplate | None

    @property
    def uri(self) -> str:
        """The text of the template."""
        return self.said.uri_template

    @property
    def can_be_found(self) -> bool:
        return self.template is not None

    @property
    def prefix(self) -> str:
        """What every URI of it begins with; empty where that is not known."""
        return "" if self.template is None else self.template.prefix

    def shown(self, uri: str) -> ResourceTemplate:
        return self.said if uri == self.uri else msgspec.structs.replace(self.said, uri_template=uri)


class CatalogPrompt(msgspec.Struct, frozen=True):
    """`shown` has the qualified name."""

    backend: str
    own_name: str
    shown: Prompt

    @property
    def name(self) -> str:
        return self.shown.name


class BackendSurface(msgspec.Struct, frozen=True):
    """Of one backend, in the order in which it lists."""

    resources: tuple[CatalogResource, ...] = ()
    templates: tuple[CatalogTemplate, ...] = ()
    prompts: tuple[CatalogPrompt, ...] = ()
    problems: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.resources or self.templates or self.prompts)


NOTHING = BackendSurface()


class Surface:
    """Of all backends that may offer something. Immutable."""

    def __init__(self, backends: Mapping[str, BackendSurface]) -> None:
        self.backends = backends
        self.resources = tuple(one for of in backends.values() for one in of.resources)
        self.templates = tuple(one for of in backends.values() for one in of.templates)
        self.prompts = {one.name: one for of in backends.values() for one in of.prompts}
        self._at: dict[str, tuple[CatalogResource, ...]] = {}
        for one in self.resources:
            self._at[one.uri] = (*self._at.get(one.uri, ()), one)

    def at(self, uri: str) -> tuple[CatalogResource, ...]:
        """Those that backends list at this URI of their own."""
        return self._at.get(uri, ())

    def families(self, uri: str) -> list[CatalogTemplate]:
        """The templates that a URI is of, the one with the longest prefix first."""
        found = [one for one in self.templates if one.template is not None and one.template.matches(uri)]
        return sorted(found, key=lambda one: len(one.prefix), reverse=True)

    def qualified(self, uri: str) -> tuple[str, str] | None:
        """Backend and own URI, where it names a backend. This goes before everything that is listed: no backend can
        take another's name."""
        backend, sign, own = uri.partition(SEPARATOR)
        return (backend, own) if sign and backend in self.backends else None


def qualify_uri(backend: str, uri: str) -> str:
    return f"{backend}{SEPARATOR}{uri}"


# --- reading a listing -----------------------------------------------------------------------------------

ListedT = TypeVar("ListedT", Resource, ResourceTemplate, Prompt)
EntryT = TypeVar("EntryT", CatalogResource, CatalogTemplate, CatalogPrompt)


def surface_steps(listing: Listing) -> Steps[BackendSurface]:
    """What one backend lists, checked, a step for each entry. Raises nothing."""
    if not (listing.resources or listing.templates or listing.prompts):
        return NOTHING
    reading = _Reading(listing.backend)
    resources = yield from reading.take("resource", listing.resources, lambda one: one.uri, reading.resource)
    templates = yield from reading.take(
        "template", listing.templates, lambda one: one.uri_template, reading.template
    )
    prompts = yield from reading.take("prompt", listing.prompts, lambda one: one.name, reading.prompt)
    return BackendSurface(resources, templates, prompts, reading.told())


class _Reading:
    def __init__(self, backend: str) -> None:
        self._backend = backend
        self._room = MAX_SURFACE_BYTES
        self._problems: list[str] = []

    def take(
        self,
        what: str,
        listed: Sequence[ListedT],
        name_of: Callable[[ListedT], str],
        read: Callable[[ListedT], EntryT],
    ) -> Steps[tuple[EntryT, ...]]:
        """Those that can be offered; each name once."""
        taken: dict[str, EntryT] = {}
        for one in listed[:MAX_ENTRIES]:
            yield
            name = name_of(one)
            try:
                self._bound(one)
                if name in taken:
                    raise ConfigurationError("there are two of it")
                taken[name] = read(one)
            except ConfigurationError as error:
                said = f"The {what} {name[:128]!r} of {self._backend} is left out"
                self._problems.append(f"{said}: {error.message.rstrip('.')}.")
        if len(listed) > MAX_ENTRIES:
            said = f"The backend {self._backend} lists {len(listed):,} {what}s"
            self._problems.append(f"{said}; those after the first {MAX_ENTRIES:,} are left out.")
        return tuple(taken.values())

    def _bound(self, one: Resource | ResourceTemplate | Prompt) -> None:
        check_shape([getattr(one, "annotations", None), *one.icons], "description")
        try:
            size = len(msgspec.json.encode(one))
        except (TypeError, ValueError, UnicodeError) as error:
            raise ConfigurationError(f"it cannot be written as JSON: {error}") from None
        if size > MAX_ENTRY_BYTES:
            raise ConfigurationError(
                f"its description has {size:,} bytes; at most {MAX_ENTRY_BYTES:,} are taken"
            )
        self._room -= size
        if self._room < 0:
            raise ConfigurationError(f"with it, what is listed has more than {MAX_SURFACE_BYTES:,} bytes")

    def resource(self, one: Resource) -> CatalogResource:
        if flaw := flaw_in_uri(one.uri):
            raise ConfigurationError(f"its URI {flaw}")
        return CatalogResource(self._backend, one)

    def template(self, one: ResourceTemplate) -> CatalogTemplate:
        if flaw := flaw_in_uri(one.uri_template):
            raise ConfigurationError(f"its text {flaw}")
        try:
            template = UriTemplate(one.uri_template)
        except ConfigurationError:
            template = None
        return CatalogTemplate(self._backend, one, template)

    def prompt(self, one: Prompt) -> CatalogPrompt:
        if not 1 <= len(one.name) <= MAX_PROMPT_NAME or not one.name.isprintable():
            raise ConfigurationError(f"its name is not 1 to {MAX_PROMPT_NAME} visible characters")
        shown = msgspec.structs.replace(one, name=qualify(self._backend, one.name))
        return CatalogPrompt(self._backend, one.name, shown)

    def told(self) -> tuple[str, ...]:
        found = self._problems[:MAX_TOLD]
        if more := len(self._problems) - len(found):
            found.append(f"Of {self._backend} {more:,} more are left out for reasons like these.")
        return tuple(found)
