"""From what was read to moments: whose clock a time is on, and what must be said about that."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from toolservers.calculator.dates.moments import Moment, at_instant, offsets, on_clock
from toolservers.calculator.dates.notes import Notes
from toolservers.calculator.dates.reading import Reading
from toolservers.calculator.dates.zones import Zone, edition, offset_text
from toolward.errors import ToolError


@dataclass
class Clocks:
    zone: Zone | None
    """Of the readings that have none of their own."""
    notes: Notes
    _asked: bool = False

    @property
    def tzdata(self) -> str | None:
        """The edition of the time zone database, if one was asked."""
        return edition() if self._asked else None

    def moment(self, reading: Reading, what: str, otherwise: Zone | None = None) -> Moment:
        """On the clock of the reading's own zone, else of `zone`, else at its own offset, else of `otherwise`.
        A zone decides over an offset, which then only says which instant is meant. Raises ToolError for an offset
        that the reading's own zone does not have then."""
        if reading.clock is None:
            self.notes.warn(f"{what} has no time: 00:00 was taken.")
        wall = datetime.combine(reading.day, reading.clock or time())
        zone = self._asking(reading.zone or self.zone)
        if reading.offset is None:
            return on_clock(wall, zone or otherwise, self.notes)
        at_offset = Moment(wall, reading.offset, reading.offset.rules.utcoffset(None) or timedelta(0))
        if zone is None:
            return at_offset
        if reading.zone is not None and at_offset.offset not in offsets(wall, zone):
            raise ToolError(
                f"{what} contradicts itself: the clock of {zone.name} has the offset "
                f"{offset_text(on_clock(wall, zone, Notes()).offset)} at {wall.isoformat()}; leave out one of them."
            )
        return self.converted(at_offset, zone)

    def converted(self, moment: Moment, zone: Zone) -> Moment:
        """The same instant on another clock."""
        if moment.zone is None:
            raise ToolError("`start` has no zone; give `zone`, or an offset such as +01:00 behind the time.")
        self._asking(zone)
        there = at_instant(moment.instant, zone)
        if there.text != moment.text:
            self.notes.step(f"{moment.text} is {there.text} in {zone.name}")
        return there

    def _asking(self, zone: Zone | None) -> Zone | None:
        if zone is not None and zone.is_named:
            self._asked = True
            if zone.warning:
                self.notes.warn(zone.warning)
        return zone
