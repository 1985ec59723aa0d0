"""What `compute_dates` answers. Nothing is imported but the standard library, so that listing stays cheap."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DatesAnswer:
    """`result` is a date, a date and time (with the offset, where it is known), or with `until` an ISO 8601
    duration that takes `start` to `until`. What does not apply is null. Counts are whole numbers, as strings."""

    result: str
    steps: list[str]
    warnings: list[str]
    weekday: str | None = None
    """Of the result, in English."""
    iso_week: str | None = None
    """`2026-W48`; its year may differ from the date's."""
    zone: str | None = None
    """What the result's time is in: an IANA name, `UTC`, an offset; null for a time without zone."""
    calendar_days: str | None = None
    """From the date of `start` to the date of `until`."""
    business_days: str | None = None
    """Those after `start`, up to and including `until`."""
    seconds: str | None = None
    """That really pass from `start` to `until`; null for two dates without time."""
    tzdata: str | None = None
    """The edition of the time zone database, where one was asked."""
