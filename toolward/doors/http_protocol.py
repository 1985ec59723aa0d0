"""What a connection on HTTP does, beside what uvicorn makes of it. Loaded with uvicorn, by whoever opens a door."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpProtocol(HttpToolsProtocol):
    """One connection."""
