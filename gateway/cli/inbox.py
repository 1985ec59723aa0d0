"""`toolward inbox list|approve|deny`."""

import asyncio
from typing import Annotated

import msgspec
from cyclopts import Parameter

from gateway.cli.ask import code_of, follow
from gateway.cli.output import EXIT_OK, note, print_json, print_table, printable_lines, shorten
from gateway.cli.session import Common, Session, open_session
from toolward.errors import NotFound
from toolward.types import Answer, Run


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


def approve(request_id: str, /, *, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Approve one call; the run that waits for it goes on."""
    return asyncio.run(_answer(request_id, Answer(approve=True), common))


def deny(
    request_id: str,
    /,
    *,
    reason: Annotated[str, Parameter(help="why not; the agent sees it")] = "",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Deny one call."""
    return asyncio.run(_answer(request_id, Answer(approve=False, reason=reason), common))


async def _answer(request_id: str, answer: Answer, common: Common) -> int:
    async with open_session(common) as session:
        waiting = await _waiting_run(session, request_id)
        request = await session.agents.answer_input_request(session.principal, request_id, answer)
        if waiting is None:
            if common.json:
                print_json(request)
            else:
                what = (
                    "The run goes on." if request.run_id else "Whoever made the call can make it again now."
                )
                note(f"{request.state.value}. {what}")
            return EXIT_OK
        run = await follow(session, waiting.id, after=waiting.last_seq, as_json=common.json)
    if common.json:
        print_json(run)
    elif run.answer:
        print(f"\n{printable_lines(run.answer)}")
    return code_of(run)


async def _waiting_run(session: Session, request_id: str) -> Run | None:
    """The run that waits for this answer, if it is the caller's own to watch."""
    for request in await session.agents.list_input_requests(session.principal):
        if request.id == request_id and request.run_id:
            try:
                return await session.agents.get_run(session.principal, request.run_id)
            except NotFound:
                return None
    return None


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
