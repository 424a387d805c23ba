"""HiGHS beside the thread that waits for it."""

from __future__ import annotations

import _thread
import threading
import time

import numpy as np
import pytest

from costplan.solve.running import is_left_behind
from costplan.solve.sheet import Ending, Sheet


def hard_sheet(n: int = 60) -> Sheet:
    """Lay out a whole program of several equations that HiGHS does not finish soon."""
    rng = np.random.default_rng(3)
    sheet = Sheet()
    sheet.columns(-rng.integers(1, 100, n).astype(float), np.zeros(n), np.ones(n), True)
    for _ in range(6):
        values = rng.integers(1, 100, n).astype(float)
        half = float(values.sum()) // 2
        sheet.row(np.arange(n), values, half, half)
    return sheet


def test_ctrl_c_stops_a_running_solver():
    """KeyboardInterrupt comes through while HiGHS runs, and HiGHS stops."""
    timer = threading.Timer(0.5, _thread.interrupt_main)
    timer.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        hard_sheet().run(gap=0.0, time_limit_s=60.0)
    assert time.monotonic() - begun < 5.0
    timer.join()
    end = time.monotonic() + 10.0
    while is_left_behind() and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_left_behind()


def test_a_solver_runs_in_any_thread():
    """Outside the main thread, where no signal is heard, HiGHS runs as ever."""
    sheet = Sheet()
    sheet.columns(np.array([-1.0, -2.0]), np.zeros(2), np.ones(2), True)
    sheet.row(np.array([0, 1]), np.array([1.0, 1.0]), -np.inf, 1.0)
    found = []
    worker = threading.Thread(target=lambda: found.append(sheet.run(gap=0.0, time_limit_s=None)))
    worker.start()
    worker.join()
    assert found[0].ending is Ending.OPTIMAL
    assert found[0].objective == -2.0
