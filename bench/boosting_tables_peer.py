"""Cross-validates gradient boosting of LightGBM or scikit-learn on one table, on one
core.

    python boosting_tables_peer.py TABLE.parquet GIVEN.json

GIVEN: the side, the settings by name in scikit-learn's words, the seeds, whose folds
are the columns `foldSEED`, and the metrics. Texts are categories of all labels of the
table; of more than scikit-learn takes, it gets the rarest as one. Prints one JSON
object: by setting and metric, the mean over the folds for each seed.
"""

import argparse
import json
import os
import pathlib
import warnings

# Before anything starts threads.
os.environ["OMP_NUM_THREADS"] = "1"

# LightGBM's names; `max_iter` and the like are scikit-learn's and fanout's.
NAMES = {
    "learning_rate": "learning_rate",
    "max_iter": "n_estimators",
    "max_leaf_nodes": "num_leaves",
    "min_samples_leaf": "min_child_samples",
    "l2_regularization": "reg_lambda",
    "max_bins": "max_bin",
}


def estimator(side, params, classes):
    if side == "lightgbm":
        import lightgbm

        kind = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
        named = {NAMES.get(name, name): value for name, value in params.items()}
        return kind(**named, random_state=0, n_jobs=1, verbosity=-1)
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return kind(**params, random_state=0, early_stopping=False)


def coded(values, most):
    """A category, whose rarest labels are one beyond `most`."""
    counts = values.value_counts()
    if len(counts) > most:
        kept = counts.index[: most - 1]
        values = values.where(values.isin(kept) | values.isna(), "the rest")
    return values.astype("category")


def main():
    import pandas as pd
    from sklearn.model_selection import PredefinedSplit, cross_validate

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=pathlib.Path)
    parser.add_argument("given", type=pathlib.Path)
    arguments = parser.parse_args()
    given = json.loads(arguments.given.read_text())
    frame = pd.read_parquet(arguments.table)
    folds = {seed: frame[f"fold{seed}"] for seed in given["seeds"]}
    frame = frame.drop(columns=[name for name in frame if name.startswith("fold")])
    y = frame.pop("y")
    # LightGBM refuses some characters of names.
    frame.columns = [f"x{index}" for index in range(frame.shape[1])]
    most = 255 if given["side"] == "scikit-learn" else len(frame)
    for name in frame:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            frame[name] = coded(frame[name], most)
    found = {}
    for setting, params in given["settings"].items():
        found[setting] = {metric: [] for metric in given["scoring"]}
        for fold in folds.values():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                scores = cross_validate(
                    estimator(given["side"], params, not pd.api.types.is_numeric_dtype(y)),
                    frame,
                    y,
                    cv=PredefinedSplit(fold),
                    scoring=given["scoring"],
                    error_score="raise",
                )
            for metric, means in found[setting].items():
                means.append(scores[f"test_{metric}"].mean())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
