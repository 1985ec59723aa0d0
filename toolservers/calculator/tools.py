"""The calculator's tools. What they answer is computed in processes apart (`toolservers.workers`), never here."""

from collections.abc import AsyncGenerator
from typing import Annotated

from toolservers.calculator.calculation import Calculation
from toolservers.calculator.dates.answer import DatesAnswer
from toolservers.calculator.limits import DIGITS_SHOWN
from toolservers.calculator.operations import WORK
from toolservers.calculator.samples.answer import Analysis, Method
from toolservers.calculator.units.answer import Conversion
from toolservers.workers.pool import Pool
from toolward.kit import Context, ToolServer
from toolward.kit.settings import NoSettings

server = ToolServer(
    "calculator",
    title="Calculator",
    instructions="Exact arithmetic, units, dates and statistics. Use it for every figure that must be right. "
    "Numbers go in and come out as strings.",
)

_COMPUTES = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}

Digits = Annotated[int, "significant digits of `decimal`, 1 to 1000"]


@server.lifespan
async def open_workers(_settings: NoSettings) -> AsyncGenerator[Pool, None]:
    async with Pool(WORK).running() as pool:
        yield pool


@server.tool(title="Calculate", annotations=_COMPUTES)
async def calculate(
    ctx: Context[Pool],
    expression: Annotated[str, "for example `15% of 84.80`, `200 + 10%`, `round(1,234.50 / 7, 2)`"],
    variables: Annotated[dict[str, str] | None, 'values of names, for example {"price": "84.80"}'] = None,
    digits: Digits = DIGITS_SHOWN,
) -> Calculation:
    """Compute a number exactly: 0.1 + 0.2 is 0.3. Use it instead of working out figures yourself.

    Operators: + - * / ^ mod !, parentheses, percentages (15% of 80; 20% off 80; 200 + 10% is 220).
    Functions: sqrt cbrt root abs sign round(x, places) floor ceil trunc sum min max mean exp ln log(x, base)
    log2 log10 sin cos tan asin acos atan atan2 sinh cosh tanh hypot gcd lcm comb perm factorial.
    Constants: pi tau e phi. Angles are radians, degrees with `deg`: sin(30 deg).
    -2^2 is -4; 1/2x is (1/2)*x; round takes halves away from zero. No units or currencies.
    The result repeats the expression as it was understood; `exact` is null where only `decimal` exists.
    """
    asked = {"expression": expression, "variables": variables, "digits": digits}
    return await ctx.state.call("calculate", asked, Calculation)


@server.tool(title="Convert units", annotations=_COMPUTES)
async def convert_units(
    ctx: Context[Pool],
    value: Annotated[str, "one number"],
    from_unit: Annotated[
        str, "for example `km/h`, `kg m^2/s^2`, `UK gal`, `fl oz (US)`, `degC`, `MiB/s`, `EUR`"
    ],
    to_unit: str,
    difference: Annotated[bool, "temperatures: a difference, not a reading"] = False,
    rates: Annotated[
        dict[str, str] | None, 'for currencies: {"EUR/USD": "1.08"} says that 1 EUR costs 1.08 USD'
    ] = None,
    digits: Digits = DIGITS_SHOWN,
) -> Conversion:
    """Convert a value exactly between units of one dimension; no exchange rates are known here.

    Bare `gallon`, `cup`, `ton` are those of the US: write `UK gallon`. kB is 1000 bytes, KiB 1024; b is a bit.
    The result names each unit in full; `warnings` say what could have been meant instead.
    """
    asked = {
        "value": value,
        "from_unit": from_unit,
        "to_unit": to_unit,
        "difference": difference,
        "rates": rates,
        "digits": digits,
    }
    return await ctx.state.call("convert_units", asked, Conversion)


@server.tool(title="Compute dates", annotations=_COMPUTES)
async def compute_dates(
    ctx: Context[Pool],
    start: Annotated[
        str, "`2026-11-26` or `2026-11-26T14:30`, with `+01:00`, `Z` or `[Europe/Berlin]` if known"
    ],
    add: Annotated[
        str | None, "`1 month 3 days`, `P1M3D`, `-2 weeks`, `90 minutes`, `5 business days`"
    ] = None,
    until: Annotated[str | None, "end of the difference, written as `start`"] = None,
    zone: Annotated[str | None, "IANA name for times that have none, for example Europe/Berlin"] = None,
    to_zone: Annotated[str | None, "show the result in this zone"] = None,
    holidays: Annotated[list[str] | None, "dates that are no business days; none are built in"] = None,
    weekend: Annotated[list[str] | None, "weekdays; default Saturday, Sunday"] = None,
) -> DatesAnswer:
    """Add to a date or time, measure up to another, or convert between time zones. Steps are shown.

    Give at most one of `add` and `until`. Years to days move the calendar (31 January + 1 month is
    28 February), hours to seconds are exact time. There is no clock: give today's date. `until` gives the
    difference in calendar parts, days, business days and seconds.
    """
    asked: dict[str, object] = {"start": start, "add": add, "until": until, "zone": zone, "to_zone": to_zone}
    asked |= {} if holidays is None else {"holidays": holidays}
    asked |= {} if weekend is None else {"weekend": weekend}
    return await ctx.state.call("compute_dates", asked, DatesAnswer)


@server.tool(title="Analyze numbers", annotations=_COMPUTES)
async def analyze_numbers(
    ctx: Context[Pool],
    numbers: Annotated[list[str], "at most 10,000"],
    percentiles: Annotated[list[str] | None, "from 0 to 100, for example `95`"] = None,
    method: Annotated[
        Method, "of percentiles and quartiles; inclusive is Excel's PERCENTILE.INC"
    ] = "inclusive",
    digits: Digits = DIGITS_SHOWN,
) -> Analysis:
    """Count, sum, mean, median, modes, spread (sample and population), quartiles and percentiles, all exact.

    `definitions` says how each was computed.
    """
    asked = {"numbers": numbers, "percentiles": percentiles or [], "method": method, "digits": digits}
    return await ctx.state.call("analyze_numbers", asked, Analysis)
