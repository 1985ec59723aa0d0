"""What `calculate` answers. Nothing is imported but the standard library, so that listing the tools stays cheap."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Calculation:
    """`exact` is an integer, a terminating decimal or a fraction `a/b`, and null where the value is none of
    these (`sqrt(2)`). `decimal` is rounded to at most 50 significant digits."""

    expression: str
    exact: str | None
    decimal: str
    is_exact: bool
