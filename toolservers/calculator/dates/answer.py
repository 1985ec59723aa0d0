"""What `compute_dates` answers. Nothing is imported, so that listing the tools stays cheap."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DatesAnswer:
    """`result` is a date, a date and time (with the offset, where it is known), or with `until` an ISO 8601
    duration that takes `start` to `until`. What does not apply is null. Counts are whole numbers, as strings."""

    result: str
    weekday: str | None
    """Of the result, in English."""
    iso_week: str | None
    """`2026-W48`; its year may differ from the date's."""
    zone: str | None
    """What the result's time is in: an IANA name, `UTC`, an offset; null for a time without zone."""
    calendar_days: str | None
    """From the date of `start` to the date of `until`."""
    business_days: str | None
    """Those after `start`, up to and including `until`."""
    seconds: str | None
    """That really pass from `start` to `until`; null for two dates without time."""
    steps: list[str]
    warnings: list[str]
    tzdata: str | None
    """The edition of the time zone database, where one was asked."""
