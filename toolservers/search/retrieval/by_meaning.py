"""The leg by meaning: the passages whose vectors are nearest to the question's."""

from collections.abc import Callable
from typing import NamedTuple

from toolservers.search.embedding.port import Embedder
from toolservers.search.retrieval.legs import Leg
from toolservers.search.storage.file import IndexFile


class Asked(NamedTuple):
    leg: Leg | None
    """For this one question, with the vectors of one model."""
    reason: str
    """Why there is none, a sentence for the asker; empty where there is one."""


class Meaning:
    """One for an index file; holds the bits of its vectors in memory."""

    def __init__(
        self,
        file: IndexFile,
        embedder: Embedder | None,
        reason: str = "",
        named: Callable[[str], Embedder | None] = lambda name: None,
    ) -> None:
        """`embedder` and `reason` as `choosing.chosen` gives them. `named` gives the embedder of another model's name,
        which is asked as long as that model serves."""
        raise NotImplementedError

    async def leg(self, text: str) -> Asked:
        """The question is embedded here, outside of any transaction. Raises nothing: a model that does not answer is a
        reason, and is not asked again for some seconds."""
        raise NotImplementedError

    async def close(self) -> None:
        """Closes the embedders, its own and those that were asked for by name."""
        raise NotImplementedError
