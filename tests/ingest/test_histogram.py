from __future__ import annotations

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costplan.ingest.histogram import Histogram, bucket_of, bucket_sql, merged


def histogram(values):
    cells = {}
    for value in values:
        count, total = cells.get(bucket_of(value), (0, 0))
        cells[bucket_of(value)] = (count + 1, total + value)
    return Histogram(cells)


counts = st.lists(st.integers(0, 10**7), min_size=1, max_size=200)


@given(counts, st.sampled_from([0.0, 0.25, 0.5, 0.95, 1.0]))
def test_quantiles_are_within_two_percent(values, share):
    """A quantile is that of the values, but for the width of a bucket."""
    exact = np.quantile(values, share)
    assert histogram(values).quantile(share) == pytest.approx(exact, rel=0.021, abs=1)


@given(counts, counts)
def test_histograms_add_up(left, right):
    """Histograms of parts add up to the histogram of the whole; the mean is exact."""
    both = merged(histogram(left), histogram(right))
    assert both == histogram([*left, *right])
    assert both.mean == pytest.approx(np.mean([*left, *right]))


def test_an_empty_histogram_knows_nothing():
    """Without requests there is neither mean nor quantile."""
    assert Histogram({}).mean is None
    assert Histogram({}).quantile(0.5) is None


def test_the_engine_buckets_alike():
    """SQL and Python put every value into the same bucket."""
    sql = f"SELECT x, CAST({bucket_sql('x')} AS INTEGER) FROM range(0, 300000, 7) t(x)"
    rows = duckdb.execute(sql).fetchall()
    assert all(bucket_of(value) == bucket for value, bucket in rows)
