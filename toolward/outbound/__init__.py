"""Every outgoing HTTP request: the one egress rule (`egress`), the keep-alive client (`pool`), server-sent
events (`sse`), and the same pool beneath httpx and httpx2 (`transport`). Where a name may lead: `reach`."""
