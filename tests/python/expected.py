"""Writes `rows.csv`, and scikit-learn's own scores of it: of every classifier and regressor
that fits it with its defaults (and `random_state=0`, if it has that), the mean of three
folds. Needs scikit-learn 1.9.1."""

import json
import pathlib
import sys
import warnings

import numpy as np
import pandas as pd
import sklearn
from sklearn.model_selection import KFold, cross_validate
from sklearn.utils import all_estimators

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "guest" / "python" / "runner"))
from fanout_runner import public_name  # noqa: E402

FEATURES = ["a", "b", "c", "d"]
SCORING = {
    "two": ["accuracy", "roc_auc"],
    "three": ["accuracy"],
    "number": ["r2"],
}


def rows():
    random = np.random.default_rng(7)
    frame = pd.DataFrame(random.random((150, 4)).round(4), columns=FEATURES)
    noise = random.normal(size=150) / 8
    number = 2 * frame.a - frame.b + 0.3 * frame.c * frame.d + noise
    frame["two"] = np.where(number > 0.5, "yes", "no")
    frame["three"] = np.digitize(number, [0.2, 0.8]) + 1
    frame["number"] = number.round(4)
    return frame


def main():
    warnings.simplefilter("ignore")
    frame = rows()
    frame.to_csv(HERE / "rows.csv", index=False)
    frame = pd.read_csv(HERE / "rows.csv")
    x = frame[FEATURES].to_numpy()
    expected = {}
    for target, scoring in SCORING.items():
        kind = "regressor" if target == "number" else "classifier"
        y = frame[target].to_numpy()
        y = (y == "yes") * 1 if target == "two" else y
        found = expected[target] = {}
        for _, made in all_estimators(kind):
            try:
                estimator = made()
                params = {"random_state": 0} if "random_state" in estimator.get_params() else {}
                estimator.set_params(**params)
                np.random.seed(0)
                scores = cross_validate(
                    estimator, x, y, cv=KFold(3), scoring=scoring, error_score="raise"
                )
            except Exception:
                continue
            means = {name: float(scores[f"test_{name}"].mean()) for name in scoring}
            if all(np.isfinite(mean) for mean in means.values()):
                found[public_name(made)] = {"params": params, "means": means}
    text = json.dumps({"scikit_learn": sklearn.__version__, "scores": expected}, indent=1)
    (HERE / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
