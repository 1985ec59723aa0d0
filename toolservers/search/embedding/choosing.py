"""Which model embeds: from the operator's settings to an embedder, or to the reason why there is none."""

import importlib.util
from dataclasses import dataclass, field
from typing import NamedTuple

from toolservers.search.embedding.endpoint import EndpointEmbedder, base_of
from toolservers.search.embedding.minilm import MiniLM, missing
from toolservers.search.embedding.port import Embedder
from toolservers.search.settings import EMBEDDINGS_KEY, Settings
from toolward.errors import ConfigurationError

AUTO, NONE, LOCAL = "auto", "none", "local"


@dataclass(frozen=True)
class EmbeddingSettings:
    """As the operator gave them."""

    embeddings: str = AUTO
    """`auto`: MiniLM on this computer where its weights and libraries are there, else none; `none`; `local`; or the
    URL of an OpenAI-compatible endpoint, such as https://host.example/v1."""
    model: str = ""
    """The endpoint's name for the model."""
    key: str = field(default="", repr=False)
    networks: str = ""
    """Networks, with commas, that the endpoint's name may lead to beside the public one; or: private."""

    @classmethod
    def of(cls, settings: Settings) -> "EmbeddingSettings":
        """Raises ConfigurationError for a file with a key that cannot be read."""
        return cls(
            settings.embeddings,
            settings.embeddings_model,
            settings.embeddings_key,
            settings.embeddings_networks,
        )

    @property
    def is_endpoint(self) -> bool:
        return self.embeddings not in (AUTO, NONE, LOCAL)


class Chosen(NamedTuple):
    embedder: Embedder | None
    reason: str
    """Why there is none, a sentence for those who search. Empty where there is one."""


def chosen(settings: EmbeddingSettings) -> Chosen:
    """Loads and calls nothing yet: the first text does. Raises ConfigurationError for settings that cannot be
    followed, among them `local` without its weights or libraries."""
    if settings.is_endpoint:
        return Chosen(_endpoint(settings, settings.model), "")
    if settings.embeddings == NONE:
        return Chosen(None, "Search by meaning is switched off (embeddings: none).")
    lacking = missing()
    if not lacking:
        return Chosen(MiniLM(), "")
    if settings.embeddings == LOCAL:
        raise ConfigurationError("The local embedding model cannot be used.", hint=f"{lacking}.")
    return Chosen(None, f"Search by meaning is off: the local model is not there ({lacking}).")


def named(name: str, settings: EmbeddingSettings) -> Embedder | None:
    """The embedder that gave the vectors of an index's model of this `name`, where it can still be asked: MiniLM,
    or another model of the endpoint that the settings name."""
    if settings.embeddings != NONE and not missing() and (local := MiniLM()).name == name:
        return local
    base, _, model = name.partition(" ")
    if settings.is_endpoint and model and base == base_of(settings.embeddings):
        return _endpoint(settings, model)
    return None


def _endpoint(settings: EmbeddingSettings, model: str) -> EndpointEmbedder:
    if not settings.embeddings.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"embeddings is {settings.embeddings!r}; it can be auto, none, local or a URL.",
            hint="An endpoint is given like https://host.example/v1.",
        )
    if importlib.util.find_spec("numpy") is None:
        raise ConfigurationError(
            "Search by meaning needs numpy, which is not installed.", hint="Install toolward[embeddings]."
        )
    return EndpointEmbedder(
        settings.embeddings, model, key=settings.key, networks=settings.networks, key_variable=EMBEDDINGS_KEY
    )
