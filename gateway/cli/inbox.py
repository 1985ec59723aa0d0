"""`toolward inbox list|show|approve|deny|answer|take|return|withdraw`."""

import asyncio
from typing import Annotated

from cyclopts import Parameter

from gateway.cli.ask import concluded, follow
from gateway.cli.inbox_show import as_text, lines, taker
from gateway.cli.output import (
    EXIT_OK,
    EXIT_WAITING,
    note,
    print_json,
    shorten,
)
from gateway.cli.session import Common, Session, open_session
from gateway.cli.tables import print_table
from toolward.errors import Conflict, InvalidArguments, InvalidRequest, NotFound
from toolward.types import Answer, InputRequest, RequestState, Run


def list_requests(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """List what waits for an answer."""
    return asyncio.run(_list(common))


async def _list(common: Common) -> int:
    async with open_session(common, tools=False) as session:
        requests = await session.agents.list_input_requests(session.principal)
    if common.json:
        print_json({"input_requests": requests})
        return EXIT_OK
    rows = [
        (one.id, one.kind.value, one.run_id, shorten(one.prompt, 300), _arguments(one), taker(one))
        for one in requests
    ]
    print_table(("request", "kind", "run", "asks", "arguments", "taken by"), rows)
    return EXIT_OK


def show(request_id: str, /, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Show one request, all of it."""
    return asyncio.run(_show(request_id, common))


async def _show(request_id: str, common: Common) -> int:
    async with open_session(common, tools=False) as session:
        request = await session.agents.get_input_request(session.principal, request_id)
    if common.json:
        print_json(request)
        return EXIT_OK
    for line in lines(request):
        print(line)
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


def answer(
    request_id: str,
    text: Annotated[str, Parameter(help="what the agent reads, in quotes")] = "",
    /,
    *,
    choice: Annotated[str, Parameter(help="one of the request's choices")] = "",
    note: Annotated[str, Parameter(help="what is to be said with the choice; the agent reads it")] = "",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Answer a question, an escalation or an unknown outcome; the run that waits for it goes on."""
    return asyncio.run(
        _answer(request_id, _in_words(f"answer {request_id[:64]}", text, choice, note), common)
    )


def take(request_id: str, /, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Take a case over: nobody else answers it, and it does not expire."""
    return asyncio.run(_take(request_id, common))


async def _take(request_id: str, common: Common) -> int:
    async with open_session(common, tools=False) as session:
        request = await session.agents.take_input_request(session.principal, request_id)
    if common.json:
        print_json(request)
    else:
        note(f'It is yours. Hand it back with: toolward inbox return {request.id} "what you did"')
    return EXIT_OK


def hand_back(
    request_id: str,
    text: Annotated[str, Parameter(help="what the agent reads, in quotes")] = "",
    /,
    *,
    choice: Annotated[str, Parameter(help="one of the request's choices, where it has any")] = "",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Hand a case back that you have taken over, with what you did; the run goes on."""
    return asyncio.run(
        _hand_back(request_id, _in_words(f"return {request_id[:64]}", text, choice, ""), common)
    )


async def _hand_back(request_id: str, answer: Answer, common: Common) -> int:
    async with open_session(common, tools=False) as session:
        request = await session.agents.get_input_request(session.principal, request_id)
    if request.state is not RequestState.TAKEN:
        raise Conflict(
            f"The request {request.id} is {request.state.value}, and nobody has taken it over.",
            hint="Answer it: toolward inbox answer, or take it over first: toolward inbox take",
        )
    return await _answer(request_id, answer, common)


def withdraw(request_id: str, /, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Take back a request of your own."""
    return asyncio.run(_withdraw(request_id, common))


async def _withdraw(request_id: str, common: Common) -> int:
    async with open_session(common, tools=False) as session:
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


def _in_words(command: str, text: str, choice: str, note: str) -> Answer:
    if text and note:
        raise InvalidRequest("A text and --note say the same thing.", hint="Leave one of them out.")
    if not (text or note or choice):
        raise InvalidRequest("The answer is empty.", hint=f'Write it in quotes: toolward inbox {command} "…"')
    return Answer(text=text or note or None, choice=choice)


def _arguments(request: InputRequest) -> str:
    return shorten(as_text(request.detail.get("arguments", {})), 120)


async def _waiting_run(session: Session, request_id: str) -> Run | None:
    """The run that waits for this answer, if it is the caller's own to watch."""
    for request in await session.agents.list_input_requests(session.principal):
        if request.id == request_id and request.run_id:
            try:
                return await session.agents.get_run(session.principal, request.run_id)
            except NotFound:
                return None
    return None
