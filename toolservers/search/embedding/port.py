"""What the search asks of an embedding model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from toolward.errors import InvalidArguments

if TYPE_CHECKING:  # numpy comes with the extra `embeddings`
    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """Vectors are float32, of length 1, a row for each text. A text longer than the model reads is embedded in
    pieces, whose mean counts: nothing is cut off unseen."""

    name: str
    """Where it runs and what it is called: two with one name give the same vectors."""

    @property
    def dimensions(self) -> int:
        """0 where that is not known before the first vectors come."""
        ...

    async def passages(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Raises Unavailable, DeadlineExceeded, InvalidResult, Unauthenticated, and TextsRefused."""
        ...

    async def question(self, text: str) -> "NDArray[np.float32]":
        """One row. Raises as `passages`."""
        ...

    async def close(self) -> None: ...


class TextsRefused(InvalidArguments):
    """The model refuses one of these texts for what it is: another try gives nothing else."""
