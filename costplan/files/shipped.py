"""Where the profiles and curves that come with costplan lie."""

from __future__ import annotations

from pathlib import Path

from costplan.domain.errors import CostplanError

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped_profiles() -> Path:
    """Give the folder with `models/` and `curves/`: inside the wheel, or beside a checkout.

    Raises CostplanError when the installation has neither.
    """
    for folder in (_PACKAGE / "_profiles", _PACKAGE.parent / "profiles"):
        if folder.is_dir():
            return folder
    raise CostplanError(f"no profiles beside {_PACKAGE}: install costplan again")


def shipped_curves() -> tuple[Path, ...]:
    """Give the curve tables that come with costplan, sorted by name."""
    return tuple(sorted((shipped_profiles() / "curves").glob("*.csv")))
