"""How long a large plan takes to leave: CSV, XLSX and the page, beside what pandas makes of it.

    python -m benchmarks.exports [--classes 5000] [--months 12] [--rounds 5]

Whole processes in turn, from start to file, plan.json read included; medians of wall and processor
seconds, and the ratio of costplan's processor seconds to those of a bare script that reads the same
file and writes its lines by pandas. The page is opened in headless Chromium, where there is one:
megabytes, seconds to load, and milliseconds from a step of the slider to the next frame. The plan
is planned in a temporary folder, removed afterwards.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COSTPLAN = [sys.executable, "-c", "from costplan.cli.app import main; main()"]
_READ = (
    "import json, sys, pandas as pd; f = pd.json_normalize(json.load(open(sys.argv[1]))['lines'])"
)
PANDAS = {
    "csv": f"{_READ}; f.to_csv(sys.argv[2])",
    "xlsx": f"{_READ}; f.to_excel(sys.argv[2], engine='xlsxwriter')",
    "html": f"{_READ}; f.to_html(sys.argv[2])",
}
GOALS = {"csv": "2 s", "xlsx": "10 s", "html": "15 MB"}
_MEASURED = (
    "import resource, subprocess, sys, time; start = time.perf_counter();"
    " subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
    " used = resource.getrusage(resource.RUSAGE_CHILDREN);"
    " print(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss)"
)
_STEP = """async () => {
  const slider = document.getElementById("ceiling"), taken = [];
  if (!slider) return [];
  for (let at = Number(slider.min); at <= Number(slider.max); at++) {
    const start = performance.now();
    slider.value = at;
    slider.dispatchEvent(new Event("input"));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    taken.push(performance.now() - start);
  }
  return taken;
}"""


def make(folder: Path, classes: int, months: int) -> tuple[Path, float]:
    """Plan a workload; the plan's file, and the seconds that planning took."""
    luck = random.Random(7)
    steps = (("quick", 0.4, 0.6, 0.001), ("middling", 0.6, 0.8, 0.003), ("deep", 0.8, 0.95, 0.017))
    work = {
        "name": f"{classes:,} classes", "period": "month", "objective": {"maximize": "value"},
        "horizon": {"start": "2027-01", "months": months}, "ceilings": {"usd": 900 * classes},
        "classes": [
            {
                "name": f"class-{number:04d}", "team": f"team-{number % 40}",
                "requests": luck.randrange(1_000, 200_000),
                "value_usd": luck.choice([0.02, 0.1, 0.5, 2]),
                "growth_per_month": luck.choice([0, 0.02, -0.01]),
                "options": [
                    {"name": name, "accuracy": round(luck.uniform(low, high), 3),
                     "usd_per_request": usd, "mean_latency_s": 1}
                    for name, low, high, usd in steps
                ],
            }
            for number in range(classes)
        ],
    }  # fmt: skip
    # JSON is YAML, and is read as such.
    (folder / "workload.yaml").write_text(json.dumps(work), encoding="utf-8")
    command = [*COSTPLAN, "optimize", "workload.yaml", "-o", "plan.json"]
    start = time.perf_counter()
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    return folder / "plan.json", time.perf_counter() - start


def run(command: list[str]) -> tuple[float, float, int]:
    """Run a command; wall seconds, processor seconds, peak memory in kB."""
    code = [sys.executable, "-c", _MEASURED, *command]
    wall, used, memory = subprocess.run(
        code, check=True, capture_output=True, text=True
    ).stdout.split()
    return float(wall), float(used), int(memory)


def compare(plan: Path, kind: str, rounds: int) -> Path:
    """Print costplan's row and pandas's; the file that costplan wrote."""
    ours, theirs = plan.with_name(f"ours.{kind}"), plan.with_name(f"pandas.{kind}")
    command = ["report", str(plan), "-o"] if kind == "html" else ["export", str(plan), f"--{kind}"]
    commands = {
        f"costplan {command[0]}, {kind}": [*COSTPLAN, *command, str(ours), "--force"],
        f"pandas, {kind}": [sys.executable, "-c", PANDAS[kind], str(plan), str(theirs)],
    }
    taken: dict[str, list[tuple[float, float, int]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, words in commands.items():
            taken[name].append(run(words))
    middle = {name: statistics.median(used for _, used, _ in t) for name, t in taken.items()}
    bare = middle[f"pandas, {kind}"]
    for (name, times), file in zip(taken.items(), (ours, theirs), strict=True):
        wall = statistics.median(seconds for seconds, _, _ in times)
        memory = max(kb for _, _, kb in times) / 1e3
        goal = GOALS[kind] if name.startswith("costplan") else ""
        print(
            f"{name:24} {wall:7.2f}s {middle[name]:7.2f}s {memory:6,.0f} MB"
            f" {middle[name] / bare:6.2f} {file.stat().st_size / 1e6:8.1f} MB   {goal}"
        )
    return ours


def look(page: Path) -> None:
    """Print how long the page takes to load in a browser, and a step of its slider."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        browser = None
    if browser is None:
        print("no browser to open the page in")
        return
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        loads = []
        for _ in range(3):
            start = time.perf_counter()
            opened.goto(page.as_uri())
            opened.wait_for_selector("#frontier-chart svg, footer", state="attached")
            loads.append(time.perf_counter() - start)
        steps = sorted(opened.evaluate(_STEP))
        said = f"{page.name} in Chromium: loads in {statistics.median(loads):.2f} s"
        if steps:
            said += f"; {len(steps)} steps of the slider, median {statistics.median(steps):.0f} ms"
            said += f", slowest {steps[-1]:.0f} ms"
        print(said)


def main() -> None:
    """Plan, write, compare, remove."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--classes", type=int, default=5_000, help="task classes")
    parser.add_argument("--months", type=int, default=12, help="months of the horizon")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each command")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="costplan-benchmark-") as folder:
        plan, seconds = make(Path(folder), options.classes, options.months)
        print(f"plan.json: {plan.stat().st_size / 1e6:,.0f} MB, planned in {seconds:.0f} s\n")
        print(f"{'':24} {'wall':>8} {'CPU':>8} {'memory':>9} {'ratio':>6} {'file':>11}   goal")
        for kind in ("csv", "xlsx"):
            compare(plan, kind, options.rounds)
        look(compare(plan, "html", 1))


if __name__ == "__main__":
    main()
