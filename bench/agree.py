#!/usr/bin/env python3
"""Holds the scores of the estimators that draw no random numbers against
scikit-learn's, fold by fold, on many real tables.

    python3 bench/agree.py                     everything
    python3 bench/agree.py --only german ames_sale_price --forget

For each table of tables_data.py, or 2,000 random rows of it: numbers are imputed and
scaled, categories of up to 200 labels imputed and one-hot encoded, inside each of five
folds on both sides, and every estimator of KINDS is fitted. `multinomial_nb` gets
unscaled numbers, of tables without negative ones. Where an optimiser's tolerance
decides, an arm with a tight one stands beside the default. What is known stands in
bench/agree.json and is not measured again; `bench/run.py --render` writes RESULTS.md
from there.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time

from tables import keep, learns, machine, paths, ran_on

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
KEPT = HERE / "agree.json"
ROWS = 2_000
# Categories with more labels than this are left out: scikit-learn's matrix is dense.
LABELS = 200
EXACT = 1e-6
NOISE = 3

UNTIED = [
    {"trainer": "k_neighbors", "untied": True},
    {"trainer": "k_neighbors", "params": {"weights": "distance"}, "untied": True},
]

# By kind, whose arms share metrics and a table: `theirs` are parameters that scikit-learn's
# estimator alone has. `bound`: by how much a score may differ since the optimisers
# stop at their tolerances, at other points; an arm with a tight one stands beside.
KINDS = {
    "numbers": [
        {"trainer": "linear_regression"},
        {"trainer": "ridge"},
        {"trainer": "lasso", "bound": 5e-3},
        {"trainer": "lasso", "params": {"tol": 1e-8, "max_iter": 5000}},
        {"trainer": "elastic_net", "bound": 5e-3},
        {"trainer": "elastic_net", "params": {"tol": 1e-8, "max_iter": 5000}},
        {"trainer": "pls_regression"},
        {"trainer": "k_neighbors"},
        {"trainer": "k_neighbors", "params": {"weights": "distance"}},
        {"trainer": "svr", "bound": 1e-3},
        # libsvm's kernels have 32 bits.
        {"trainer": "svr", "params": {"tol": 1e-7}, "bound": 1e-5},
    ],
    "probabilities": [
        {"trainer": "logistic_regression", "bound": 5e-2},
        {
            "trainer": "logistic_regression",
            "params": {"tol": 1e-10, "max_iter": 1000},
            "theirs": {"solver": "newton-cholesky"},
        },
        {"trainer": "k_neighbors"},
        {"trainer": "k_neighbors", "params": {"weights": "distance"}},
    ],
    "numbers, no ties": UNTIED,
    "probabilities, no ties": UNTIED,
    "bayes": [{"trainer": "gaussian_nb"}, {"trainer": "multinomial_nb"}],
    "classes": [
        {"trainer": "ridge_classifier"},
        {"trainer": "linear_svc", "bound": 2e-2},
        {"trainer": "linear_svc", "params": {"tol": 1e-10, "max_iter": 100_000}},
        {"trainer": "svc", "bound": 2e-2},
        {"trainer": "svc", "params": {"tol": 1e-7}},
    ],
}


def label(arm):
    """An arm's name in the results."""
    params = ", ".join(f"{name} {value}" for name, value in arm.get("params", {}).items())
    parts = [arm["trainer"], params, "no ties" if arm.get("untied") else ""]
    return ", ".join(part for part in parts if part)


def learned(kind):
    """What the arms of a kind learn."""
    return "numbers" if kind.startswith("numbers") else "classes"


def table(path):
    """A sample of a table, with one column of folds and no doubt of its types, and a
    column of random numbers for the arms that are to have no equal distances."""
    import numpy as np
    import pandas as pd
    import tables_data

    frame = pd.read_csv(path)
    others = [f"fold{seed}" for seed in range(1, tables_data.SEEDS)]
    frame = frame.drop(columns=others).rename(columns={"fold0": "fold"})
    frame = tables_data.sampled(frame, ROWS)
    # Each class in each fold, so that every score is defined.
    folds = frame.groupby("y")["fold"].transform("nunique")
    if path.parent == tables_data.CLASSES:
        frame = frame[folds == tables_data.FOLDS].reset_index(drop=True)
    for name in frame.columns.drop("fold"):
        values = frame[name]
        if values.dtype == bool or not pd.api.types.is_numeric_dtype(values):
            frame[name] = values.astype(object).where(values.isna(), values.astype(str))
            if name != "y" and values.nunique() > LABELS:
                frame = frame.drop(columns=name)
        else:
            frame[name] = values.astype("float64")
    return frame.assign(untied=np.random.default_rng(0).normal(size=len(frame)))


