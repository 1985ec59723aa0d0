"""`toolward inbox list|show|approve|deny|withdraw`."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import msgspec
from cyclopts import Parameter

from gateway.cli.ask import concluded, follow
from gateway.cli.output import (
    EXIT_OK,
    EXIT_WAITING,
    note,
    print_json,
    print_table,
    printable,
    shorten,
)
from gateway.cli.session import Common, Session, open_session
from toolward.errors import InvalidArguments, NotFound
from toolward.types import Answer, InputRequest, RequestState, Run


def list_requests(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """List what waits for an answer."""
    return asyncio.run(_list(common))


async def _list(common: Common) -> int:
    async with open_session(common) as session:
        requests = await session.agents.list_input_requests(session.principal)
    if common.json:
        print_json({"input_requests": requests})
        return EXIT_OK
    rows = [
        (one.id, one.kind.value, one.run_id, one.prompt, shorten(_text(one.detail.get("arguments", {})), 120))
        for one in requests
    ]
    print_table(("request", "kind", "run", "asks", "arguments"), rows)
    return EXIT_OK


def show(request_id: str, /, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Show one request, all of it."""
    return asyncio.run(_show(request_id, common))


async def _show(request_id: str, common: Common) -> int:
    async with open_session(common) as session:
        request = await session.agents.get_input_request(session.principal, request_id)
    if common.json:
        print_json(request)
        return EXIT_OK
    for name, value in _rows(request):
        print(f"{name:<16} {printable(value)}")
    return EXIT_OK


def approve(
    request_id: str,
    /,
    *,
    arguments: Annotated[
        str, Parameter(help="approve the call with these in place of its own: a JSON object")
    ] = "",
    reason: Annotated[str, Parameter(help="why; it is kept with the approval")] = "",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Approve one call; the run that waits for it goes on."""
    if arguments and not arguments.lstrip().startswith("{"):
        raise InvalidArguments(
            "The arguments are not a JSON object.",
            hint=f"Write them in quotes: toolward inbox approve {request_id[:64]}"
            ' --arguments \'{"name": "value"}\'',
        )
    answer = Answer(approve=True, reason=reason, arguments_json=arguments.encode() or None)
    return asyncio.run(_answer(request_id, answer, common))


def deny(
    request_id: str,
    /,
    *,
    reason: Annotated[str, Parameter(help="why not; the agent sees it")] = "",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Deny one call."""
    return asyncio.run(_answer(request_id, Answer(approve=False, reason=reason), common))


def withdraw(request_id: str, /, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Take back a request of your own."""
    return asyncio.run(_withdraw(request_id, common))


async def _withdraw(request_id: str, common: Common) -> int:
    async with open_session(common) as session:
        request = await session.agents.withdraw_input_request(session.principal, request_id)
    if common.json:
        print_json(request)
    else:
        note("Withdrawn. Nobody is asked any more.")
    return EXIT_OK


async def _answer(request_id: str, answer: Answer, common: Common) -> int:
    async with open_session(common) as session:
        waiting = await _waiting_run(session, request_id)
        request = await session.agents.answer_input_request(session.principal, request_id, answer)
        if waiting is None or request.state is RequestState.OPEN:
            return _told(request, common)
        run = await follow(session, waiting.id, after=waiting.last_seq, as_json=common.json)
    return concluded(run, as_json=common.json)


def _told(request: InputRequest, common: Common) -> int:
    """What the answer made of the request. One that is open waits for somebody else: the arguments were changed."""
    if common.json:
        print_json(request)
    elif request.state is RequestState.OPEN:
        people = " or ".join(request.approvers)
        note(f"The changed call needs a yes of somebody else ({people}): {request.id}")
    else:
        what = "The run goes on." if request.run_id else "Whoever made the call can make it again now."
        note(f"{request.state.value}. {what}")
    return EXIT_WAITING if request.state is RequestState.OPEN else EXIT_OK


async def _waiting_run(session: Session, request_id: str) -> Run | None:
    """The run that waits for this answer, if it is the caller's own to watch."""
    for request in await session.agents.list_input_requests(session.principal):
        if request.id == request_id and request.run_id:
            try:
                return await session.agents.get_run(session.principal, request.run_id)
            except NotFound:
                return None
    return None


def _rows(request: InputRequest) -> list[tuple[str, str]]:
    """Who, what, with which arguments, why it is asked, until when, and what came of it."""
    detail = request.detail
    effect = " (only reads)" if detail.get("changes") is False else " (changes things)"
    found = [
        ("request", request.id),
        ("state", request.state.value),
        ("asks", request.prompt),
        ("who", str(detail.get("principal", ""))),
        ("run", request.run_id),
        ("tool", f"{detail.get('tool', '')}{effect}"),
        *_arguments("argument", detail.get("arguments")),
        *_arguments("asked for", detail.get("requested_arguments")),
        ("changed by", ", ".join(detail.get("edited_by", ()))),
        ("rule", str(detail.get("rule", ""))),
        ("approvers", ", ".join(request.approvers)),
        ("asked at", _time(request.created_at)),
        ("until", _time(request.expires_at)),
    ]
    if answer := detail.get("answer"):
        found += [("answered by", str(answer.get("by", ""))), ("reason", str(answer.get("reason") or ""))]
    if void := detail.get("void"):
        found += [
            ("void because", str(void.get("reason", ""))),
            ("in its place", void.get("replaced_by", "")),
        ]
    return [(name, value) for name, value in found if value]


def _arguments(name: str, arguments: Any) -> list[tuple[str, str]]:
    if not isinstance(arguments, dict):
        return []
    shown = cast(dict[str, Any], arguments)
    return [
        (name, f"{key}: {value if isinstance(value, str) else _text(value)}") for key, value in shown.items()
    ]


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(" ", "seconds") if at else ""


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
