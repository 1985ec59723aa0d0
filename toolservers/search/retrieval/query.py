"""What is looked for, once it has been understood."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Filters:
    """Narrow what is searched; empty narrows nothing. Values of one field are alternatives, fields all hold."""

    sources: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    """As `Extracted.format` has them."""
    after: str = ""
    """ISO 8601 date: documents `updated` on that day or later."""
    before: str = ""
    """ISO 8601 date: documents `updated` before that day."""
    metadata: tuple[tuple[str, str], ...] = ()
    """(key, value) of a document's metadata, compared without regard to letters' case."""

    def __bool__(self) -> bool:
        return bool(self.sources or self.formats or self.after or self.before or self.metadata)


@dataclass(frozen=True, slots=True)
class Query:
    """`text` is what was asked without its filters and signs: it is what a model embeds."""

    text: str
    words: tuple[str, ...] = ()
    """Looked for in any form, any of them; an identifier such as `E-1042` or `foo_bar` is one word here."""
    phrases: tuple[str, ...] = ()
    """Each must stand in the passage, word for word."""
    prefixes: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    """None of these may stand in the passage."""
    filters: Filters = field(default_factory=Filters)
    notes: tuple[str, ...] = ()
    """What was not taken as it was written, a sentence each, for the asker."""
    pairs: tuple[str, ...] = ()
    """Two words of the question each, as they stand side by side in it: a passage that has them so fits better."""
