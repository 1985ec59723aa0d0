"""What a model made of a passage holds for every passage of the same words: it is not asked again."""

from toolservers.search.storage.reading import Reader
from toolservers.search.storage.writing import Writer

_Words = tuple[str, str, str]
"""Title, heading and text: what a model is given of a passage (`embedding.catching_up`)."""


class KeptVectors:
    """Those of a document, taken before it goes."""

    def __init__(self, reader: Reader, document: int) -> None:
        self._vectors: dict[_Words, list[tuple[int, bytes, bytes]]] = {}
        rows = reader.vectors_of(document)
        words = _words(reader, document) if rows else {}
        for model, passage, vector, code in rows:
            self._vectors.setdefault(words[passage], []).append((model, vector, code))

    def give(self, writer: Writer, document: int) -> None:
        """To the passages of another that say the same."""
        for passage, words in _words(writer, document).items() if self._vectors else ():
            for model, vector, code in self._vectors.get(words, ()):
                writer.put_vectors(model, [(passage, vector, code)])


def _words(reader: Reader, document: int) -> dict[int, _Words]:
    row = reader.document_of(document)
    text, title = reader.text(document), row.title if row else ""
    return {one.key: (title, one.heading, text[one.start : one.end]) for one in reader.passages_of(document)}
