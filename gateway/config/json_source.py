"""JSON files as values that remember on which line they stood."""

from pathlib import Path

from gateway.config.source import Place, YamlSource, read_file
from gateway.desktop.json_text import JsonText, read_json


def load_json(path: Path) -> YamlSource:
    """Raises ConfigurationError that names the file, and line and column where there are any."""
    read = read_file(path)
    return parse_json(read.text, read.file, read.digest)


def parse_json(text: str, file: str, digest: str = "") -> YamlSource:
    """`load_json` for a text at hand. Raises ConfigurationError."""
    read = read_json(text, file, whole_texts=True)
    return YamlSource(file, read.value, _lines(read), digest)


def _lines(read: JsonText) -> dict[Place, int]:
    """On which line the key, or what has none, begins."""
    lines: dict[Place, int] = {}
    counted, line = 0, 1
    for place, span in sorted(read.spans.items(), key=lambda one: one[1].key):
        line += read.text.count("\n", counted, span.key)
        counted = span.key
        lines[place] = line
    return lines
