"""`costplan curves fit`: for a class, a benchmark and an outcomes table."""

from __future__ import annotations

import csv
import json
import sys
import xml.etree.ElementTree as ET
from decimal import Decimal
from pathlib import Path

import pytest

from costplan.cli.app import app, main

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "examples" / "measured" / "workload.yaml"
OUTCOMES = ROOT / "examples" / "measured" / "outcomes.csv"


@pytest.fixture
def fit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run `costplan curves fit` in this process: exit code, standard output, standard error."""

    def call(*arguments: object, width: int = 100) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["costplan", "curves", "fit", *map(str, arguments)])
        monkeypatch.setattr(app, "registered_commands", [])
        monkeypatch.setattr(app, "registered_groups", [])
        monkeypatch.setenv("COLUMNS", str(width))
        with pytest.raises(SystemExit) as left:
            main()
        return (left.value.code or 0, *capsys.readouterr())

    return call


def read(fit, *arguments):
    code, out, err = fit(*arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out, parse_constant=pytest.fail)["curves"]


WAYS = {
    "a class with own outcomes": (MEASURED, "--class", "claims-decisions"),
    "a class with a benchmark": (MEASURED, "--class", "broker-mail"),
    "a benchmark": ("--benchmark", "aime-2025-I"),
    "an outcomes table": ("--outcomes", OUTCOMES, "--class", "claims-decisions"),
    "both": ("--outcomes", OUTCOMES, "--class", "claims-decisions", "--benchmark", "ifbench"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_option_has_data_estimate_interval_and_grade(fit, way):
    """Each point has what was measured and what is believed, in order, and text that fits."""
    (curve,) = read(fit, *way)
    assert curve["points"]
    for point in curve["points"]:
        fitted = point["fitted"]
        assert 0 <= fitted["low"] <= fitted["mean"] <= fitted["high"] <= 1
        assert fitted["grade"] in {"measured", "published", "assumed"}
        assert (point["measured"] is None) == (point["n_questions"] == 0)
        assert point["usd"] is None or isinstance(point["usd"], str)
    for width in (80, 100):
        code, out, err = fit(*way, width=width)
        assert (code, err) == (0, "")
        assert all(len(line) <= width for line in out.splitlines())
        for point in curve["points"]:
            assert f"{point['fitted']['mean'] * 100:.1f} %" in out


def test_a_class_is_fitted_as_its_plan_sees_it(fit, costplan):
    """Accuracies and intervals are those of the plan's lines."""
    plan = json.loads(costplan("optimize", MEASURED, "--json").stdout)
    curves = {curve["name"]: curve for curve in read(fit, MEASURED)}
    assert plan["lines"]
    for line in plan["lines"]:
        points = {f"{p['model']}/{p['setting']}": p for p in curves[line["class"]]["points"]}
        fitted = points[line["option"]]["fitted"]
        assert fitted["mean"] == pytest.approx(line["accuracy"]["mean"], abs=1e-9)
        assert fitted["low"] == pytest.approx(line["accuracy"]["low"], abs=1e-9)


def test_transfer_to_a_class_widens_and_more_evidence_narrows(fit):
    """A benchmark is surer of itself than of a class; both together are surer than one."""

    def reach(*way):
        (curve,) = read(fit, *way)
        return {
            (p["model"], p["setting"]): p["fitted"]["high"] - p["fitted"]["low"]
            for p in curve["points"]
        }

    itself = reach("--benchmark", "ifbench", "--source", "artificial-analysis")
    carried = reach(MEASURED, "--class", "broker-mail")
    common = set(itself) & set(carried)
    assert common
    assert all(carried[option] > 2 * itself[option] for option in common)
    assert reach(*WAYS["a benchmark"], "--confidence", "0.5001").keys()


def _is_o1_high(row):
    return (row["benchmark"], row["model"], row["setting"]) == ("gpqa-diamond", "o1", "high")


def test_a_published_value_is_as_published(fit):
    """What is shown as measured is the number of the shipped table."""
    (curve,) = read(fit, "--benchmark", "gpqa-diamond", "--source", "epoch-ai")
    rows = (ROOT / "profiles" / "curves" / "epoch-ai.csv").read_text("utf-8")
    point = next(p for p in curve["points"] if (p["model"], p["setting"]) == ("o1", "high"))
    assert point["n_questions"] == 198
    (row,) = (row for row in csv.DictReader(rows.splitlines()) if _is_o1_high(row))
    assert point["measured"] == pytest.approx(float(row["accuracy"]), abs=1e-12)
    assert point["output_tokens"] == float(row["output_tokens"])
    assert point["usd"] == str(Decimal(row["usd"]))


