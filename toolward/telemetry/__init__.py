"""What a process says of itself: metrics for Prometheus, spans for OpenTelemetry, log lines. Every name is in
`names`; nothing here loads OpenTelemetry until it is configured."""
