"""What one check found."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from toolward.errors import ToolwardError

State = Literal["ok", "warn", "failed", "skipped"]


class Finding(NamedTuple):
    """`check` names the thing that was looked at; `remedy` says what to do, where something is to be done."""

    check: str
    state: State
    said: str
    remedy: str = ""

    @property
    def shown(self) -> Mapping[str, str]:
        return self._asdict()


def failed(check: str, error: ToolwardError, remedy: str = "") -> Finding:
    return Finding(check, "failed", error.message, error.hint or remedy)
