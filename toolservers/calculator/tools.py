"""The calculator's one tool."""

from dataclasses import dataclass
from typing import Annotated

from toolward.kit import ToolServer

server = ToolServer(
    "calculator",
    title="Calculator",
    instructions="Exact arithmetic. Use it for every figure that must be right: money, percentages, totals.",
)


@dataclass(frozen=True)
class Calculation:
    """`exact` is an integer, a terminating decimal or a fraction `a/b`, and null where the value is none of
    these (`sqrt(2)`). `decimal` is rounded to at most 50 significant digits."""

    expression: str
    exact: str | None
    decimal: str
    is_exact: bool


@server.tool(
    title="Calculate",
    annotations={"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False},
)
async def calculate(
    expression: Annotated[str, "for example `15% of 84.80`, `200 + 10%`, `round(1,234.50 / 7, 2)`"],
) -> Calculation:
    """Compute a number exactly: 0.1 + 0.2 is 0.3. Use it instead of working out figures yourself.

    Operators: + - * / ^ mod, parentheses, percentages (15% of 80; 200 + 10% is 220; 80 - 10% is 72).
    Functions: sqrt cbrt abs round(x, places) floor ceil min max avg exp ln log10. Constants: pi e.
    -2^2 is -4; round takes halves away from zero. Numbers only: no units, currencies or variables.
    The result repeats the expression as it was understood; `exact` is null where only `decimal` exists.
    """
    from toolservers.calculator.evaluate import evaluate
    from toolservers.calculator.grammar import read
    from toolservers.calculator.writing import written

    tree = read(expression)
    result = evaluate(tree)
    return Calculation(written(tree), result.exact, result.decimal, is_exact=result.exact is not None)
