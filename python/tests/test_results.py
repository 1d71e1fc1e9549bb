"""The files of results, as pandas and polars read them."""

from __future__ import annotations

import json
import subprocess

import pandas as pd
import polars as pl
import pytest

from fanout_ml import _program

PLAN = """
name: typed
dataset: {source: table.csv, target: class}
trainers:
  - trainer: {name: random_forest, params: {random_state: 0}}
    search: {params: {n_estimators: [2, 4], max_depth: [2, null], bootstrap: [true, false]}}
  - trainer: {name: logistic_regression}
    search: {params: {C: [0.1, 1.0]}}
cv: {method: stratified_k_fold, n_splits: 2}
scoring: [roc_auc, accuracy]
refit: roc_auc
output: out
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    rows = [f"{row % 7},{row * 5 % 11},{int(row % 7 > 3)}" for row in range(60)]
    (folder / "table.csv").write_text("\n".join(["x,y,class", *rows]))
    (folder / "plan.yaml").write_text(PLAN)
    command = [_program.find_program(), "run", "--quiet", "plan.yaml"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "out"


def test_polars_reads_the_table_of_candidates_with_its_types(results):
    table = pl.read_parquet(results / "cv_results.parquet")
    assert len(table) == 10
    types = table.schema
    assert types["param_n_estimators"] == pl.Int64
    assert types["param_C"] == pl.Float64
    assert types["param_bootstrap"] == pl.Boolean
    assert types["param_trainer"] == types["params"] == pl.String
    scores = [name for name in types if "_test_" in name and not name.startswith("rank_")]
    assert len(scores) == 2 * (2 + 2)
    assert all(types[name] == pl.Float64 for name in [*scores, "mean_fit_time", "std_fit_time"])
    assert types["rank_test_roc_auc"] == types["rank_test_accuracy"] == pl.Int32
    # What a trainer has not is missing.
    forests = table.filter(pl.col("param_trainer") == "random_forest")
    assert forests["param_C"].null_count() == len(forests) == 8
    assert forests["param_n_estimators"].to_list() == [
        json.loads(params)["n_estimators"] for params in forests["params"]
    ]


def test_pandas_reads_the_same(results):
    table = pd.read_parquet(results / "cv_results.parquet")
    same = pl.read_parquet(results / "cv_results.parquet")
    assert list(table.columns) == same.columns
    # Whole numbers beside missing ones are floats to it.
    assert table["param_n_estimators"].dtype == "float64"
    assert table["mean_test_roc_auc"].dtype == "float64"
    assert table["rank_test_roc_auc"].dtype == "int32"
    assert pd.api.types.is_string_dtype(table["params"])
    assert table["param_bootstrap"].dropna().isin([True, False]).all()
    assert table["mean_test_roc_auc"].to_list() == same["mean_test_roc_auc"].to_list()
    csv = pd.read_csv(results / "cv_results.csv")
    assert list(csv.columns) == list(table.columns)
    assert csv["mean_test_roc_auc"].to_list() == table["mean_test_roc_auc"].to_list()
