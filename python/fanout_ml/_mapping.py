"""Estimators as users configure them, as a trainer and steps of a plan, or several of these with
what combines them.

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
from sklearn.pipeline import Pipeline

from ._data import Frame, Target
from ._rules import COMPOSITES, STEPS, TRAINERS, Context, Refused, Rule, plain

Json = Any
# By module of the user's: its source.
Sources = tuple[tuple[str, str], ...]
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
    # Whether it is a bag of many models of the trainer.
    bagging: bool = False
    # Of a class that scikit-learn fits in the sandbox: the user's modules beside it.
    sources: Sources | None = None


@dataclass(frozen=True)
class Vote:
    """Members whose predictions are averaged or counted."""

    members: tuple[Translated, ...]
    # As a plan says it, but for the method.
    params: Mapping[str, Json]


@dataclass(frozen=True)
class Stack:
    """Members, and an estimator that learns from what they predict out of fold."""

    members: tuple[Translated, ...]
    final: Translated
    passthrough: bool
    # scikit-learn's.
    cv: Any


Candidate = Translated | Vote | Stack


def members_of(candidate: Candidate) -> tuple[Translated, ...]:
    """The members of an ensemble; the only one of others."""
    return (candidate,) if isinstance(candidate, Translated) else candidate.members


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


def own(estimator: Any) -> Any:
    """The estimator of scikit-learn that one of this package stands for, or the same."""
    return estimator._stood_for() if hasattr(estimator, "_stood_for") else estimator


def last_of(estimator: Any) -> Any:
    """The estimator at the end of a pipeline, or the estimator that is none."""
    estimator = own(estimator)
    while class_of(estimator) == "sklearn.Pipeline":
        estimator = own(estimator.steps[-1][1])
    return estimator


def with_last(estimator: Any, last: Any) -> Any:
    """The same pipeline with another estimator at its end."""
    estimator = own(estimator)
    if class_of(estimator) != "sklearn.Pipeline":
        return last
    *steps, (name, inner) = estimator.steps
    return Pipeline([*steps, (name, with_last(inner, last))])


def composite_of(estimator: Any) -> str | None:
    """What combines the estimators of an estimator, at the end of a pipeline: the section of a
    plan; `None` if it has none."""
    rule = COMPOSITES.get(class_of(last_of(estimator)))
    return None if rule is None else rule.name


def inner_of(estimator: Any) -> Any:
    """The estimator of a bag, of several outputs or of a chain."""
    params = estimator.get_params(deep=False)
    inner = params.get("estimator")
    # Its name before scikit-learn 1.7, and how it is unset there since.
    if inner is None or isinstance(inner, str):
        inner = params.get("base_estimator")
    return None if isinstance(inner, str) else inner


def is_plain(estimator: Any, params: Mapping[str, Any]) -> bool:
    """Whether it is one trainer, and these are parameters of it."""
    estimator = own(estimator)
    return class_of(estimator) in TRAINERS and params.keys() <= set(estimator.get_params(False))


def translate(
    estimator: Any,
    X: Any,
    frame: Frame,
    target: Target,
    refusals: Refusals,
    params: Mapping[str, Any] | None = None,
) -> Candidate | None:
    """An estimator as a trainer and steps, or as several of these; `None`, with the reasons in
    `refusals`, if it has something that fanout lacks.

    `X` is what a user has, for selectors of columns. `params` are in place of parameters of a
    plain estimator.
    """
    before = len(refusals.reasons)
    last = last_of(estimator)
    combined = composite_of(estimator)
    found: Candidate | None = None
    if combined in ("voting", "stacking"):
        found = _ensemble(estimator, last, X, frame, target, refusals)
    elif combined in ("targets", "chain"):
        walk = Walk(X, frame, target, refusals)
        walk.params(last, COMPOSITES[class_of(last)])
        inner = inner_of(last)
        if composite_of(inner) not in (None, "bagging"):
            refusals.add(f"`{type(last).__name__}` of a `{type(last_of(inner)).__name__}`")
        else:
            found = translate(with_last(estimator, inner), X, frame, target, refusals)
    else:
        found = _single(estimator, X, frame, target, refusals, params)
    return found if len(refusals.reasons) == before else None


def _single(
    estimator: Any,
    X: Any,
    frame: Frame,
    target: Target,
    refusals: Refusals,
    others: Mapping[str, Any] | None = None,
) -> Translated | None:
    """An estimator that is one trainer with steps."""
    walk = Walk(X, frame, target, refusals)
    final = walk.pipeline(estimator)
    if final is None:
        return None
    key = class_of(final)
    params: dict[str, Json] = {}
    bagging = key in COMPOSITES
    if bagging:
        bag = walk.params(final, COMPOSITES[key])
        params = {f"bagging__{name}": value for name, value in bag.items()}
        final = _bagged(final, refusals)
        if final is None:
            return None
        key = class_of(final)
    rule = TRAINERS.get(key)
    if rule is None:
        refusals.add(f"`{type(final).__name__}`: fanout has no such estimator")
        return None
    params.update(walk.params(final, rule, others))
    if bagging:
        # Members have seeds of their own.
        params.pop("random_state", None)
    if key.startswith("sklearn.HistGradientBoosting"):
        given = {**final.get_params(deep=False), **(others or {})}
        walk.categorical = _categorical(given.get("categorical_features"), frame)
    return Translated(
        rule.name,
        params,
        tuple(walk.steps),
        frozenset(walk.dropped),
        frozenset(walk.categorical),
        bagging,
    )


def _bagged(bag: Any, refusals: Refusals) -> Any:
    """The estimator whose models a bag has; `None` of one that is no trainer."""
    inner = inner_of(bag)
    if inner is None:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        classes = type(bag).__name__ == "BaggingClassifier"
        return DecisionTreeClassifier() if classes else DecisionTreeRegressor()
    inner = own(inner)
    name, of = type(bag).__name__, type(inner).__name__
    if class_of(inner) == "sklearn.Pipeline":
        refusals.add(
            f"`{name}` of a `Pipeline`: steps are fitted once, so that the bag is its last "
            "estimator"
        )
        return None
    if class_of(inner) in COMPOSITES:
        refusals.add(f"`{name}` of a `{of}`")
        return None
    return inner


def _ensemble(
    estimator: Any, last: Any, X: Any, frame: Frame, target: Target, refusals: Refusals
) -> Candidate | None:
    """Estimators that vote, or from whose predictions another one learns."""
    name, rule = type(last).__name__, COMPOSITES[class_of(last)]
    kept = [inner for _, inner in last.estimators if not isinstance(inner, str)]
    walk = Walk(X, frame, target, refusals)
    dropped = {}
    if getattr(last, "weights", None) is not None:
        pairs = zip(last.weights, last.estimators)
        weights = [weight for weight, (_, one) in pairs if not isinstance(one, str)]
        dropped = {"weights": weights}
    params = walk.params(last, rule, dropped)
    members: list[Translated] = []
    for inner in kept:
        member = translate(with_last(estimator, inner), X, frame, target, refusals)
        if isinstance(member, Translated):
            members.append(member)
        elif member is not None:
            refusals.add(f"`{type(last_of(inner)).__name__}` in a `{name}`")
    if len({member.dropped for member in members}) > 1:
        refusals.add(f"`{name}` of estimators that drop different columns")
    if len({member.categorical for member in members}) > 1:
        refusals.add(f"`{name}` of estimators of different `categorical_features`")
    if len(kept) < 2:
        refusals.add(f"`{name}` of one estimator")
    if rule.name == "voting":
        if params.get("voting") == "soft":
            _expect_probabilities(name, kept, refusals)
        return Vote(tuple(members), params)
    if target.classes is not None:
        _expect_probabilities(name, kept, refusals)
    if estimator is not last and class_of(own(estimator)) == "sklearn.Pipeline":
        refusals.add(
            f"steps before a `{name}`, which are fitted on rows that its estimators are tested on: "
            "put them into a `Pipeline` of each"
        )
    final = last.final_estimator
    if final is None and target.classes is None:
        refusals.add(f"`{name}(final_estimator=None)`: fanout has no `RidgeCV`")
        return None
    if final is None:
        from sklearn.linear_model import LogisticRegression

        final = LogisticRegression()
    final = own(final)
    key = class_of(final)
    if key == "sklearn.Pipeline" or COMPOSITES.get(key, TRAINERS.get(key)) not in (
        *TRAINERS.values(),
        COMPOSITES["sklearn.BaggingClassifier"],
    ):
        refusals.add(f"`{name}(final_estimator={shown(final)})`")
        return None
    stacked = _single(final, X, Frame({}, [], False, frame.rows), target, refusals)
    if isinstance(last.cv, str):
        refusals.add(f"`{name}(cv={last.cv!r})`")
    return None if stacked is None else Stack(tuple(members), stacked, last.passthrough, last.cv)


def _expect_probabilities(name: str, members: Sequence[Any], refusals: Refusals) -> None:
    for member in members:
        if not hasattr(member, "predict_proba"):
            refusals.add(
                f"`{type(last_of(member)).__name__}` in a `{name}`: it has no `predict_proba`, "
                "and what it predicts is combined by probabilities"
            )


@dataclass
class Walk:
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
        estimator = own(estimator)
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
        else:
            self.leaf(step, columns)

    def leaf(self, step: Any, columns: Columns) -> None:
        """Adds a transformer that is no composition of others."""
        key = class_of(step)
        name = type(step).__name__
        if key in STEPS:
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

    def params(
        self, estimator: Any, rule: Rule, others: Mapping[str, Any] | None = None
    ) -> dict[str, Json]:
        """The parameters of an estimator, as a plan says them; those of `others` in place of its
        own."""
        given = own_params(estimator)
        given.update(others or {})
        features = tuple(self.frame.names) if self.named and not self.dropped else ()
        context = Context(self.target.classes, features, given)
        name = type(estimator).__name__
        said: dict[str, Json] = dict(rule.fixed)
        for param, value in given.items():
            try:
                said.update(_said(rule, param, value, context, estimator))
            except Refused as refused:
                why = f": {refused}" if str(refused) else ""
                self.refusals.add(f"`{name}({param}={shown(value)})`{why}")
        return said


def own_params(estimator: Any) -> dict[str, Any]:
    """The arguments of an estimator: those of ensembles without the estimators in them, which
    `get_params` has by their names, too."""
    given = dict(estimator.get_params(deep=False))
    if class_of(estimator) in COMPOSITES:
        known = _arguments(type(estimator))
        given = {name: value for name, value in given.items() if name in known}
    return given


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
    if not own_value(estimator, param, value):
        raise Refused
    return {}


def own_value(estimator: Any, param: str, value: Any) -> bool:
    """Whether a value is the default of a parameter."""
    return _same(value, _default(estimator, param))


_known: dict[type, Mapping[str, inspect.Parameter]] = {}


def _arguments(kind: type) -> Mapping[str, inspect.Parameter]:
    """The arguments of a class, which are read once."""
    if kind not in _known:
        _known[kind] = inspect.signature(kind).parameters
    return _known[kind]


def _default(estimator: Any, param: str) -> Any:
    known = _arguments(type(estimator)).get(param)
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


def shown(value: Any) -> str:
    text = getattr(value, "__name__", None) if callable(value) else repr(value)
    text = text or repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _categorical(chosen: Any, frame: Frame) -> set[str]:
    """`categorical_features` of histogram boosting."""
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
    bagging: bool
    sources: Sources | None
    steps: tuple[tuple[str, Columns], ...]
    # Different candidates: the places among all of those that are equal, and their parameters.
    places: list[list[int]]
    params: list[dict[str, Json]]

    def named(self) -> dict[str, Json]:
        """Which trainer it is, in a plan."""
        if self.sources is None:
            return {"name": self.trainer}
        if not self.sources:
            return {"python": self.trainer}
        return {"python": [f"{module}.py" for module, _ in self.sources], "name": self.trainer}

    def plan(self) -> dict[str, Json]:
        """The arm in a plan, with all its candidates."""
        trainer = self.named()
        if self.bagging:
            trainer["bagging"] = True
        return {
            "trainer": trainer,
            "steps": self.plan_steps(),
            "search": {"method": "list", "candidates": self.params},
        }

    def fixed(self) -> dict[str, Json]:
        """The arm in a plan, with its only candidate."""
        [params] = self.params
        steps = self.plan_steps()
        trainer = {**self.named(), "params": {}}
        if self.bagging:
            trainer["bagging"] = {}
        for name, value in params.items():
            of, _, param = name.rpartition("__")
            if of == "bagging":
                trainer["bagging"][param] = value
            elif of:
                step = next(step for step in steps if step["name"] == of)
                step.setdefault("params", {})[param] = value
            else:
                trainer["params"][name] = value
        if trainer.get("bagging") == {}:
            trainer["bagging"] = True
        return {"trainer": trainer, "steps": steps}

    def plan_steps(self) -> list[dict[str, Json]]:
        """The steps in a plan, without their parameters."""
        return [
            {"name": f"s{at}", "step": step, "columns": "all" if columns is None else list(columns)}
            for at, (step, columns) in enumerate(self.steps)
        ]


def arms(candidates: Sequence[Translated]) -> list[Arm]:
    """Candidates by their trainers and steps, in the order of their first ones."""
    found: dict[tuple[Any, ...], Arm] = {}
    known: dict[tuple[int, str], list[int]] = {}
    for place, candidate in enumerate(candidates):
        steps = tuple((step.step, step.columns) for step in candidate.steps)
        arm = found.setdefault(
            (candidate.trainer, candidate.bagging, candidate.sources, steps),
            Arm(candidate.trainer, candidate.bagging, candidate.sources, steps, [], []),
        )
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
