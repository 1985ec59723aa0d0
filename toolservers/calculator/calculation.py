"""What `calculate` answers. Nothing is imported but the standard library, so that listing stays cheap."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Calculation:
    """`expression` is how the input was understood, with the variables' values in their places. `exact` is an
    integer, a terminating decimal or a fraction `a/b`, and null where the value is none of these (`sqrt(2)`).
    `decimal` is rounded to the digits that were asked for, halves away from zero; all of them are proven."""

    expression: str
    exact: str | None
    decimal: str
    is_exact: bool
    warnings: list[str]
