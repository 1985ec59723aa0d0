"""What a leg of the search gives, and what the search asks of it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from toolservers.search.retrieval.query import Query
from toolservers.search.storage.reading import Reader


class Ranked(NamedTuple):
    """A passage by its key. A greater score is a better match; scores of two legs do not compare."""

    passage: int
    score: float


class Leg(Protocol):
    """Blocking, and never asked for more than some hundreds. Raises no error for any query."""

    name: str

    def ranked(self, reader: Reader, query: Query, limit: int) -> Sequence[Ranked]:
        """The best first, within the query's filters. Empty where it knows nothing of it."""
        ...
