"""`toolward.v1.AgentService`: its methods."""

from toolward.types import Agent, InputRequest, Run, RunEvent, RunPage, TextDelta, TurnRequest
from toolward.v1 import agents_pb2 as pb
from toolward.wire.grpc_common import from_input_request, to_input_request
from toolward.wire.grpc_rpc import Malformed, Rpc, rpc
from toolward.wire.grpc_run_requests import (
    AnswerRequest,
    AskedInTurn,
    ListRuns,
    RateRun,
    RetryRun,
    SendMessage,
    StartRun,
    WatchRun,
    from_answer,
    from_list,
    from_rate,
    from_retry,
    from_start,
    from_watch,
    to_answer,
    to_list,
    to_rate,
)
from toolward.wire.grpc_runs import from_agent, from_news, from_run, to_agent, to_news, to_run
from toolward.wire.grpc_turns import from_turn_request, to_turn_request

SERVICE = pb.DESCRIPTOR.services_by_name["AgentService"].full_name


def _run_of(
    found: pb.StartRunResponse
    | pb.GetRunResponse
    | pb.CancelRunResponse
    | pb.PauseRunResponse
    | pb.ResumeRunResponse
    | pb.RetryRunResponse
    | pb.SendMessageResponse
    | pb.RateRunResponse,
) -> Run:
    if not found.HasField("run"):
        raise Malformed("it has no run")
    return from_run(found.run)


def _from_runs(found: pb.ListRunsResponse) -> RunPage:
    return RunPage(tuple(map(from_run, found.runs)), found.next_cursor or None)


def _from_requests(found: pb.ListInputRequestsResponse) -> tuple[InputRequest, ...]:
    return tuple(map(from_input_request, found.requests))


def _from_answered(
    found: pb.AnswerInputRequestResponse
    | pb.GetInputRequestResponse
    | pb.WithdrawInputRequestResponse
    | pb.TakeInputRequestResponse,
) -> InputRequest:
    if not found.HasField("request"):
        raise Malformed("it has no input request")
    return from_input_request(found.request)


def _nothing(_found: pb.ListAgentsRequest) -> None:
    return None


LIST_AGENTS: Rpc[None, tuple[Agent, ...]] = rpc(
    SERVICE,
    "ListAgents",
    request=pb.ListAgentsRequest,
    response=pb.ListAgentsResponse,
    to_request=lambda _: pb.ListAgentsRequest(),
    from_request=_nothing,
    to_response=lambda agents: pb.ListAgentsResponse(agents=map(to_agent, agents)),
    from_response=lambda found: tuple(map(from_agent, found.agents)),
)

START_RUN: Rpc[StartRun, Run] = rpc(
    SERVICE,
    "StartRun",
    request=pb.StartRunRequest,
    response=pb.StartRunResponse,
    to_request=lambda asked: pb.StartRunRequest(
        agent=asked.agent,
        input=asked.text,
        idempotency_key=asked.key,
        before=[pb.Said(role=said.role, text=said.text) for said in asked.before],
    ),
    from_request=from_start,
    to_response=lambda run: pb.StartRunResponse(run=to_run(run)),
    from_response=_run_of,
)

WATCH_RUN: Rpc[WatchRun, RunEvent | TextDelta | None] = rpc(
    SERVICE,
    "WatchRun",
    request=pb.WatchRunRequest,
    response=pb.WatchRunResponse,
    to_request=lambda asked: pb.WatchRunRequest(
        run_id=asked.run_id, after_seq=asked.after, include_text_deltas=asked.deltas
    ),
    from_request=from_watch,
    to_response=to_news,
    from_response=from_news,
    streams=True,
)

GET_RUN: Rpc[str, Run] = rpc(
    SERVICE,
    "GetRun",
    request=pb.GetRunRequest,
    response=pb.GetRunResponse,
    to_request=lambda run_id: pb.GetRunRequest(run_id=run_id),
    from_request=lambda found: found.run_id,
    to_response=lambda run: pb.GetRunResponse(run=to_run(run)),
    from_response=_run_of,
)

LIST_RUNS: Rpc[ListRuns, RunPage] = rpc(
    SERVICE,
    "ListRuns",
    request=pb.ListRunsRequest,
    response=pb.ListRunsResponse,
    to_request=to_list,
    from_request=from_list,
    to_response=lambda page: pb.ListRunsResponse(
        runs=map(to_run, page.runs), next_cursor=page.next_cursor or ""
    ),
    from_response=_from_runs,
)

CANCEL_RUN: Rpc[str, Run] = rpc(
    SERVICE,
    "CancelRun",
    request=pb.CancelRunRequest,
    response=pb.CancelRunResponse,
    to_request=lambda run_id: pb.CancelRunRequest(run_id=run_id),
    from_request=lambda found: found.run_id,
    to_response=lambda run: pb.CancelRunResponse(run=to_run(run)),
    from_response=_run_of,
)

