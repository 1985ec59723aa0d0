"""compute_dates: a table of what people ask, its refusals, hostile texts, and a reckoning of the tests' own."""

import os
import zoneinfo
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz.dates import check, zone_names
from toolservers.calculator.dates.business import BusinessDays
from toolservers.calculator.dates.compute import compute_dates
from toolservers.calculator.dates.durations import Duration, read_duration
from toolservers.calculator.dates.moments import at_instant, on_clock
from toolservers.calculator.dates.notes import Notes
from toolservers.calculator.dates.reading import read_date
from toolservers.calculator.dates.zones import edition, find_zone
from toolward.errors import ToolError

CASES = int(os.environ.get("TOOLWARD_DATE_CASES", "200"))
BERLIN = "Europe/Berlin"

ADDED: list[tuple[dict[str, Any], str]] = [
    ({"start": "2026-11-26"}, "2026-11-26"),
    ({"start": "2026-01-31", "add": "1 month"}, "2026-02-28"),
    ({"start": "2026-01-31", "add": "P1M3D"}, "2026-03-03"),
    ({"start": "2024-02-29", "add": "-1 year"}, "2023-02-28"),
    ({"start": "2024-02-29", "add": "4 years"}, "2028-02-29"),
    ({"start": "2026-03-31", "add": "−1 month"}, "2026-02-28"),
    ({"start": "2026-11-26", "add": "-P2W"}, "2026-11-12"),
    ({"start": "2026-11-26", "add": "1 quarter - 3 days"}, "2027-02-23"),
    ({"start": "2026-11-26", "add": "1,000 days"}, "2029-08-22"),
    ({"start": "2026-11-26", "add": "1 year, 2 months and 3 days"}, "2028-01-29"),
    ({"start": "2026-11-27", "add": "1 business day"}, "2026-11-30"),
    ({"start": "2026-11-28", "add": "0 business days"}, "2026-11-28"),
    ({"start": "2026-11-28", "add": "-1 business day"}, "2026-11-27"),
    (
        {"start": "2026-12-24", "add": "3 working days", "holidays": ["2026-12-25", "26 Dec 2026"]},
        "2026-12-30",
    ),
    ({"start": "2026-11-26", "add": "1 workday", "weekend": ["fri", "Saturday"]}, "2026-11-29"),
    ({"start": "2026-11-26", "add": "7 business days", "weekend": []}, "2026-12-03"),
    ({"start": "2026-11-26T10:00", "add": "90 minutes"}, "2026-11-26T11:30:00"),
    ({"start": "2026-11-26 10:00:00.5", "add": "PT1.25S"}, "2026-11-26T10:00:01.750000"),
    ({"start": "2026-11-26T10:00Z", "to_zone": "asia/kolkata"}, "2026-11-26T15:30:00+05:30"),
    ({"start": "20261126T100000Z", "to_zone": "+05:30"}, "2026-11-26T15:30:00+05:30"),
    ({"start": "2026-11-26T10:00", "zone": BERLIN, "to_zone": "UTC"}, "2026-11-26T09:00:00+00:00"),
    ({"start": "2026-11-26T10:00Z", "zone": BERLIN}, "2026-11-26T11:00:00+01:00"),
    # a day of the calendar and 24 hours differ where the clock is changed
    ({"start": "2026-03-28T12:00", "add": "1 day", "zone": BERLIN}, "2026-03-29T12:00:00+02:00"),
    ({"start": "2026-03-28T12:00", "add": "24 hours", "zone": BERLIN}, "2026-03-29T13:00:00+02:00"),
    ({"start": "2026-03-28T02:30", "add": "1 day", "zone": BERLIN}, "2026-03-29T03:30:00+02:00"),
    ({"start": "2026-10-24T02:30", "add": "1 day", "zone": BERLIN}, "2026-10-25T02:30:00+02:00"),
    ({"start": "2026-10-25T02:30+01:00", "add": "1 hour", "zone": BERLIN}, "2026-10-25T03:30:00+01:00"),
    # midnight that is skipped; a whole day that is skipped; half an hour; local mean time
    ({"start": "2018-11-03T00:00", "add": "1 day", "zone": "America/Sao_Paulo"}, "2018-11-04T01:00:00-02:00"),
    ({"start": "2011-12-29T12:00", "add": "1 day", "zone": "Pacific/Apia"}, "2011-12-31T12:00:00+14:00"),
    ({"start": "2026-04-05T01:45[Australia/Lord_Howe]", "add": "30 min"}, "2026-04-05T01:45:00+10:30"),
    ({"start": "1890-01-01T00:00", "zone": BERLIN}, "1890-01-01T00:00:00+00:53:28"),
    # as people write it
    ({"start": "26 November 2026"}, "2026-11-26"),
    ({"start": "Thursday, Nov 26th, 2026"}, "2026-11-26"),
    ({"start": "2026-W48-4"}, "2026-11-26"),
    ({"start": "2026-330"}, "2026-11-26"),
    ({"start": "２０２６/11/26"}, "2026-11-26"),
    ({"start": "25.12.2026"}, "2026-12-25"),
    ({"start": "04/04/2026"}, "2026-04-04"),
    ({"start": "Nov 26, 2026, 9:05 p.m. UTC-3"}, "2026-11-26T21:05:00-03:00"),
    ({"start": "2026-11-26 at 12:30 am GMT", "to_zone": "GMT+5:30"}, "2026-11-26T06:00:00+05:30"),
]


