"""A time on the clock of a zone, and the one instant that it is."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from toolservers.calculator.dates.durations import Duration
from toolservers.calculator.dates.notes import Notes
from toolservers.calculator.dates.zones import Zone, offset_text
from toolward.errors import ToolError

_YEAR_1 = datetime.combine(date.min, time())


@dataclass(frozen=True, slots=True)
class Moment:
    wall: datetime
    """What the clock shows, without tzinfo."""
    zone: Zone | None
    offset: timedelta = timedelta(0)

    @property
    def instant(self) -> timedelta:
        """Since the year 1 in UTC; without a zone the clock itself, which then never changes. A timedelta, for
        it can lie outside what a datetime can say."""
        return self.wall - _YEAR_1 - self.offset

    @property
    def text(self) -> str:
        shown = self.wall.isoformat()
        return shown if self.zone is None else f"{shown}{offset_text(self.offset)}"


def on_clock(wall: datetime, zone: Zone | None, notes: Notes) -> Moment:
    """The moment at which the zone's clock shows `wall`. A time that the clock skips is moved forward by what it
    skips, and of one that comes twice the first is taken (as RFC 5545 and Temporal have it); `notes` tell it."""
    if zone is None:
        return Moment(wall, None)
    first, second = offsets(wall, zone)
    if first == second:
        return Moment(wall, zone, first)
    clock = wall.isoformat()
    if first > second:
        notes.warn(
            f"{clock} comes twice in {zone.name}, at {offset_text(first)} and again at {offset_text(second)}: "
            f"the first was taken. For the other write {clock}{offset_text(second)}."
        )
        return Moment(wall, zone, first)
    moved = at_instant(wall - _YEAR_1 - first, zone)
    notes.warn(
        f"{clock} does not exist in {zone.name}, whose clock skips {Duration(exact=second - first).words} there: "
        f"moved forward to {moved.text}."
    )
    return moved


def at_instant(instant: timedelta, zone: Zone | None) -> Moment:
    """What the zone's clock shows at an instant. Raises ToolError outside the years 1 to 9999, in UTC too."""
    try:
        in_utc = _YEAR_1 + instant
        if zone is None:
            return Moment(in_utc, None)
        local = zone.rules.fromutc(in_utc.replace(tzinfo=zone.rules))
        offset = local.utcoffset()
    except OverflowError:
        raise beyond() from None
    return Moment(local.replace(tzinfo=None, fold=0), zone, offset or timedelta(0))


def offsets(wall: datetime, zone: Zone) -> tuple[timedelta, timedelta]:
    """Before and after a change of the zone's clock at `wall`; the same twice where nothing changes."""
    aware = wall.replace(tzinfo=zone.rules)
    zero = timedelta(0)
    return aware.utcoffset() or zero, aware.replace(fold=1).utcoffset() or zero


def beyond() -> ToolError:
    return ToolError("The result lies outside the years 1 to 9999, which are the limits; use a smaller step.")
