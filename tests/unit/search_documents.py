"""Documents for the tests of the index and of what fills it."""

from typing import Any

from toolservers.search.storage.records import FileFacts, NewDocument, Passage


def document(identifier: str, text: str = "The kettle boils.", *, path: str = "", **more: Any) -> NewDocument:
    """With a passage for each line; `path`: it comes from a file."""
    passages: list[Passage] = []
    start = 0
    for line in text.splitlines():
        passages.append(Passage(len(passages), start, start + len(line), None, ""))
        start += len(line) + 1
    facts: dict[str, Any] = {"source": "", "title": identifier, "updated": "2026-01-01", "format": "text"}
    return NewDocument(
        id=identifier,
        url=f"kb://test/{identifier}",
        text=text,
        passages=tuple(passages),
        file=FileFacts(path, len(text), 1, "digest") if path else None,
        **facts | more,
    )
