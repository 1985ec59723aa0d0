"""The wire of a model endpoint, as its settings want it."""

from urllib.parse import urlsplit

from gateway.config.secrets import plain
from gateway.core.model_spec import ModelSpec
from gateway.models.wire import Wire, WireSettings


def make_wire(spec: ModelSpec) -> Wire:
    settings = WireSettings(
        source=f"{spec.name} {spec.wire} {spec.model} {urlsplit(spec.base_url).netloc}",
        model=str(spec.model),
        strict=spec.strict,
        parallel=spec.parallel_calls,
        max_output_tokens=spec.max_output_tokens,
        cache=spec.cache,
        extra={name: plain(value) for name, value in spec.extra.items()},
    )
    wire = _wire(spec, settings)
    if spec.tools == "json_actions":
        from gateway.models.json_actions import JsonActions

        return JsonActions(wire, settings)
    return wire


def _wire(spec: ModelSpec, settings: WireSettings) -> Wire:
    if spec.wire == "anthropic_messages":
        from gateway.models.messages_wire import MessagesWire

        return MessagesWire(settings)
    if spec.wire == "openai_responses":
        from gateway.models.responses_wire import ResponsesWire

        return ResponsesWire(settings)
    from gateway.models.chat_wire import ChatWire

    return ChatWire(settings, str(spec.base_url))
