"""Whether a citation is true: the range of characters that it names holds the text that it cites.

    citation = Citation.at("kb://fernhill/returns-policy#char=120,180", "Damaged items are replaced or …")
    checked = await check_citation(client, citation)
    assert checked.holds, checked.reason

It asks the tool `fetch` of a search server, or of any other that has its arguments and answers as
`toolserver search` has them: `id`, `start`, `end` in; `text`, `start`, `end`, `next_start` out, all counted in
characters (code points) from 0.
"""

import re
from typing import Any, Literal, NamedTuple, Self

import msgspec

from toolward.client.client import Client
from toolward.errors import Conflict, InvalidRequest, InvalidResult

MAX_CHARACTERS = 2_000_000
"""Of a document that is read to find a text that does not stand where it was cited."""

MAX_CALLS = 400

_RANGE = re.compile(r"#char=(\d{1,12}),(\d{1,12})$")
"""RFC 5147: positions between characters."""

Verdict = Literal["holds", "moved", "absent", "gone"]


class Citation(msgspec.Struct, frozen=True):
    """`text` stands from character `start` up to `end` of the document `id`, which may be its address too.

    `sha256`, where it is known, is that of the document's whole text when it was read; `fetch` gave it."""

    id: str
    start: int
    end: int
    text: str
    sha256: str = ""

    @classmethod
    def at(cls, reference: str, text: str, sha256: str = "") -> Self:
        """Of `ID#char=START,END`. Raises InvalidRequest for a reference without a range."""
        found = _RANGE.search(reference)
        if found is None:
            raise InvalidRequest(
                f"{reference[:200]!r} names no range of characters.",
                hint="Write it behind the id or the address, like returns-policy#char=120,180",
            )
        return cls(reference[: found.start()], int(found[1]), int(found[2]), text, sha256)


class Checked(msgspec.Struct, frozen=True):
    """`verdict`: the range `holds` the text; the text has `moved` and stands at `start`; it is `absent` from the
    document, as far as it was read; or there is no such document any more (`gone`)."""

    verdict: Verdict
    reason: str = ""
    """A sentence. Empty where the citation holds."""
    found: str = ""
    """What the range holds now."""
    start: int | None = None
    """Where the text stands now; None where it does not."""
    changed: bool = False
    """The document's text is no longer the one that was cited, by its `sha256`."""
    stale: bool = False
    """The server says that the document's file has changed since it read it."""

    @property
    def holds(self) -> bool:
        return self.verdict == "holds"


class _Window(msgspec.Struct, frozen=True):
    """What of `fetch`'s answer counts here."""

    text: str
    start: int
    end: int
    next_start: int | None
    characters: int
    sha256: str = ""
    stale: bool = False


class _Read(NamedTuple):
    text: str
    first: _Window
    is_cut: bool
    """There is more of what was asked for than was read."""


async def check_citation(client: Client, citation: Citation, *, tool: str = "fetch") -> Checked:
    """`tool` is `fetch` by the name that the client's far end has for it: behind a gateway `search.fetch`.

    Raises InvalidRequest for a citation without text or range, InvalidResult for answers that contradict
    themselves, Conflict where the document changes meanwhile, and what `client.call` raises.
    """
    if not citation.text or not 0 <= citation.start < citation.end:
        raise InvalidRequest(
            f"The citation of {citation.id[:200]!r} has no text, or no range.",
            hint="A range begins at 0 or behind it, and ends behind its beginning.",
        )
    refused, read = await _read(client, tool, citation.id, citation.start, citation.end)
    if read is None:
        return Checked("gone", refused)
    window = read.first
    changed = bool(citation.sha256) and citation.sha256 != window.sha256
    told: dict[str, Any] = {"found": read.text, "changed": changed, "stale": window.stale}
    if read.text == citation.text and len(read.text) == citation.end - citation.start:
        return Checked("holds", start=citation.start, **told)
    _, whole = await _read(client, tool, citation.id, 0, MAX_CHARACTERS)
    at = whole.text.find(citation.text) if whole else -1
    since = " The document has changed since it was cited." if changed else ""
    if at >= 0:
        return Checked(
            "moved", f"The text stands at character {at:,} of {citation.id}.{since}", start=at, **told
        )
    where = f"the first {len(whole.text):,} characters of " if whole and whole.is_cut else ""
    return Checked("absent", f"The text does not stand in {where}{citation.id}.{since}", **told)


async def _read(client: Client, tool: str, identifier: str, start: int, end: int) -> tuple[str, _Read | None]:
    """The text of the range, or what there is of it, by as many calls as it takes; or why there is none."""
    pieces: list[str] = []
    first: _Window | None = None
    at: int | None = start
    for _ in range(MAX_CALLS):
        if at is None or at >= end:
            break
        result = await client.call(tool, {"id": identifier, "start": at, "end": end})
        if result.is_error:
            return result.text, None
        window = _window(result.structured, at, end)
        if first is not None and window.sha256 != first.sha256:
            raise Conflict(f"{identifier[:200]} changed while it was read.", hint="Check it again.")
        first = first or window
        pieces.append(window.text)
        at = window.next_start
    if first is None:
        raise InvalidResult(f"{tool} answered nothing of {identifier[:200]}.")
    last = first.start + sum(map(len, pieces))
    return "", _Read("".join(pieces), first, is_cut=at is not None or last < first.characters)


def _window(answer: Any, start: int, end: int) -> _Window:
    """Raises InvalidResult for an answer that is none, or not of this range."""
    try:
        window = msgspec.convert(answer, _Window)
    except msgspec.ValidationError as error:
        raise InvalidResult(f"What `fetch` answered is no part of a document: {error}.") from None
    goes_on = window.next_start is None or start < window.next_start == window.end
    fits = window.end - window.start == len(window.text) and window.end <= max(end, window.start)
    if not (goes_on and fits and (window.start == start or not window.text)):
        raise InvalidResult("What `fetch` answered is another range than was asked for.")
    return window
