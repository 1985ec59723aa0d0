"""*Talk*: choose an agent, say what is to be done, and watch it work; its requests are answered in place.

A conversation is a run: its page tells what there is, and `/live` what comes, piece by piece. Without JavaScript
the page is loaded again.
"""

import secrets
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from gateway.servers.console.conversation import (
    Asked,
    Conversation,
    Line,
    Replied,
    Writing,
    conversation,
)
from gateway.servers.console.events import digest, end, grow, put, said, while_signed_in
from gateway.servers.console.inbox.case import rights_of
from gateway.servers.console.parts import Parts
from gateway.servers.console.telling import visible
from gateway.servers.console.visits import Shown, Visit
from gateway.servers.sse import EventStream
from toolward.errors import ToolwardError
from toolward.types import InputRequest, Run, RunEvent, TextDelta
from toolward.wire.errors import to_problem

LINES = 300
"""Of a conversation that stand on its page; all of it is on the run's own."""

ROWS = 10
"""Conversations before that are listed; all of them are in Runs."""
MAX_KEY = 128

_MOVES = frozenset(
    (
        *("run_taken_up", "message_received", "input_requested", "input_answered", "run_paused"),
        *("run_resumed", "run_completed", "run_failed", "run_cancelled"),
    )
)
"""Events behind which a run's state may be another."""


def shown(parts: Parts) -> list[Shown]:
    pages = _Talk(parts)
    return [
        Shown("/talk", pages.start),
        Shown("/talk", pages.begin, "POST"),
        Shown("/talk/{id}", pages.one),
        Shown("/talk/{id}", pages.send, "POST"),
        Shown("/talk/{id}/stop", pages.stop, "POST"),
        Shown("/talk/{id}/live", pages.live),
    ]


class _Talk:
    def __init__(self, parts: Parts) -> None:
        self._parts, self._agents = parts, parts.agents

    async def start(self, visit: Visit) -> Response:
        return await self._opening(visit)

    async def begin(self, visit: Visit) -> Response:
        form = visit.form
        try:
            run = await self._agents.start_run(
                visit.principal, form.get("agent"), form.get("text"), form.get("key")[:MAX_KEY]
            )
        except ToolwardError as error:
            return await self._opening(visit, error)
        return RedirectResponse(f"/talk/{run.id}", 303)

    async def one(self, visit: Visit) -> Response:
        return await self._page(visit)

    async def send(self, visit: Visit) -> Response:
        form = visit.form
        try:
            run = await self._agents.send_message(
                visit.principal, visit.path("id"), form.get("text"), form.get("key")[:MAX_KEY]
            )
        except ToolwardError as error:
            return await self._page(visit, error)
        return RedirectResponse(f"/talk/{run.id}#end", 303)

    async def stop(self, visit: Visit) -> Response:
        run = await self._agents.cancel_run(visit.principal, visit.path("id"))
        return RedirectResponse(f"/talk/{run.id}#end", 303)

    async def live(self, visit: Visit) -> Response:
        run = await self._agents.get_run(
            visit.principal, visit.path("id")
        )  # while there is a status to refuse by
        last = visit.request.headers.get("last-event-id") or visit.query.get("after", "0")
        after = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else 0
        news = _Live(self._parts, visit).news(run.id, after)
        return EventStream(while_signed_in(self._parts, visit, news))

    async def _opening(self, visit: Visit, error: ToolwardError | None = None) -> Response:
        known = await self._agents.list_agents(visit.principal)
        wanted = visit.form.get("agent") or visit.query.get("agent", "")
        names = [one.name for one in known]
        runs = (await self._agents.list_runs(visit.principal, size=ROWS)).runs
        likely = [name for name in (wanted, *(run.agent for run in runs), *names) if name in names]
        return self._parts.pages.render(
            visit,
            "talk/start.html",
            status=200 if error is None else to_problem(error)[0],
            here="talk",
            agents=known,
            chosen=likely[0] if likely else "",
            text=visit.form.get("text") or visit.query.get("text", ""),
            runs=runs,
            key=secrets.token_urlsafe(12),
            error=error,
        )

    async def _page(self, visit: Visit, error: ToolwardError | None = None) -> Response:
        """Raises NotFound, Denied where the run is not there for who looks, whatever went wrong before."""
        run = await self._agents.get_run(visit.principal, visit.path("id"))
        lines = list((await conversation(self._agents, visit.principal, run)).lines.values())
        return self._parts.pages.render(
            visit,
            "talk/one.html",
            status=200 if error is None else to_problem(error)[0],
            here="talk",
            run=run,
            lines=lines[-LINES:],
            left_out=max(0, len(lines) - LINES),
            text=visit.form.get("text"),
            key=secrets.token_urlsafe(12),
            error=error,
            **_with_requests(await self._agents.list_input_requests(visit.principal, run.id), visit),
        )


class _Live:
    """What comes of one run, as pieces of its page."""

    def __init__(self, parts: Parts, visit: Visit) -> None:
        self._parts, self._visit = parts, visit
        self._told, self._writing = Conversation(), Writing()

    async def news(self, run_id: str, after: int) -> AsyncGenerator[bytes]:
        """What is behind `after`, and each new thing as it comes, to the end of the run."""
        agents, who = self._parts.agents, self._visit.principal
        watched: Any = agents.watch_run(who, run_id, 0, deltas=True)
        try:
            async for one in watched:
                if isinstance(one, TextDelta):
                    for event in self._said(one):
                        yield event
                    continue
                made = self._told.take(one)
                if one.seq > after:
                    for event in await self._happened(one, made):
                        yield event
        finally:
            await watched.aclose()
        yield self._state(await agents.get_run(who, run_id))
        yield end()

    def _said(self, piece: TextDelta) -> list[bytes]:
        said_now = self._writing.take(piece)
        if isinstance(said_now, str):
            return [grow(f"turn-{piece.turn}-text", visible(said_now))]
        return [] if said_now is None else [self._line(said_now)]

    async def _happened(self, event: RunEvent, made: tuple[Line, ...]) -> list[bytes]:
        found = [self._line(line, event.seq) for line in made]
        if event.type in _MOVES:
            run = await self._parts.agents.get_run(self._visit.principal, event.run_id)
            requests = await self._parts.agents.list_input_requests(self._visit.principal, event.run_id)
            found += [self._state(run), self._requests(requests)]
        found += [said(_heard(line)) for line in made if _heard(line)]
        return found

    def _line(self, line: Line, number: int | None = None) -> bytes:
        return put(self._parts.pages.text(self._visit, "talk/line.html", line_shown=line), number)

    def _state(self, run: Run) -> bytes:
        return put(self._parts.pages.text(self._visit, "talk/state.html", run=run))

    def _requests(self, requests: tuple[InputRequest, ...]) -> bytes:
        values = _with_requests(requests, self._visit)
        run_id = self._visit.path("id")
        return put(self._parts.pages.text(self._visit, "talk/requests.html", run_id=run_id, **values))


def _with_requests(requests: tuple[InputRequest, ...], visit: Visit) -> Mapping[str, Any]:
    """Those that wait, each with the digest of what is shown and what the person may do."""
    return {"waiting": [(one, digest(one), rights_of(visit.principal, one)) for one in requests]}


def _heard(line: Line) -> str:
    """For who does not see the page; little enough to be listened to."""
    if isinstance(line, Asked) and not line.answer:
        return "The agent waits for an answer."
    if isinstance(line, Replied) and line.text:
        return f"The agent says: {line.text[:300]}"
    return ""
