"""The figures on how benchmarks carry over are measured, not typed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from script_loader import load_script

from costplan.domain.measurement import Measurement

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def figures():
    """The script, imported."""
    return load_script("build_transfer_figures")


def test_the_figures_on_the_page_are_current(figures):
    """What docs/method.md says of transfer is what the shipped curves give."""
    assert figures.write_block() in (ROOT / "docs" / "method.md").read_text(encoding="utf-8")


def test_a_benchmark_twice_as_noisy_is_worth_half_the_questions(figures):
    """Simulated departures of known size give the questions that err as much."""
    dice = np.random.default_rng(4)

    def make(spread: float):
        logit = dice.normal(0, 0.5, 40)
        rows = []
        for name, at in (("a", logit), ("b", logit + dice.normal(0, spread, 40))):
            rows += [
                Measurement(
                    model=f"m{i:02}", setting="none", accuracy=float(1 / (1 + np.exp(-x))),
                    source="lab", benchmark=name, task_kind="quiz", n_questions=20_000,
                )
                for i, x in enumerate(at)
            ]  # fmt: skip
        return figures.worth(figures.carry_all(rows))[1]

    near = np.median([make(0.4) for _ in range(9)])
    far = np.median([make(0.4 * 2**0.5) for _ in range(9)])
    assert 1.6 < near / far < 2.5
    assert abs(near - 0.6 / 0.235 / 0.16) < 5
