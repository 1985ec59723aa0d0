"""OpenTelemetry's own metrics of model calls, sent where spans are sent. Where the environment does not ask for
that, nothing is loaded; what Prometheus reads is in `metrics`."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from toolward.errors import ConfigurationError
from toolward.telemetry import names
from toolward.telemetry.tracing import exporting_session, of_process

ASKED_BY = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")

_LEAVING = 5_000  # milliseconds that sending the rest may take on the way out
_TOKEN_BUCKETS = tuple(4**power for power in range(14))  # those of the convention, as the next
_SECOND_BUCKETS = tuple(0.01 * 2**power for power in range(14))


class Metering(Protocol):
    def asked(self, about: Mapping[str, str], seconds: float, tokens: tuple[int, int] | None) -> None:
        """One model call: attributes, how long it took, and its tokens (input, output), where it was answered."""
        ...


class OtelMetering:
    def __init__(self, meter: Any) -> None:
        self._tokens = meter.create_histogram(
            names.TOKEN_USAGE, "{token}", explicit_bucket_boundaries_advisory=_TOKEN_BUCKETS
        )
        self._seconds = meter.create_histogram(
            names.OPERATION_SECONDS, "s", explicit_bucket_boundaries_advisory=_SECOND_BUCKETS
        )

    def asked(self, about: Mapping[str, str], seconds: float, tokens: tuple[int, int] | None) -> None:
        self._seconds.record(seconds, about)
        for kind, count in zip(("input", "output"), tokens or (), strict=False):
            self._tokens.record(count, {**about, names.TOKEN_TYPE: kind})


def is_asked_for(environment: Mapping[str, str]) -> bool:
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environment.get("OTEL_METRICS_EXPORTER", "").lower() == "none":
        return False
    return any(environment.get(name) for name in ASKED_BY)


@contextmanager
def open_metering(service: str, environment: Mapping[str, str]) -> Generator[Metering | None, None, None]:
    """As `open_tracing`, for metrics."""
    if not is_asked_for(environment):
        yield None
        return
    provider = _provider(environment.get("OTEL_SERVICE_NAME") or service)
    try:
        yield OtelMetering(provider.get_meter(names.SCOPE))
    finally:
        provider.shutdown(timeout_millis=_LEAVING)


def _provider(service: str) -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
    except ImportError as error:
        raise ConfigurationError(
            f"Metrics are asked for by OTEL_EXPORTER_OTLP_ENDPOINT, and {error.name} is not installed.",
            hint="Install it: pip install 'toolward[otel]'",
        ) from None
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(session=exporting_session()))
    return MeterProvider([reader], Resource.create(of_process(service)))
