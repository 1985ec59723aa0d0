"""What the search server can be told, by flags or by the environment."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from toolservers.search.storage.records import ADDED
from toolward.kit.options import secret
from toolward.places import data_folder

BUNDLED = Path(__file__).parent / "knowledge"
"""The documents of the demo company, which come along."""

EMBEDDINGS_KEY = "TOOLWARD_SEARCH_EMBEDDINGS_KEY"
RERANKER_KEY = "TOOLWARD_SEARCH_RERANKER_KEY"
"""Variables with the bearer tokens of the two endpoints, each also as ..._FILE: secrets are no flags."""


@dataclass(frozen=True)
class Settings:
    folder: Annotated[Path, "folder of documents"] = BUNDLED
    collection: Annotated[
        str, "name of its documents, used in their addresses (kb://NAME/…); default: the folder's name"
    ] = ""
    sources: Annotated[
        Path | str, "TOML file of further folders, and of those inside which `watch_folder` may watch"
    ] = ""
    index: Annotated[
        Path | str, "index file, made if missing; default: one for each --folder, in the data folder"
    ] = ""
    writable: Annotated[bool, "true: offer the tools that add and delete documents and watch folders"] = False
    embeddings: Annotated[
        str,
        "auto (the model on this computer, where it is installed), local (that one, or refuse to start), none, or "
        f"the base URL of an OpenAI-compatible endpoint, whose key is in {EMBEDDINGS_KEY}",
    ] = "auto"
    embeddings_model: Annotated[str, "the endpoint's model"] = ""
    embeddings_networks: Annotated[str, "networks, with commas, that its name may lead to; or: private"] = ""
    reranker: Annotated[str, f"URL of a re-ranker, such as …/v1/rerank; its key is in {RERANKER_KEY}"] = ""
    reranker_model: Annotated[str, "the re-ranker's model"] = ""
    reranker_networks: Annotated[str, "networks, with commas, that its name may lead to; or: private"] = ""

    @property
    def collection_name(self) -> str:
        if self.collection:
            return self.collection
        folder = self.folder.expanduser().resolve()
        if folder == BUNDLED.resolve():
            return "fernhill"
        called = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:40].strip("-")
        return "documents" if called in ("", ADDED) else called

    @property
    def embeddings_key(self) -> str:
        """Empty where there is none. Raises ConfigurationError for a file that cannot be read."""
        return secret(EMBEDDINGS_KEY)

    @property
    def reranker_key(self) -> str:
        """As `embeddings_key`."""
        return secret(RERANKER_KEY)

    @property
    def index_file(self) -> Path:
        """Different folders have different indexes, where nobody says otherwise."""
        if self.index:
            return Path(self.index).expanduser()
        served = os.fsencode(self.folder.expanduser().resolve())
        return data_folder() / "search-state" / f"{hashlib.sha256(served).hexdigest()[:16]}.db"
