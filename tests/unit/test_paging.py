"""What a backend lists is read to its end, within bounds."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from gateway.backends.paging import MAX_BYTES, MAX_ENTRIES, MAX_PAGES, every_tool
from toolward.errors import InvalidResult
from toolward.types import CallContext, Outcome, Principal, Tool, ToolCall, ToolPage

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Lists:
    """Gives one page again and again, `pages` times."""

    def __init__(self, *tools: Tool, pages: int) -> None:
        self._tools = tools
        self._pages = pages
        self.asked = 0

    async def list_tools(self, principal: Principal, cursor: str | None = None) -> ToolPage:
        assert cursor == (str(self.asked) if self.asked else None)
        self.asked += 1
        return ToolPage(self._tools, str(self.asked) if self.asked < self._pages else None)

    async def call_tool(self, principal: Principal, call: ToolCall, context: CallContext) -> Outcome:
        raise AssertionError("nobody calls")

    async def watch(self) -> AsyncIterator[None]:
        raise AssertionError("nobody watches")
        yield


def fat(size: int) -> Tool:
    """As JSON it has exactly `size` bytes."""
    around = len(msgspec.json.encode(Tool("t", "x")))
    return Tool("t", "x" * (size - around + 1))


async def test_every_page_is_read() -> None:
    server = Lists(fat(1000), fat(2000), pages=MAX_PAGES)
    assert len(await every_tool(server)) == 2 * MAX_PAGES


async def test_a_list_up_to_the_bound_in_bytes_is_taken_and_what_is_more_is_not() -> None:
    quarter = MAX_BYTES // 4
    assert len(msgspec.json.encode(fat(quarter))) == quarter
    assert len(await every_tool(Lists(fat(quarter), pages=4))) == 4
    one_more = Lists(fat(MAX_BYTES - 100), fat(101), pages=1)
    with pytest.raises(InvalidResult, match="more than 16,777,216 bytes"):
        await every_tool(one_more)
    more = Lists(fat(quarter), pages=MAX_PAGES)
    with pytest.raises(InvalidResult, match="more than 16,777,216 bytes"):
        await every_tool(more)
    assert more.asked == 5  # and no page after that


@pytest.mark.parametrize(
    ("on_a_page", "asked"), [(0, MAX_PAGES), (1, MAX_PAGES), (100, MAX_ENTRIES // 100 + 1)]
)
async def test_a_list_without_end_is_given_up(on_a_page: int, asked: int) -> None:
    server = Lists(*[fat(200)] * on_a_page, pages=10**9)
    with pytest.raises(InvalidResult, match="does not end"):
        await every_tool(server)
    assert server.asked == asked
