"""What a probe is asked for, and what its ways of running give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from costplan.plan.probing_check import Checked
from costplan.plan.probing_costs import LabelCosts
from costplan.plan.probing_forecast import Forecast
from costplan.plan.probing_result import Found
from costplan.plan.probing_run import Live
from costplan.probe.records import Tally
from costplan.probe.schedule import TOLERANCE

WORKERS = 64


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """What the command line asks for."""

    workload: Path
    questions: Path
    max_usd: Decimal | None = None
    """Most dollars of all runs on the journal together."""
    journal: Path | None = None
    """Beside the workload when absent."""
    output: Path | None = None
    """Outcomes to write; beside the workload when absent."""
    models: tuple[str, ...] = ()
    """Patterns of the models that may be asked; all when empty."""
    grid: bool = False
    """Ask everything evenly."""
    keep_texts: bool = False
    tolerance: float = TOLERANCE
    """Accuracy that knowing everything may still bring when the asking stops."""
    workers: int = WORKERS
    """Most calls under way at once."""

    @property
    def journal_path(self) -> Path:
        """Where the journal is."""
        return self.journal or self.workload.with_name(f"{self.workload.stem}.probe.jsonl")

    @property
    def output_path(self) -> Path:
        """Where the outcomes go."""
        return self.output or self.workload.with_name(f"{self.workload.stem}.outcomes.csv")

    @property
    def measurements_path(self) -> Path:
        """Where the measurements go."""
        stem = self.output_path.stem.removesuffix(".outcomes")
        return self.output_path.with_name(f"{stem}.measurements.csv")


@dataclass(frozen=True, slots=True, eq=False)
class Probed:
    """What a probe was asked, did and found."""

    request: ProbeRequest
    live: Live
    tally: Tally
    """Everything the journal says."""
    found: Found
    outcomes: Path | None
    """Table that was written; None where there is no marked reply."""
    measurements: Path | None
    max_usd: Decimal | None = None
    """Limit; None in a replay."""
    overrun_usd: Decimal = Decimal(0)
    """Dollars that a provider charged beyond what its cap allows."""
    stopped: Mapping[str, str] = field(default_factory=dict)
    """Why providers and settings were given up."""
    in_flight_usd: Decimal = Decimal(0)
    """Worst case of the calls of which no end is known: counted as spent."""
    notes: tuple[str, ...] = ()
    """What a reader must know."""


@dataclass(frozen=True, slots=True, eq=False)
class DryRun:
    """What a probe would do."""

    request: ProbeRequest
    live: Live
    forecast: Forecast
    max_usd: Decimal | None
    labels: LabelCosts
    """What checking the judges against the user's marks costs."""
    missing_keys: Mapping[str, str]
    """Variables without a key, with a model that needs each."""


@dataclass(frozen=True, slots=True, eq=False)
class CheckRun:
    """What a check found."""

    request: ProbeRequest
    checked: tuple[Checked, ...]
    spent_usd: Decimal
    max_usd: Decimal

    @property
    def ok(self) -> bool:
        """Whether everything that was checked works."""
        return all(checked.ok for checked in self.checked)
