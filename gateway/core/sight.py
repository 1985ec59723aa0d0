"""What one caller sees of resources, templates and prompts, and where a URI leads for them. Listing and reading ask
the same policy the same question: `resource.read` of a backend and its own URI, `prompt.get` of a backend and its
own name. A template is listed where its text could be read as a URI."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

from gateway.core.binding import Decision
from gateway.core.outputs import AS_IT_IS, Output
from gateway.core.snapshot import Snapshot
from gateway.core.surface import CatalogResource, CatalogTemplate, qualify_uri
from gateway.core.uri_templates import flaw_in_uri
from toolward.errors import InvalidArguments, NotFound, Unavailable, Violation
from toolward.names import closest, split
from toolward.offers import Prompt, Resource, ResourceTemplate
from toolward.types import Principal

READ, GET = "resource.read", "prompt.get"

_IN_ONE_GO = 100  # decisions between which others are let through
_TOLD = 10  # qualified names in one error

EntryT = TypeVar("EntryT", CatalogResource, CatalogTemplate)


class Place(NamedTuple):
    """Where something is, under its backend's own name, and what policy says of it."""

    backend: str
    own: str
    decision: Decision


class Sight:
    """Of one caller in one snapshot; what was looked at is remembered."""

    def __init__(self, snapshot: Snapshot, principal: Principal) -> None:
        self._snapshot = snapshot
        self._surface = snapshot.catalog.surface
        self._principal = principal
        self._resources: Mapping[str, Resource] | None = None
        self._templates: Mapping[str, ResourceTemplate] | None = None
        self._prompts: Mapping[str, Prompt] | None = None

    async def resources(self) -> Mapping[str, Resource]:
        """By the URI at which this caller reads each."""
        if self._resources is None:
            found = await self._readable(self._surface.resources)
            self._resources = {uri: one.shown(uri) for uri, one in found.items()}
        return self._resources

    async def templates(self) -> Mapping[str, ResourceTemplate]:
        """By the text that this caller is shown."""
        if self._templates is None:
            found = await self._readable(self._surface.templates)
            self._templates = {uri: one.shown(uri) for uri, one in found.items()}
        return self._templates

    async def prompts(self) -> Mapping[str, Prompt]:
        """By qualified name."""
        if self._prompts is None:
            found: dict[str, Prompt] = {}
            for at, one in enumerate(self._surface.prompts.values(), 1):
                if at % _IN_ONE_GO == 0:
                    await asyncio.sleep(0)
                if self._of_prompt(one.backend, one.own_name).effect == "allow":
                    found[one.name] = one.shown
            self._prompts = found
        return self._prompts

    def find(self, uri: str) -> Place:
        """The one backend that a URI leads to; a denial is in the place's decision where the caller may know of it.
        Raises NotFound, also for what the caller may not know of; InvalidArguments where it leads to several; and
        Unavailable for a backend that is not there now."""
        if not flaw_in_uri(uri):
            if (named := self._surface.qualified(uri)) is not None:
                return self._at(uri, *named)
            here = [one for one in self._surface.at(uri) if self.may_read(one.backend, uri)]
            place = self._only(uri, here) or self._of_family(uri)
            if place is not None:
                return place
        raise _nothing_at(uri)

    def find_prompt(self, name: str) -> Place:
        """Raises NotFound, also for what the caller may not know of, and Unavailable."""
        known = self._surface.prompts.get(name)
        backend, own = (known.backend, known.own_name) if known is not None else split(name)
        of = self._snapshot.catalog.backends.get(backend)
        if of is not None and (known is not None or of.problem):
            decision = self._of_prompt(backend, own)
            if decision.effect == "allow":
                self._check_there(backend)
                return Place(backend, own, decision)
        near = closest(name, self._prompts or ())
        raise NotFound(
            f"There is no prompt named {name[:200]!r}.",
            hint=f"Did you mean {near}?" if near else "List the prompts to see which there are.",
        )

    def may_read(self, backend: str, uri: str) -> bool:
        return self._of_resource(backend, uri).effect == "allow"

    def output(self, decision: Decision) -> Output:
        """How what was decided comes out."""
        rule = self._snapshot.policy.rule(decision)
        return AS_IT_IS if rule is None else rule.output

    def _of_resource(self, backend: str, uri: str) -> Decision:
        return self._snapshot.policy.decide_operation(self._principal, READ, {"backend": backend, "uri": uri})

    def _of_prompt(self, backend: str, own: str) -> Decision:
        return self._snapshot.policy.decide_operation(
            self._principal, GET, {"backend": backend, "prompt": own}
        )

    def _at(self, uri: str, backend: str, own: str) -> Place:
        """What names its backend needs not be listed: real servers read more than they list."""
        decision = self._of_resource(backend, own)
        of = self._surface.backends[backend]
        if decision.effect == "allow":
            self._check_there(backend)
            if of.resources or of.templates:
                return Place(backend, own, decision)
        elif self._is_of_known_family(own, of.templates):
            return Place(backend, own, decision)
        raise _nothing_at(uri)

    def _of_family(self, uri: str) -> Place | None:
        """By the template with the longest prefix among those that the caller knows, or whose URI they may read."""
        known = [
            one
            for one in self._surface.families(uri)
            if self.may_read(one.backend, one.uri) or self.may_read(one.backend, uri)
        ]
        best = [one for one in known if one.prefix == known[0].prefix]
        if not best:
            return None
        allowed = [one for one in best if self.may_read(one.backend, uri)]
        found = self._only(uri, allowed)
        return found or Place(best[0].backend, uri, self._of_resource(best[0].backend, uri))

    def _only(self, uri: str, found: Iterable[CatalogResource | CatalogTemplate]) -> Place | None:
        backends = sorted({one.backend for one in found})
        if len(backends) > 1:
            names = ", ".join(qualify_uri(backend, uri)[:200] for backend in backends[:_TOLD])
            raise InvalidArguments(
                f"Several backends have a resource at {uri[:200]!r}: {names}.",
                hint="Read one of these.",
                violations=[Violation("/uri", "leads to several backends")],
            )
        return Place(backends[0], uri, self._of_resource(backends[0], uri)) if backends else None

    def _is_of_known_family(self, own: str, templates: Iterable[CatalogTemplate]) -> bool:
        return any(
            one.template is not None and one.template.matches(own) and self.may_read(one.backend, one.uri)
            for one in templates
        )

    def _check_there(self, backend: str) -> None:
        known = self._snapshot.catalog.backends[backend]
        if known.problem:
            raise Unavailable(
                f"The backend {known.complaint}.",
                hint=f"Start it, or correct its entry in the configuration ({known.address}).",
            )

    async def _readable(self, entries: Iterable[EntryT]) -> dict[str, EntryT]:
        """By the URI at which the caller finds each: its own, unless that would lead elsewhere or nowhere."""
        seen: list[EntryT] = []
        for at, one in enumerate(entries, 1):
            if at % _IN_ONE_GO == 0:
                await asyncio.sleep(0)
            if self.may_read(one.backend, one.uri):
                seen.append(one)
        times = Counter(one.uri for one in seen)
        found: dict[str, EntryT] = {}
        for one in seen:
            alone = times[one.uri] == 1 and self._surface.qualified(one.uri) is None and one.can_be_found
            found[one.uri if alone else qualify_uri(one.backend, one.uri)] = one
        return found


def _nothing_at(uri: str) -> NotFound:
    return NotFound(
        f"There is no resource at {uri[:200]!r}.",
        hint="List the resources and the templates to see which there are.",
    )
