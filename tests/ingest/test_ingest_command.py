"""The commands, from flags to files."""

from __future__ import annotations

import csv
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlparse

import pytest
import yaml
from typer.testing import CliRunner

from costplan.cli.ingest import app
from costplan.domain.errors import InputError, ProviderError
from costplan.domain.workload import TaskClass
from costplan.ingest.warehouse.sql import DIALECTS, histogram_sql

runner = CliRunner()


def invoke(*arguments):
    result = runner.invoke(app, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def days(spend, count=200):
    """Rows of two classes, one an hour."""
    rows = []
    for i in range(count):
        clock = f"2026-10-{1 + i // 24:02}T{i % 24:02}:00:00"
        rows.append(
            spend(
                i,
                startTime=clock + "Z",
                endTime=clock + ".5Z",
                request_tags=["task:triage" if i % 4 else 'task:legal: "x"'],
                metadata={
                    "usage_object": {
                        "prompt_tokens_details": {"cached_tokens": 20},
                        "completion_tokens_details": {"reasoning_tokens": 30},
                    },
                    "user_api_key_team_alias": "support",
                },
            )
        )
    return rows


def test_a_workload_is_drafted(write_lines, spend, tmp_path):
    """Volumes are per month, sizes are means, output is without reasoning, gaps are marked."""
    out = tmp_path / "w.yaml"
    path = write_lines("a.jsonl", days(spend))
    invoke("usage", path, "-o", out, "--evidence", "gpqa-diamond")
    text = out.read_text()
    workload = yaml.safe_load(text)
    assert workload["period"] == "month"
    triage, legal = workload["classes"]
    assert legal["name"] == 'legal: "x"'
    elapsed = (199 * 3600) / 86400
    assert triage["requests"] == round(150 * 365.25 / 12 / elapsed)
    assert (triage["input_tokens"], triage["cached_input_tokens"]) == (100, 20)
    assert (triage["output_tokens"], triage["team"]) == (20, "support")
    assert triage["today"] == {"model": "gpt-5-mini", "setting": "medium"}
    assert "TODO" in text
    assert "placeholder" in text
    for one in workload["classes"]:
        TaskClass.model_validate(one)


def test_a_draft_without_evidence_says_so(write_lines, spend, tmp_path):
    """Evidence cannot come from a log; the placeholder is marked and an output is kept."""
    out = tmp_path / "w.yaml"
    path = write_lines("a.jsonl", days(spend))
    invoke("usage", path, "-o", out)
    assert "evidence: {benchmark: TODO}" in out.read_text()
    with pytest.raises(InputError, match="exists"):
        invoke("usage", path, "-o", out)
    invoke("usage", path, "-o", out, "--force", "--period", "week")
    assert yaml.safe_load(out.read_text())["period"] == "week"


def test_what_a_source_cannot_say_is_not_made_up(tmp_path):
    """Without counted requests there are no requests in the draft, until they are told."""
    results = [{"uncached_input_tokens": 900, "cache_read_input_tokens": 100, "output_tokens": 50,
                "cache_creation": {}, "model": "claude-sonnet-4-5-20250929",
                "workspace_id": "w"}]  # fmt: skip
    bucket = {
        "starting_at": "2026-10-01T00:00:00Z",
        "ending_at": "2026-10-02T00:00:00Z",
        "results": results,
    }
    path, out = tmp_path / "u.json", tmp_path / "w.yaml"
    path.write_text(json.dumps({"data": [bucket]}))
    invoke("usage", path, "-o", out)
    assert "requests" not in yaml.safe_load(out.read_text())["classes"][0]
    invoke("usage", path, "-o", out, "--force", "--requests", "w=10", "--period", "day")
    one = yaml.safe_load(out.read_text())["classes"][0]
    assert (one["requests"], one["input_tokens"]) == (10, 100)
    assert one["output_tokens"] == "TODO"
    with pytest.raises(InputError, match="no class"):
        invoke("usage", path, "--requests", "zz=10")


def test_json_is_alone_on_standard_output(write_lines, spend):
    """With --json nothing else reaches standard output."""
    result = invoke("usage", write_lines("a.jsonl", days(spend)), "--json")
    said = json.loads(result.stdout)
    assert said["format"] == "litellm"
    assert said["totals"]["requests"] == 200
    assert said["totals"]["usd"] == "0.025"
    assert "counted" in result.stderr


def test_stated_spend_is_compared_with_prices(write_lines, spend):
    """Spend that differs from priced tokens by more than 1 % is reported per model."""
    right = write_lines("a.jsonl", [spend(i, spend=0.0001205) for i in range(10)])
    said = json.loads(invoke("usage", right, "--json").stdout)
    (gap,) = said["prices"]
    assert abs(gap["difference"]) < 0.01
    assert not any("list price" in w for w in said["warnings"])
    wrong = write_lines("b.jsonl", [spend(i, spend=0.000123) for i in range(10)])
    said = json.loads(invoke("usage", wrong, "--json").stdout)
    assert any("gpt-5-mini: stated" in w for w in said["warnings"])


def test_flags_are_checked(write_lines, spend):
    """Flags that make no sense are faults with advice."""
    path = write_lines("a.jsonl", [spend(1)])
    for flags in (["--period", "decade"], ["--columns", "x"], ["--format", "zz"],
                  ["--requests", "a=b"]):  # fmt: skip
        with pytest.raises(InputError):
            invoke("usage", path, *flags)


def test_preview(write_lines, spend):
    """--preview lists what could make classes and stops."""
    result = invoke("usage", write_lines("a.jsonl", days(spend)), "--preview")
    assert "tag:task: 2 values" in result.stdout


class Gateway(BaseHTTPRequestHandler):
    """A LiteLLM gateway with 250 rows that fails once."""

    calls: ClassVar[list[dict[str, list[str]]]] = []
    rows: ClassVar[list[dict[str, object]]] = []

    def do_GET(self):
        query = parse_qs(urlparse(self.path).query)
        Gateway.calls.append(query)
        if self.headers["Authorization"] != "Bearer sk-test":
            self.send_response(401)
            self.end_headers()
            return
        if len(Gateway.calls) == 2:
            self.send_response(503)
            self.end_headers()
            return
        page = int(query["page"][0])
        rows = Gateway.rows[(page - 1) * 100 : page * 100]
        body = json.dumps({"data": rows, "page": page, "total_pages": 3}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def gateway(spend):
    Gateway.rows = days(spend, 250)
    Gateway.calls = []
    server = HTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_rows_come_live_from_a_gateway(gateway, monkeypatch):
    """Every page is fetched, a failure is tried again, and the days go out as dates."""
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-test")
    flags = ["--start", "2026-10-01", "--end", "2026-10-31", "--json"]
    said = json.loads(invoke("usage", gateway, *flags).stdout)
    assert said["totals"]["requests"] == 250
    assert Gateway.calls[0]["start_date"] == ["2026-10-01 00:00:00"]
    with pytest.raises(InputError, match="span of days"):
        invoke("usage", gateway)
    monkeypatch.setenv("LITELLM_MASTER_KEY", "wrong-secret")
    with pytest.raises(ProviderError) as error:
        invoke("usage", gateway, *flags)
    assert "401" in str(error.value)
    assert "wrong-secret" not in str(error.value)


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_sql_is_printed(dialect):
    """Every dialect has the whole query; DuckDB's is run elsewhere."""
    said = invoke("print-sql", dialect, "--table", "logs.v").stdout
    assert said.count("SELECT") == 6
    assert "FROM logs.v" in said
    with pytest.raises(InputError):
        histogram_sql(dialect, "x; DROP TABLE y")


def test_evals_write_outcomes_and_errors_apart(formats, tmp_path):
    """Graded answers go into the table, errors into their own file, and both are said."""
    out = tmp_path / "o.csv"
    path = formats / "promptfoo/promptfoo_0.123.1_eval.json"
    said = json.loads(invoke("evals", path, "-o", out, "--json").stdout)
    assert said["rows"] == {"graded": 19, "errors": 1, "duplicates": 0, "bad": 0}
    with out.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 19
    with (tmp_path / "o.errors.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 1


def test_evals_of_whole_runs_write_a_curve(formats, tmp_path):
    """A source without questions becomes a curve table, which reads back."""
    from costplan.files.curves import load_curves

    out = tmp_path / "c.csv"
    invoke("evals", formats / "aider/polyglot_subset.yml", "-o", out)
    assert len(load_curves([out])) == 11
