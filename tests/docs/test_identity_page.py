"""The examples of docs/identity.md are taken as they stand there."""

import re
from pathlib import Path

import pytest

from gateway.config.parse import read_settings

PAGE = (Path(__file__).parents[2] / "docs" / "identity.md").read_text(encoding="utf-8")
BLOCKS = [
    one for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if re.match(r"identity:|tls:", one)
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.partition(":")[0])
def test_an_example_is_a_configuration(tmp_path: Path, block: str) -> None:
    (tmp_path / "tls").mkdir()
    for name in ("cert", "key", "clients"):
        (tmp_path / "tls" / f"{name}.pem").touch()
    (tmp_path / "toolward.yaml").write_text(f"version: 1\n{block}")
    settings = read_settings(tmp_path / "toolward.yaml", {})
    assert settings.identity or settings.tls


def test_there_are_examples() -> None:
    assert len(BLOCKS) >= 2
