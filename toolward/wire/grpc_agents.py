"""`toolward.v1.AgentService`: its methods, and its messages as `toolward.types`."""

from typing import NamedTuple

from toolward.errors import InvalidRequest
from toolward.types import Agent, Answer, InputRequest, Run, RunEvent, RunPage, RunState
from toolward.v1 import agents_pb2 as pb
from toolward.wire.grpc_common import check_one_answer, from_input_request, to_input_request
from toolward.wire.grpc_rpc import Malformed, Rpc, json_text, read_object, rpc

SERVICE = pb.DESCRIPTOR.services_by_name["AgentService"].full_name

DEFAULT_PAGE = 50
LARGEST_PAGE = 200

_STATE_TO_NUMBER = {state: pb.RunState.Value(f"RUN_STATE_{state.name}") for state in RunState}
_NUMBER_TO_STATE = {number: state for state, number in _STATE_TO_NUMBER.items()}


class StartRun(NamedTuple):
    agent: str
    text: str
    key: str = ""


class WatchRun(NamedTuple):
    run_id: str
    after: int = 0


class ListRuns(NamedTuple):
    size: int = DEFAULT_PAGE
    cursor: str | None = None
    state: RunState | None = None


class AnswerRequest(NamedTuple):
    request_id: str
    answer: Answer


def to_agent(agent: Agent) -> pb.Agent:
    return pb.Agent(name=agent.name, title=agent.title, description=agent.description, model=agent.model)


def from_agent(found: pb.Agent) -> Agent:
    return Agent(found.name, found.title, found.description, found.model)


def to_run(run: Run) -> pb.Run:
    return pb.Run(
        id=run.id,
        agent=run.agent,
        owner=run.owner,
        state=_STATE_TO_NUMBER[run.state],
        input=run.input,
        answer=run.answer,
        error_code=run.error_code,
        error_message=run.error_message,
        turns=run.turns,
        calls=run.calls,
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
        created_at_ms=run.created_at,
        updated_at_ms=run.updated_at,
        last_seq=run.last_seq,
    )


def from_run(found: pb.Run) -> Run:
    """Raises Malformed."""
    return Run(
        id=found.id,
        agent=found.agent,
        owner=found.owner,
        state=_from_state(found.state, f"the run {found.id!r}"),
        input=found.input,
        answer=found.answer,
        error_code=found.error_code,
        error_message=found.error_message,
        turns=found.turns,
        calls=found.calls,
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        created_at=found.created_at_ms,
        updated_at=found.updated_at_ms,
        last_seq=found.last_seq,
    )


def _from_state(number: int, whose: str) -> RunState:
    state = _NUMBER_TO_STATE.get(pb.RunState.ValueType(number))
    if state is None:
        raise Malformed(f"{whose} has {number} for its state, which is not known here")
    return state


def to_event(event: RunEvent) -> pb.WatchRunResponse:
    row = pb.RunEvent(
        run_id=event.run_id, seq=event.seq, type=event.type, at_ms=event.at, data_json=json_text(event.data)
    )
    return pb.WatchRunResponse(event=row)


def from_event(found: pb.WatchRunResponse) -> RunEvent:
    """Raises Malformed."""
    if not found.HasField("event"):
        raise Malformed("it has no event")
    row = found.event
    data = read_object(row.data_json, f"the data of event {row.seq} of the run {row.run_id!r}")
    return RunEvent(row.run_id, row.seq, row.type, row.at_ms, data)


def _run_of(
    found: pb.StartRunResponse | pb.GetRunResponse | pb.CancelRunResponse,
) -> Run:
    if not found.HasField("run"):
        raise Malformed("it has no run")
    return from_run(found.run)


def _to_list(asked: ListRuns) -> pb.ListRunsRequest:
    if not 1 <= asked.size <= LARGEST_PAGE:  # 0 would mean the default on the wire, which was not asked for
        raise _page_size(asked.size)
    state = pb.RUN_STATE_UNSPECIFIED if asked.state is None else _STATE_TO_NUMBER[asked.state]
    return pb.ListRunsRequest(page_size=asked.size, cursor=asked.cursor or "", state=state)


def _from_list(found: pb.ListRunsRequest) -> ListRuns:
    size = found.page_size or DEFAULT_PAGE
    if not 1 <= size <= LARGEST_PAGE:
        raise _page_size(size)
    state = _from_state(found.state, "the filter") if found.state else None
    return ListRuns(size, found.cursor or None, state)


def _page_size(size: int) -> InvalidRequest:
    return InvalidRequest(
        f"A page of {size} runs cannot be given.", hint=f"Ask for 1 to {LARGEST_PAGE} at a time."
    )


def _from_watch(found: pb.WatchRunRequest) -> WatchRun:
    if found.after_seq < 0:
        raise Malformed(f"after_seq is {found.after_seq}; it cannot be less than 0")
    return WatchRun(found.run_id, found.after_seq)


def _from_runs(found: pb.ListRunsResponse) -> RunPage:
    return RunPage(tuple(map(from_run, found.runs)), found.next_cursor or None)


def _from_requests(found: pb.ListInputRequestsResponse) -> tuple[InputRequest, ...]:
    return tuple(map(from_input_request, found.requests))


def _to_answer(asked: AnswerRequest) -> pb.AnswerInputRequestRequest:
    answer = asked.answer
    check_one_answer(answer)
    message = pb.AnswerInputRequestRequest(
        request_id=asked.request_id,
        reason=answer.reason,
        arguments_json=(answer.arguments_json or b"").decode(),
    )
    if answer.approve is not None:
        message.approve = answer.approve
    else:
        message.text = answer.text or ""
    return message


def _from_answer(found: pb.AnswerInputRequestRequest) -> AnswerRequest:
    arguments = found.arguments_json.encode() or None
    match found.WhichOneof("answer"):
        case "approve":
            answer = Answer(approve=found.approve, reason=found.reason, arguments_json=arguments)
        case "text":
            answer = Answer(text=found.text, reason=found.reason, arguments_json=arguments)
        case None:
            raise Malformed("it has no answer: approve, or text")
    return AnswerRequest(found.request_id, answer)


def _from_answered(
    found: pb.AnswerInputRequestResponse | pb.GetInputRequestResponse | pb.WithdrawInputRequestResponse,
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
        agent=asked.agent, input=asked.text, idempotency_key=asked.key
    ),
    from_request=lambda found: StartRun(found.agent, found.input, found.idempotency_key),
    to_response=lambda run: pb.StartRunResponse(run=to_run(run)),
    from_response=_run_of,
)

WATCH_RUN: Rpc[WatchRun, RunEvent] = rpc(
    SERVICE,
    "WatchRun",
    request=pb.WatchRunRequest,
    response=pb.WatchRunResponse,
    to_request=lambda asked: pb.WatchRunRequest(run_id=asked.run_id, after_seq=asked.after),
    from_request=_from_watch,
    to_response=to_event,
    from_response=from_event,
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
    to_request=_to_list,
    from_request=_from_list,
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
    to_request=_to_answer,
    from_request=_from_answer,
    to_response=lambda request: pb.AnswerInputRequestResponse(request=to_input_request(request)),
    from_response=_from_answered,
)
