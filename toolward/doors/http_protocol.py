"""What a connection on HTTP does, beside what uvicorn makes of it. Loaded with uvicorn, by whoever opens a door."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from toolward.doors.certificates import of_connection


class HttpProtocol(HttpToolsProtocol):
    """One connection. What is known of the client's certificate stands before the headers of each request, under a
    name that the parser takes from no client."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._certificate = of_connection(transport)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.headers.extend(self._certificate)
