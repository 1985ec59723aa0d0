"""The pages: what is open, one request, and what its forms send.

An answer carries the digest of what the page showed. Where the request is another by then, nothing is answered: the
page is shown anew, and says so.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import RedirectResponse, Response

from gateway.servers.console.events import as_it_changes, digest, put, said, while_signed_in
from gateway.servers.console.inbox.case import Case, case_of, rights_of, tool_of
from gateway.servers.console.inbox.editing import Edit, edit_checked, edit_of, edit_refused, edited
from gateway.servers.console.parts import Parts
from gateway.servers.console.signing_in import inside
from gateway.servers.console.visits import Shown, Visit
from gateway.servers.sse import EventStream
from toolward.errors import Conflict, InvalidRequest, ToolwardError
from toolward.schema import check_arguments
from toolward.types import Answer, InputRequest, RequestKind
from toolward.wire.errors import to_problem

ROWS = 100
"""Of each list on the page; the search finds the others."""

_APPROVALS = (RequestKind.APPROVAL, RequestKind.PLAN_REVIEW)


def shown(parts: Parts) -> list[Shown]:
    pages = _Inbox(parts)
    return [
        Shown("/inbox", pages.listed),
        Shown("/inbox/live", pages.live),
        Shown("/inbox/{id}", pages.one),
        Shown("/inbox/{id}/answer", pages.answer, "POST"),
        Shown("/inbox/{id}/take", pages.take, "POST"),
        Shown("/inbox/{id}/withdraw", pages.withdraw, "POST"),
    ]


class _Inbox:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def listed(self, visit: Visit) -> Response:
        requests = await self._parts.agents.list_input_requests(visit.principal)
        return self._parts.pages.render(
            visit, "inbox/list.html", here="inbox", seen=digest(requests), **_list(visit, requests)
        )

    async def live(self, visit: Visit) -> Response:
        async def read() -> tuple[InputRequest, ...]:
            return await self._parts.agents.list_input_requests(visit.principal)

        def changed(requests: tuple[InputRequest, ...]) -> list[bytes]:
            found = _list(visit, requests)
            waiting = found["waiting"]
            return [
                put(self._parts.pages.text(visit, "inbox/table.html", **found)),
                said("Nothing waits for you." if not waiting else f"{waiting} wait for you."),
            ]

        news = as_it_changes(visit.query.get("seen", ""), read, changed)
        return EventStream(while_signed_in(self._parts, visit, news))

    async def one(self, visit: Visit) -> Response:
        return await self._page(visit, await self._request(visit))

    async def answer(self, visit: Visit) -> Response:
        request = await self._request(visit)
        try:
            if digest(request) != visit.form.get("shown"):
                raise Conflict(
                    "This request is not any more what your page showed, so nothing was answered.",
                    hint="Look at it as it is now, below.",
                )
            if visit.form.get("do") == "check":
                return await self._checked(visit, request)
            said_now = self._answer(visit, request)
            after = await self._parts.agents.answer_input_request(visit.principal, request.id, said_now)
        except ToolwardError as error:
            return await self._page(visit, await self._request(visit), error)
        if after.id != request.id:  # somebody else must agree to what was changed
            return RedirectResponse(f"/inbox/{after.id}", 303)
        return RedirectResponse(inside(visit.form.get("next", f"/inbox/{request.id}")), 303)

    async def take(self, visit: Visit) -> Response:
        request = await self._parts.agents.take_input_request(visit.principal, visit.path("id"))
        return RedirectResponse(f"/inbox/{request.id}", 303)

    async def withdraw(self, visit: Visit) -> Response:
        request = await self._parts.agents.withdraw_input_request(visit.principal, visit.path("id"))
        return RedirectResponse(f"/inbox/{request.id}", 303)

    async def _request(self, visit: Visit) -> InputRequest:
        return await self._parts.agents.get_input_request(visit.principal, visit.path("id"))

    def _answer(self, visit: Visit, request: InputRequest) -> Answer:
        """What a form says. Raises InvalidRequest, InvalidArguments, TooLarge."""
        form, wanted = visit.form, visit.form.get("do")
        if request.kind not in _APPROVALS:
            return Answer(text=form.get("text") or None, choice=form.get("choice"))
        if wanted not in ("approve", "deny", "edit"):
            raise InvalidRequest("The form says neither yes nor no.", hint="Use the page's own buttons.")
        arguments = None
        if wanted == "edit":
            tool = tool_of(self._parts, visit.principal, request)
            arguments = msgspec.json.encode(edited(tool, form))
        return Answer(approve=wanted != "deny", reason=form.get("reason"), arguments_json=arguments)

    async def _checked(self, visit: Visit, request: InputRequest) -> Response:
        """What the changed arguments would do. Nothing is answered."""
        tool = tool_of(self._parts, visit.principal, request)
        arguments = edited(tool, visit.form)
        if tool is not None:
            check_arguments(tool.input_schema, arguments, tool.name)
        case = await case_of(self._parts, visit, request, arguments)
        return self._render(visit, case, edit_checked(tool, visit.form, case.arguments, arguments))

    async def _page(
        self, visit: Visit, request: InputRequest, error: ToolwardError | None = None
    ) -> Response:
        case = await case_of(self._parts, visit, request)
        if error is not None and visit.form.get("do") in ("check", "edit"):
            return self._render(visit, case, edit_refused(case.tool, visit.form, error), error)
        return self._render(visit, case, edit_of(case.tool, case.arguments), error)

    def _render(self, visit: Visit, case: Case, edit: Edit, error: ToolwardError | None = None) -> Response:
        typed = {} if edit.is_open else {name: visit.form.get(name) for name in ("reason", "text", "choice")}
        status = 200 if error is None else to_problem(error)[0]
        return self._parts.pages.render(
            visit,
            "inbox/one.html",
            status=status,
            here="inbox",
            case=case,
            edit=edit,
            error=error,
            typed=typed,
        )


def _list(visit: Visit, requests: tuple[InputRequest, ...]) -> Mapping[str, Any]:
    """What one can do something about first, the oldest of it first; of that what the address asks for."""
    wanted, kind = visit.query.get("q", "").strip(), visit.query.get("kind", "")
    found = [one for one in requests if kind in ("", one.kind) and _fits(one, wanted)]
    mine = [one for one in found if rights_of(visit.principal, one).answer]
    names = {one.id for one in mine}
    others = [one for one in found if one.id not in names]
    return {
        "mine": mine[:ROWS],
        "waiting": len(mine),
        "others": others[:ROWS],
        "others_waiting": len(others),
        "q": wanted,
        "of_kind": kind,
        "kinds": list(RequestKind),
    }


def _fits(request: InputRequest, wanted: str) -> bool:
    """By words of what is asked, for whom, with which arguments."""
    if not wanted:
        return True
    detail = request.detail
    said_now = [request.id, request.prompt, request.run_id, str(detail.get("principal", ""))]
    said_now += [str(detail.get("tool", "")), msgspec.json.encode(detail.get("arguments")).decode()]
    text = " ".join(said_now).lower()
    return all(word in text for word in wanted.lower().split())
