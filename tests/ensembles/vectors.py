#!/usr/bin/env python3
"""Writes vectors.json and diabetes.csv beside itself: what scikit-learn's ensembles predict
that tests/ensembles.rs makes of the same estimators. Run it with scikit-learn 1.9:

    python tests/ensembles/vectors.py
"""

import csv
import json
import pathlib

import numpy as np
import sklearn
from sklearn.datasets import load_diabetes
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

assert sklearn.__version__.startswith("1.9."), sklearn.__version__
here = pathlib.Path(__file__).parent

# The table of the example plans, in its order.
with open(here / "../../plans/data/breast_cancer.csv") as file:
    rows = list(csv.reader(file))
x = np.array([row[:-1] for row in rows[1:]], float)
y = np.array([row[-1] for row in rows[1:]])

cv = StratifiedKFold(5)
members = [
    ("bayes", GaussianNB()),
    ("neighbors", KNeighborsClassifier(5)),
    ("logistic", make_pipeline(StandardScaler(), LogisticRegression(C=0.1, tol=1e-10, max_iter=10000))),
]
soft = VotingClassifier(members, voting="soft", weights=[1, 2, 3]).fit(x, y)
hard = VotingClassifier(members, voting="hard").fit(x, y)
final = LogisticRegression(tol=1e-10, max_iter=10000)
stacked = StackingClassifier(members, final, cv=cv).fit(x, y)
# The second stage alone, by the same splits.
meta = np.column_stack(
    [cross_val_predict(member, x, y, cv=cv, method="predict_proba")[:, 1] for _, member in members]
)
second = cross_val_predict(final, meta, y, cv=cv, method="predict_proba")[:, 1]
malignant = y == stacked.classes_[1]
by_split = [float(((second[test] > 0.5) == malignant[test]).mean()) for _, test in cv.split(x, y)]
soft_by_split = []
for train, test in cv.split(x, y):
    own = VotingClassifier(members, voting="soft", weights=[1, 2, 3]).fit(x[train], y[train])
    soft_by_split.append(float(own.score(x[test], y[test])))

numbers, targets = load_diabetes(return_X_y=True, scaled=False)
with open(here / "diabetes.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow([*load_diabetes().feature_names, "progression"])
    writer.writerows([*map(float, row), float(target) + 0.5] for row, target in zip(numbers, targets))
targets = targets + 0.5
own = [
    ("ridge", make_pipeline(StandardScaler(), Ridge(alpha=1.0))),
    ("neighbors", make_pipeline(StandardScaler(), KNeighborsRegressor(7))),
]
mean = VotingRegressor(own).fit(numbers, targets)
stack = StackingRegressor(own, Ridge(alpha=1.0), cv=KFold(5)).fit(numbers, targets)
through = StackingRegressor(own, Ridge(alpha=1.0), cv=KFold(5), passthrough=True)
through.fit(numbers, targets)

vectors = {
    "classes": list(map(str, stacked.classes_)),
    "soft": soft.predict_proba(x)[:, 1].tolist(),
    "soft_accuracy": soft_by_split,
    "hard": hard.predict(x).tolist(),
    "stacking": stacked.predict_proba(x)[:, 1].tolist(),
    "stacking_coef": stacked.final_estimator_.coef_[0].tolist(),
    "stacking_accuracy": by_split,
    "mean": mean.predict(numbers).tolist(),
    "stacking_of_numbers": stack.predict(numbers).tolist(),
    "passthrough": through.predict(numbers).tolist(),
}
(here / "vectors.json").write_text(json.dumps(vectors, separators=(",", ":")) + "\n")
