"""What is asked of `toolward.v1.AgentService`, where it is more than one id, and how its messages say it."""

from typing import NamedTuple, cast, get_args

from toolward.errors import InvalidRequest
from toolward.types import EVERY_RUN, Answer, RunFilter, Said, SaidBy
from toolward.v1 import agents_pb2 as pb
from toolward.wire.grpc_common import read_answer, write_answer
from toolward.wire.grpc_rpc import Malformed
from toolward.wire.grpc_runs import from_state, to_state

DEFAULT_PAGE = 50
LARGEST_PAGE = 200


class StartRun(NamedTuple):
    agent: str
    text: str
    key: str = ""
    before: tuple[Said, ...] = ()


class WatchRun(NamedTuple):
    run_id: str
    after: int = 0
    deltas: bool = False


class ListRuns(NamedTuple):
    size: int = DEFAULT_PAGE
    cursor: str | None = None
    only: RunFilter = EVERY_RUN


class RetryRun(NamedTuple):
    run_id: str
    after: int
    key: str = ""


class SendMessage(NamedTuple):
    run_id: str
    text: str
    key: str = ""


class RateRun(NamedTuple):
    run_id: str
    score: float
    comment: str = ""


class AskedInTurn(NamedTuple):
    run_id: str
    turn: int


class AnswerRequest(NamedTuple):
    request_id: str
    answer: Answer


def from_start(found: pb.StartRunRequest) -> StartRun:
    """Raises Malformed."""
    for said in found.before:
        if said.role not in get_args(SaidBy):
            raise Malformed(f"before.role is {said.role[:64]!r}, not user or assistant")
    before = tuple(Said(cast(SaidBy, said.role), said.text) for said in found.before)
    return StartRun(found.agent, found.input, found.idempotency_key, before)


def from_watch(found: pb.WatchRunRequest) -> WatchRun:
    """Raises Malformed."""
    _not_negative("after_seq", found.after_seq)
    return WatchRun(found.run_id, found.after_seq, found.include_text_deltas)


def from_retry(found: pb.RetryRunRequest) -> RetryRun:
    """Raises Malformed."""
    _not_negative("after_seq", found.after_seq)
    return RetryRun(found.run_id, found.after_seq, found.idempotency_key)


def to_rate(asked: RateRun) -> pb.RateRunRequest:
    """Raises InvalidRequest."""
    _check_score(asked.score)
    return pb.RateRunRequest(run_id=asked.run_id, score=asked.score, comment=asked.comment)


def from_rate(found: pb.RateRunRequest) -> RateRun:
    """Raises InvalidRequest."""
    _check_score(found.score)
    return RateRun(found.run_id, found.score, found.comment)


def to_list(asked: ListRuns) -> pb.ListRunsRequest:
    """Raises InvalidRequest."""
    if not 1 <= asked.size <= LARGEST_PAGE:  # 0 would mean the default on the wire, which was not asked for
        raise _page_size(asked.size)
    only = asked.only
    return pb.ListRunsRequest(
        page_size=asked.size,
        cursor=asked.cursor or "",
        state=pb.RUN_STATE_UNSPECIFIED if only.state is None else to_state(only.state),
        agent=only.agent,
        owner=only.owner,
        tool=only.tool,
        since_ms=only.since,
        until_ms=only.until,
        min_tokens=only.min_tokens,
    )


def from_list(found: pb.ListRunsRequest) -> ListRuns:
    """Raises InvalidRequest, Malformed."""
    size = found.page_size or DEFAULT_PAGE
    if not 1 <= size <= LARGEST_PAGE:
        raise _page_size(size)
    for name in ("since_ms", "until_ms", "min_tokens"):
        _not_negative(name, getattr(found, name))
    only = RunFilter(
        agent=found.agent,
        owner=found.owner,
        state=from_state(found.state, "the filter") if found.state else None,
        tool=found.tool,
        since=found.since_ms,
        until=found.until_ms,
        min_tokens=found.min_tokens,
    )
    return ListRuns(size, found.cursor or None, only)


def to_answer(asked: AnswerRequest) -> pb.AnswerInputRequestRequest:
    """Raises InvalidRequest."""
    arguments = (asked.answer.arguments_json or b"").decode()
    message = pb.AnswerInputRequestRequest(request_id=asked.request_id, arguments_json=arguments)
    write_answer(message, asked.answer)
    return message


def from_answer(found: pb.AnswerInputRequestRequest) -> AnswerRequest:
    """Raises Malformed."""
    return AnswerRequest(found.request_id, read_answer(found, found.arguments_json.encode() or None))


def _not_negative(name: str, number: int) -> None:
    if number < 0:
        raise Malformed(f"{name} is {number}; it cannot be less than 0")


def _check_score(score: float) -> None:
    if not -1 <= score <= 1:  # nor is NaN
        raise InvalidRequest(f"{score} is no rating.", hint="Rate from -1 (bad) to 1 (good).")


def _page_size(size: int) -> InvalidRequest:
    return InvalidRequest(
        f"A page of {size} runs cannot be given.", hint=f"Ask for 1 to {LARGEST_PAGE} at a time."
    )
