"""`costplan check`, and bad input on the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from costplan.cli.app import app, main
from costplan.cli.init import init

Run = Callable[..., tuple[int, str, str]]
SOUND = """\
name: w
ceilings: {usd: 100}
classes:
  - name: a
    requests: 1_000
    input_tokens: 500
    output_tokens: 100
    value_usd: 1
    evidence: {benchmark: gpqa-diamond}
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["costplan", *map(str, arguments)])
        monkeypatch.setattr(app, "registered_commands", [])
        monkeypatch.setattr(app, "registered_groups", [])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        code = left.value.code
        assert isinstance(code, int) or code is None
        return code or 0, out, err

    return call


def laughs() -> bytes:
    """Aliases that would unfold to ten billion values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines).encode()


BAD = {
    "unknown benchmark": SOUND.replace("gpqa-diamond", "gpqa-dimond").encode(),
    "unknown model": SOUND.replace("value_usd", "today: {model: gpt-55}\n    value_usd").encode(),
    "negative": SOUND.replace("1_000", "-5").encode(),
    "not a number": SOUND.replace("1_000", "many").encode(),
    "nan": SOUND.replace("1_000", ".nan").encode(),
    "infinite": SOUND.replace("usd: 100", "usd: .inf").encode(),
    "empty": b"",
    "binary": b"\x89PNG\r\n\x1a\n\x00\x00\x01",
    "exploding": laughs(),
    "UTF-16": SOUND.encode("utf-16"),
    "Latin-1": SOUND.replace("name: w", "name: ü").encode("latin-1"),
    "same name": (SOUND + SOUND[SOUND.index("  - name") :]).encode(),
    "same key": SOUND.replace("name: w", "name: w\nname: v").encode(),
    "no volume": SOUND.replace("    requests: 1_000\n", "").encode(),
    "ceiling of zero": SOUND.replace("usd: 100", "usd: 0").encode(),
    "no YAML": SOUND.replace("{usd: 100}", "{usd: 100").encode(),
}


@pytest.mark.parametrize("command", ["check", "optimize"])
@pytest.mark.parametrize("raw", BAD.values(), ids=BAD)
def test_bad_input_leaves_with_3_and_faults(run: Run, tmp_path: Path, command: str, raw: bytes):
    """Bad input of every kind ends with 3, with places and advice, and prints no plan."""
    path = tmp_path / "workload.yaml"
    path.write_bytes(raw)
    code, out, err = run(command, path)
    assert (code, out) == (3, "")
    assert str(path) in err
    ending = "nothing was planned." if command == "optimize" else "no plan can be made yet."
    assert err.splitlines()[-1].endswith(ending)
    assert "Traceback" not in err
    code, out, err = run(command, path, "--json")
    assert (code, err) == (3, "")
    for fault in json.loads(out)["faults"]:
        assert set(fault) == {"file", "line", "column", "path", "message", "advice"}
        assert fault["message"]


def test_paths_that_are_no_files(run: Run, tmp_path: Path):
    """A directory, a missing file and a file of 50 MB are bad input too."""
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(50_000_000)
    for path, said in ((tmp_path, "is a directory"), (tmp_path / "x", "no such"), (large, "MB")):
        code, out, err = run("check", path)
        assert (code, out) == (3, "")
        assert said in err


def test_check_shows_what_was_understood(run: Run, tmp_path: Path):
    """A sound workload is shown with its evidence, options, prices and what is left out."""
    path = tmp_path / "workload.yaml"
    path.write_text(SOUND)
    code, out, err = run("check", path)
    assert (code, err) == (0, "")
    for said in ("1,000", "gpqa-diamond", "cheapest:", "prices from:", "left out,", "No faults."):
        assert said in out
    assert all(len(line) <= 100 for line in out.splitlines() if str(path) not in line)


def test_check_as_json(run: Run, tmp_path: Path):
    """The JSON holds amounts as decimal strings, and an interval and a grade for each option."""
    path = tmp_path / "workload.yaml"
    path.write_text(SOUND.replace("{usd: 100}", "{usd: 100, teams: {nobody: {usd: 5.50}}}"))
    code, out, err = run("check", path, "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["ceilings"] == [
        {"name": "usd", "limit": "100"},
        {"name": "teams.nobody.usd", "limit": "5.50"},
    ]
    assert [doubt["path"] for doubt in said["doubts"]] == ["ceilings.teams.nobody"]
    (task,) = said["classes"]
    assert task["options"]
    for option in task["options"]:
        accuracy = option["accuracy"]
        assert 0 <= accuracy["low"] <= accuracy["mean"] <= accuracy["high"] <= 1
        assert accuracy["grade"] in {"published", "assumed"}
        assert float(option["usd_per_request"]) > 0
        assert option["price_source"]


def test_init_writes_a_workload_that_plans(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """What init writes is planned as it stands, and names the next command."""
    folder = tmp_path / "new" / "plans"
    init(folder)
    said = capsys.readouterr().out
    workload = folder / "workload.yaml"
    assert f"costplan optimize {workload}" in said
    first = workload.read_text("utf-8").splitlines()[0]
    assert (folder / first.split("$schema=")[1]).is_file()
    code, out, _ = run("check", workload, "--json")
    assert code == 0
    assert json.loads(out)["doubts"] == []
    code, out, _ = run("optimize", workload, "--json")
    assert code == 0
    assert json.loads(out)["status"] == "optimal"


def test_init_never_overwrites(run: Run, tmp_path: Path):
    """A workload that is there is left as it is, and so is an own schema beside it."""
    (tmp_path / "workload.yaml").write_text("mine")
    code, _, err = run("init", tmp_path)
    assert code == 3
    assert "left as it is" in err
    assert (tmp_path / "workload.yaml").read_text() == "mine"
    assert not (tmp_path / "workload.schema.json").exists()
    (tmp_path / "workload.yaml").unlink()
    (tmp_path / "workload.schema.json").write_text("mine too")
    assert run("init", tmp_path)[0] == 0
    assert (tmp_path / "workload.schema.json").read_text() == "mine too"


def test_init_into_a_file(run: Run, tmp_path: Path):
    """A file where the folder should be is a fault."""
    (tmp_path / "file").write_text("x")
    for target in (tmp_path / "file", tmp_path / "file" / "below"):
        code, _, err = run("init", target)
        assert code == 3
        assert "file" in err


@pytest.mark.parametrize("kind", ["workload", "profile", "plan", "questions"])
def test_schema_prints_json(run: Run, kind: str):
    """Each schema is printed as JSON and nothing else."""
    code, out, err = run("schema", kind)
    assert (code, err) == (0, "")
    assert json.loads(out)["title"].startswith("costplan")


def test_schema_of_an_unknown_kind_is_a_usage_error(run: Run):
    """A kind that has no schema ends with 2 and the kinds that have one."""
    code, _, err = run("schema", "budget")
    assert code == 2
    assert "workload" in err
