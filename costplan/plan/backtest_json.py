"""The backtest as the stable JSON contract, and as rows of a table."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from costplan.plan.backtest import Backtest, CeilingResult

SCHEMA_VERSION = 1


def backtest_document(backtest: Backtest) -> dict[str, Any]:
    """Give the document of `backtest --json`: shares from 0 to 1, dollars as text, null unknown."""
    summary = backtest.summary
    option = backtest.best_single_option
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": backtest.dataset,
        "splits": backtest.splits,
        "seed": backtest.seed,
        "folds": backtest.folds,
        "confidence": backtest.confidence,
        "classes": backtest.classes,
        "options": backtest.options,
        "questions": backtest.questions,
        "best_single_option": None
        if option is None
        else {"model": option[0], "setting": option[1]},
        "ceilings": [_ceiling(row) for row in backtest.ceilings],
        "summary": {
            "mean_gap": summary.mean_gap,
            "mean_abs_gap": summary.mean_abs_gap,
            "worst_gap": summary.worst_gap,
            "mean_gain_over_mix": summary.mean_gain_over_mix,
            "worst_gain_over_mix": summary.worst_gain_over_mix,
            "ceilings_held": summary.ceilings_held_1pct,
            "ceilings_held_within_5pct": summary.ceilings_held_5pct,
            "coverage": {"p80": summary.covered_80, "p95": summary.covered_95},
            "naive": {
                "mean_gap": summary.naive_mean_gap,
                "ceilings_held": summary.naive_ceilings_held_1pct,
            },
            "money_to_keep_95pct": backtest.money_to_keep_95,
        },
        "calibration": [
            {
                "split": t.split,
                "fraction": t.fraction,
                "forecast": t.forecast,
                "realised": t.realised,
            }
            for t in backtest.trials
        ],
        "warnings": [
            {"code": n.code, "class": n.task_class or None, "message": n.message}
            for n in backtest.notes
        ],
    }


def _ceiling(row: CeilingResult) -> dict[str, Any]:
    return {
        "fraction": row.fraction,
        "usd": _dollars(row.usd),
        "planned": row.planned,
        "promised": row.promised,
        "forecast": row.forecast,
        "realised": row.realised,
        "gap": row.gap,
        "gap_sd": row.gap_sd,
        "cost_over_ceiling": {
            "mean": row.over_mean,
            "share_over_1pct": row.over_1pct,
            "share_over_5pct": row.over_5pct,
        },
        "coverage": {"p80": row.covered_80, "p95": row.covered_95},
        "best_single": row.best_single,
        "class_blind_mix": row.class_blind_mix,
        "class_blind_mix_with_margin": row.class_blind_mix_with_margin,
        "hindsight": row.hindsight,
        "oracle": row.oracle,
        "fell_back": row.fell_back,
        "without_margin": row.unmargined,
        "naive": {
            "forecast": row.naive_forecast,
            "realised": row.naive_realised,
            "gap": row.naive_gap,
            "share_over_1pct": row.naive_over_1pct,
            "share_over_5pct": row.naive_over_5pct,
        },
    }


def _dollars(usd: float) -> str:
    """Write dollars per question with six significant digits, without an exponent."""
    return format(Decimal(f"{usd:.6g}"), "f")


def backtest_rows(backtest: Backtest) -> list[dict[str, Any]]:
    """Give one flat row per ceiling for CSV."""
    return [{"dataset": backtest.dataset, **asdict(row)} for row in backtest.ceilings]
