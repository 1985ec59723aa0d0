"""Model endpoints, made from what configuration and environment say, and by which name each is asked for."""

import asyncio
import random
import weakref
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol

from gateway.agent.definition import AgentDefinition
from gateway.core.model_spec import ModelSpec, Rates
from gateway.core.ports import EndpointFacts, ModelPort
from gateway.models.detect import find_local, from_environment
from gateway.models.guarded import Guarded
from gateway.models.offline import OfflineModel
from gateway.models.prices import Known, Tariff, is_near, look_up
from gateway.models.providers import provider_of
from toolward.errors import ConfigurationError
from toolward.names import closest

DEFAULT, OFFLINE = "default", "offline"
_FREE = Tariff(Rates(input=0, output=0))

__all__ = ["DEFAULT", "Models", "Prepared", "find_local", "open_models"]


class _Closing(Protocol):
    async def aclose(self) -> None: ...


class Prepared(NamedTuple):
    """Endpoints that are made and not yet in force. `default` is the name of the one that is asked where none is
    named, `said` what it is, for people."""

    specs: Mapping[str, ModelSpec]
    endpoints: Mapping[str, ModelPort]
    default: str
    said: str


class Models:
    """Endpoints by name. Who was given one may ask it for as long as they hold it, whatever the configuration says
    meanwhile: what is no longer in force is closed when nobody holds it any more."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._now = Prepared({}, {}, OFFLINE, "")
        self._open: dict[_Closing, weakref.finalize[..., ModelPort]] = {}
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
        return tuple(self._now.endpoints)

    @property
    def specs(self) -> Mapping[str, ModelSpec]:
        """What the endpoints are made from, by name."""
        return self._now.specs

    @property
    def is_offline(self) -> bool:
        return self._now.specs[self.default].wire == OFFLINE

    def endpoint(self, name: str) -> ModelPort:
        """`default` is always there. Raises ConfigurationError where there is none of that name."""
        known = self._now.endpoints
        if (found := known.get(self.default if name == DEFAULT else name)) is not None:
            return found
        near = closest(name, known)
        raise ConfigurationError(
            f"There is no model endpoint {name!r}.",
            hint=f"Did you mean {near!r}?" if near else f"There are: {', '.join(known)}.",
        )

    def for_agent(self, agent: AgentDefinition) -> ModelPort:
        """Raises ConfigurationError where the agent names an endpoint that there is not."""
        try:
            return self.endpoint(agent.model)
        except ConfigurationError as error:
            raise ConfigurationError(f"The agent {agent.name}: {error.message}", hint=error.hint) from None

    async def prepare(self, configured: Iterable[ModelSpec]) -> Prepared:
        """What is as it was stays the same endpoint. Raises ConfigurationError."""
        specs, default, said = _chosen(configured, from_environment(self._environment))
        new = {name: spec for name, spec in specs.items() if self._now.specs.get(name) != spec}
        known = await _known(new)
        endpoints = {
            name: self._made(spec, known.get(name)) if name in new else self._now.endpoints[name]
            for name, spec in specs.items()
        }
        return Prepared(specs, endpoints, default, said)

    def use(self, prepared: Prepared) -> None:
        self._now = prepared

    async def aclose(self) -> None:
        """Close all, whoever holds them."""
        for finalizer in self._open.values():
            finalizer.detach()
        await asyncio.gather(*(one.aclose() for one in self._open), *self._closing)

    def _made(self, spec: ModelSpec, known: Known | None) -> ModelPort:
        endpoint, close = _endpoint(spec)
        tariff = _tariff(spec, known)
        guarded = Guarded(
            endpoint,
            _facts(spec, known, priced=tariff() is not None),
            draw=random.random,
            tariff=tariff,
            timeout=spec.timeout,
            concurrency=spec.concurrency,
            retries=spec.retries,
        )
        if close is not None:
            let_go = asyncio.get_running_loop().call_soon_threadsafe
            self._open[close] = weakref.finalize(guarded, let_go, self._close, close)
        return guarded

    def _close(self, endpoint: _Closing) -> None:
        if self._open.pop(endpoint, None) is not None:
            task = asyncio.create_task(endpoint.aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


@asynccontextmanager
async def open_models(
    configured: Sequence[ModelSpec], environment: Mapping[str, str]
) -> AsyncGenerator[Models, None]:
    """The environment's endpoint before the configured ones before the stand-in, as with all settings. Raises
    ConfigurationError."""
    models = Models(environment)
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
        where = f"{found.model} at {found.base_url}" if found.base_url else _SAID_OFFLINE
        return specs | {DEFAULT: found}, DEFAULT, f"{where} (from the environment)"
    if named:
        default = DEFAULT if DEFAULT in named else next(iter(named))
        return specs, default, f"{default} ({named[default].model or OFFLINE})"
    return specs, OFFLINE, _SAID_OFFLINE


_SAID_OFFLINE = "offline (a deterministic stand-in, not a language model)"


async def _known(specs: Mapping[str, ModelSpec]) -> dict[str, Known]:
    """What the list of known models says, where the configuration does not say all."""
    wanted = {
        name: one
        for name, one in specs.items()
        if one.wire != OFFLINE and not is_near(one.base_url) and not (one.rates and one.context_tokens)
    }
    if not wanted:
        return {}

    def look() -> dict[str, Known]:
        found = {name: look_up(str(one.base_url), str(one.model)) for name, one in wanted.items()}
        return {name: known for name, known in found.items() if known is not None}

    return await asyncio.to_thread(look)


def _tariff(spec: ModelSpec, known: Known | None) -> Callable[[], Tariff | None]:
    if spec.wire == OFFLINE:
        return lambda: _FREE
    if spec.rates is not None:
        configured = Tariff(spec.rates)
        return lambda: configured
    return _unpriced if known is None else known.tariff


def _unpriced() -> None:
    return None


def _facts(spec: ModelSpec, known: Known | None, *, priced: bool) -> EndpointFacts:
    return EndpointFacts(
        name=spec.name,
        model=str(spec.model) or OFFLINE,
        provider=provider_of(spec.base_url, spec.wire),
        context_tokens=spec.context_tokens or (known.context_tokens if known else 0),
        max_output_tokens=spec.max_output_tokens,
        priced=priced,
        timeout=spec.timeout,
    )


def _endpoint(spec: ModelSpec) -> tuple[ModelPort, _Closing | None]:
    if spec.wire == OFFLINE:
        return OfflineModel(), None
    # Of these rooms httpx alone takes a tenth of a second: loaded where an endpoint is used.
    from gateway.bootstrap.wires import make_wire
    from gateway.models.http_endpoint import HttpEndpoint
    from toolward.outbound.reach import Reach

    made = HttpEndpoint(
        spec.name,
        str(spec.base_url),
        make_wire(spec),
        str(spec.api_key),
        timeout=spec.timeout,
        headers={name: str(value) for name, value in spec.headers.items()},
        key_setting=spec.key_setting,
        reach=Reach(spec.networks),
        stream=spec.stream,
        facts=EndpointFacts(model=str(spec.model)),
    )
    return made, made
