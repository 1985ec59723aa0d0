"""A collector of OpenTelemetry: a real HTTP server that takes OTLP and keeps it."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """Takes OTLP over HTTP, as a collector of OpenTelemetry does."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.metered: list[ExportMetricsServiceRequest] = []
        self.url = ""

    @property
    def spans(self) -> dict[str, list[Span]]:
        """By name."""
        found: dict[str, list[Span]] = {}
        for request in self.requests:
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans if scope.scope.name == "toolward" else ():
                        found.setdefault(span.name, []).append(span)
        return found

    @property
    def metrics(self) -> dict[str, Metric]:
        """The newest of each name."""
        return {
            metric.name: metric
            for request in self.metered
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@contextmanager
def collecting(redirect: str = "") -> Generator[Collector, None, None]:
    """With `redirect`, it sends everybody on to there."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            import gzip

            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/metrics":
                collector.metered.append(ExportMetricsServiceRequest.FromString(body))
            else:
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(307 if redirect else 200)
            if redirect:
                self.send_header("location", redirect)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- its name there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