def applicable(arms, frame):
    """Those that take the table."""
    negative = (frame.drop(columns=["fold", "untied"]).select_dtypes("number") < 0).any().any()
    return [arm for arm in arms if arm["trainer"] != "multinomial_nb" or not negative]


def scoring(kind, frame):
    """Of naive Bayes, no metric that looks at probabilities near 0 and 1 alone: its log
    likelihoods are in the thousands, and their rounding errors decide these."""
    several = frame["y"].nunique() > 2
    return {
        "numbers": ["r2", "neg_mean_absolute_error", "neg_root_mean_squared_error"],
        "probabilities": ["accuracy", "roc_auc_ovr" if several else "roc_auc", "neg_log_loss"],
        "bayes": ["accuracy", "neg_brier_score"],
        "classes": ["accuracy", "f1_macro"],
    }[kind.removesuffix(", no ties")]


def steps(arm):
    """Before every estimator, as agree_peer.py has them."""
    median = {"strategy": "median"}
    frequent = {"strategy": "most_frequent"}
    found = [
        {"name": "numbers", "step": "simple_imputer", "columns": "numeric", "params": median},
        {"name": "labels", "step": "simple_imputer", "columns": "categorical", "params": frequent},
        {"name": "scale", "step": "standard_scaler", "columns": "numeric"},
        {"name": "onehot", "step": "one_hot_encoder", "params": {"handle_unknown": "ignore"}},
    ]
    return [step for step in found if scales(arm) or step["name"] != "scale"]


def scales(arm):
    return arm["trainer"] != "multinomial_nb"


def ours(binary, folder, kind, arms, frame):
    """One search: for each arm the scores of the folds, and the seconds in the guest."""
    from measure import run

    untied = arms[0].get("untied", False)
    dataset = {"source": str(folder / "table.parquet"), "target": "y"}
    dataset["drop"] = [] if untied else ["untied"]
    classes = sorted(frame["y"].unique())
    if learned(kind) == "numbers":
        dataset["learn"] = "regression"
    elif len(classes) == 2:
        dataset["positive"] = classes[1]
    metrics = scoring(kind, frame)
    plan = {
        "name": "agree",
        "dataset": dataset,
        "trainers": [
            {
                "trainer": {"name": arm["trainer"], "params": arm.get("params", {})},
                "steps": steps(arm),
            }
            for arm in arms
        ],
        "cv": {"method": "predefined_split", "column": "fold"},
        "scoring": metrics,
        "refit": False,
    }
    (folder / "plan.yaml").write_text(json.dumps(plan))
    command = [binary, "run", folder / "plan.yaml", "--store", f"file://{folder}/{kind}"]
    _, found = run([*command, "--workers", 1, "--json"], cwd=folder)
    results, splits = found["cv_results"], range(found["splits"])
    assert found["fits"]["failed"] == 0, found["failures"]
    return [
        {
            "scores": {m: [results[f"split{n}_test_{m}"][at] for n in splits] for m in metrics},
            "seconds": results["mean_fit_time"][at] * len(splits),
        }
        for at in range(len(arms))
    ]


def theirs(folder, arms):
    """The same of scikit-learn, whose process takes the arms of all kinds."""
    from measure import run

    given = [
        {
            "trainer": arm["trainer"],
            "params": {**arm.get("params", {}), **arm.get("theirs", {})},
            "scale": scales(arm),
            "untied": arm.get("untied", False),
            "scoring": metrics,
        }
        for arm, metrics in arms
    ]
    (folder / "arms.json").write_text(json.dumps(given))
    command = [sys.executable, HERE / "agree_peer.py", folder / "table.parquet"]
    return run([*command, folder / "arms.json"])[1]["arms"]


def fill(binary, path, cell):
    """Both sides on one table: for each arm that `cell` has not, how far their scores
    are apart."""
    frame = table(path)
    cell.update({"learns": learns(path.stem), "rows": len(frame)})
    mine, arms = [], []
    with tempfile.TemporaryDirectory(prefix="fanout-agree-") as folder:
        folder = pathlib.Path(folder)
        frame.to_parquet(folder / "table.parquet", index=False)
        for kind in KINDS:
            if learned(kind) != cell["learns"]:
                continue
            of_kind = applicable(KINDS[kind], frame)
            of_kind = [arm for arm in of_kind if label(arm) not in cell.get("arms", {})]
            if of_kind:
                mine += ours(binary, folder, kind, of_kind, frame)
            arms += [(arm, scoring(kind, frame)) for arm in of_kind]
        others = theirs(folder, arms) if arms else []
    for (arm, _), one, other in zip(arms, mine, others, strict=True):
        cell.setdefault("arms", {})[label(arm)] = {
            "seconds": [one["seconds"], other["seconds"]],
            "apart": apart(one["scores"], other["scores"], max),
            "mean": apart(one["scores"], other["scores"], statistics.mean),
            "noise": apart(other["again"], other["scores"], max),
        }
    return bool(arms)


