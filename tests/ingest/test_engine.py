"""Times as logs spell them, against the standard library's own zones."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from costplan.ingest.engine import connect, moment

NOON = dt.datetime(2026, 10, 1, 12)


def _read(said: str) -> dt.datetime | None:
    with connect() as connection:
        found = connection.execute(f"SELECT {moment('said')} FROM (SELECT ? AS said)", [said])
        return found.fetchone()[0]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"])
def test_a_time_in_a_named_zone_is_that_time_there(zone):
    """A zone behind a time moves it to UTC."""
    there = NOON.replace(tzinfo=ZoneInfo(zone))
    assert _read(f"2026-10-01 12:00:00 {zone}") == there.astimezone(dt.UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("said", "hours"),
    [
        ("2026-10-01 12:00:00", 0),
        ("2026-10-01T12:00:00Z", 0),
        ("2026-10-01T12:00:00.000000+02:00", -2),
        ("2026-10-01 12:00:00-05", 5),
        ("2026-10-01T12:00:00.000-0530", 5.5),
        (str(int(NOON.replace(tzinfo=dt.UTC).timestamp())), 0),
        (str(int(NOON.replace(tzinfo=dt.UTC).timestamp() * 1000)), 0),
    ],
)
def test_offsets_and_unix_times_are_utc(said, hours):
    """A time without zone is UTC, offsets are taken off, and seconds told from milliseconds."""
    assert _read(said) == NOON + dt.timedelta(hours=hours)


def test_a_zone_that_nobody_knows_gives_no_time():
    """A wrong time would put spend into the wrong day."""
    assert _read("2026-10-01 12:00:00 Middle/Earth") is None
