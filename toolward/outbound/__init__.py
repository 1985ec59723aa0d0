"""Every outgoing HTTP request: the one egress rule (`egress`), the keep-alive client (`pool`), server-sent
events (`sse`), and the same pool beneath httpx (`transport`, which needs the `gateway` extra)."""
