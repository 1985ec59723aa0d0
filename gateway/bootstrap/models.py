"""Which model endpoints there are, by which name each is asked for, and how they change."""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from msgspec.structs import replace

from gateway.bootstrap.endpoints import OFFLINE, Closing, Made, known_models, make_endpoint
from gateway.core.model_spec import ModelSpec
from gateway.core.ports import ModelPort
from gateway.models.checking import Check, Finding, Question
from gateway.models.detect import find_local, from_environment
from gateway.models.prices import Known
from toolward.errors import ConfigurationError
from toolward.names import closest

DEFAULT = "default"
_STAND_IN = "offline (a deterministic stand-in, not a language model)"

__all__ = [
    "DEFAULT",
    "Check",
    "Finding",
    "Made",
    "Models",
    "Prepared",
    "Question",
    "find_local",
    "open_models",
]


class Prepared(NamedTuple):
    """Endpoints that are made and not yet in force. `default` is the name of the one that is asked where none is
    named, `said` what it is, for people."""

    made: Mapping[str, Made]
    default: str
    said: str


class Models:
    """Endpoints by name. Who was given one may ask it for as long as they hold it, whatever the configuration says
    meanwhile: what is no longer in force is closed when nobody holds it any more."""

    def __init__(self, environment: Mapping[str, str], *, once: bool = False) -> None:
        """`once`: nothing is asked again, so that what fails now and then is seen."""
        self._environment = environment
        self._once = once
        self._now = Prepared({}, OFFLINE, "")
        self._open: dict[Closing, weakref.finalize[..., ModelPort]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def default(self) -> str:
        """The name of the endpoint that is asked where none is named."""
        return self._now.default

    @property
    def said(self) -> str:
        """What that one is, for people."""
        return self._now.said

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._now.made)

    @property
    def is_offline(self) -> bool:
        return self._now.made[self.default].spec.wire == OFFLINE

    def endpoint(self, name: str) -> ModelPort:
        """`default` is always there. Raises ConfigurationError where there is none of that name."""
        return self.made(name).port

    def made(self, name: str) -> Made:
        """The same, with what it is made from."""
        known = self._now.made
        if (found := known.get(self.default if name == DEFAULT else name)) is not None:
            return found
        near = closest(name, known)
        raise ConfigurationError(
            f"There is no model endpoint named {name!r}.",
            hint=f"Did you mean {near!r}?" if near else f"There are: {', '.join(known)}.",
        )

    def status(self) -> list[dict[str, str]]:
        """As JSON, for operators."""
        return [
            {"name": name, "wire": one.spec.wire, "model": one.port.facts.model, "problem": one.port.problem}
            for name, one in self._now.made.items()
        ]

    async def prepare(self, configured: Iterable[ModelSpec]) -> Prepared:
        """What is as it was stays the same endpoint. Raises ConfigurationError."""
        specs, default, said = _chosen(configured, from_environment(self._environment))
        if self._once:
            specs = {name: replace(spec, retries=0) for name, spec in specs.items()}
        kept = {name: one for name, one in self._now.made.items() if specs.get(name) == one.spec}
        new = {name: spec for name, spec in specs.items() if name not in kept}
        known = await known_models(new)
        made = {name: kept.get(name) or self._make(spec, known.get(name)) for name, spec in specs.items()}
        return Prepared(made, default, said)

    def use(self, prepared: Prepared) -> None:
        self._now = prepared

    async def aclose(self) -> None:
        """Close all, whoever holds them."""
        for finalizer in self._open.values():
            finalizer.detach()
        await asyncio.gather(*(one.aclose() for one in self._open), *self._closing)

    def _make(self, spec: ModelSpec, known: Known | None) -> Made:
        made = make_endpoint(spec, known)
        if made.inner is not None:
            soon = asyncio.get_running_loop().call_soon_threadsafe
            self._open[made.inner] = weakref.finalize(made.port, soon, self._close, made.inner)
        return made

    def _close(self, endpoint: Closing) -> None:
        if self._open.pop(endpoint, None) is not None:
            task = asyncio.create_task(endpoint.aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


@asynccontextmanager
async def open_models(
    configured: Sequence[ModelSpec], environment: Mapping[str, str], *, once: bool = False
) -> AsyncGenerator[Models, None]:
    """The environment's endpoint before the configured ones before the stand-in, as with all settings. Raises
    ConfigurationError."""
    models = Models(environment, once=once)
    try:
        models.use(await models.prepare(configured))
        yield models
    finally:
        await models.aclose()


def _chosen(
    configured: Iterable[ModelSpec], found: ModelSpec | None
) -> tuple[Mapping[str, ModelSpec], str, str]:
    """By name; which of them is the default one, and what that is."""
    named = {one.name: one for one in configured}
    specs = named | {OFFLINE: ModelSpec(name=OFFLINE, wire=OFFLINE)}
    if found is not None:
        where = f"{found.model} at {found.base_url}" if found.base_url else _STAND_IN
        # A run goes on with the endpoint whose name its last reply has: it must be one that can be asked for.
        return specs | {DEFAULT: replace(found, name=DEFAULT)}, DEFAULT, f"{where} (from the environment)"
    if named:
        default = DEFAULT if DEFAULT in named else next(iter(named))
        return specs, default, f"{default} ({named[default].model or OFFLINE})"
    return specs, OFFLINE, _STAND_IN
