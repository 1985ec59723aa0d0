"""Which model endpoint answers for which agent."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from gateway.config.settings import ModelSettings
from gateway.core.ports import EndpointFacts, ModelPort
from gateway.models.detect import find_local, from_environment
from gateway.models.offline import OfflineModel
from toolward.errors import ConfigurationError
from toolward.names import closest
from toolward.outbound.reach import Reach

DEFAULT = "default"

__all__ = ["Models", "find_local", "open_models"]


class Models(NamedTuple):
    """Endpoints by name, and what `default` is, for people."""

    endpoints: Mapping[str, ModelPort]
    default: str
    said: str

    def endpoint(self, name: str) -> ModelPort:
        """Raises ConfigurationError where there is none of that name."""
        if name == DEFAULT and DEFAULT not in self.endpoints:
            name = self.default
        if (endpoint := self.endpoints.get(name)) is not None:
            return endpoint
        near = closest(name, self.endpoints)
        raise ConfigurationError(
            f"There is no model endpoint named {name!r}.",
            hint=f"Did you mean {near!r}?" if near else f"There are: {', '.join(self.endpoints)}.",
        )

    @property
    def is_offline(self) -> bool:
        return isinstance(self.endpoints[self.default], OfflineModel)


@asynccontextmanager
async def open_models(
    configured: Sequence[ModelSettings], environment: Mapping[str, str]
) -> AsyncGenerator[Models, None]:
    """The environment's endpoint before the configured ones before the stand-in, as with all settings."""
    async with AsyncExitStack() as stack:
        endpoints: dict[str, ModelPort] = {"offline": OfflineModel()}
        default, said = "offline", "offline (a deterministic stand-in, not a language model)"
        for one in configured:
            if one.wire == "offline":
                endpoints[one.name] = OfflineModel()
            else:
                key = f"models.{one.name}.api_key"
                endpoints[one.name] = await _chat(
                    stack, one.name, one.base_url, one.model, one.api_key, key, one.networks, one.timeout
                )
        if configured:
            first = next((one for one in configured if one.name == DEFAULT), configured[0])
            default, said = first.name, f"{first.name} ({first.model or 'offline'})"
        if (found := from_environment(environment)) is not None:
            endpoints[DEFAULT] = await _chat(
                stack,
                found.name,
                found.base_url,
                found.model,
                found.api_key,
                found.key_setting,
                found.networks,
            )
            default, said = DEFAULT, f"{found.model} at {found.base_url} (from the environment)"
        yield Models(endpoints, default, said)


async def _chat(
    stack: AsyncExitStack,
    name: str,
    base_url: str,
    model: str,
    api_key: str,
    key_setting: str,
    networks: Sequence[str],
    timeout: float = 120.0,  # noqa: ASYNC109 -- handed on, not kept here
) -> ModelPort:
    # httpx takes a tenth of a second: only when used
    from gateway.models.chat_wire import ChatWire
    from gateway.models.http_endpoint import HttpEndpoint
    from gateway.models.wire import WireSettings

    wire = ChatWire(WireSettings(source=f"{name} openai_chat {model}", model=model), base_url)
    endpoint = HttpEndpoint(
        name,
        base_url,
        wire,
        api_key,
        timeout=timeout,
        key_setting=key_setting,
        reach=Reach(networks),
        facts=EndpointFacts(name=name, model=model, provider="openai"),
    )
    return await stack.enter_async_context(endpoint)
