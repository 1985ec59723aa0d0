"""From the texts to the files."""

from collections.abc import Callable
from pathlib import Path

from tests.data.knowledge_files import docx, pdf
from tests.data.knowledge_files.source import Source, read
from toolservers import search

KNOWLEDGE = Path(search.__file__).parent / "knowledge"
SOURCES = Path(__file__).parent
_MAKERS: dict[str, Callable[[Source], bytes]] = {".pdf": pdf.made, ".docx": docx.made}


def files() -> dict[str, bytes]:
    """By their paths in the knowledge base."""
    texts = sorted(SOURCES.rglob("*.*.txt"))
    paths = [text.relative_to(SOURCES).with_suffix("") for text in texts]
    return {
        path.as_posix(): _MAKERS[path.suffix](read(text)) for path, text in zip(paths, texts, strict=True)
    }
