"""`compute_dates`: from a start to a date, or from one date to another."""

from collections.abc import Sequence

from toolservers.calculator.dates.answer import DatesAnswer

WEEKEND = ("Saturday", "Sunday")


def compute_dates(
    start: str,
    add: str | None = None,
    until: str | None = None,
    zone: str | None = None,
    to_zone: str | None = None,
    holidays: Sequence[str] = (),
    weekend: Sequence[str] = WEEKEND,
) -> DatesAnswer:
    """Add to a date or time, measure up to another, or convert between time zones. Steps are shown.

    Give `start` and at most one of `add` and `until`. Years to days move the calendar (month ends are
    clamped: 31 January + 1 month is 28 February), hours to seconds are exact time. There is no clock:
    today's date must be given. With `until`: the difference in calendar parts, days, business days, seconds.

    The words for the schema:
        start: `2026-11-26`, `2026-11-26T14:30`, with `+01:00`, `Z` or `[Europe/Berlin]` where known
        add: `P1M3D`, `1 month 3 days`, `-2 weeks`, `90 minutes`, `5 business days`
        until: the end of the difference, written as `start`
        zone: IANA name of the times that have none of their own, for example Europe/Berlin
        to_zone: show the result in this zone
        holidays: dates that are no business days; none are built in
        weekend: names of weekdays; by default Saturday and Sunday

    Raises ToolError for what cannot be read, is ambiguous, or is over a limit.
    """
    raise NotImplementedError  # the signature first: the tool's is agreed on it; the work follows
