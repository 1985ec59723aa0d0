"""What the calculator's workers can do. The first is ready before the rest is loaded: pint alone takes most of a
second."""

from toolservers.calculator.worker.messages import Operation

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
