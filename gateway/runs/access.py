"""What policy says of runs and input requests, asked in one place before anything is done with one.

What belongs to another tenant, or may not be read, is not found. Only of their own is a caller told that policy
denies it, and by which rule.
"""

from collections.abc import Iterable
from typing import NoReturn

from gateway.core.ports import Authorize, RequestSpec, RunRecord
from gateway.core.requests import concerns, resource_of
from toolward.errors import Denied, NotFound
from toolward.types import Principal, Run


class Access:
    def __init__(self, authorize: Authorize) -> None:
        self._authorize = authorize

    def refuses_start(self, principal: Principal, agent: str) -> Denied | None:
        return self._authorize(principal, "run.start", {"agent": agent})

    def run(
        self, principal: Principal, record: RunRecord | None, run_id: str, operation: str = "run.read"
    ) -> RunRecord:
        """The run's record, if the caller may read it and do this with it. Raises NotFound, Denied."""
        if record is None or record.tenant != principal.tenant:
            _no_run(run_id)
        denied = self._refuses(principal, "run.read", record.run)
        if denied and record.run.owner != principal.id:
            _no_run(run_id)
        if operation != "run.read" and not denied:
            denied = self._refuses(principal, operation, record.run)
        if denied:
            raise denied
        return record

    def readable(self, principal: Principal, runs: Iterable[Run]) -> tuple[Run, ...]:
        """Those of the caller's own tenant that it may read."""
        return tuple(run for run in runs if not self._refuses(principal, "run.read", run))

    def request(
        self, principal: Principal, spec: RequestSpec | None, request_id: str, *, answer: bool = False
    ) -> RequestSpec:
        """The request, if it concerns the caller, who may read it, and answer it where asked for. Raises NotFound,
        Denied."""
        if spec is None or not concerns(principal, spec):
            _no_request(request_id)
        denied = self._refuses_request(principal, "request.read", spec)
        if denied and spec.principal != principal.id:
            _no_request(request_id)
        if answer and not denied:
            denied = self._refuses_request(principal, "request.answer", spec)
        if denied:
            raise denied
        return spec

    def may_read(self, principal: Principal, spec: RequestSpec) -> bool:
        return concerns(principal, spec) and not self._refuses_request(principal, "request.read", spec)

    def _refuses(self, principal: Principal, operation: str, run: Run) -> Denied | None:
        return self._authorize(principal, operation, {"agent": run.agent, "owner": run.owner})

    def _refuses_request(self, principal: Principal, operation: str, spec: RequestSpec) -> Denied | None:
        return self._authorize(principal, operation, resource_of(spec))


def _no_run(run_id: str) -> NoReturn:
    raise NotFound(f"There is no run {run_id[:128]!r}.", hint="List your runs.")


def _no_request(request_id: str) -> NoReturn:
    raise NotFound(
        f"There is no input request {request_id[:128]!r}.", hint="List the requests that you may answer."
    )
