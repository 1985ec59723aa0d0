"""Options that several commands have alike."""

from typing import Annotated

from cyclopts import Parameter

from toolward.types import RunState

StateOption = Annotated[
    RunState | None,
    Parameter(name="--state", help="only runs in this state", name_transform=str.lower),
]
"""The states are written as lists show them: input_required."""