@pytest.mark.parametrize(("asked", "result"), ADDED)
def test_results(asked: dict[str, Any], result: str) -> None:
    assert compute_dates(**asked).result == result


BETWEEN = [
    ({"start": "2026-01-31", "until": "2026-02-28"}, ("P1M", "28", "20", None)),
    ({"start": "2026-02-28", "until": "2026-01-31"}, ("-P28D", "-28", "-20", None)),
    ({"start": "2024-02-29", "until": "2025-02-28"}, ("P1Y", "365", "261", None)),
    ({"start": "2026-11-26", "until": "2026-11-26"}, ("P0D", "0", "0", None)),
    ({"start": "2026-11-27", "until": "2026-11-30"}, ("P3D", "3", "1", None)),
    ({"start": "2026-11-26T10:00:00.25", "until": "2026-11-26T10:00:01"}, ("PT0.75S", "0", "0", "0.75")),
    ({"start": "2026-03-28T12:00", "until": "2026-03-29T12:00", "zone": BERLIN}, ("P1D", "1", "0", "82800")),
    ({"start": "2026-03-29", "until": "2026-03-30", "zone": BERLIN}, ("P1D", "1", "1", "82800")),
    (
        {"start": "2026-11-26T10:00[Europe/Berlin]", "until": "2026-11-26 13:00 America/New_York"},
        ("PT9H", "0", "0", "32400"),
    ),
    # Labrador's clocks once went back at 00:01, to the day and month before: later, and yet an earlier date
    (
        {
            "start": "2009-11-01T00:00:30-03:00[America/Goose_Bay]",
            "until": "2009-10-31T23:30-04:00[America/Goose_Bay]",
        },
        ("PT29M30S", "-1", "0", "1770"),
    ),
]


@pytest.mark.parametrize(("asked", "expected"), BETWEEN)
def test_differences(asked: dict[str, Any], expected: tuple[str, ...]) -> None:
    found = compute_dates(**asked)
    assert (found.result, found.calendar_days, found.business_days, found.seconds) == expected


