from __future__ import annotations

import pytest

from costplan.domain.errors import CostplanError
from costplan.files import shipped


def test_profiles_are_found_beside_the_checkout_or_inside_the_package(tmp_path, monkeypatch):
    """The folder inside an installed package wins over the one beside a checkout."""
    package = tmp_path / "costplan"
    (tmp_path / "profiles").mkdir()
    package.mkdir()
    monkeypatch.setattr(shipped, "_PACKAGE", package)
    assert shipped.shipped_profiles() == tmp_path / "profiles"
    (package / "_profiles").mkdir()
    assert shipped.shipped_profiles() == package / "_profiles"


def test_an_installation_without_profiles_says_so(tmp_path, monkeypatch):
    """A broken installation is explained, not met with a traceback."""
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "costplan")
    with pytest.raises(CostplanError, match="install costplan again"):
        shipped.shipped_profiles()


def test_curve_tables_come_sorted():
    """The shipped tables are listed in one order on every machine."""
    names = [path.name for path in shipped.shipped_curves()]
    assert names == sorted(names)
    assert "epoch-ai.csv" in names
