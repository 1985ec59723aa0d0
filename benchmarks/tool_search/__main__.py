"""`python -m benchmarks.tool_search`: takes about five seconds; but for the times, the same figures every time."""

import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from statistics import mean

import msgspec

from gateway.agent.loop_tools import CALL_TOOL, READ_RESULT, find_tools
from gateway.core.tool_search import OFFERED, Index, shown
from tests.data.tool_catalog import Labelled, requests, tools

AMONG = (1, 3, 8, OFFERED)
CATALOG = tools()
INDEX = Index(CATALOG)


def places(asked: Sequence[tuple[str, str]]) -> list[int]:
    """Where the right tool (first) stands in the answer to a query (second); 99 where it is not offered."""
    found: list[int] = []
    for tool, query in asked:
        names = [one.name for one in INDEX.find(query, max(AMONG))]
        found.append(names.index(tool) + 1 if tool in names else 99)
    return found


def row(name: str, asked: Sequence[tuple[str, str]]) -> str:
    found = places(asked)
    shares = (f"{sum(place <= among for place in found) / len(found):.1%}" for among in AMONG)
    return f"| {name} | {len(asked)} | {' | '.join(shares)} |"


def with_one_word_less(labelled: Sequence[Labelled]) -> list[tuple[str, str]]:
    split = [(one.tool, one.query.split()) for one in labelled]
    return [(tool, " ".join(said[:at] + said[at + 1 :])) for tool, said in split for at in range(len(said))]


def with_half_of_the_words(labelled: Sequence[Labelled]) -> list[tuple[str, str]]:
    draw = random.Random(1)  # the same half every time
    split = [(one.tool, one.query.split()) for one in labelled]
    return [(tool, " ".join(draw.sample(said, max(2, len(said) // 2)))) for tool, said in split]


def fastest(work: Callable[[], object], rounds: int = 15) -> float:
    """Milliseconds of processor time."""
    took: list[float] = []
    for _ in range(rounds):
        began = time.thread_time()
        work()
        took.append(time.thread_time() - began)
    return min(took) * 1_000


def main() -> None:
    asked = requests()
    parts = {"tuning": asked.tuning, "held out": asked.held_out, "fresh": asked.fresh}
    every = list(chain(*parts.values()))
    print(f"{len(CATALOG)} tools\n\n| asked | | {' | '.join(f'among {among}' for among in AMONG)} |")
    print(f"|---|---|{'---|' * len(AMONG)}")
    for name, labelled in parts.items():
        print(row(f"{name}: people's own words", [(one.tool, one.request) for one in labelled]))
    for name, labelled in parts.items():
        print(row(f"{name}: as a model asks", [(one.tool, one.query) for one in labelled]))
    print(row("as a model asks, each word left out once", with_one_word_less(every)))
    print(row("as a model asks, half of the words", with_half_of_the_words(every)))
    whole = len(msgspec.json.encode(CATALOG[:500]))
    servers = sorted({one.name.partition("__")[0] for one in CATALOG})
    own = len(msgspec.json.encode([find_tools(len(CATALOG), servers), CALL_TOOL]))
    answers = [len(shown(INDEX.find(one.query))) for one in every]
    print(
        f"\n500 schemas: {whole:,} bytes; find_tools and call_tool: {own:,} ({READ_RESULT.name} beside them:"
    )
    print(
        f"{len(msgspec.json.encode(READ_RESULT)):,}); an answer: {mean(answers):,.0f}, at most {max(answers):,};"
    )
    print(f"together {(own + mean(answers)) / whole:.1%}, at most {(own + max(answers)) / whole:.1%}")
    index = fastest(partial(Index, CATALOG[:500]))
    ask = fastest(lambda: [INDEX.find(one.query) for one in every]) / len(every)
    print(f"an index over 500 tools: {index:.1f} ms; a query: {ask:.2f} ms")


if __name__ == "__main__":
    main()
