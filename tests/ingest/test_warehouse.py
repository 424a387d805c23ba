"""Counts made in a warehouse are those made from the file."""

from __future__ import annotations

import shutil
import signal
from decimal import Decimal

import duckdb
import pytest

from costplan.domain.errors import InputError
from costplan.ingest.usage.run import read_usage
from costplan.ingest.warehouse.counts import tally_rows
from costplan.ingest.warehouse.ibis_counts import count_warehouse, histogram_expression
from costplan.ingest.warehouse.sql import DIALECTS, histogram_sql

VIEW = (
    "CREATE VIEW llm_requests AS SELECT task_class AS class, model, effort AS setting,"
    " ts AS started_at, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens,"
    " CAST(latency_s * 1000 AS BIGINT) AS latency_ms, cost_usd FROM '{path}'"
)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.parquet"
    duckdb.execute(
        "COPY (SELECT 'c' || (i % 3) AS task_class, 'o3' AS model, 'low' AS effort,"
        " TIMESTAMP '2026-10-01' + to_minutes(i) AS ts, 5 + i % 977 AS input_tokens, i % 5 AS"
        " cached_input_tokens, 10 + i % 4001 AS output_tokens, i % 11 AS reasoning_tokens,"
        f" (i % 97) * 1.0 AS latency_s, 0.25 AS cost_usd FROM range(20000) t(i)) TO '{path}'"
    )
    return path


def test_printed_sql_counts_what_the_file_counts(log, tmp_path):
    """The printed query's result gives the same sums and histograms as reading the file."""
    connection = duckdb.connect()
    connection.execute(VIEW.format(path=log))
    result = tmp_path / "counts.csv"
    connection.execute(f"COPY ({histogram_sql('duckdb')}) TO '{result}' (HEADER)")
    connection.close()
    there, here = read_usage([result]), read_usage([log])
    assert there.totals.tokens == here.totals.tokens
    assert there.totals.usd == here.totals.usd
    assert there.histograms.keys() == here.histograms.keys()
    for key, histogram in here.histograms.items():
        counts = {bucket: cell[0] for bucket, cell in histogram.cells.items()}
        assert {b: c[0] for b, c in there.histograms[key].cells.items()} == counts


def test_a_broken_result_is_a_fault(tmp_path):
    """A result with a value that the query does not give is placed."""
    path = tmp_path / "c.csv"
    path.write_text("class,model,setting,measure,bucket,requests,total\na,b,c,input,x,1,2\n")
    with pytest.raises(InputError) as error:
        read_usage([path])
    assert error.value.faults[0].line == 2


def test_an_address_without_a_view_is_a_fault():
    """A warehouse needs the name of a view."""
    with pytest.raises(InputError, match="no view"):
        count_warehouse("duckdb:///x.ddb")


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option")
def test_ibis_on_duckdb(log, tmp_path):
    """Through Ibis the same view gives identical counts."""
    pytest.importorskip("ibis", reason="costplan[warehouse] is not installed")
    database = tmp_path / "w.ddb"
    with duckdb.connect(str(database)) as connection:
        connection.execute(VIEW.format(path=log))
    tally = count_warehouse(f"duckdb://{database}#llm_requests")
    assert sum(tally.kinds.values()) == 20000
    here = read_usage([log])
    cells = {
        (key[0], key[1], bucket): cell[0]
        for key, histogram in here.histograms.items()
        for bucket, cell in histogram.cells.items()
    }
    assert {key: cell[0] for key, cell in tally.cells.items()} == cells


PARSERS = {"ansi": "", "mssql": "tsql"}


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_every_dialect_parses_as_its_own(dialect):
    """An independent parser of each dialect reads the printed query whole: six counts in one."""
    sqlglot = pytest.importorskip("sqlglot", reason="sqlglot is not installed")
    parsed = sqlglot.parse_one(
        histogram_sql(dialect),
        read=PARSERS.get(dialect, dialect) or None,
        error_level=sqlglot.ErrorLevel.RAISE,
    )
    assert len(list(parsed.find_all(sqlglot.exp.Select))) == 6
    assert {table.name for table in parsed.find_all(sqlglot.exp.Table)} == {"llm_requests"}


def counts_of(rows):
    """What two engines must agree on to the last request: every count, sum and moment."""
    return {
        (*(row[k] for k in ("class", "model", "setting", "measure")), int(row["bucket"])): (
            int(row["requests"]),
            round(Decimal(str(row["total"])), 6),
            str(row["first_at"])[:19],
            str(row["last_at"])[:19],
        )
        for row in rows
    }


@pytest.fixture(scope="module")
def spark():
    pyspark = pytest.importorskip("pyspark", reason="pyspark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, which is not here: apt-get install default-jre-headless")
    del pyspark
    # Spark hears Ctrl-C for the whole process, and would go on after its session has stopped.
    heard = signal.getsignal(signal.SIGINT)
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    yield session
    session.stop()
    signal.signal(signal.SIGINT, heard)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_spark_and_duckdb_count_alike(log, tmp_path, spark):
    """The printed SQL and the one Ibis expression give identical counts on Spark and on DuckDB."""
    ibis = pytest.importorskip("ibis", reason="costplan[warehouse] is not installed")
    flat = tmp_path / "flat.parquet"
    with duckdb.connect(str(tmp_path / "w.ddb")) as connection:
        connection.execute(VIEW.format(path=log))
        connection.execute(f"COPY llm_requests TO '{flat}' (FORMAT parquet)")
        cursor = connection.execute(histogram_sql("duckdb"))
        names = [column[0] for column in cursor.description]
        here = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    spark.read.parquet(str(flat)).createOrReplaceTempView("llm_requests")
    printed = [row.asDict() for row in spark.sql(histogram_sql("spark")).collect()]
    assert counts_of(printed) == counts_of(here)
    table = ibis.pyspark.connect(spark).table("llm_requests")
    expressed = histogram_expression(table).execute().to_dict("records")
    assert counts_of(expressed) == counts_of(here)
    assert tally_rows(expressed).groups == tally_rows(here).groups
