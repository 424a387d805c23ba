"""Many jobs, some at once, in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from costplan.domain.errors import CostplanError
from costplan.probe.journal import Journal

Job = TypeVar("Job")


async def work_all(
    journal: Journal, jobs: Iterable[Job], work: Callable[[Job], Awaitable[None]], *, workers: int
) -> None:
    """Do every job in order, so many at once; all they wrote is on disk at the end.

    After an error that a person can do something about no job is begun, but those under way are
    waited for: they are paid. Raises the first such error, else the first of any kind, which ends
    all jobs at once.
    """
    left = iter(jobs)
    explained: list[CostplanError] = []

    async def take() -> None:
        for job in left:
            if explained:
                return
            try:
                await work(job)
            except CostplanError as error:
                explained.append(error)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(take())
    except BaseExceptionGroup as several:
        raise _first(several) from None
    finally:
        await journal.drain()
    if explained:
        raise explained[0]


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    """Take the first error of a group, however deep it lies."""
    error: BaseException = several
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
