"""How long a person waits: `costplan --help` and a plan of the support example.

    python -m benchmarks.startup

Best of five, in seconds, and as ratios to starting Python with numpy, pydantic and typer alone.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROUNDS = 5
COSTPLAN = [sys.executable, "-c", "from costplan.cli.app import main; main()"]
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import typer": [sys.executable, "-c", "import typer"],
    "costplan --help": [*COSTPLAN, "--help"],
    "import numpy, pydantic, typer": [sys.executable, "-c", "import numpy, pydantic, typer"],
    "costplan optimize support": [
        *COSTPLAN,
        "optimize",
        str(ROOT / "examples" / "support" / "workload.yaml"),
    ],
}
AGAINST = {
    "costplan --help": ("import typer", 0.25),
    "costplan optimize support": ("import numpy, pydantic, typer", 1.5),
}
"""What each command is compared with, and the seconds it may take."""


def measure(command: list[str]) -> float:
    """Best of five runs, in seconds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    """Print the table."""
    seconds = {name: measure(command) for name, command in COMMANDS.items()}
    print(f"{'command':32} {'best of 5':>10} {'ratio':>7}   goal")
    for name, taken in seconds.items():
        other, goal = AGAINST.get(name, ("", 0.0))
        ratio = f"{taken / seconds[other]:.2f}" if other else ""
        said = f"{goal} s, ratio to {other}" if other else ""
        print(f"{name:32} {taken:9.3f}s {ratio:>7}   {said}")


if __name__ == "__main__":
    main()
