"""Which model embeds: from the operator's settings to an embedder, or to the reason why there is none."""

from dataclasses import dataclass
from typing import NamedTuple

from toolservers.search.embedding.port import Embedder

AUTO, NONE, LOCAL = "auto", "none", "local"

KEY = "TOOLWARD_SEARCH_EMBEDDINGS_KEY"
"""The secret (`toolward.kit.options.secret`) that goes to the endpoint as a bearer token."""


@dataclass(frozen=True)
class EmbeddingSettings:
    """As the operator gave them."""

    embeddings: str = AUTO
    """`auto`: MiniLM on this computer where its weights and libraries are there, else none; `none`; `local`; or the
    URL of an OpenAI-compatible endpoint, such as https://host.example/v1."""
    model: str = ""
    """The endpoint's name for the model."""
    key: str = ""
    networks: str = ""
    """Networks, with commas, that the endpoint's name may lead to beside the public one; or: private."""


class Chosen(NamedTuple):
    embedder: Embedder | None
    reason: str
    """Why there is none, a sentence for those who search. Empty where there is one."""


def chosen(settings: EmbeddingSettings) -> Chosen:
    """Loads and calls nothing yet: the first text does. Raises ConfigurationError for settings that cannot be
    followed, among them `local` without its weights or libraries."""
    raise NotImplementedError


def named(name: str, settings: EmbeddingSettings) -> Embedder | None:
    """The embedder that gave the vectors of an index's model of this `name`, where it can still be asked: MiniLM, or
    another model of the endpoint that the settings name."""
    raise NotImplementedError