def apart(scores, others, fold):
    """By metric: the differences of the folds' scores, relative, or to 0.1 where a score
    is nearer to 0; folded by `max`, without their signs, or by the mean."""
    found = {}
    for metric, of in others.items():
        each = [(a - b) / max(abs(b), 0.1) for a, b in zip(scores[metric], of, strict=True)]
        found[metric] = fold(map(abs, each)) if fold is max else fold(each)
    return found


def verdict(arm, found):
    """Of the metric that is farthest apart."""
    metric = max(found["apart"], key=found["apart"].get)
    most = found["apart"][metric]
    if most <= EXACT:
        return "equal"
    if most <= NOISE * max(found["noise"].values()):
        return "noise"
    if most <= arm.get("bound", 0):
        return "bound"
    return "better" if found["mean"][metric] > 0 else "worse"


VERDICTS = ["equal", "noise", "bound", "better", "worse"]


def section(kept):
    """The section of RESULTS.md."""
    from results import table as rendered

    rows, beyond = [], []
    for kind, arms in KINDS.items():
        tables = {
            name: one for name, one in kept["cells"].items() if one["learns"] == learned(kind)
        }
        for arm in arms:
            name = label(arm)
            cells = {at: one["arms"][name] for at, one in tables.items() if name in one["arms"]}
            counts = dict.fromkeys(VERDICTS, 0)
            for at, found in cells.items():
                of = verdict(arm, found)
                counts[of] += 1
                if of in ("better", "worse"):
                    metric = max(found["apart"], key=found["apart"].get)
                    by, noise = found["apart"][metric], max(found["noise"].values())
                    beyond.append([f"{at}: {name}", of, metric, f"{by:.1e}", f"{noise:.1e}"])
            ratios = [theirs / ours for ours, theirs in (one["seconds"] for one in cells.values())]
            row = [f"`{name}`", learned(kind), str(len(cells))]
            row += [str(counts[of]) for of in VERDICTS]
            row += [f"{arm['bound']:.0e}" if "bound" in arm else ""]
            rows.append([*row, f"{statistics.median(ratios):.1f}", f"{min(ratios):.1f}"])
    header = ["", "learns", "tables", "equal", "as itself", "tolerance", "better", "worse"]
    header += ["that tolerance", "times as fast, median", "least"]
    text = (
        f"`bench/agree.py`; the raw figures are in `bench/agree.json`. At most {ROWS:,} rows of a "
        f"table; numbers imputed and scaled, categories of up to {LABELS} labels imputed and "
        "one-hot encoded, inside each of five folds, on both sides. Equal: all scores of all folds "
        f"within {EXACT:.0e}, relative. As itself: within {NOISE} times what scikit-learn's scores "
        "change by with the table's rows and columns in reverse order (ties, rounding, optima that "
        "are not unique). Tolerance: within what default tolerances of the optimisers explain; an "
        "arm with a tight one stands beside. Of equal distances `k_neighbors` takes the first row "
        "here, scikit-learn any; the arms without ties have a column of random numbers. Times: "
        "fits and scores on one core, by the processes themselves."
    )
    return (
        f"## Scores of {len(kept['cells'])} real tables, fold by fold\n\n"
        + f"{textwrap.fill(text, 100)}\n\n"
        + rendered(header, rows)
        + f"\n{ran_on(kept['machine'])}"
        + ("\nAll that is beyond:\n\n" if beyond else "")
        + (rendered(["", "", "metric", "differs by", "as itself"], beyond) if beyond else "")
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", help="these tables")
    parser.add_argument("--fanout", type=pathlib.Path, default=ROOT / "target/release/fanout")
    parser.add_argument("--seconds", type=float, help="stop after so long; the next run goes on")
    parser.add_argument("--forget", action="store_true", help="measure these tables again")
    arguments = parser.parse_args()
    sys.path.insert(0, str(HERE))
    subprocess.run([sys.executable, HERE / "tables_data.py"], check=True)
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {"cells": {}}
    kept["machine"] = machine(1)
    until = time.monotonic() + arguments.seconds if arguments.seconds else float("inf")
    for name, path in paths().items():
        if arguments.only and name not in arguments.only:
            continue
        if time.monotonic() > until:
            print("to be continued")
            return
        cell = {} if arguments.forget else kept["cells"].get(name, {})
        if fill(arguments.fanout, path, cell):
            kept["cells"][name] = cell
            keep(KEPT, kept)
            print(name, flush=True)


if __name__ == "__main__":
    main()
