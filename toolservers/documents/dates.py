"""When a document was last changed, by what it says of itself."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime

_KEYS = ("updated", "modified", "last_modified", "last-modified", "lastmod", "date", "published")
_FORMATS = ("%d.%m.%Y", "%Y/%m/%d", "%d %B %Y", "%B %d, %Y", "%d %b %Y", "%b %d, %Y")
_LONGEST = 64


def with_updated(metadata: Mapping[str, str]) -> dict[str, str]:
    """With `updated` in ISO 8601, from the first of several keys that holds a date; what was written as `updated`
    and is none stands under `date`, if nothing else does."""
    moment = next(filter(None, (iso(metadata.get(key, "")) for key in _KEYS)), "")
    rest = {key: value for key, value in metadata.items() if key != "updated"}
    if moment:
        return {**rest, "updated": moment}
    return {"date": metadata["updated"], **rest} if "updated" in metadata else rest


def iso(written: str) -> str:
    """A date, or a moment in UTC (in no zone, where none is written); empty for what is no date, or could be two:
    03/04/2026."""
    written = written.strip()
    if not 8 <= len(written) <= _LONGEST or not any(sign.isdigit() for sign in written):
        return ""
    try:
        return date.fromisoformat(written).isoformat()
    except ValueError:
        pass
    for form in _FORMATS:
        try:
            return datetime.strptime(written, form).date().isoformat()  # noqa: DTZ007
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        try:
            moment = parsedate_to_datetime(written)
        except (ValueError, TypeError, IndexError, OverflowError):
            return ""
    try:
        return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat()
    except OverflowError:  # the first or last day that there is, elsewhere
        return ""
