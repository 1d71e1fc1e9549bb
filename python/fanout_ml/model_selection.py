"""scikit-learn's model selection, with the fits made by fanout.

Signatures, attributes and errors are scikit-learn's. Further keywords of all:

store : str, default=None
    Where fits are kept, a folder or the URL of a bucket: what was fitted before is not fitted
    again. By default a temporary folder.
pool : str or dict, default=None
    What runs the fits: `nats://HOST:4222`, URLs of endpoints, or the section `pool` of a plan.
    By default the cores of this machine, or `n_jobs` of them.
families : bool, default=True
    Whether candidates that differ in nested parameters share fits. It changes no score.
limits : dict, default=None
    `memory` and `timeout` of a fit, such as `{"memory": "1GiB", "timeout": "5m"}`.
fallback : {None, "sandbox", "sklearn"}, default=None
    What happens where fanout lacks something: an error; scikit-learn in the sandbox fits these
    candidates, in the component that `fanout guest python` makes; or scikit-learn's own runs in
    this process, with a warning.
progress : bool, default=None
    Whether progress is shown. By default on a terminal or in a notebook, of what takes more than
    a second.
"""

from __future__ import annotations

from ._search import GridSearchCV, RandomizedSearchCV
from ._validation import (
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)

__all__ = [
    "GridSearchCV",
    "RandomizedSearchCV",
    "cross_val_predict",
    "cross_val_score",
    "cross_validate",
    "learning_curve",
    "validation_curve",
]
