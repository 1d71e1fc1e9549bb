"""Writes iris.csv, and expected.json: what scikit-learn's GridSearchCV says of the
search of plan.yaml."""

import json
from pathlib import Path

import sklearn
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

here = Path(__file__).parent
iris = load_iris()
labels = iris.target_names[iris.target]
names = [name.removesuffix(" (cm)").replace(" ", "_") for name in iris.feature_names]
lines = [",".join([*names, "species"])]
lines += [",".join([*map(str, row), label]) for row, label in zip(iris.data, labels)]
(here / "iris.csv").write_text("\n".join(lines) + "\n")

search = GridSearchCV(
    make_pipeline(StandardScaler(), NearestCentroid()),
    {
        "nearestcentroid__metric": ["euclidean", "manhattan"],
        "nearestcentroid__shrink_threshold": [None, 0.5, 2.0, 8.0],
    },
    cv=StratifiedKFold(5),
    scoring=["accuracy", "f1_macro"],
    refit=False,
).fit(iris.data, labels)
scores = {
    f"mean_test_{name}": search.cv_results_[f"mean_test_{name}"].tolist()
    for name in ["accuracy", "f1_macro"]
}
expected = {"scikit-learn": sklearn.__version__, **scores}
(here / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
