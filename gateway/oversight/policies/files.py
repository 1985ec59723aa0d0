"""What the policies' room needs of the world: the files, and the calls that are on record."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from gateway.core.policy import Policy
from gateway.core.provenance import Sources
from gateway.core.replaying import PastCall


class PolicyFile(NamedTuple):
    """A policy file as it is now. `name` is what its rules say of where they stand; `digest` is of its bytes;
    `kept` says why it cannot be changed from here, and is empty where it can."""

    name: str
    text: str
    digest: str
    kept: str = ""


class TableSummary(NamedTuple):
    """What running a decision table came to; `problem` says why it could not be run. `lines` are what failed."""

    name: str
    cases: int = 0
    failed: int = 0
    uncovered: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    problem: str = ""


class RunOnRecord(NamedTuple):
    """Whose run it is, and what has entered it until now."""

    tenant: str
    agent: str
    sources: Sources


class PolicyFiles(Protocol):
    """The configured policy files. All but `taken_up` block, and are called beside the event loop."""

    def read(self) -> tuple[PolicyFile, ...]:
        """In their order. Raises ConfigurationError."""
        ...

    def policy(self, files: Sequence[PolicyFile]) -> Policy:
        """What these texts say together. Raises ConfigurationError with every mistake, its file and line."""
        ...

    def write(self, name: str, text: str, digest: str) -> str:
        """Put this text in the place of the one with this digest, whole or not at all, with the same permissions.
        Gives where the old text lies now. Raises Conflict where the file has changed meanwhile, Denied where it
        is not to be changed from here, ConfigurationError where it cannot be."""
        ...

    async def taken_up(self, digest: str) -> bool:
        """Whether a policy of this digest is in force, after a while in which it may come to be."""
        ...

    def problem(self) -> str:
        """Why what the files say now is not in force; empty where it is."""
        ...

    def tables(self) -> tuple[str, ...]:
        """The names of the decision tables that lie beside the files."""
        ...

    def run_table(self, name: str) -> TableSummary:
        """Raises NotFound."""
        ...


class Past(Protocol):
    """The calls on record, of all tenants; all of it blocks."""

    def calls(self, since: int) -> Iterator[PastCall]:
        """From `since` (Unix ms) on, the newest first."""
        ...

    def sources(self, call: PastCall) -> Sources | None:
        """What had entered a call's run when it was written; None where that is not on record."""
        ...

    def run(self, run_id: str) -> RunOnRecord | None:
        """None where there is no such run, or its words were erased."""
        ...
