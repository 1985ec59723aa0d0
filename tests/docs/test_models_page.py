"""What docs/models.md says of model endpoints is so."""

import re
from pathlib import Path
from typing import get_args

from gateway.bootstrap.endpoints import make_endpoint
from gateway.config.parse import read_settings
from gateway.core.model_spec import USUAL_URLS, WireName
from gateway.models.detect import ANTHROPIC_MODEL, OPENAI_MODEL, VARIABLES
from gateway.models.guarded import FAILURES, FIRST_WAIT, LONGEST_PAUSE, LONGEST_WAIT, QUEUE

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


def test_its_example_can_be_read_and_made(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "toolward.yaml").write_text(example)
    models = read_settings(tmp_path / "toolward.yaml", {"ANTHROPIC_API_KEY": "k"}).models
    made = [make_endpoint(one, None) for one in models]
    assert [one.port.facts.name for one in made] == ["default", "strong"]
    assert models[1].base_url == USUAL_URLS["anthropic_messages"]


def test_it_knows_every_wire_every_variable_and_every_number() -> None:
    assert re.findall(r"^\| `(\w+)` \| [^|]*\| (?:`/\w|\|)", PAGE, re.MULTILINE) == list(get_args(WireName))
    named = set(re.findall(r"`((?:TOOLWARD_MODEL|OPENAI|ANTHROPIC)_\w+)`", PAGE))
    assert named == set(VARIABLES)
    for said in (
        f"mean `{OPENAI_MODEL}` and `{ANTHROPIC_MODEL}`",
        f"after {FAILURES} failures in a row",
        f"after {FIRST_WAIT:g} seconds by",
        f"not over {LONGEST_PAUSE:g} seconds",
        f"{QUEUE:,} may",
    ):
        assert said in " ".join(PAGE.split())
    assert LONGEST_WAIT == 60
