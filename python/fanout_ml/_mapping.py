"""Estimators as users configure them, as a trainer and steps of a plan.

`translate` reads them by `get_params` alone, and notes everything that fanout lacks.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone

from ._data import Frame, Target
from ._rules import STEPS, TRAINERS, Context, Refused, Rule, plain

Json = Any
# The columns of a step: by name, or all that are left.
Columns = tuple[str, ...] | None


@dataclass(frozen=True)
class Step:
    """A step of a plan."""

    step: str
    columns: Columns
    params: Mapping[str, Json]


@dataclass(frozen=True)
class Translated:
    """A candidate: a trainer with the steps before it."""

    trainer: str
    params: Mapping[str, Json]
    steps: tuple[Step, ...]
    # The features that are left out before the first step.
    dropped: frozenset[str]
    # The features that the estimator says are categories.
    categorical: frozenset[str] = frozenset()


@dataclass
class Refusals:
    """What can't be served, as sentences; one of a kind."""

    reasons: list[str] = field(default_factory=list)

    def add(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)


def class_of(estimator: Any) -> str:
    """The key of an estimator's class in the tables of rules."""
    kind = type(estimator)
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}"


def configured(estimator: Any, params: Mapping[str, Any]) -> Any:
    """A clone of an estimator with the parameters of a candidate."""
    return clone(estimator).set_params(**clone(dict(params), safe=False))


def translate(
    estimator: Any, X: Any, frame: Frame, target: Target, refusals: Refusals
) -> Translated | None:
    """An estimator as a trainer and steps; `None`, with the reasons in `refusals`, if it has
    something that fanout lacks.

    `X` is what a user has, for selectors of columns.
    """
    before = len(refusals.reasons)
    walk = _Walk(X, frame, target, refusals)
    final = walk.pipeline(estimator)
    params: dict[str, Json] = {}
    trainer = ""
    if final is not None:
        key = class_of(final)
        rule = TRAINERS.get(key)
        if rule is None:
            refusals.add(f"`{type(final).__name__}`: fanout has no such estimator")
        else:
            trainer = rule.name
            params = walk.params(final, rule)
            if key.startswith("sklearn.HistGradientBoosting"):
                walk.categorical = _categorical(final, frame, refusals)
    if len(refusals.reasons) > before:
        return None
    return Translated(
        trainer, params, tuple(walk.steps), frozenset(walk.dropped), frozenset(walk.categorical)
    )


@dataclass
class _Walk:
    """The way through the steps of a pipeline."""

    X: Any
    frame: Frame
    target: Target
    refusals: Refusals
    steps: list[Step] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)
    categorical: set[str] = field(default_factory=set)
    # Whether the columns still have the names of the features.
    named: bool = True

    def pipeline(self, estimator: Any) -> Any:
        """Adds the steps of a pipeline; returns its last estimator, or the estimator that is no
        pipeline."""
        # The estimators of this package stand for scikit-learn's.
        if hasattr(estimator, "_stood_for"):
            estimator = estimator._stood_for()
        if class_of(estimator) != "sklearn.Pipeline":
            return estimator
        *steps, (_, final) = estimator.steps
        for _, step in steps:
            self.transformer(step, None)
        if final is None or isinstance(final, str):
            self.refusals.add("a `Pipeline` without an estimator at its end")
            return None
        return self.pipeline(final)

    def transformer(self, step: Any, columns: Columns) -> None:
        """Adds a transformer of some columns, or all."""
        if step is None or (isinstance(step, str) and step == "passthrough"):
            return
        key = class_of(step)
        name = type(step).__name__
        if key == "sklearn.Pipeline":
            for _, inner in step.steps:
                self.transformer(inner, columns)
        elif key == "sklearn.ColumnTransformer":
            self.by_columns(step, columns)
        elif key == "sklearn.FeatureUnion":
            kept = [part for _, part in step.transformer_list if part != "drop"]
            if len(kept) == 1 and not step.transformer_weights:
                self.transformer(kept[0], columns)
            else:
                self.refusals.add("`FeatureUnion` of several transformers: steps replace columns")
        elif key == "sklearn.FunctionTransformer" and step.func is None:
            return
        elif key in STEPS:
            rule = STEPS[key]
            if columns is not None and not self.named:
                self.refusals.add(f"`{name}` of named columns behind a step that renames them")
            self.steps.append(Step(rule.name, columns, self.params(step, rule)))
            keeps = rule.keeps_names and not getattr(step, "add_indicator", False)
            self.named = self.named and keeps
        else:
            self.refusals.add(f"`{name}`: fanout has no such step")

    def by_columns(self, transformer: Any, columns: Columns) -> None:
        """Adds the transformers of a `ColumnTransformer`, one after the other: they have no
        column in common."""
        if self.steps or columns is not None:
            self.refusals.add("`ColumnTransformer` behind another step, or within another one")
            return
        if transformer.transformer_weights:
            self.refusals.add("`ColumnTransformer(transformer_weights=...)`")
        if transformer.remainder != "passthrough" and transformer.remainder != "drop":
            rest: Any = transformer.remainder
        else:
            rest = str(transformer.remainder)
        seen: set[str] = set()
        parts: list[tuple[Any, tuple[str, ...]]] = []
        for _, part, chosen in transformer.transformers:
            names = self.resolve(chosen)
            if seen & set(names):
                self.refusals.add("`ColumnTransformer` with a column in two transformers")
            seen |= set(names)
            parts.append((part, names))
        parts.append((rest, tuple(name for name in self.frame.names if name not in seen)))
        after = True
        for part, names in parts:
            if isinstance(part, str) and part == "drop":
                self.dropped |= set(names)
            elif names:
                # Branches are of other columns: what one renames is nothing to the next.
                self.named = True
                self.transformer(part, names)
                after = after and self.named
        self.named = after

    def resolve(self, chosen: Any) -> tuple[str, ...]:
        """The names of the columns that a user chose."""
        names = self.frame.names
        if callable(chosen):
            chosen = chosen(self.X)
        if isinstance(chosen, (str, int, np.integer)):
            chosen = [chosen]
        elif isinstance(chosen, slice):
            if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
                start = None if chosen.start is None else names.index(chosen.start)
                stop = None if chosen.stop is None else names.index(chosen.stop) + 1
                chosen = slice(start, stop, chosen.step)
            return tuple(names[chosen])
        chosen = list(chosen)
        if chosen and all(isinstance(one, (bool, np.bool_)) for one in chosen):
            return tuple(name for name, one in zip(names, chosen) if one)
        found = []
        for one in chosen:
            name = names[int(one)] if isinstance(one, (int, np.integer)) else str(one)
            if name not in names:
                raise ValueError(f"A given column is not a column of the dataframe: {name!r}")
            found.append(name)
        return tuple(found)

    def params(self, estimator: Any, rule: Rule) -> dict[str, Json]:
        """The parameters of an estimator, as a plan says them."""
        given = estimator.get_params(deep=False)
        features = tuple(self.frame.names) if self.named and not self.dropped else ()
        context = Context(self.target.classes, features, given)
        name = type(estimator).__name__
        said: dict[str, Json] = dict(rule.fixed)
        for param, value in given.items():
            try:
                said.update(_said(rule, param, value, context, estimator))
            except Refused as refused:
                why = f": {refused}" if str(refused) else ""
                self.refusals.add(f"`{name}({param}={_shown(value)})`{why}")
        return said


