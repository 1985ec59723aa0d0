"""Policy files from disk."""

from collections.abc import Iterable
from pathlib import Path

from gateway.config.source import load_yaml
from gateway.core.policy import Policy, PolicySource, parse_policy


def load_policy(files: Iterable[Path]) -> Policy:
    """One policy out of all files, in their order. Raises ConfigurationError where one is missing or wrong."""
    return parse_policy([policy_source(file) for file in files])


def policy_source(file: Path) -> PolicySource:
    """Raises ConfigurationError."""
    source = load_yaml(file)
    return PolicySource(source.file, source.data, source.line_of)
