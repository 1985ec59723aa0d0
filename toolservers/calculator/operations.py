"""What the calculator's workers can do. The first is ready before the rest is loaded: pint alone takes most of a
second."""

from toolservers.calculator import limits
from toolservers.workers.messages import Operation
from toolservers.workers.work import Limits, Work

OPERATIONS = {
    "calculate": Operation(
        "toolservers.calculator.expressions.calculate:calculate", {"expression": "sin(2)^2 + 10% - 1/3"}
    ),
    "compute_dates": Operation(
        "toolservers.calculator.dates.compute:compute_dates",
        {"start": "2026-01-31T12:00[Europe/Berlin]", "add": "1 month 5 business days"},
    ),
    "analyze_numbers": Operation(
        "toolservers.calculator.samples.analyze:analyze_numbers", {"numbers": ["1", "2", "4"]}
    ),
    "convert_units": Operation(
        "toolservers.calculator.units.convert:convert_units",
        {"value": "1", "from_unit": "deg/s", "to_unit": "rad/s"},
    ),
}

WORK = Work(
    name="the calculator",
    table=__name__,
    limits=Limits(
        call_seconds=limits.CALL_SECONDS,
        max_memory=limits.MAX_MEMORY,
        max_message=limits.MAX_MESSAGE,
        max_error=limits.MAX_ERROR,
        at_once=limits.AT_ONCE,
        workers=limits.WORKERS,
        max_waiting=limits.MAX_WAITING,
        start_seconds=limits.START_SECONDS,
    ),
    less="Ask for less at once: smaller numbers, fewer digits, or several calls.",
    install="Install it: pip install 'toolward[calculator]'.",
)