def _said(rule: Rule, param: str, value: Any, context: Context, estimator: Any) -> dict[str, Json]:
    """One parameter as a plan says it."""
    if param in rule.convert:
        return rule.convert[param](value, context)
    if param in rule.same:
        if callable(value):
            raise Refused
        return {param: plain(value)}
    if param in rule.ignored:
        return {}
    if param in rule.only:
        if not any(_same(value, one) for one in rule.only[param]):
            raise Refused
        return {}
    if not _same(value, _default(estimator, param)):
        raise Refused
    return {}


def _default(estimator: Any, param: str) -> Any:
    known = inspect.signature(type(estimator).__init__).parameters.get(param)
    # What is no argument of its own, of LightGBM's and XGBoost's `**kwargs`, is unset.
    return None if known is None or known.default is inspect.Parameter.empty else known.default


def _same(value: Any, other: Any) -> bool:
    if value is other:
        return True
    if isinstance(value, float) and isinstance(other, float) and value != value:
        return other != other
    if isinstance(value, (np.ndarray, Mapping, list)) or callable(value):
        return False
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)


def _shown(value: Any) -> str:
    text = getattr(value, "__name__", None) if callable(value) else repr(value)
    text = text or repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _categorical(estimator: Any, frame: Frame, refusals: Refusals) -> set[str]:
    """`categorical_features` of histogram boosting."""
    chosen = estimator.get_params(deep=False).get("categorical_features")
    if chosen is None or (isinstance(chosen, str) and chosen in ("from_dtype", "warn")):
        return set()
    chosen = np.asarray(chosen)
    if chosen.dtype == bool:
        return {name for name, one in zip(frame.names, chosen) if one}
    if chosen.dtype.kind in "iu":
        return {frame.names[at] for at in chosen}
    return {str(name) for name in chosen}


@dataclass(frozen=True)
class Arm:
    """Candidates of one trainer and one row of steps."""

    trainer: str
    steps: tuple[tuple[str, Columns], ...]
    # Different candidates: the places among all of those that are equal, and their parameters.
    places: list[list[int]]
    params: list[dict[str, Json]]

    def plan(self) -> dict[str, Json]:
        """The arm in a plan."""
        steps = [
            {"name": f"s{at}", "step": step, "columns": "all" if columns is None else list(columns)}
            for at, (step, columns) in enumerate(self.steps)
        ]
        return {
            "trainer": {"name": self.trainer},
            "steps": steps,
            "search": {"method": "list", "candidates": self.params},
        }


def arms(candidates: Sequence[Translated]) -> list[Arm]:
    """Candidates by their trainers and steps, in the order of their first ones."""
    found: dict[tuple[Any, ...], Arm] = {}
    known: dict[tuple[int, str], list[int]] = {}
    for place, candidate in enumerate(candidates):
        steps = tuple((step.step, step.columns) for step in candidate.steps)
        arm = found.setdefault((candidate.trainer, steps), Arm(candidate.trainer, steps, [], []))
        params = dict(candidate.params)
        for at, step in enumerate(candidate.steps):
            params.update({f"s{at}__{name}": value for name, value in step.params.items()})
        equal = (id(arm), json.dumps(params, sort_keys=True))
        if equal in known:
            known[equal].append(place)
            continue
        known[equal] = [place]
        arm.places.append(known[equal])
        arm.params.append(params)
    return list(found.values())
