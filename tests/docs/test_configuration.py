"""What docs/configuration.md says of the keys is what the reader takes."""

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.config.parse import read_settings
from gateway.config.reader import Section

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
ENVIRONMENT = dict.fromkeys(
    [
        "KEY",
        "ADA_TOKEN",
        "DOCS_TOKEN",
        "FILES_TOKEN",
        "GITHUB_TOKEN",
        "DOCS_KEY",
        "STRONG_KEY",
        "ERP_SECRET",
        "CONSOLE_SECRET",
    ],
    "x",
) | {"PRINCIPAL_KEY": "k" * 40, "EAST_KEY": "e" * 40, "WEBHOOK_SECRET": "w" * 40}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def rows() -> set[str]:
    """The keys of every table."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| `")]
    return {key for line in lines for key in re.findall(r"`(\w+)`", line.split("|")[1])}


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[set[str], set[str]]:
    """The examples of the page, read for real: every key that the reader takes, and every one that they use."""
    taken: set[str] = set()
    used: set[str] = set()
    only = Section.only

    def note(self: Section, *known: str) -> None:
        taken.update(known)
        used.update(self)
        only(self, *known)

    monkeypatch.setattr(Section, "only", note)
    (settings_text,) = blocks("yaml")
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "support.yaml").write_text("name: support\ninstructions: Help.\n")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "mine.yaml").write_text("version: 1\nrules: []\n")
    (tmp_path / "tls").mkdir()
    for name in ("cert", "key", "clients"):
        (tmp_path / "tls" / f"{name}.pem").touch()
    (json_text,) = blocks("json")
    (tmp_path / "mcp.json").write_text(json_text.replace('"docs"', '"handbook"'))
    (tmp_path / "toolward.yaml").write_text(settings_text)
    settings = read_settings(tmp_path / "toolward.yaml", ENVIRONMENT)
    assert settings.notes == ()
    assert [spec.name for spec in settings.backends] == [
        "calculator",
        "crm",
        "docs",
        "files",
        "erp",
        "github",
        "handbook",
    ]
    assert len(settings.agents) == 1
    return taken, used


def test_every_key_that_is_taken_is_on_the_page_and_no_other(read: tuple[set[str], set[str]]) -> None:
    taken, _ = read
    assert rows() == taken


def test_the_examples_use_every_key(read: tuple[set[str], set[str]]) -> None:
    taken, used = read
    assert used == taken


def test_the_defaults_are_the_defaults() -> None:
    from gateway.backends.timing import Timing
    from gateway.config.mcp_servers import MAX_SERVERS
    from gateway.config.reminders import AFTER, AT_MOST, EVERY, SHORTEST_SECRET
    from gateway.config.settings import CALL_TIMEOUT, GRPC, HTTP
    from gateway.config.source import MAX_BYTES, MAX_DEPTH
    from gateway.core.model_spec import MODEL_CONCURRENCY, MODEL_TIMEOUT, RETRIES
    from gateway.core.spec import CONCURRENCY, QUEUE

    said: list[tuple[str, Any]] = [
        ("| `http` | HOST:PORT | `{}` |", HTTP),
        ("| `grpc` | HOST:PORT | `{}` |", GRPC),
        ("| `timeout` | seconds | {:g} | of one call", CALL_TIMEOUT),
        ("| `timeout` | seconds | {:g} | of one reply", MODEL_TIMEOUT),
        ("| `concurrency` | number | {} | calls of it", CONCURRENCY),
        ("| `concurrency` | number | {} | replies of it", MODEL_CONCURRENCY),
        ("| `retries` | number | {} |", RETRIES),
        ("| `queue` | number | {} |", QUEUE),
        ("At most {} MiB", MAX_BYTES >> 20),
        ("{} levels", MAX_DEPTH),
        ("{} servers.", MAX_SERVERS),
        ("calls under way have {:g}\n", Timing().finish),
        ("| `secret` | text, {} characters or more | needed |", SHORTEST_SECRET),
        ("| `after` | `30m`, `4h`, `2d` | `{}` |", AFTER),
        ("| `every` | `30m`, `4h`, `2d` | `{}` |", EVERY),
        ("| `at_most` | number | {} |", AT_MOST),
    ]
    from gateway.config.limits import DEFAULT, DRAIN

    bounds = {name: getattr(DEFAULT, name) for name in DEFAULT.__struct_fields__} | {"drain": DRAIN}
    for name, value in bounds.items():
        kind = "seconds" if name.endswith("_seconds") else "number"
        said.append(
            (f"| `{name}` | {kind} | {{:g}}", value)
            if value < 10**6
            else (f"| `{name}` | {kind} | {{}} |", value)
        )
    for text, value in said:
        assert text.format(value) in PAGE
