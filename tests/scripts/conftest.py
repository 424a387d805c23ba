"""The loader of scripts on the path."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
if str(HERE) not in sys.path:  # tests have no package to import it from
    sys.path.insert(0, str(HERE))
