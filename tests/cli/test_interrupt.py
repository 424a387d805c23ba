"""Signals end a plan that is being solved, at once and with nothing written."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CODE = """
import sys
from costplan.solve import sheet
plain = sheet.run_interruptibly
def told(solver):
    print("solving", file=sys.stderr, flush=True)
    plain(solver)
sheet.run_interruptibly = told
from costplan.cli.app import main
main()
"""
"""The command line, which says when HiGHS begins."""


def write_hard(path: Path) -> None:
    """Write a workload whose accuracies follow dollars so closely that no proof ends soon."""
    draw = random.Random(1)
    said = ["name: hard", "splits: false", "ceilings:", "  usd: 145", "  mean_latency_s: 18"]
    said += ["  providers: {p0: {usd: 70}, p1: {usd: 75}}", "classes:"]
    for c in range(300):
        said.append(f"  - {{name: c{c}, requests: 1, weight: 1, options: [")
        for o in range(10):
            usd = draw.randint(100, 1000)
            accuracy = (usd + 100 + draw.randint(-3, 3)) / 2000
            said.append(
                f"      {{name: o{o}, model: m{o}, provider: p{o % 3}, accuracy: {accuracy:.4f},"
                f" usd_per_request: {usd / 1000}, mean_latency_s: {draw.randint(1, 40)}}},"
            )
        said.append("      ]}")
    path.write_text("\n".join(said) + "\n", encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_a_signal_stops_a_running_solver_and_nothing_is_written(tmp_path, sent, code):
    """Ctrl-C during a solve ends with 130 and a word, SIGTERM at once; an older plan stays."""
    workload, plan = tmp_path / "hard.yaml", tmp_path / "plan.json"
    write_hard(workload)
    plan.write_text("an older plan", encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", CODE, "optimize", str(workload), "-o", str(plan)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "solving\n"
        time.sleep(0.5)
        assert process.poll() is None
        begun = time.monotonic()
        process.send_signal(sent)
        out, err = process.communicate(timeout=30)
    assert process.returncode == code
    # Half a second, and room for a busy machine.
    assert time.monotonic() - begun < 3.0
    assert not out
    last = err.replace("solving\n", "")
    assert last == ("interrupted\n" if sent is signal.SIGINT else "")
    assert plan.read_text(encoding="utf-8") == "an older plan"
    assert {path.name for path in tmp_path.iterdir()} == {"hard.yaml", "plan.json"}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("after", [0.06, 0.12, 0.2, 0.3])
def test_ctrl_c_while_it_starts_shows_no_trace(after):
    """Ctrl-C while the command line is still importing ends it with 130 and one word."""
    code = (
        "import sys; from costplan.cli.entry import main; sys.stderr.write('up\\n');"
        " sys.stderr.flush(); main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, "schema", "plan"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "up\n"
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    # All was said and Python is leaving: its own handler is gone by then, and the signal ends it.
    ended = {(0, ""), (-signal.SIGINT, "")}
    assert (process.returncode, err) in {(130, "interrupted\n"), *ended}


def test_a_library_that_fails_of_ctrl_c_is_no_bug(tmp_path):
    """An error that a library makes of Ctrl-C ends the command as Ctrl-C does."""
    code = (
        "import costplan.plan.load as load\n"
        "def fail(*a, **k):\n"
        "    try:\n"
        "        raise KeyboardInterrupt\n"
        "    except KeyboardInterrupt:\n"
        "        raise ImportError('half loaded')\n"
        "load.load = fail\n"
        "from costplan.cli.entry import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "optimize", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
