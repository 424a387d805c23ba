"""Recordings of the providers, and the helper module on the path."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "reference" / "providers"
if str(HERE) not in sys.path:  # tests have no package to import it from
    sys.path.insert(0, str(HERE))


@pytest.fixture
def recorded():
    """Give the recorded requests and replies of a protocol."""

    def load(name):
        if not SHARED.is_dir():
            pytest.skip("shared reference data is not beside the repository")
        return json.loads((SHARED / f"{name}.json").read_text(encoding="utf-8"))

    return load