def test_odd_curves_are_named(fit, tmp_path):
    """A knob that is ignored, a fall and answers cut off stand under what looks odd."""
    lines = OUTCOMES.read_text("utf-8").splitlines()
    header = lines[0].split(",")
    rows = [dict(zip(header, line.split(","), strict=True)) for line in lines[1:]]
    for place, row in enumerate(rows):
        if (row["model"], row["budget_or_effort"]) == ("gpt-5.6-luna", "high"):
            row["reasoning_tokens"] = "600"
            row["correct"] = "1" if place % 10 == 0 else "0"
        if (row["model"], row["budget_or_effort"]) == ("gpt-5.6-luna", "medium"):
            row["reasoning_tokens"] = "600"
    path = tmp_path / "odd.csv"
    body = [",".join([*header, "truncated"])]
    body += [
        ",".join([*row.values(), "1" if row["model"] == "gpt-5.6-sol" else "0"]) for row in rows
    ]
    path.write_text("\n".join(body) + "\n", encoding="utf-8")
    (curve,) = read(fit, "--outcomes", path, "--class", "coverage-questions")
    found = {(finding["code"], finding["model"]) for finding in curve["findings"]}
    assert found >= {
        ("ignored-knob", "gpt-5.6-luna"), ("falls", "gpt-5.6-luna"), ("cut-off", "gpt-5.6-sol"),
    }  # fmt: skip
    out = fit("--outcomes", path, "--class", "coverage-questions")[1]
    assert "the knob seems to be ignored there" in " ".join(out.split())


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_figures_are_drawn_and_come_out_the_same(fit, tmp_path, kind):
    """The same curve gives the same bytes; a PNG is a PNG and an SVG is one with its names."""
    one, two = tmp_path / f"one.{kind}", tmp_path / f"two.{kind}"
    for path in (one, two):
        assert fit(MEASURED, "-o", path)[0] == 0
    assert one.read_bytes() == two.read_bytes()
    if kind == "png":
        assert one.read_bytes().startswith(b"\x89PNG\r\n")
    else:
        assert ET.parse(one).getroot().tag.endswith("svg")


def test_drawing_by_tokens_where_none_are_known(fit, tmp_path):
    """A curve without tokens is still shown, and its figure says that none are known."""
    lines = OUTCOMES.read_text("utf-8").splitlines()
    cut = [",".join([*line.split(",")[:7], "", "", *line.split(",")[9:]]) for line in lines[1:]]
    path = tmp_path / "bare.csv"
    path.write_text("\n".join([lines[0], *cut]) + "\n", encoding="utf-8")
    code, out, _ = fit("--outcomes", path, "--by", "tokens", "-o", tmp_path / "bare.png")
    assert code == 0
    assert "logarithmic" not in out


def test_without_matplotlib_the_fault_says_what_to_install(fit, tmp_path, monkeypatch):
    """A missing extra is bad input with the command that helps, and nothing is written."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = fit(MEASURED, "-o", tmp_path / "fit.png")
    assert (code, out) == (3, "")
    assert "pip install 'costplan[plots]'" in err
    assert not (tmp_path / "fit.png").exists()
    assert fit(MEASURED)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "name a workload"),
        ((MEASURED, "--outcomes", OUTCOMES), 2, "leave out the rest"),
        (("--benchmark", "ifbench", "--class", "x"), 2, "--class goes with"),
        (("--source", "epoch-ai"), 2, "--benchmark"),
        (("--benchmark", "ifbench", "-o", "fit.pdf"), 2, ".png or .svg"),
        (("--benchmark", "ifbench", "--confidence", "2"), 2, "above 0.5"),
        (("--benchmark", "ifbenhc"), 3, "no curve of benchmark 'ifbenhc'"),
        (("--benchmark", "ifbench", "--source", "me"), 3, "published by artificial-analysis"),
        ((MEASURED, "--class", "claims"), 3, "no class 'claims'"),
        (("--outcomes", OUTCOMES, "--class", "claims"), 3, "no class 'claims'"),
        (("--outcomes", "nowhere.csv"), 3, "cannot be read"),
        ((ROOT / "examples" / "own-options" / "workload.yaml", "--class", "x"), 3, "no class 'x'"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_said(fit, arguments, code, said):
    """Usage errors end with 2, bad input with 3, and the words say what to do."""
    left, out, err = fit(*arguments)
    assert (left, out) == (code, "")
    assert said in " ".join(err.replace("│", " ").split())
