"""What `convert_units` answers. Nothing is imported but the standard library, so that listing stays cheap."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Conversion:
    """`exact` is an integer, a terminating decimal or a fraction `a/b`, and null where the value is none of these
    (degrees in radians), rests on something measured, or is too long to be shown. `decimal` is rounded to the
    digits asked for."""

    understood: str
    """The question, with the units' full names."""
    exact: str | None
    decimal: str
    is_exact: bool
    unit: str
    """Of the result: its full name."""
    steps: list[str]
    """How the result comes from the value: the factor, or the formula of a temperature, or the rate."""
    warnings: list[str]
    """Where what was written could have meant something else."""