PAUSE_RUN: Rpc[str, Run] = rpc(
    SERVICE,
    "PauseRun",
    request=pb.PauseRunRequest,
    response=pb.PauseRunResponse,
    to_request=lambda run_id: pb.PauseRunRequest(run_id=run_id),
    from_request=lambda found: found.run_id,
    to_response=lambda run: pb.PauseRunResponse(run=to_run(run)),
    from_response=_run_of,
)

RESUME_RUN: Rpc[str, Run] = rpc(
    SERVICE,
    "ResumeRun",
    request=pb.ResumeRunRequest,
    response=pb.ResumeRunResponse,
    to_request=lambda run_id: pb.ResumeRunRequest(run_id=run_id),
    from_request=lambda found: found.run_id,
    to_response=lambda run: pb.ResumeRunResponse(run=to_run(run)),
    from_response=_run_of,
)

RETRY_RUN: Rpc[RetryRun, Run] = rpc(
    SERVICE,
    "RetryRun",
    request=pb.RetryRunRequest,
    response=pb.RetryRunResponse,
    to_request=lambda asked: pb.RetryRunRequest(
        run_id=asked.run_id, after_seq=asked.after, idempotency_key=asked.key
    ),
    from_request=from_retry,
    to_response=lambda run: pb.RetryRunResponse(run=to_run(run)),
    from_response=_run_of,
)

SEND_MESSAGE: Rpc[SendMessage, Run] = rpc(
    SERVICE,
    "SendMessage",
    request=pb.SendMessageRequest,
    response=pb.SendMessageResponse,
    to_request=lambda asked: pb.SendMessageRequest(
        run_id=asked.run_id, text=asked.text, idempotency_key=asked.key
    ),
    from_request=lambda found: SendMessage(found.run_id, found.text, found.idempotency_key),
    to_response=lambda run: pb.SendMessageResponse(run=to_run(run)),
    from_response=_run_of,
)

RATE_RUN: Rpc[RateRun, Run] = rpc(
    SERVICE,
    "RateRun",
    request=pb.RateRunRequest,
    response=pb.RateRunResponse,
    to_request=to_rate,
    from_request=from_rate,
    to_response=lambda run: pb.RateRunResponse(run=to_run(run)),
    from_response=_run_of,
)

GET_MODEL_REQUEST: Rpc[AskedInTurn, TurnRequest] = rpc(
    SERVICE,
    "GetModelRequest",
    request=pb.GetModelRequestRequest,
    response=pb.GetModelRequestResponse,
    to_request=lambda asked: pb.GetModelRequestRequest(run_id=asked.run_id, turn=asked.turn),
    from_request=lambda found: AskedInTurn(found.run_id, found.turn),
    to_response=to_turn_request,
    from_response=from_turn_request,
)

LIST_INPUT_REQUESTS: Rpc[str | None, tuple[InputRequest, ...]] = rpc(
    SERVICE,
    "ListInputRequests",
    request=pb.ListInputRequestsRequest,
    response=pb.ListInputRequestsResponse,
    to_request=lambda run_id: pb.ListInputRequestsRequest(run_id=run_id or ""),
    from_request=lambda found: found.run_id or None,
    to_response=lambda requests: pb.ListInputRequestsResponse(requests=map(to_input_request, requests)),
    from_response=_from_requests,
)

GET_INPUT_REQUEST: Rpc[str, InputRequest] = rpc(
    SERVICE,
    "GetInputRequest",
    request=pb.GetInputRequestRequest,
    response=pb.GetInputRequestResponse,
    to_request=lambda request_id: pb.GetInputRequestRequest(request_id=request_id),
    from_request=lambda found: found.request_id,
    to_response=lambda request: pb.GetInputRequestResponse(request=to_input_request(request)),
    from_response=_from_answered,
)

WITHDRAW_INPUT_REQUEST: Rpc[str, InputRequest] = rpc(
    SERVICE,
    "WithdrawInputRequest",
    request=pb.WithdrawInputRequestRequest,
    response=pb.WithdrawInputRequestResponse,
    to_request=lambda request_id: pb.WithdrawInputRequestRequest(request_id=request_id),
    from_request=lambda found: found.request_id,
    to_response=lambda request: pb.WithdrawInputRequestResponse(request=to_input_request(request)),
    from_response=_from_answered,
)

ANSWER_INPUT_REQUEST: Rpc[AnswerRequest, InputRequest] = rpc(
    SERVICE,
    "AnswerInputRequest",
    request=pb.AnswerInputRequestRequest,
    response=pb.AnswerInputRequestResponse,
    to_request=to_answer,
    from_request=from_answer,
    to_response=lambda request: pb.AnswerInputRequestResponse(request=to_input_request(request)),
    from_response=_from_answered,
)

TAKE_INPUT_REQUEST: Rpc[str, InputRequest] = rpc(
    SERVICE,
    "TakeInputRequest",
    request=pb.TakeInputRequestRequest,
    response=pb.TakeInputRequestResponse,
    to_request=lambda request_id: pb.TakeInputRequestRequest(request_id=request_id),
    from_request=lambda found: found.request_id,
    to_response=lambda request: pb.TakeInputRequestResponse(request=to_input_request(request)),
    from_response=_from_answered,
)
