"""The helper modules on the path."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
for folder in (HERE, HERE.parent / "providers", HERE.parents[1]):
    if str(folder) not in sys.path:  # tests have no package to import them from
        sys.path.insert(0, str(folder))
