"""What `static/live.js` is sent: pieces of a page that the server has rendered, as they change."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import msgspec

from gateway.servers.console.parts import Parts
from gateway.servers.console.visits import Visit
from toolward.errors import Conflict, Unauthenticated

LOOK_SECONDS = 3.0
"""Between two looks at what nobody tells of."""

CHECK_SECONDS = 3.0
"""Between two looks at whether a session is over while nothing comes; before what comes it is looked at anyway."""

_LINE_END = re.compile("\r\n|\r|\n")

ReadNow = Callable[[], Awaitable[Any]]


def put(html: str, number: int | None = None) -> bytes:
    """Elements that take the place of those with their ids, or are added; `number` is what `Last-Event-ID` will
    say."""
    return _event("put", html, number)


def grow(element: str, text: str) -> bytes:
    """Text that is added to what stands in the element of this id; it is shown as it is here."""
    return _event("grow", json.dumps({"id": element, "text": text}))


def said(words: str) -> bytes:
    """A sentence for who does not see the page."""
    return _event("said", words)


def go() -> bytes:
    """The page is to be loaded anew."""
    return _event("go", "")


def end() -> bytes:
    """No more will come."""
    return _event("end", "")


def digest(value: Any) -> str:
    """Of anything that JSON can hold: whether two readings are the same."""
    written = msgspec.json.encode(value, order="deterministic", enc_hook=str)
    return hashlib.sha256(written).hexdigest()[:24]


async def as_it_changes(
    seen: str, read: ReadNow, shown: Callable[[Any], list[bytes]], every: float = LOOK_SECONDS
) -> AsyncGenerator[bytes]:
    """What `shown` makes of what is read, whenever that is another than the one of the digest `seen`."""
    while True:
        value = await read()
        if (now := digest(value)) != seen:
            seen = now
            for event in shown(value):
                yield event
        await asyncio.sleep(every)


async def while_signed_in(parts: Parts, visit: Visit, events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The same, as long as the session lasts and what it stands on holds, whether anything happens or not. Then the
    page is to be loaded anew, which leads to where one signs in. Raises Unauthenticated; Conflict where the rights
    are others: whoever comes back has those of now."""
    coming = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=CHECK_SECONDS)
            parts.sessions.check(visit.session)
            if parts.proofs.principal_of(visit.session) != visit.principal:
                raise Conflict("What you may do has changed.", hint="Load the page again.")
            if not done:
                continue
            if (event := coming.result()) is None:
                return
            yield event
            coming = asyncio.ensure_future(anext(events, None))
    except Unauthenticated:
        yield go()
        raise
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await events.aclose()


def _event(name: str, data: str, number: int | None = None) -> bytes:
    lines = "".join(f"data: {line}\n" for line in _LINE_END.split(data))
    head = "" if number is None else f"id: {number}\n"
    return f"event: {name}\n{lines}{head}\n".encode()
