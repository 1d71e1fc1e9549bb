"""Cross-validates one estimator of scikit-learn, with its defaults, on one table.

    python tables_peer.py data/tables/german.csv random_forest --seeds 0 --jobs 2

A target of texts is one of classes. Features that are texts become ordinal codes in
the order of their texts; missing values stay missing. For each seed, the folds are
those of the column `foldSEED` and `random_state` is SEED plus `--add`. Prints one
JSON object: for each metric, the mean over the folds for each seed. The process does
nothing else.
"""

import argparse
import json

CLASSIFIERS = {
    "random_forest": "ensemble.RandomForestClassifier",
    "extra_trees": "ensemble.ExtraTreesClassifier",
    "decision_tree": "tree.DecisionTreeClassifier",
    "ridge_classifier": "linear_model.RidgeClassifier",
    "logistic_regression": "linear_model.LogisticRegression",
    "linear_svc": "svm.LinearSVC",
    "svc": "svm.SVC",
    "k_neighbors": "neighbors.KNeighborsClassifier",
    "gaussian_nb": "naive_bayes.GaussianNB",
    "multinomial_nb": "naive_bayes.MultinomialNB",
}

REGRESSORS = {
    "random_forest": "ensemble.RandomForestRegressor",
    "extra_trees": "ensemble.ExtraTreesRegressor",
    "decision_tree": "tree.DecisionTreeRegressor",
    "linear_regression": "linear_model.LinearRegression",
    "ridge": "linear_model.Ridge",
    "lasso": "linear_model.Lasso",
    "elastic_net": "linear_model.ElasticNet",
    "pls_regression": "cross_decomposition.PLSRegression",
    "k_neighbors": "neighbors.KNeighborsRegressor",
    "svr": "svm.SVR",
}


def estimator(name, learns_numbers):
    """The class of scikit-learn that a trainer's name stands for."""
    import importlib

    module, kind = (REGRESSORS if learns_numbers else CLASSIFIERS)[name].split(".")
    return getattr(importlib.import_module(f"sklearn.{module}"), kind)


def metrics(y):
    """Those of a target's kind."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(y):
        return ["r2", "neg_mean_absolute_error"]
    return ["accuracy", "roc_auc" if y.nunique() == 2 else "roc_auc_ovr", "neg_log_loss"]


def main():
    import warnings

    import pandas as pd
    from sklearn.model_selection import PredefinedSplit, cross_validate
    from sklearn.preprocessing import OrdinalEncoder

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table")
    parser.add_argument("estimator", choices=["random_forest", "extra_trees", "decision_tree"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--add", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    frame = pd.read_csv(arguments.table)
    folds = {seed: frame[f"fold{seed}"] for seed in arguments.seeds}
    frame = frame.drop(columns=[name for name in frame if name.startswith("fold")])
    y = frame.pop("y")
    texts = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    if texts:
        frame[texts] = OrdinalEncoder().fit_transform(frame[texts])
    kind = estimator(arguments.estimator, pd.api.types.is_numeric_dtype(y))
    found = {metric: [] for metric in metrics(y)}
    for seed, fold in folds.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores = cross_validate(
                kind(random_state=seed + arguments.add),
                frame.to_numpy(dtype="float64"),
                y,
                cv=PredefinedSplit(fold),
                scoring=list(found),
                n_jobs=arguments.jobs,
            )
        for metric, means in found.items():
            means.append(scores[f"test_{metric}"].mean())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
