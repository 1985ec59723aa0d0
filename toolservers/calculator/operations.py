"""What the calculator's workers can do. The first is ready before the rest is loaded: pint alone takes most of a
second."""

from typing import Any

from toolservers.calculator.calculation import Calculation
from toolservers.calculator.worker.messages import Operation

OPERATIONS = {
    "calculate": Operation(
        "toolservers.calculator.operations:calculate", {"expression": "sqrt(2)^2 + 10% - 1/3"}
    ),
}


def calculate(expression: str) -> Any:
    """Raises ToolError."""
    from toolservers.calculator.evaluate import evaluate
    from toolservers.calculator.expression import written
    from toolservers.calculator.grammar import read

    tree = read(expression)
    result = evaluate(tree)
    return Calculation(written(tree), result.exact, result.decimal, is_exact=result.exact is not None)