REFUSED = [
    ({"start": "03/04/2026"}, ["2026-04-03 (day first) or 2026-03-04 (month first)", "write the one"]),
    ({"start": "3.4.26"}, ["a year of 2 digits"]),
    ({"start": "31/31/2026"}, ["no date"]),
    ({"start": "today", "add": "1 day"}, ["no clock", "give it"]),
    ({"start": "2026-02-30"}, ["February 2026 has 28 days"]),
    ({"start": "2026-13-01"}, ["month 13"]),
    ({"start": "2026-W54-1"}, ["does not exist"]),
    ({"start": "2025-366"}, ["2025 has no day 366"]),
    ({"start": "0000-01-01"}, ["1 to 9999"]),
    ({"start": "12026-01-01"}, ["1 to 9999"]),
    ({"start": "Friday, 26 November 2026"}, ["is a Thursday"]),
    ({"start": "Christmas 2026"}, ["not understood", "2026-11-26"]),
    ({"start": "2026-11-26T24:00"}, ["00:00 of the next day"]),
    ({"start": "2016-12-31T23:59:60Z"}, ["leap second"]),
    ({"start": "2026-11-26T10:61"}, ["10:61"]),
    ({"start": "2026-11-26T10:00:00.0000001"}, ["microsecond"]),
    ({"start": "2026-11-26 13:00 pm"}, ["13:00 pm"]),
    ({"start": "2026-11-26 at nine"}, ["at 'at nine'", "24 hours"]),
    ({"start": "2026-11-26T10:00+24:00"}, ["+24:00"]),
    ({"start": "2026-11-26T10:00+02:00[Europe/Berlin]"}, ["contradicts", "+01:00"]),
    ({"start": "2026-11-26T10:00 PST"}, ["abbreviations", "America/Los_Angeles"]),
    ({"start": "2026-11-26T10:00Z", "to_zone": "Europe/Berln"}, ["did you mean Europe/Berlin"]),
    ({"start": "2026-11-26T10:00Z", "to_zone": "Tokyo"}, ["did you mean Asia/Tokyo"]),
    ({"start": "2026-11-26T10:00Z", "to_zone": "../../etc/passwd"}, ["There is no time zone"]),
    ({"start": "2026-11-26T10:00", "to_zone": "UTC"}, ["no zone", "give `zone`"]),
    ({"start": "2026-11-26", "to_zone": "UTC"}, ["give `start` a time"]),
    ({"start": "2026-11-26", "add": "P1D", "until": "2026-11-27"}, ["one of them"]),
    ({"start": "2026-11-26", "until": "2026-11-27", "to_zone": "UTC"}, ["leave one"]),
    ({"start": "2026-11-26T10:00", "until": "2026-11-27T10:00Z"}, ["give `zone`"]),
    ({"start": "2026-11-26", "add": "1 m"}, ["minutes or months"]),
    ({"start": "2026-11-26", "add": "2 weeks ago"}, ["minus"]),
    ({"start": "2026-11-26", "add": "-1 month 3 days"}, ["each part its sign"]),
    ({"start": "2026-11-26", "add": "1.5 days"}, ["36 hours"]),
    ({"start": "2026-11-26", "add": "P"}, ["not understood"]),
    ({"start": "2026-11-26", "add": ""}, ["not understood"]),
    ({"start": "2026-11-26", "add": "three days"}, ["not understood"]),
    ({"start": "2026-11-26T10:00", "add": "0.0000001 seconds"}, ["microsecond"]),
    ({"start": "2026-11-26", "add": "99999999999 days"}, ["3,652,058"]),
    ({"start": "9999-12-31", "add": "1 day"}, ["1 to 9999"]),
    ({"start": "0001-01-31", "add": "-1 month"}, ["1 to 9999"]),
    ({"start": "9999-12-31", "add": "1 business day"}, ["1 to 9999"]),
    ({"start": "9999-12-31T23:00Z", "add": "1 hour"}, ["1 to 9999"]),
    ({"start": "2026-11-26", "holidays": ["2026-11-27", "27/11"]}, ["Holiday 2"]),
    ({"start": "2026-11-26", "holidays": ["2026-11-27T10:00"]}, ["without a time"]),
    ({"start": "2026-11-26", "holidays": ["2026-11-27"] * 1001}, ["1,000"]),
    ({"start": "2026-11-26", "weekend": ["Caturday"]}, ["Saturday"]),
    ({"start": "2026-11-26", "weekend": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}, ["at least one"]),
]


