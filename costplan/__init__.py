"""Allocate reasoning compute per task class under a dollar or latency ceiling.

case = costplan.load("workload.yaml", usd=40_000)
plan = costplan.optimize(case)
plan.to_frame()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costplan.plan.build import build_plan as optimize
    from costplan.plan.load import load
    from costplan.plan.model import Plan

__version__ = "0.1.0"
__all__ = ["Plan", "__version__", "load", "optimize"]

_HOMES = {
    "load": "costplan.plan.load:load",
    "optimize": "costplan.plan.build:build_plan",
    "Plan": "costplan.plan.model:Plan",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that the command line starts fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'costplan' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(module), attribute)
