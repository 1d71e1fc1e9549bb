"""Estimators that fanout lacks, as classes that are fitted by scikit-learn in the sandbox.

A class is said by its path, and a class of the user's with the source of its module. Only
parameters that differ from the defaults are said, as JSON.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import math
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor

from ._data import Frame, Target
from ._mapping import (
    Columns,
    Json,
    Refusals,
    Sources,
    Step,
    Translated,
    Walk,
    class_of,
    composite_of,
    inner_of,
    last_of,
    own,
    own_params,
    own_value,
    shown,
    with_last,
)
from ._rules import STEPS, Context, Refused, class_weight, seed

# What says how a fit is computed or told, in a sandbox without threads and without output.
_IGNORED = ("n_jobs", "verbose", "pre_dispatch")


def sandboxed(
    estimator: Any, X: Any, frame: Frame, target: Target, refusals: Refusals
) -> Translated | None:
    """An estimator as a class of the sandbox with steps; `None`, with the reasons in `refusals`,
    if it can't be said."""
    before = len(refusals.reasons)
    if composite_of(estimator) == "targets":
        estimator = with_last(estimator, inner_of(last_of(estimator)))
    walk = _SandboxWalk(X, frame, target, refusals)
    final = walk.pipeline(estimator)
    if final is None:
        return None
    if not (is_classifier(final) or is_regressor(final)):
        refusals.add(f"`{type(final).__name__}`: it is neither a classifier nor a regressor")
        return None
    path = walk.path(final)
    params = walk.values(final)
    if len(refusals.reasons) > before:
        return None
    sources: Sources = tuple(sorted(walk.sources.items()))
    return Translated(
        path,
        params,
        tuple(walk.steps),
        frozenset(walk.dropped),
        frozenset(walk.categorical),
        sources=sources,
    )


class _SandboxWalk(Walk):
    """The way through a pipeline that is fitted in the sandbox: steps of fanout's where there
    are some, else scikit-learn's."""

    def __init__(self, X: Any, frame: Frame, target: Target, refusals: Refusals) -> None:
        super().__init__(X, frame, target, refusals)
        # By module: the source.
        self.sources: dict[str, str] = {}

    def leaf(self, step: Any, columns: Columns) -> None:
        before, kept = Refusals(), self.refusals
        state = (list(self.steps), self.named)
        if class_of(step) in STEPS:
            self.refusals = before
            super().leaf(step, columns)
            self.refusals = kept
            if not before.reasons:
                return
            self.steps, self.named = state
        name = type(step).__name__
        if not hasattr(step, "transform"):
            self.refusals.add(f"`{name}`: it is no transformer")
            return
        if columns is not None and not self.named:
            self.refusals.add(f"`{name}` of named columns behind a step that renames them")
        self.steps.append(Step(self.path(step), columns, self.values(step)))
        self.named = False

    def path(self, estimator: Any) -> str:
        """The path of a class in the sandbox, whose source is noted if it is the user's."""
        kind = type(estimator)
        try:
            path, sources = path_of(kind)
        except Refused as refused:
            self.refusals.add(f"`{kind.__name__}`: {refused}")
            return kind.__name__
        for module, source in sources.items():
            if self.sources.setdefault(module, source) != source:
                self.refusals.add(f"`{kind.__name__}`: two modules are called `{module}`")
        return path

    def values(self, estimator: Any) -> dict[str, Json]:
        """The parameters of an estimator that are not at their defaults."""
        said: dict[str, Json] = {}
        name = type(estimator).__name__
        given = own_params(estimator)
        context = Context(self.target.classes, (), given)
        for param, value in given.items():
            if param in _IGNORED or own_value(estimator, param, value):
                continue
            try:
                if param == "class_weight":
                    said.update(class_weight(value, context))
                elif param == "random_state":
                    said.update(seed(value, context))
                else:
                    said[param] = self.value(value)
            except Refused as refused:
                self.refusals.add(f"`{name}({param}={shown(value)})`: {refused}")
        return said

    def value(self, value: Any) -> Json:
        """A value of a parameter as JSON; an estimator as its class and parameters."""
        if isinstance(value, np.generic):
            return self.value(value.item())
        if isinstance(value, np.ndarray):
            return [self.value(one) for one in value.tolist()]
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, float):
            if not math.isfinite(value):
                raise Refused("JSON has finite numbers alone")
            return value
        if isinstance(value, (list, tuple, range)):
            return [self.value(one) for one in value]
        if isinstance(value, Mapping):
            if not all(isinstance(key, str) for key in value):
                raise Refused("the keys of an object of JSON are texts")
            return {key: self.value(one) for key, one in value.items()}
        if hasattr(value, "get_params") and not isinstance(value, type):
            value = own(value)
            return {"python": self.path(value), "params": self.values(value)}
        if callable(value):
            raise Refused("a function or a class can't be said as JSON")
        raise Refused(f"a `{type(value).__name__}` can't be said as JSON")


def path_of(kind: type) -> tuple[str, dict[str, str]]:
    """The path of a class in the sandbox, and the sources of the user's modules that it needs.

    Raises
    ------
    Refused
        With what the sandbox lacks of it.
    """
    module = kind.__module__
    if module.partition(".")[0] == "sklearn":
        return f"{_public(module, kind)}.{kind.__name__}", {}
    if "." in kind.__qualname__:
        raise Refused("it is defined within a function or a class, and not by its module")
    if module == "__main__":
        raise Refused(
            "it is defined in `__main__`, whose source can't be imported: put it into a module of "
            "its own"
        )
    sources: dict[str, str] = {}
    _collect(module, sources)
    return f"{module.rpartition('.')[2]}.{kind.__name__}", sources


def _public(module: str, kind: type) -> str:
    """The module by which scikit-learn documents a class: without what begins with `_`."""
    parts = module.split(".")
    private = [at for at, part in enumerate(parts) if part.startswith("_")]
    found = ".".join(parts[: private[0]]) if private else module
    known = getattr(importlib.import_module(found), kind.__name__, None)
    return found if known is kind else module


def _collect(name: str, sources: dict[str, str]) -> None:
    """Adds the source of a module, and those of the user's modules that it imports."""
    stem = name.rpartition(".")[2]
    try:
        source = inspect.getsource(sys.modules[name])
    except (KeyError, OSError, TypeError):
        raise Refused(f"the source of its module `{name}` can't be read") from None
    if stem in sources:
        if sources[stem] != source:
            raise Refused(f"two modules are called `{stem}`")
        return
    sources[stem] = source
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            if node.level:
                raise Refused(
                    f"its module `{name}` imports from its package, and goes into the sandbox alone"
                )
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for imported in names:
            found = sys.modules.get(imported)
            if found is None or not _is_users(found):
                continue
            if hasattr(found, "__path__") or "." in imported:
                raise Refused(
                    f"its module `{name}` imports `{imported}`, of a package of several files"
                )
            _collect(imported, sources)


def _is_users(module: ModuleType) -> bool:
    """Whether a module is a file of the user's, of no installed package."""
    file = getattr(module, "__file__", None)
    if file is None:
        return False
    path = Path(file).resolve()
    if {"site-packages", "dist-packages"} & set(path.parts):
        return False
    return Path(sysconfig.get_path("stdlib")).resolve() not in path.parents


__all__ = ["path_of", "sandboxed"]
