"""Small cases that the plan's tests share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costplan.domain.measurement import Measurement
from costplan.domain.profile import Profile
from costplan.domain.workload import Workload
from costplan.plan.case import Case
from costplan.plan.gather import Sources, gather

DAY = dt.date(2026, 11, 25)


def make_profile(**changes: Any) -> Profile:
    """A model with an effort knob, contracted-looking prices and a known speed."""
    facts: dict[str, Any] = {
        "title": "Thinker",
        "provider": "acme",
        "model": "thinker",
        "context_tokens": 200_000,
        "output_limit": 64_000,
        "knob": {"kind": "effort", "source": "made up"},
        "settings": {
            "none": {"effort": "none", "max_output_tokens": 8_000},
            "low": {"effort": "low", "max_output_tokens": 32_000},
            "medium": {"effort": "medium", "max_output_tokens": 32_000},
            "high": {"effort": "high", "max_output_tokens": 64_000},
        },
        "prices": [
            {
                "starts": dt.date(2026, 1, 1),
                "input_usd_per_mtok": Decimal(2),
                "cached_input_usd_per_mtok": Decimal("0.5"),
                "output_usd_per_mtok": Decimal(8),
                "batch_multiplier": Decimal("0.5"),
                "source": "made up",
                "checked": DAY,
            }
        ],
        "speed": {
            "first_token_s": Decimal(1),
            "tokens_per_s": Decimal(100),
            "source": "made up",
            "date": DAY,
        },
    }
    return Profile.model_validate(facts | changes)


def make_row(model: str, setting: str, accuracy: float, **changes: Any) -> Measurement:
    """A measurement of 500 questions on a made-up benchmark."""
    facts: dict[str, Any] = {
        "source": "lab",
        "benchmark": "quiz",
        "task_kind": "quiz",
        "n_questions": 500,
        "output_tokens": 1_000.0,
        "reasoning_tokens": 800.0,
        "input_tokens": 300.0,
    }
    return Measurement(model=model, setting=setting, accuracy=accuracy, **(facts | changes))


@pytest.fixture
def profile() -> Callable[..., Profile]:
    """Makes profiles."""
    return make_profile


@pytest.fixture
def row() -> Callable[..., Measurement]:
    """Makes measurements."""
    return make_row


@pytest.fixture
def case(tmp_path: Path) -> Callable[..., Case]:
    """Makes cases from classes, profiles and measurements; keywords are keys of the workload."""

    def make(
        classes: list[Mapping[str, Any]],
        *,
        profiles: Mapping[str, Profile] | None = None,
        rows: tuple[Measurement, ...] = (),
        **keys: Any,
    ) -> Case:
        workload = Workload.model_validate(
            {"name": "test", "starts": DAY, "classes": classes} | keys
        )
        return gather(workload, Sources(profiles or {}, rows, tmp_path, "workload.yaml", "0" * 64))

    return make


def state(name: str, accuracy: str, usd: str, **more: Any) -> dict[str, Any]:
    """An option as a user states it."""
    return {"name": name, "accuracy": Decimal(accuracy), "usd_per_request": Decimal(usd)} | more


@pytest.fixture
def stated() -> Callable[..., dict[str, Any]]:
    """Makes stated options."""
    return state
