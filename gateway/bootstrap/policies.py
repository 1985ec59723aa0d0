"""The policies' room of a gateway, put together from its files, its ledger and what is in force."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gateway.bootstrap.house import Gateway, ledger_file
from gateway.bootstrap.past import PastRuns, past_calls
from gateway.bootstrap.system import SystemClock
from gateway.bootstrap.tables import check_table
from gateway.config.policy_files import policy_of, read_policy_files, tables_beside, write_policy_file
from gateway.config.source import shown
from gateway.config.tables import load_table
from gateway.core.policy import Policy
from gateway.core.provenance import Sources
from gateway.core.replaying import PastCall
from gateway.core.tables import CaseResult
from gateway.oversight.calls import Calls
from gateway.oversight.policies import Policies, PolicyFile, RunOnRecord, TableSummary, World
from toolward.errors import ConfigurationError, NotFound
from toolward.types import Principal

COPIES = "policies-before"
"""The folder in the home directory where texts lie that were changed in the console."""

IN_TIME = 3.0
"""Seconds in which a change is taken up, where it is."""


def policies_of(gateway: Gateway, calls: Calls) -> Policies:
    def agents() -> Mapping[str, tuple[str, ...]]:
        return {name: one.tools for name, one in gateway.reload.agents.items()}

    def principals() -> Sequence[Principal]:
        return [Principal(one.id, one.roles, one.tenant) for one in gateway.settings.principals]

    return Policies(
        World(
            gateway.dispatch,
            ConfiguredFiles(gateway),
            Recorded(ledger_file(gateway.home)),
            calls,
            gateway.ledger.get_request,
            SystemClock(),
            agents,
            principals,
        )
    )


class ConfiguredFiles:
    """The policy files that the settings in force name (`gateway.oversight.policies.PolicyFiles`)."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def read(self) -> tuple[PolicyFile, ...]:
        return read_policy_files(self._paths)

    def policy(self, files: Sequence[PolicyFile]) -> Policy:
        return policy_of(files)

    def write(self, name: str, text: str, digest: str) -> str:
        path = next((one for one in self._paths if shown(one) == name), None)
        if path is None:
            raise NotFound(f"No policy file {name[:128]!r} is in force.")
        return str(write_policy_file(path, text, digest, self._gateway.home / COPIES, time.time()))

    async def taken_up(self, digest: str) -> bool:
        dispatch = self._gateway.dispatch
        changes = dispatch.watch()
        self._gateway.reload.nudge()
        try:
            async with asyncio.timeout(IN_TIME):
                while dispatch.policy.policy.digest != digest:
                    await anext(changes)
        except TimeoutError:
            return False
        return True

    def problem(self) -> str:
        return self._gateway.reload.problem

    def tables(self) -> tuple[str, ...]:
        return tuple(map(shown, tables_beside(self._paths)))

    def run_table(self, name: str) -> TableSummary:
        path = next((one for one in tables_beside(self._paths) if shown(one) == name), None)
        if path is None:
            raise NotFound(f"There is no table {name[:128]!r} beside the policy files.")
        try:
            found = check_table(load_table(path))
        except ConfigurationError as error:
            return TableSummary(name, problem=error.text)
        lines = (line for result in found.results if not result.passed for line in _failure(result))
        uncovered = tuple(one.rule for one in found.uncovered)
        return TableSummary(name, len(found.results), found.failed, uncovered, (*found.problems, *lines))

    @property
    def _paths(self) -> tuple[Path, ...]:
        return self._gateway.settings.policies


class Recorded:
    """The calls of a ledger (`gateway.oversight.policies.Past`)."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._runs = PastRuns(ledger)

    def calls(self, since: int) -> Iterator[PastCall]:
        return past_calls(self._ledger, since)

    def sources(self, call: PastCall) -> Sources | None:
        return self._runs.sources(call)

    def run(self, run_id: str) -> RunOnRecord | None:
        return self._runs.run(run_id)


def _failure(result: CaseResult) -> Iterator[str]:
    case = result.case
    name = case.tool or case.operation
    yield f"{case.where}: {name} by {','.join(case.principal.labels)}: {'; '.join(result.wrong)}"
