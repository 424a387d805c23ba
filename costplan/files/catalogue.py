"""The catalogue: the models and curves that a workload can be joined with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.domain.measurement import Measurement
from costplan.domain.profile import Profile
from costplan.files.curves import load_curves
from costplan.files.profiles import load_profile, load_profiles, name_profiles
from costplan.files.shipped import shipped_curves, shipped_profiles


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Models by name and every measurement of them."""

    profiles: Mapping[str, Profile]
    """Models by name, in order of name."""
    measurements: tuple[Measurement, ...]
    """Rows of all curve tables."""

    @property
    def providers(self) -> frozenset[str]:
        """Providers that serve at least one of the models."""
        return frozenset(profile.provider for profile in self.profiles.values())

    def list_sources(self) -> dict[str, tuple[str, ...]]:
        """List the sources of each benchmark that has a curve of single calls of a known model."""
        found: dict[str, dict[str, None]] = {}
        for row in self.measurements:
            if row.samples == 1 and row.model in self.profiles:
                found.setdefault(row.benchmark, {})[row.source] = None
        return {benchmark: tuple(sorted(found[benchmark])) for benchmark in sorted(found)}


def load_catalogue() -> Catalogue:
    """Load the profiles and curves that come with costplan."""
    profiles = load_profiles(shipped_profiles() / "models")
    return Catalogue(profiles, load_curves(shipped_curves()))


def extend_catalogue(
    catalogue: Catalogue, *, profiles: Iterable[Path] = (), curves: Iterable[Path] = ()
) -> Catalogue:
    """Add a user's own profiles and curves; what has the same name or key is replaced.

    Raises InputError with the faults of all files.
    """
    faults: list[Fault] = []
    models = dict(catalogue.profiles)
    try:
        for name, path in name_profiles(profiles).items():
            try:
                models[name] = load_profile(path)
            except InputError as error:
                faults += error.faults
    except InputError as error:
        faults += error.faults
    rows: tuple[Measurement, ...] = ()
    try:
        rows = load_curves(list(curves))
    except InputError as error:
        faults += error.faults
    if faults:
        raise InputError(faults)
    replaced = {_key(row) for row in rows}
    kept = tuple(row for row in catalogue.measurements if _key(row) not in replaced)
    return Catalogue(dict(sorted(models.items())), kept + rows)


def _key(row: Measurement) -> tuple[str, str, str, str, int]:
    return row.source, row.benchmark, row.model, row.setting, row.samples
