"""The page about telemetry has every name that dashboards may be built on, and no other."""

import re
from pathlib import Path

from gateway.runs.metrics import RunMetrics
from toolward.doors.entrance import Entrance
from toolward.telemetry import names
from toolward.telemetry.metrics import Metric

PAGE = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text(encoding="utf-8")
DOTTED = {
    value
    for name, value in vars(names).items()
    if name.isupper()
    and isinstance(value, str)
    and re.fullmatch(r"(gen_ai|toolward|mcp|error)\.[\w.]+", value)
}


def test_every_metric_has_a_row_with_its_labels() -> None:
    rows = dict(re.findall(r"^\| `(toolward_\w+)` \| ([^|]*)\|", PAGE, re.MULTILINE))
    entrance = [one for one in vars(Entrance()).values() if isinstance(one, Metric)]
    metrics = [*entrance, *RunMetrics().all]
    assert {name: re.findall(r"`(\w+)`", said) for name, said in rows.items()} == {
        metric.name: list(metric.labels) for metric in metrics
    }


def test_every_name_of_a_span_and_its_attributes_is_said_and_no_other() -> None:
    assert set(re.findall(r"`((?:gen_ai|toolward|mcp|error)\.[a-z_.]+[a-z])`", PAGE)) == DOTTED
    for operation in (names.INVOKE_AGENT, names.CHAT, names.EXECUTE_TOOL, names.CALL_TOOL):
        assert re.search(rf"^\| `{operation} [A-Z]+` \|", PAGE, re.MULTILINE)
    assert names.CAPTURE in PAGE
