"""Candidates × splits to scores, an estimator to a model: what searches and functions call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ._arguments import Pairs, pairs_of
from ._data import Splits, Target, target_names
from ._mapping import (
    Candidate,
    Refusals,
    Stack,
    Translated,
    Vote,
    composite_of,
    configured,
    is_plain,
    last_of,
    members_of,
    translate,
)
from ._predicted import Predictions
from ._run import Data, Folder, Json, Run, Scores, Settings, Wanted
from ._sandbox import sandboxed
from ._scoring import Answers, Outputs, metric_of
from .exceptions import NotServed


def _translated(
    estimator: Any,
    candidates: Sequence[Mapping[str, Any]],
    data: Data,
    refusals: Refusals,
    settings: Settings,
    *,
    searched: bool,
) -> list[Candidate]:
    """Each candidate as trainers and steps, but for what is noted in `refusals`. `searched`: to be
    scored by splits."""
    found: list[Candidate] = []
    for params in candidates:
        # To clone an estimator takes as long as to read it.
        one, others = estimator, params
        if not is_plain(estimator, params):
            one, others = configured(estimator, params) if params else estimator, {}
        of_outputs = [
            _read(one, others, data, target, refusals, settings, searched)
            for target in data.targets
        ]
        first = of_outputs[0]
        if not refusals.reasons and any(other != first for other in of_outputs):
            refusals.add("parameters by class, where the outputs have different classes")
        if first is not None:
            found.append(first)
    # One component for all: each takes its time to be made.
    modules: dict[str, str] = {}
    for one in found:
        for module, source in getattr(one, "sources", None) or ():
            if modules.setdefault(module, source) != source:
                refusals.add(f"two modules are called `{module}`")
    sources = tuple(sorted(modules.items()))
    return [
        replace(one, sources=sources)
        if isinstance(one, Translated) and one.sources is not None
        else one
        for one in found
    ]


def _read(
    estimator: Any,
    params: Mapping[str, Any],
    data: Data,
    target: Target,
    refusals: Refusals,
    settings: Settings,
    searched: bool,
) -> Candidate | None:
    """A candidate for one output: of fanout's trainers, or else in the sandbox where that may
    stand in."""
    # The outputs of a chain are not fitted apart.
    if not settings.sandbox or composite_of(estimator) == "chain":
        return translate(estimator, data.X, data.frame, target, refusals, params)
    lacking = Refusals()
    found = translate(estimator, data.X, data.frame, target, lacking, params)
    if found is not None and not (searched and isinstance(found, Stack)):
        return found
    whole = configured(estimator, params) if params else estimator
    return sandboxed(whole, data.X, data.frame, target, refusals)


def translated(
    estimator: Any,
    candidates: Sequence[Mapping[str, Any]],
    data: Data,
    settings: Settings,
) -> list[Candidate]:
    """Each candidate as trainers and steps, to be scored by splits.

    Raises
    ------
    NotServed
        With everything that fanout lacks.
    """
    refusals = Refusals()
    served = _translated(estimator, candidates, data, refusals, settings, searched=True)
    name = type(last_of(estimator)).__name__
    if any(isinstance(one, Stack) for one in served):
        refusals.add(
            f"`{name}` in a search or a cross-validation: a plan stacks the candidates of one "
            "search"
        )
    if composite_of(estimator) == "chain":
        refusals.add(
            f"`{name}` in a search or a cross-validation: a plan chains the best candidates of "
            "searches"
        )
    members = [member for one in served for member in members_of(one)]
    if len({one.dropped for one in members}) > 1:
        refusals.add("candidates that drop different columns")
    if len({one.categorical for one in members}) > 1:
        refusals.add("candidates of different `categorical_features`")
    if refusals.reasons:
        raise NotServed(refusals.reasons)
    return served


def evaluate(
    estimator: Any,
    candidates: Sequence[Mapping[str, Any]],
    data: Data,
    splits: Splits,
    pairs: Pairs,
    wanted: Wanted,
    settings: Settings,
) -> Scores:
    """Fits and scores each candidate on each split.

    Raises
    ------
    NotServed
        With everything that fanout lacks, before anything runs.
    ValueError
        If all fits failed.
    """
    found = translated(estimator, candidates, data, settings)
    singles = [one for one in found if isinstance(one, Translated)]
    metrics: dict[str, dict[str, Json] | None] = {}
    if not data.several and len(singles) == len(found):
        metrics = {
            name: metric_of(scorer, estimator, data.target)
            for name, scorer in wanted.scorers.items()
        }
    # The program weights scores where it weights fits.
    weighed = data.weight is None or data.weighs_scores
    by_metric = bool(metrics) and all(metrics.values()) and weighed
    if not by_metric and wanted.train_score:
        raise NotServed(
            [
                "return_train_score with a scorer that is no known metric, with weights of the "
                "fits alone, of estimators that vote, or of several outputs"
            ]
        )
    if by_metric:
        scoring = [{**(metric or {}), "name": name} for name, metric in metrics.items()]
        with Folder(settings.store, data) as folder:
            scores = Run(folder, data, singles, settings, splits).scored(scoring, wanted)
    else:
        # Predictions are read back from the store.
        with Folder(settings.store) as folder:
            scores = Predictions(folder, data, found, settings, splits).scored(pairs, wanted)
    scores.notes.extend(_told_of_sandbox(found))
    return scores


def _told_of_sandbox(found: Sequence[Candidate]) -> list[str]:
    """Which classes are fitted in the sandbox, as a sentence."""
    inside = [
        one.trainer for one in found if isinstance(one, Translated) and one.sources is not None
    ]
    if not inside:
        return []
    names = ", ".join(f"`{name}`" for name in dict.fromkeys(inside))
    return [
        f"{len(inside)} of {len(found)} candidates were fitted by scikit-learn in the sandbox, "
        f"where a fit takes 2 to 4 times as long: {names}"
    ]


def predicted(
    estimator: Any,
    data: Data,
    splits: Splits,
    settings: Settings,
) -> list[Answers | Outputs]:
    """What an estimator predicts of the test rows of each split, in ascending order."""
    found = translated(estimator, [{}], data, settings)
    with Folder(settings.store) as folder:
        predictions = Predictions(folder, data, found, settings, splits)
        predictions.go("raise")
        return predictions.of(0)


def fitted(estimator: Any, data: Data, settings: Settings) -> tuple[bytes, float]:
    """The model of an estimator as it is, fitted to all rows, and the seconds that it took.

    Raises
    ------
    NotServed
        With everything that fanout lacks, before anything runs.
    """
    refusals = Refusals()
    found = _translated(estimator, [{}], data, refusals, settings, searched=False)
    chained: dict[str, Json] = {}
    if composite_of(estimator) == "chain":
        chained = _chain(estimator, data, found, refusals)
    if refusals.reasons:
        raise NotServed(refusals.reasons)
    [one] = found
    if data.weight is not None and np.count_nonzero(data.weight) < 2:
        raise ValueError("sample_weight is zero of all rows but one")
    with Folder(settings.store, data) as folder:
        if isinstance(one, Vote):
            run = Run(folder, data, one.members, settings, apart=True)
            return run.fitted({"method": "voting", **one.params})
        if isinstance(one, Stack):
            pairs = pairs_of(one.cv, data.X, data.y, None, estimator)
            splits = Splits.of(pairs, data.frame.rows)
            _expect_partition(pairs, data.frame.rows, type(last_of(estimator)).__name__)
            run = Run(folder, data, one.members, settings, splits, apart=True)
            final = Run.trainer(one.final)
            stacking = {
                "method": "stacking",
                "final_estimator": final,
                "passthrough": one.passthrough,
            }
            return run.searched({"ensemble": stacking})
        if chained:
            splits = Splits({}, {}, 0)
            return Run(folder, data, [one], settings, splits).searched(chained)
        return Run(folder, data, [one], settings).fitted()


def _expect_partition(pairs: Pairs, rows: int, name: str) -> None:
    tested = np.concatenate([test for _, test in pairs])
    if not np.array_equal(np.sort(tested), np.arange(rows)):
        raise NotServed([f"`{name}` with a `cv` that does not test each row once"])


def _chain(
    estimator: Any, data: Data, found: Sequence[Candidate], refusals: Refusals
) -> dict[str, Json]:
    """What the plan of a chain says beside its estimator."""
    chain = last_of(estimator)
    name = type(chain).__name__
    steps = [step for one in found if isinstance(one, Translated) for step in one.steps]
    if estimator is not chain and steps:
        refusals.add(
            f"steps before a `{name}`, which pass by what is predicted: put them into a `Pipeline` "
            "of its estimator"
        )
    elif any(step.columns is not None for step in steps):
        refusals.add(f"`{name}` of a `ColumnTransformer`, which passes by what is predicted")
    if data.weight is not None:
        refusals.add(f"sample_weight of a `{name}`")
    for target in data.targets:
        if target.classes is not None and list(target.classes) != [0, 1]:
            refusals.add(
                f"`{name}` of classes {list(target.classes)}: an output is read as 0 or 1 by those "
                "behind it"
            )
    count = len(data.targets)
    order = chain.order
    if isinstance(order, str):
        order = check_random_state(chain.random_state).permutation(count)
    order = np.arange(count) if order is None else np.asarray(order)
    if sorted(order.tolist()) != list(range(count)):
        raise ValueError("invalid order")
    cv: dict[str, Json] = {}
    if isinstance(chain.cv, (int, np.integer)):
        classes = data.target.classes is not None
        method = "stratified_k_fold" if classes else "k_fold"
        cv = {"method": method, "n_splits": int(chain.cv)}
    elif chain.cv is not None:
        refusals.add(f"`{name}(cv={chain.cv!r})`: `cv` is a number of folds")
    names = target_names(data.targets)
    return {"dataset": {"chain": [names[at] for at in order]}, "cv": cv}


__all__ = ["evaluate", "fitted", "predicted", "translated"]
