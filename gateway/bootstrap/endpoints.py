"""One model endpoint, made from its settings: its wire, the exchange over HTTP, what stands around that, its
prices."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from gateway.config.secrets import plain
from gateway.core.model_spec import ModelSpec, Rates
from gateway.core.ports import EndpointFacts, ModelPort
from gateway.models.guarded import Guarded
from gateway.models.offline import OfflineModel
from gateway.models.prices import Known, Tariff, is_near, look_up
from gateway.models.providers import provider_of
from gateway.models.wire import Wire, WireSettings

OFFLINE = "offline"
_FREE = Tariff(Rates(input=0, output=0))


class Closing(Protocol):
    async def aclose(self) -> None: ...


class Made(NamedTuple):
    """`inner` is what must be closed, and may be closed when nobody holds `port` any more."""

    spec: ModelSpec
    port: Guarded
    tariff: Callable[[], Tariff | None]
    inner: Closing | None


def make_endpoint(spec: ModelSpec, known: Known | None) -> Made:
    """`known` is what `look_up` found. Raises ConfigurationError."""
    inner = None if spec.wire == OFFLINE else _over_http(spec)
    tariff = _tariff(spec, known)
    port = Guarded(
        inner or OfflineModel(),
        _facts(spec, known, priced=tariff() is not None),
        draw=random.random,
        tariff=tariff,
        timeout=spec.timeout,
        concurrency=spec.concurrency,
        retries=spec.retries,
    )
    return Made(spec, port, tariff, inner)


async def known_models(specs: Mapping[str, ModelSpec]) -> dict[str, Known]:
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


class _HttpPort(ModelPort, Closing, Protocol):
    """What `_over_http` gives, whose module is loaded only where it is used: httpx takes a tenth of a second."""


def _over_http(spec: ModelSpec) -> _HttpPort:
    from gateway.models.http_endpoint import HttpEndpoint
    from toolward.outbound.reach import Reach

    return HttpEndpoint(
        spec.name,
        str(spec.base_url),
        _wire(spec),
        str(spec.api_key),
        timeout=spec.timeout,
        headers={name: str(value) for name, value in spec.headers.items()},
        key_setting=spec.key_setting,
        reach=Reach(spec.networks),
        stream=spec.stream,
        facts=EndpointFacts(model=str(spec.model)),
    )


def _wire(spec: ModelSpec) -> Wire:
    settings = WireSettings(
        # An endpoint of the same name may have moved to another vendor since a reply was stored.
        source=f"{spec.name} {spec.wire} {spec.model} {urlsplit(spec.base_url).netloc}",
        model=str(spec.model),
        strict=spec.strict,
        parallel=spec.parallel_calls,
        max_output_tokens=spec.max_output_tokens,
        cache=spec.cache,
        extra={name: plain(value) for name, value in spec.extra.items()},
    )
    wire = _native_wire(spec, settings)
    if spec.tools == "json_actions":
        from gateway.models.json_actions import JsonActions

        return JsonActions(wire, settings)
    return wire


def _native_wire(spec: ModelSpec, settings: WireSettings) -> Wire:
    if spec.wire == "anthropic_messages":
        from gateway.models.messages_wire import MessagesWire

        return MessagesWire(settings)
    if spec.wire == "openai_responses":
        from gateway.models.responses_wire import ResponsesWire

        return ResponsesWire(settings)
    from gateway.models.chat_wire import ChatWire

    return ChatWire(settings, str(spec.base_url))
