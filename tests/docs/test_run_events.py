"""The page about a run's events names every type with all of its fields, and nothing else."""

import re
from pathlib import Path

from gateway.agent.events import TYPES
from gateway.agent.model_requests import RequestChange

PAGE = (Path(__file__).parents[2] / "docs" / "run-events.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]*)\|$", PAGE, re.MULTILINE)


def test_every_type_has_a_row():
    assert [name for name, _ in ROWS] == list(TYPES)


def test_every_field_of_every_type_is_named_in_its_row():
    for name, said in ROWS:
        fields = [field for field in TYPES[name].__struct_fields__ if field != "version"]
        plain = re.sub(r"\([^()]*\)", "", said)  # what stands in brackets is about a field
        assert re.findall(r"`(\w+)`", plain) == fields, name


def test_what_a_request_is_made_of_is_said():
    for field in RequestChange.__struct_fields__:
        assert f"`{field}`" in PAGE
