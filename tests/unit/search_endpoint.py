"""An endpoint for embeddings and re-ranking over real HTTP, whose vectors are words: a dimension for each, by its
hash. `refuse` looks at each request first."""

import json
import zlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.integration.raw_server import Line, serving

Asked = dict[str, Any]
Answer = tuple[int, Any] | None
"""Status and body (bytes, or what becomes JSON); None: as it should be."""


@dataclass
class Endpoint:
    dimensions: int = 64
    url: str = ""
    refuse: Callable[[Asked], Answer] = lambda asked: None
    asked: list[Asked] = field(default_factory=list[Asked])
    heads: list[str] = field(default_factory=list[str])

    def vector(self, model: str, text: str) -> list[float]:
        """Another model puts the same word elsewhere."""
        found = [0.001] * self.dimensions
        for word in text.lower().split():
            found[zlib.crc32(f"{model} {word}".encode()) % self.dimensions] += 1.0
        return found

    @property
    def texts(self) -> list[str]:
        return [text for asked in self.asked for text in asked.get("input", [])]

    async def serve(self, line: Line) -> None:
        while True:
            head, body = await line.request()
            asked: Asked = json.loads(body)
            self.heads.append(head)
            self.asked.append(asked)
            status, said = self.refuse(asked) or (200, self.answer(head, asked))
            whole = said if isinstance(said, bytes) else json.dumps(said).encode()
            await line.send(
                f"HTTP/1.1 {status} X\r\ncontent-length: {len(whole)}\r\nretry-after: 0\r\n\r\n".encode()
            )
            await line.send(whole)

    def answer(self, head: str, asked: Asked) -> Any:
        if "/rerank" in head:
            documents: list[str] = asked["documents"]
            wanted = set(asked["query"].lower().split())
            scores = [float(len(wanted & set(text.lower().split()))) for text in documents]
            return {"results": [{"index": i, "relevance_score": s} for i, s in enumerate(scores)][::-1]}
        texts: Sequence[str] = asked["input"]
        data = [
            {"index": place, "embedding": self.vector(asked["model"], text)}
            for place, text in enumerate(texts)
        ]
        return {"object": "list", "data": data[::-1], "model": asked["model"]}


@asynccontextmanager
async def endpoint(dimensions: int = 64) -> AsyncGenerator[Endpoint]:
    found = Endpoint(dimensions)
    async with serving(found.serve) as served:
        found.url = f"{served.url}/v1"
        yield found
