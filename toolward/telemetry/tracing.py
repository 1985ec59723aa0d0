"""Spans by OpenTelemetry, where the environment asks for them (its own `OTEL_*` variables). Where it does not,
nothing is loaded, and a caller's trace goes on to whom we call, unchanged."""

import sys
import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol

from toolward.errors import ConfigurationError
from toolward.telemetry.names import CAPTURE, ERROR_TYPE, SCOPE

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

ASKED_BY = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Where spans are sent; without one of them, none are made."""

_INSTANCE = str(uuid.uuid4())  # of this process

Value = str | int | float | Sequence[str]
Side = Literal["server", "client", "internal"]
"""Whether what a span tells of was asked of us, is asked by us, or stays here."""


class Told(Protocol):
    """A span under way."""

    traceparent: str
    """For whom we call in turn."""

    recording: bool
    """False where nobody will see it."""

    def say(self, attributes: Mapping[str, Value]) -> None: ...

    def failed(self, kind: str) -> None: ...


class Tracing(Protocol):
    def span(
        self, name: str, traceparent: str, attributes: Mapping[str, Value], side: Side = "server"
    ) -> AbstractContextManager[Told]:
        """A span below the caller's, while it is open; without a `traceparent` below the one that is open here."""
        ...


class _Seen:
    def __init__(self, span: "Span") -> None:
        self._span = span
        found = span.get_span_context()
        self.recording = span.is_recording()
        self.traceparent = f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}"

    def say(self, attributes: Mapping[str, Value]) -> None:
        self._span.set_attributes(attributes)

    def failed(self, kind: str) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_attribute(ERROR_TYPE, kind)
        self._span.set_status(StatusCode.ERROR)


class OtelTracing:
    def __init__(self, tracer: "Tracer") -> None:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()
        self._kinds = {
            "server": SpanKind.SERVER,
            "client": SpanKind.CLIENT,
            "internal": SpanKind.INTERNAL,
        }

    @contextmanager
    def span(
        self, name: str, traceparent: str, attributes: Mapping[str, Value], side: Side = "server"
    ) -> Generator[Told, None, None]:
        parent = self._propagator.extract({"traceparent": traceparent}) if traceparent else None
        # What failed is said by its code alone: an exception's text may hold what a trace must not.
        with self._tracer.start_as_current_span(
            name,
            parent,
            self._kinds[side],
            dict(attributes),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield _Seen(span)


def is_asked_for(environment: Mapping[str, str]) -> bool:
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return any(environment.get(name) for name in ASKED_BY)


def captures_content(environment: Mapping[str, str]) -> bool:
    """Whether spans may hold what people, models and tools said."""
    return environment.get(CAPTURE, "").lower() in ("true", "span_only", "span_and_event")


@contextmanager
def open_tracing(service: str, environment: Mapping[str, str]) -> Generator[Tracing | None, None, None]:
    """Tracing as the environment asks for it, None where nobody looks; what is not sent yet is sent on the way
    out. `service` is the name that spans carry unless OTEL_SERVICE_NAME gives another. Raises ConfigurationError
    where a package lacks."""
    if not is_asked_for(environment):
        yield _of_others()
        return
    provider = _provider(service, environment)
    try:
        yield OtelTracing(provider.get_tracer(SCOPE))
    finally:
        provider.shutdown()


def _of_others() -> Tracing | None:
    """Somebody may have set OpenTelemetry up before us (`opentelemetry-instrument`)."""
    if "opentelemetry.sdk.trace" not in sys.modules:
        return None
    from opentelemetry.trace import get_tracer

    return OtelTracing(get_tracer(SCOPE))


def _provider(service: str, environment: Mapping[str, str]) -> Any:
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigurationError(
            f"Spans are asked for by OTEL_EXPORTER_OTLP_ENDPOINT, and {error.name} is not installed.",
            hint="Install it: pip install 'toolward[otel]'",
        ) from None
    name = environment.get("OTEL_SERVICE_NAME") or service
    provider = TracerProvider(resource=Resource.create(of_process(name)))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(session=exporting_session())))
    trace.set_tracer_provider(provider)
    return provider


def of_process(service: str) -> dict[str, str]:
    """The resource that spans and metrics of this process are of. Without a name of its own, the sums of several
    processes of one service would be taken for one that jumps (OpenTelemetry, `service.instance.id`)."""
    return {"service.name": service, "service.instance.id": _INSTANCE}


def exporting_session() -> Any:
    """What the exporter sends with: it has the headers of OTEL_EXPORTER_OTLP_HEADERS, and takes them nowhere but
    to the endpoint. Where the endpoint's name may lead is not checked, for a collector mostly lies in a private
    network (docs/threat-model.md)."""
    import requests  # the exporter's own

    class Session(requests.Session):
        def get_redirect_target(self, resp: requests.Response) -> None:
            """No redirect is followed."""

    session = Session()
    session.trust_env = False  # no proxy and no .netrc: the endpoint gets what is configured for it
    return session
