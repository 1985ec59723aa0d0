"""Input requests over REST."""

from typing import Any

import msgspec
from fastapi import APIRouter, Response

from gateway.servers.openapi import describing
from gateway.servers.rest_bodies import Body, answer
from gateway.servers.rest_route import routes
from toolward.types import AgentProvider, Answer, InputRequest, Principal


class GiveAnswer(Body):
    """A person's answer to an input request: `approve` for approvals, `text` for questions, `choice` (and, if
    there is more to say, `text`) where it has `choices`. `arguments` approves the call with those in place of its
    own."""

    approve: bool | None = None
    text: str | None = None
    choice: str = ""
    reason: str = ""
    arguments: dict[str, Any] | None = None


def inbox_routes(agents: AgentProvider, who: Any) -> APIRouter:
    """`who` is the dependency that gives the caller."""
    router = routes("/v1/input-requests")

    @router.get("", responses=describing(tuple[InputRequest, ...], "input_requests"))
    async def list_input_requests(run_id: str | None = None, principal: Principal = who) -> Response:
        """The open requests that you made or may answer."""
        return answer({"input_requests": await agents.list_input_requests(principal, run_id)})

    @router.post("/{request_id}/answer", responses=describing(InputRequest))
    async def answer_input_request(request_id: str, body: GiveAnswer, principal: Principal = who) -> Response:
        """Approve (as it is, or with other arguments), deny with a reason, answer a question, or choose. Where
        other arguments need somebody else's yes, the answer is the open request that stands in this one's place."""
        arguments = None if body.arguments is None else msgspec.json.encode(body.arguments)
        said = Answer(body.approve, body.text, body.reason, arguments, body.choice)
        return answer(await agents.answer_input_request(principal, request_id, said))

    @router.get("/{request_id}", responses=describing(InputRequest))
    async def get_input_request(request_id: str, principal: Principal = who) -> Response:
        """One that you made or may answer, in whatever state it is."""
        return answer(await agents.get_input_request(principal, request_id))

    @router.post("/{request_id}/withdraw", responses=describing(InputRequest))
    async def withdraw_input_request(request_id: str, principal: Principal = who) -> Response:
        """Take back one that you made."""
        return answer(await agents.withdraw_input_request(principal, request_id))

    @router.post("/{request_id}/take", responses=describing(InputRequest))
    async def take_input_request(request_id: str, principal: Principal = who) -> Response:
        """Take the case over, also from another who has it: nobody else answers it then, and its run waits."""
        return answer(await agents.take_input_request(principal, request_id))

    return router
