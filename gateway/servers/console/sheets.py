"""Tables as files that spreadsheets open."""

import csv
import io
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def sheet(
    name: str, columns: Sequence[str], rows: AsyncGenerator[Iterable[Sequence[Any]]]
) -> StreamingResponse:
    """A CSV, a slice of its rows at once. What the first slice raises is raised here: before anything was said."""
    first = await anext(rows, ())

    async def whole() -> AsyncGenerator[str]:
        yield _lines((columns, *first))
        async with aclosing(rows) as rest:
            async for some in rest:
                yield _lines(some)

    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(whole(), media_type="text/csv; charset=utf-8", headers=headers)


def _lines(rows: Iterable[Sequence[Any]]) -> str:
    """Texts that a spreadsheet would take for a formula stand behind an apostrophe."""
    written = io.StringIO()
    csv.writer(written).writerows([_safe(value) for value in row] for row in rows)
    return written.getvalue()


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
