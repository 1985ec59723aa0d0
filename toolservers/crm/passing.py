"""The passing of time: what is due happens, day by day, at the warehouse's closing hour, by the actor `clock`.

Everything goes through `Work.change`, so that it is told like any other change. What happens on a day depends on
the world alone: five days and five days more are ten days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import Connection, func, select

from toolservers.crm.actor import Actor
from toolservers.crm.due import after_sale, agreements, warehouse
from toolservers.crm.work import Work
from toolservers.crm.world import clock
from toolservers.crm.world.tables import events, world
from toolward.errors import ToolError

CLOSES = time(18)
"""The hour of Amsterdam at which a day's events take place."""

MOST_DAYS = 400
"""That may pass at once."""


@dataclass(frozen=True, slots=True)
class Passed:
    """`happened` counts events by their type, such as `order.shipped`."""

    was: datetime
    now: datetime
    shop_time: str
    happened: dict[str, int]


def later(now: datetime, days: int, hours: int, to: datetime | None) -> datetime:
    """The instant that is meant: `to`, or so much later. A day is one of Amsterdam's, of 23 to 25 hours, and ends
    at the hour at which it began; an hour is an hour. Raises ToolError where both or neither are said."""
    if (to is None) == (not days and not hours):
        raise ToolError("Say how far the clock shall go: days and hours, or an instant (to).")
    if to is not None:
        return clock.local(to) if to.tzinfo else to.replace(tzinfo=clock.zone())
    shop = clock.local(now)
    wall = shop.replace(tzinfo=None) + timedelta(days=days)
    return clock.aware(clock.stored(wall.replace(tzinfo=clock.zone(), fold=shop.fold))) + timedelta(
        hours=hours
    )


def advance(work: Work, days: int = 0, hours: int = 0, to: datetime | None = None) -> Passed:
    """Raises ToolError for a time that is past, and for more than MOST_DAYS."""
    was = work.now
    try:
        goal = later(was, days, hours, to)
    except OverflowError:  # at the ends of the calendar
        raise ToolError(f"At most {MOST_DAYS} days pass at once.") from None
    if goal < was:
        raise ToolError(
            f"It is {was.isoformat()} in this world, and time does not go back. To go back, restore a snapshot or"
            " reset the world."
        )
    if goal - was > timedelta(days=MOST_DAYS, hours=2):
        raise ToolError(f"At most {MOST_DAYS} days pass at once. Go on in several steps.")
    before = work.connection.scalar(select(func.max(events.c.seq))) or 0
    for moment in _closings(was, goal):
        _set(work.connection, moment)
        let_happen(Work(work.connection, Actor("clock"), "off"))
    _set(work.connection, goal)
    return Passed(
        was, clock.aware(clock.stored(goal)), clock.local(goal).isoformat(), _told(work.connection, before)
    )


def let_happen(work: Work) -> None:
    """What is due on the day of `work`."""
    for happenings in (warehouse, after_sale, agreements):
        happenings(work)


def _closings(was: datetime, goal: datetime) -> Iterator[datetime]:
    """After the one instant, up to and with the other."""
    day = clock.local(was).date()
    while day <= clock.local(goal).date():
        closing = datetime.combine(day, CLOSES, clock.zone())
        if was < closing <= goal:
            yield closing
        day += timedelta(days=1)


def _set(connection: Connection, now: datetime) -> None:
    connection.execute(world.update().values(now=clock.stored(now)))


def _told(connection: Connection, before: int) -> dict[str, int]:
    counted = select(events.c.type, func.count()).where(events.c.seq > before).group_by(events.c.type)
    return {row[0]: row[1] for row in connection.execute(counted.order_by(events.c.type))}
