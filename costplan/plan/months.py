"""The months of a horizon, and a workload's volumes in each of them."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from costplan.domain.money import EXACT

if TYPE_CHECKING:
    from costplan.domain.workload import TaskClass, Workload

NAMED_MONTH = re.compile(r" (\d{4}-\d{2})(?=\.)")
"""How the names of limits carry their month, where one plan has several."""
MONTHS_PER = {"month": 1, "quarter": 3, "year": 12}
DAYS_PER = {"day": 1, "week": 7}
REQUEST = Decimal("0.001")
"""Requests of a month are kept to a thousandth."""


@dataclass(frozen=True, slots=True)
class Month:
    """A month of a horizon."""

    first_day: dt.date
    """Its first day."""
    place: int
    """How many months after the first, from 0."""

    @property
    def label(self) -> str:
        """Its name: "2027-01"."""
        return f"{self.first_day:%Y-%m}"

    def scale(self, workload: Workload) -> Workload:
        """Give every class the requests of this month; classes without any are left out."""
        scaled = [self._scale_class(workload, task) for task in workload.classes]
        return workload.model_copy(
            update={"classes": tuple(task for task in scaled if task.requests > 0)}
        )

    def _scale_class(self, workload: Workload, task: TaskClass) -> TaskClass:
        if self.label in task.requests_by_month:
            requests = task.requests_by_month[self.label]
        else:
            season = task.seasonality or workload.seasonality
            with localcontext(EXACT):
                requests = (
                    task.requests
                    * (1 + task.growth_per_month) ** self.place
                    * season.get(self.first_day.month, Decimal(1))
                ).quantize(REQUEST)
        return task.model_copy(update={"requests": requests})


def list_months(workload: Workload) -> list[Month]:
    """List the months of a workload's horizon; none without one."""
    horizon = workload.horizon
    if horizon is None:
        return []
    year, month = (int(part) for part in horizon.start.split("-"))
    months = [year * 12 + month - 1 + place for place in range(horizon.months)]
    return [
        Month(dt.date(count // 12, count % 12 + 1, 1), place) for place, count in enumerate(months)
    ]


def end_period(start: dt.date, period: str) -> dt.date:
    """Give the last day of a period that starts on a day."""
    if period in DAYS_PER:
        return start + dt.timedelta(days=DAYS_PER[period] - 1)
    return add_months(start, MONTHS_PER[period]) - dt.timedelta(days=1)


def count_days(day: dt.date, period: str) -> int:
    """Count the days of the calendar period that a day is in."""
    if period in DAYS_PER:
        return DAYS_PER[period]
    months = MONTHS_PER[period]
    start = dt.date(day.year, (day.month - 1) // months * months + 1, 1)
    return (end_period(start, period) - start).days + 1


def add_months(day: dt.date, months: int) -> dt.date:
    """Give the same day some months later, or the last one of a month that is too short."""
    count = day.year * 12 + day.month - 1 + months
    year, month = count // 12, count % 12 + 1
    return dt.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
