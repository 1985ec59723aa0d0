"""The calculator's one tool."""

from collections.abc import AsyncGenerator
from typing import Annotated

from toolservers.calculator.calculation import Calculation
from toolservers.calculator.worker.pool import Pool
from toolward.kit import Context, ToolServer
from toolward.kit.settings import NoSettings

server = ToolServer(
    "calculator",
    title="Calculator",
    instructions="Exact arithmetic. Use it for every figure that must be right: money, percentages, totals.",
)


@server.lifespan
async def open_workers(_settings: NoSettings) -> AsyncGenerator[Pool, None]:
    async with Pool("toolservers.calculator.operations").running() as pool:
        yield pool


@server.tool(
    title="Calculate",
    annotations={"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False},
)
async def calculate(
    ctx: Context[Pool],
    expression: Annotated[str, "for example `15% of 84.80`, `200 + 10%`, `round(1,234.50 / 7, 2)`"],
) -> Calculation:
    """Compute a number exactly: 0.1 + 0.2 is 0.3. Use it instead of working out figures yourself.

    Operators: + - * / ^ mod, parentheses, percentages (15% of 80; 200 + 10% is 220; 80 - 10% is 72).
    Functions: sqrt cbrt abs round(x, places) floor ceil min max avg exp ln log10. Constants: pi e.
    -2^2 is -4; round takes halves away from zero. Numbers only: no units, currencies or variables.
    The result repeats the expression as it was understood; `exact` is null where only `decimal` exists.
    """
    return await ctx.state.call("calculate", {"expression": expression}, Calculation)
