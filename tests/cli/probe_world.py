"""A workload, questions and a server on the loopback for tests of `costplan probe`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROBE_TESTS = HERE.parent / "probe"
if str(PROBE_TESTS) not in sys.path:
    sys.path.insert(0, str(PROBE_TESTS))
KEY = "sk-probe-secret-4711"
KEY_ENV = "PROBE_TEST_KEY"
PROFILE = """\
title: "M"
provider: bench
model: "m"
context_tokens: 20000
output_limit: 1000
knob: {kind: effort, source: "a test"}
settings:
  "low":  {effort: low, max_output_tokens: 100}
  "high": {effort: high, max_output_tokens: 100}
prices:
  - {starts: 2026-01-01, input_usd_per_mtok: 2, output_usd_per_mtok: 10, source: t,
     checked: 2026-11-24}
speed: {first_token_s: 0.1, tokens_per_s: 100, source: t, date: 2026-11-24}
"""
CURVE = """\
benchmark,model,setting,accuracy,n_questions,output_tokens,reasoning_tokens
quiz,m,low,0.6,200,30,20
quiz,m,high,0.7,200,70,60
"""
WORKLOAD = """\
name: Test
starts: 2027-01-01
ceilings: {{usd: 90}}
profiles: [m.yaml]
curves: [quiz.csv]
endpoints: {{m: {{base_url: "{url}/v1", key_env: {key_env}}}}}
classes:
  - {{name: alpha, requests: 60000, input_tokens: 4, output_tokens: 10, value_usd: 0.01,
     evidence: {{benchmark: quiz}}, models: {{allow: [m]}}}}
  - {{name: beta, requests: 90000, input_tokens: 4, output_tokens: 10, value_usd: 0.01,
     evidence: {{benchmark: quiz}}, models: {{allow: [m]}}}}
"""


def lay_out(folder, url, count=24):
    """Write a workload with its questions; gives their paths."""
    (folder / "m.yaml").write_text(PROFILE)
    (folder / "quiz.csv").write_text(CURVE)
    workload = folder / "w.yaml"
    workload.write_text(WORKLOAD.format(url=url, key_env=KEY_ENV))
    questions = folder / "q.jsonl"
    rows = [
        {
            "class": "alpha" if i % 2 else "beta",
            "id": f"q{i:03}",
            "prompt": f"say number {i}",
            "target": str(i),
            "grader": "exact",
        }
        for i in range(count)
    ]
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return workload, questions


@contextmanager
def serve(log, rates=None, delay_s=0.0, **more):
    """Run the faulty server in a process of its own; gives its address."""
    script = PROBE_TESTS / "fault_server.py"
    arguments = ["--rates", json.dumps(rates or {}), "--log", str(log), "--delay-s", str(delay_s)]
    arguments += [part for name, value in more.items() for part in (f"--{name}", str(value))]
    process = subprocess.Popen(
        [sys.executable, str(script), *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def served(log):
    """Read what the server answered in full."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def start(folder, workload, questions, *arguments, **environment):
    """Start the command line; the process is the caller's to end."""
    command = [sys.executable, "-c", "from costplan.cli.app import main; main()", "probe"]
    return subprocess.Popen(
        [*command, str(workload), "-q", str(questions), *arguments],
        cwd=folder,
        env={**os.environ, KEY_ENV: KEY, "NO_COLOR": "1", "COLUMNS": "100", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder, workload, questions, *arguments, code=0, **environment):
    """Run the command line to its end; gives (standard output, standard error)."""
    process = start(folder, workload, questions, *arguments, **environment)
    out, error = process.communicate(timeout=400)
    assert code is None or process.returncode == code, f"{process.returncode}: {error}{out}"
    return out, error