@pytest.mark.parametrize(("asked", "said"), REFUSED)
def test_refusals_say_what_is_wrong_and_what_to_do(asked: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(ToolError) as refused:
        compute_dates(**asked)
    for part in said:
        assert part in str(refused.value)


def test_the_steps_and_warnings_show_what_was_settled() -> None:
    clamped = compute_dates("2026-01-31", "1 month 2 business days", holidays=["2026-03-02"])
    assert clamped.steps == [
        "2026-01-31 (Saturday) + 1 month = 2026-02-28 (Saturday): February 2026 has 28 days, so day 31 became 28",
        "2026-02-28 (Saturday) + 2 business days = 2026-03-04 (Wednesday); "
        "skipped 1 weekend day and 1 holiday (2026-03-02)",
        "2026-02-28 (Saturday) is no business day itself; counting begins with the next one.",
    ]
    assert (clamped.weekday, clamped.iso_week, clamped.tzdata) == ("Wednesday", "2026-W10", None)
    gap = compute_dates("2026-03-29T02:30", zone=BERLIN)
    assert "does not exist" in gap.warnings[0]
    assert "03:30:00+02:00" in gap.warnings[0]
    fold = compute_dates("2026-10-25T02:30", zone=BERLIN)
    assert "comes twice" in fold.warnings[0]
    assert "2026-10-25T02:30:00+01:00" in fold.warnings[0]
    warned: list[tuple[dict[str, Any], str]] = [
        ({"start": "2026-11-26", "add": "36 hours"}, "00:00 was taken"),
        ({"start": "2026-11-26T10:00", "add": "36 hours"}, "No zone"),
        ({"start": "2026-11-26T10:00+01:00", "add": "1 month"}, "The offset +01:00 was kept"),
        ({"start": "2026-11-26T10:00Z", "to_zone": "EST"}, "America/New_York"),
        ({"start": "2026-11-26T10:00Z", "to_zone": "Etc/GMT+5"}, "reverse"),
        ({"start": "1500-01-01", "add": "1 day"}, "1582"),
        ({"start": "2026-11-26", "add": "1 day", "holidays": ["2026-11-27"]}, "business days only"),
    ]
    for asked, said in warned:
        assert any(said in warning for warning in compute_dates(**asked).warnings), asked


def test_zones_come_from_the_package_whatever_the_machine_has(tmp_path: Path) -> None:
    zoneinfo.reset_tzpath([str(tmp_path)])  # a machine whose own files are none
    try:
        assert compute_dates("2026-11-26T10:00Z", to_zone=BERLIN).tzdata == edition()
    finally:
        zoneinfo.reset_tzpath()
    assert len([name for name in zone_names() if find_zone(name.upper()).name == name]) > 590


def test_random_cases_agree_with_a_reckoning_of_their_own() -> None:
    random = Random(9)
    for _ in range(CASES):
        check(random)


@given(
    st.integers(-400, 400),
    st.lists(st.integers(-500, 500), max_size=30),
    st.sets(st.integers(0, 6), max_size=6),
)
@settings(max_examples=100, deadline=None)
def test_business_days_are_those_counted_one_by_one(
    count: int, holidays: list[int], weekend: set[int]
) -> None:
    start = date(2026, 11, 26)
    days = BusinessDays(weekend, [start + timedelta(one) for one in holidays])
    moved = days.moved(start, count)
    assert moved is not None
    assert days.between(start, moved) == count
    step = timedelta(1 if count > 0 else -1)
    free = {start + timedelta(one) for one in holidays}
    day, left = start, abs(count)
    while left:
        day += step
        left -= day.weekday() not in weekend and day not in free
    assert day == moved


@given(st.integers(-90_000, 90_000), st.integers(-40_000, 40_000), st.integers(-(10**14), 10**14))
@settings(max_examples=80, deadline=None)
def test_what_a_duration_says_is_read_again(months: int, days: int, microseconds: int) -> None:
    signs = [months < 0, days < 0, microseconds < 0]
    duration = Duration(months, days, exact=timedelta(microseconds=microseconds))
    if len(set(signs)) > 1:
        duration = replace(
            duration, months=abs(months), days=abs(days), exact=timedelta(microseconds=abs(microseconds))
        )
    assert read_duration(duration.iso) == duration


@given(st.datetimes(), st.sampled_from(zone_names()))
@settings(max_examples=100, deadline=None)
def test_a_moment_is_what_its_zone_says_of_its_instant(wall: datetime, name: str) -> None:
    zone = find_zone(name)
    try:
        moment = on_clock(wall, zone, Notes())
        again = at_instant(moment.instant, zone)
    except ToolError as error:
        assert "1 to 9999" in str(error)  # noqa: PT017
        return
    assert (again.wall, again.offset) == (moment.wall, moment.offset)


def _computed(start: str, add: str | None = None, until: str | None = None, zone: str | None = None) -> None:
    compute_dates(start, add, until, zone)


TEXTS = st.text(
    "0123456789-−/.:TtZzPWDMYHS+[] ,abcdefghijklmnopqrstuvwxyz'\u0663\u0000\U0001d7db", max_size=60
)


@given(TEXTS, TEXTS, TEXTS, TEXTS)
@example("2026-11-26T10:00" + "0" * 80, "P" + "9" * 150 + "D", "Z", "Z")
@example("9" * 10**6, "1 day, " * 10**5, "x" * 10**6, "[" * 10**5)
@example("0001-01-01T00:00+14:00", "-PT1S", "Pacific/Kiritimati", "Pacific/Kiritimati")
@settings(max_examples=60, deadline=2000)
def test_any_text_is_computed_or_refused(start: str, add: str, zone: str, until: str) -> None:
    ten = "2026-11-26T10:00"
    calls: list[dict[str, str]] = [
        {"start": start},
        {"start": ten, "add": add},
        {"start": ten, "zone": zone},
        {"start": start, "until": until},
    ]
    for asked in calls:
        try:
            _computed(**asked)
        except ToolError as error:
            assert 20 < len(str(error)) < 500  # noqa: PT017
    try:
        read_date(start, "Holiday 1")
    except ToolError as error:
        assert "Holiday 1" in str(error)  # noqa: PT017
