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

    Raises the first error of a job that a person can do something about, else the first.
    """
    left = iter(jobs)

    async def take() -> None:
        for job in left:
            await work(job)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(take())
    except BaseExceptionGroup as several:
        raise _first(several) from None
    finally:
        await journal.drain()


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    """Take the error that a person can do something about, else the first."""
    leaves: list[BaseException] = []
    queue: list[BaseException] = [several]
    while queue:
        error = queue.pop(0)
        if isinstance(error, BaseExceptionGroup):
            queue += error.exceptions
        else:
            leaves.append(error)
    explained = (error for error in leaves if isinstance(error, CostplanError))
    return next(explained, leaves[0])
