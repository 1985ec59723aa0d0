"""Agents and runs over REST in the raw, with the face that a client over gRPC has."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, TypeVar

import httpx
import msgspec

from toolward.types import (
    EVERY_RUN,
    Answer,
    InputRequest,
    Principal,
    Run,
    RunEvent,
    RunFilter,
    RunPage,
    Said,
    TextDelta,
    TurnRequest,
)
from toolward.wire.errors import from_details

T = TypeVar("T")


class Sse(msgspec.Struct):
    """One server-sent event; `id` is None where it has none."""

    event: str = ""
    data: str = ""
    id: str | None = None


async def sse(lines: AsyncGenerator[str, None]) -> AsyncGenerator[Sse, None]:
    one = Sse()
    async for line in lines:
        if not line:
            if one.data:
                yield one
            one = Sse()
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            setattr(one, name, value)


class RestAgents:
    """Raises the error that a problem tells of."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self.client, self._headers = client, {"authorization": f"Bearer {token}"}

    async def start_run(
        self, principal: Principal, agent: str, text: str, key: str = "", before: Sequence[Said] = ()
    ) -> Run:
        said = {"before": msgspec.to_builtins(tuple(before))} if before else {}
        return await self._post("/v1/runs", Run, {"agent": agent, "input": text} | said, key)

    async def get_run(self, principal: Principal, run_id: str) -> Run:
        return await self._ask("GET", f"/v1/runs/{run_id}", Run)

    async def watch_run(
        self, principal: Principal, run_id: str, after: int = 0, deltas: bool = False
    ) -> AsyncGenerator[RunEvent | TextDelta, None]:
        async for one in self.raw_events(run_id, {"after": after, "deltas": deltas}):
            kind = TextDelta if one.event == "text_delta" else RunEvent
            yield msgspec.json.decode(one.data, type=kind)

    async def raw_events(
        self, run_id: str, parameters: dict[str, Any], last_event_id: str = ""
    ) -> AsyncGenerator[Sse, None]:
        headers = self._headers | ({"last-event-id": last_event_id} if last_event_id else {})
        path = f"/v1/runs/{run_id}/events"
        async with self.client.stream("GET", path, params=parameters, headers=headers) as answer:
            if answer.status_code != 200:
                await answer.aread()
                _raise(answer)
            lines: Any = answer.aiter_lines()
            async for one in sse(lines):
                yield one

    async def list_runs(
        self, principal: Principal, *, size: int = 50, cursor: str | None = None, only: RunFilter = EVERY_RUN
    ) -> RunPage:
        wanted = {name: value for name, value in msgspec.to_builtins(only).items() if value}
        parameters = wanted | {"size": size} | ({"cursor": cursor} if cursor else {})
        return await self._ask("GET", "/v1/runs", RunPage, params=parameters)

    async def cancel_run(self, principal: Principal, run_id: str) -> Run:
        return await self._post(f"/v1/runs/{run_id}/cancel", Run)

    async def pause_run(self, principal: Principal, run_id: str) -> Run:
        return await self._post(f"/v1/runs/{run_id}/pause", Run)

    async def resume_run(self, principal: Principal, run_id: str) -> Run:
        return await self._post(f"/v1/runs/{run_id}/resume", Run)

    async def retry_run(self, principal: Principal, run_id: str, after: int, key: str = "") -> Run:
        return await self._post(f"/v1/runs/{run_id}/retry", Run, {"after": after}, key)

    async def send_message(self, principal: Principal, run_id: str, text: str, key: str = "") -> Run:
        return await self._post(f"/v1/runs/{run_id}/messages", Run, {"text": text}, key)

    async def rate_run(self, principal: Principal, run_id: str, score: float, comment: str = "") -> Run:
        return await self._post(f"/v1/runs/{run_id}/rating", Run, {"score": score, "comment": comment})

    async def get_model_request(self, principal: Principal, run_id: str, turn: int) -> TurnRequest:
        return await self._ask("GET", f"/v1/runs/{run_id}/requests/{turn}", TurnRequest)

    async def get_input_request(self, principal: Principal, request_id: str) -> InputRequest:
        return await self._ask("GET", f"/v1/input-requests/{request_id}", InputRequest)

    async def answer_input_request(
        self, principal: Principal, request_id: str, answer: Answer
    ) -> InputRequest:
        said = {"approve": answer.approve, "text": answer.text, "choice": answer.choice}
        body = {name: value for name, value in said.items() if value not in (None, "")}
        path = f"/v1/input-requests/{request_id}/answer"
        return await self._post(path, InputRequest, body | {"reason": answer.reason})

    async def take_input_request(self, principal: Principal, request_id: str) -> InputRequest:
        return await self._post(f"/v1/input-requests/{request_id}/take", InputRequest)

    async def _post(self, path: str, shape: type[T], body: Any = None, key: str = "") -> T:
        headers = {"idempotency-key": key} if key else {}
        return await self._ask("POST", path, shape, json=body, headers=headers)

    async def _ask(self, method: str, path: str, shape: type[T], **given: Any) -> T:
        headers = self._headers | given.pop("headers", {})
        answer = await self.client.request(method, path, headers=headers, **given)
        if not answer.is_success:
            _raise(answer)
        return msgspec.json.decode(answer.content, type=shape)


def _raise(answer: httpx.Response) -> None:
    body = answer.json()
    error = from_details(body["detail"], body)
    assert error is not None, body
    raise error
