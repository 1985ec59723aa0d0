"""What comes to the page of a run while somebody looks at it: the pieces of it that each new event changes, as the
page itself would show them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, NamedTuple, cast

from starlette.responses import Response

from gateway.servers.console import events
from gateway.servers.console.parts import Parts
from gateway.servers.console.runs.detail import detail
from gateway.servers.console.runs.page import whole
from gateway.servers.console.runs.steps import RunSteps
from gateway.servers.console.runs.times import Axis
from gateway.servers.console.runs.view import View
from gateway.servers.console.telling import now_ms
from gateway.servers.console.visits import Shown, Visit
from gateway.servers.sse import EventStream
from toolward.types import RunEvent, TextDelta

QUIET, MOST = 0.1, 0.4
"""Seconds: what comes within the first of one another is sent as one, and nothing waits longer than the second."""

LONGEST_TEXT = 2_000
"""Characters, the last ones, of what the model says while it says it."""


class Reading(NamedTuple):
    """What a page shows of a run: see `page.py`."""

    after: int
    page: int
    step: int
    follows: bool


def news(parts: Parts) -> list[Shown]:
    async def live(visit: Visit) -> Response:
        run = await parts.agents.get_run(visit.principal, visit.path("id"))
        query = visit.query
        last = visit.request.headers.get("last-event-id", "")
        after = whole({"after": last or query.get("after", "")}, "after")
        step = whole(query, "step")
        reading = Reading(after, whole(query, "page"), step, query.get("follows") == "1")
        sent = _sent(parts, visit, run.id, reading)
        return EventStream(events.while_signed_in(parts, visit, sent))

    return [Shown("/runs/{id}/live", live)]


async def _sent(parts: Parts, visit: Visit, run_id: str, reading: Reading) -> AsyncGenerator[bytes]:
    writer = _Writer(parts, visit, reading)
    async with aclosing(cast(Any, parts.agents.watch_run(visit.principal, run_id, deltas=True))) as watched:
        async for some in together(watched):
            for one in some:
                writer.take(one)
            async for event in writer.changes(run_id):
                yield event
            if writer.left:
                return
    yield events.end()


class _Writer:
    """Keeps what the page shows, and writes what changes."""

    def __init__(self, parts: Parts, visit: Visit, reading: Reading) -> None:
        self._parts, self._visit, self._reading = parts, visit, reading
        self._steps = RunSteps()
        self._axis: Axis | None = None
        self._text = ""
        self._news: list[RunEvent] = []
        self._spoke = False
        self.left = False  # the reader is sent to the next page of steps

    def take(self, one: RunEvent | TextDelta) -> None:
        if isinstance(one, TextDelta):
            if one.kind == "text":
                self._text = ((self._text if one.offset else "") + one.text)[-LONGEST_TEXT:]
                self._spoke = True
            return
        self._steps.take(one)
        if one.seq <= self._reading.after:  # the page has it
            self._steps.touched.clear()
            return
        if one.type == "model_replied":
            self._text, self._spoke = "", True
        self._news.append(one)

    async def changes(self, run_id: str) -> AsyncGenerator[bytes]:
        if self._news:
            run = await self._parts.agents.get_run(self._visit.principal, run_id)
            reading = self._reading
            view = View(run, self._steps, now_ms(), page=reading.page, chosen=reading.step)
            if reading.follows and view.pages > reading.page:
                self.left = True
                yield events.go()
                return
            async for piece in self._pieces(view):
                yield piece
            if words := _told(self._news[-1]):
                yield events.said(words)
            self._steps.touched.clear()
            self._news.clear()
            self._axis = view.axis
        if self._spoke:
            self._spoke = False
            yield events.put(self._render("runs/saying.html", text=self._text))

    async def _pieces(self, view: View) -> AsyncGenerator[bytes]:
        changed = self._steps.touched
        moved = self._axis != view.axis
        if groups := [one for one in view.groups if moved or one.seq in changed]:
            yield events.put(self._render("runs/groups.html", view=view, groups=groups))
        looked_at = view.chosen
        panel = looked_at is None or looked_at.group in changed
        found = await detail(self._parts.agents, self._visit.principal, view) if panel else None
        rest = self._render("runs/pieces.html", view=view, detail=found, panel=panel)
        yield events.put(rest, self._steps.seq)

    def _render(self, template: str, **values: Any) -> str:
        return self._parts.pages.text(self._visit, template, **values)


async def together(
    news: AsyncIterator[RunEvent | TextDelta],
) -> AsyncGenerator[list[RunEvent | TextDelta]]:
    """What comes within a moment, as one."""
    loop = asyncio.get_running_loop()
    coming = asyncio.ensure_future(anext(news, None))
    try:
        while (one := await coming) is not None:
            some, latest = [one], loop.time() + MOST
            coming = asyncio.ensure_future(anext(news, None))
            while (left := latest - loop.time()) > 0:
                await asyncio.wait({coming}, timeout=min(left, QUIET))
                if not coming.done() or coming.exception() is not None or (more := coming.result()) is None:
                    break
                some.append(more)
                coming = asyncio.ensure_future(anext(news, None))
            yield some
    finally:
        coming.cancel()
        await asyncio.wait({coming})


def _told(event: RunEvent) -> str:
    """For who does not see the page."""
    data = event.data
    match event.type:
        case "model_replied":
            return f"Turn {data['turn']}."
        case "tool_called":
            return f"{data['tool'] or data['alias']} is called."
        case "tool_returned":
            return f"A call came back: {str(data['code']).replace('_', ' ')}."
        case "input_requested":
            return "The run waits for a person."
        case "run_completed" | "run_failed" | "run_cancelled" | "run_paused" | "run_resumed":
            return f"The run is {event.type.removeprefix('run_')}."
        case _:
            return ""
