"""Placeholder until the search comes."""

from collections.abc import Sequence

import msgspec

from gateway.core.ports import ModelTool


class Index:
    def __init__(self, tools: Sequence[ModelTool]) -> None:
        self._tools = tuple(tools)

    def find(self, query: str, limit: int = 8) -> tuple[ModelTool, ...]:
        words = query.lower().split()
        return tuple(one for one in self._tools if any(word in one.name for word in words))[:limit]


def shown(tools: Sequence[ModelTool]) -> str:
    return msgspec.json.encode(list(tools)).decode()
