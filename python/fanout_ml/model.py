"""Fitted models as estimators of scikit-learn.

`Model` stands for any estimator or pipeline that fanout serves; the best of a search is one.
"""

from __future__ import annotations

import importlib
import inspect
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import has_fit_parameter

from . import _data, _program
from ._arguments import SANDBOX, data_of
from ._data import Frame, check_features, target_names
from ._evaluate import fitted
from ._mapping import composite_of, last_of
from ._rules import TRAINERS
from ._run import Data, Settings, read_answers
from ._scoring import Answers, Outputs, decisions, score_outputs

Self = TypeVar("Self", bound="Predicting")


def _has(method: str) -> Callable[[Predicting], bool]:
    """Whether the estimator that is stood for has a method."""

    def check(self: Predicting) -> bool:
        # It raises the AttributeError of an estimator that lacks it for its parameters.
        getattr(self._stood_for(), method)
        return True

    return check


def _has_importances(self: Predicting) -> bool:
    final = self._stood_for()
    final = final.steps[-1][1] if hasattr(final, "steps") else final
    if not any(kind in type(final).__name__ for kind in ("Forest", "ExtraTrees", "DecisionTree")):
        raise AttributeError(f"`{type(final).__name__}` has no feature_importances_")
    return True


class Predicting:
    """What fitted models do. `fit` sets `model_`, the bytes of a model file."""

    model_: bytes
    # Of several outputs, a list.
    classes_: Any
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    # By output: the names of the classes in the model file, where they are not their numbers.
    _named_classes: list[list[str]] | None = None
    # The names of several outputs in the model file.
    _outputs: list[str] | None = None

    def _stood_for(self) -> Any:
        """The estimator of scikit-learn that it stands for, not fitted."""
        raise NotImplementedError

    def _fallback(self) -> str | None:
        """What stands in for what fanout lacks."""
        return None

    def fit(self: Self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fits to all rows.

        Parameters
        ----------
        X : array-like or table of shape (rows, features)
        y : array-like of shape (rows,), or (rows, outputs) of estimators of several
        sample_weight : array-like of shape (rows,), default=None

        Raises
        ------
        NotServed
            If fanout lacks something of the estimator or the data.
        """
        stood_for = self._stood_for()
        frame = Frame.of(X, least=2, estimator=type(self).__name__)
        data = data_of(X, y, stood_for, sample_weight, frame)
        sandbox = self._fallback() == SANDBOX
        model, _ = fitted(stood_for, data, Settings(progress=False, sandbox=sandbox))
        return self._take(model, data)

    def _take(self: Self, model: bytes, data: Data) -> Self:
        """Becomes the model that was fitted to `data`."""
        self.model_ = model
        self._outputs = target_names(data.targets) if data.several else None
        if data.target.classes is not None:
            of_each = [target.classes for target in data.targets]
            self.classes_ = of_each if data.several else of_each[0]
        self.n_features_in_ = len(data.frame.names)
        if data.frame.named:
            self.feature_names_in_ = np.asarray(data.frame.names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self._columns = data.frame.names
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def _check_is_fitted(self) -> None:
        if not hasattr(self, "model_"):
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with "
                "appropriate arguments before using this estimator."
            )

    def answers(self, X: Any) -> Answers | Outputs:
        """All that the model says of rows: predictions, probabilities and decisions."""
        self._check_is_fitted()
        name = type(self).__name__
        frame = Frame.of(X, estimator=name)
        named = hasattr(self, "feature_names_in_")
        frame = check_features(frame, self._columns, named, name)
        with tempfile.TemporaryDirectory(prefix="fanout-") as folder:
            rows, model = Path(folder) / "rows.arrow", Path(folder) / "model.fanout"
            _data.write(rows, frame)
            model.write_bytes(self.model_)
            said = _program.call(
                ["predict", str(model), str(rows), "--outputs", "--format", "arrow", "--quiet"]
            )
        with pa.ipc.open_stream(said) as stream:
            table = stream.read_all()
        classes = getattr(self, "classes_", None)
        outputs: Sequence[str | None] = self._outputs or [None]
        none = [None] * len(outputs)
        of_each = none if classes is None else classes if self._outputs else [classes]
        called = self._named_classes or none
        parts = zip(outputs, of_each, called)
        found = [read_answers(table, own, names, output) for output, own, names in parts]
        return Outputs(found) if self._outputs else found[0]

    def predict(self, X: Any) -> NDArray[Any]:
        """The class or the number of each row; of shape (rows,), or (rows, outputs)."""
        prediction: NDArray[Any] = self.answers(X).prediction
        return prediction

    @available_if(_has("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Any:
        """The probabilities of the classes, of shape (rows, classes). Of several outputs they are a
        list, and of a chain those of the second class, of shape (rows, outputs)."""
        answers = self.answers(X)
        if isinstance(answers, Answers):
            return answers.probabilities
        each = [one.probabilities for one in answers.outputs]
        if composite_of(self._stood_for()) == "chain":
            return np.column_stack([shares[:, 1] for shares in each if shares is not None])
        return each

    @available_if(_has("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Any:
        """The logarithms of `predict_proba`."""
        shares = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            if isinstance(shares, list):
                return [np.log(one) for one in shares]
            return np.asarray(np.log(shares))

    @available_if(_has("decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Numbers by which rows are classified: of shape (rows,) for two classes, positive for
        the second, else (rows, classes); of a chain, (rows, outputs).

        Of models of probabilities they are their logarithms: log-odds, or, of three or more
        classes, less their mean over the classes.
        """
        answers = self.answers(X)
        if isinstance(answers, Answers):
            return decisions(answers)
        return np.column_stack([decisions(one) for one in answers.outputs])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy, or R² of numbers; of several outputs the share of rows that are right in all,
        or the mean R²."""
        classes = is_classifier(self._stood_for())
        if self._outputs is not None:
            return score_outputs(y, self.predict(X), classes, sample_weight)
        score = accuracy_score if classes else r2_score
        return float(score(y, self.predict(X), sample_weight=sample_weight))

    @property
    def oob_score_(self) -> float:
        """The score of the training rows by the trees or members that did not draw them, of
        estimators with `oob_score=True`."""
        if not getattr(last_of(self._stood_for()), "oob_score", False):
            raise AttributeError("there is no oob_score_ without `oob_score=True`")
        self._check_is_fitted()
        head = self._with_model(lambda model: _program.call(["model", "show", model, "--json"]))
        return float(json.loads(head)["oob_score"])

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """The mean decrease of impurity by each feature, of trees and forests."""
        _has_importances(self)
        self._check_is_fitted()
        table = self._with_model(
            lambda model: _parquet(["model", "importance", model], "importances.parquet")
        )
        told = dict(zip(table.column("feature").to_pylist(), table.column("impurity").to_pylist()))
        if set(told) <= set(self._columns):
            return np.array([told.get(name, 0.0) for name in self._columns])
        # Behind steps that make other columns, those of these.
        return np.array(list(told.values()))

    def to_onnx(self, path: str | Path | None = None, opset: int | None = None) -> bytes:
        """The model with its steps as a model of ONNX.

        Every feature is an input of shape (rows, 1) with its name (`x0`, `x1`, … of arrays),
        and classes are their numbers in `classes_`.

        Parameters
        ----------
        path : the file to write too
        opset : the version of ONNX's operators, 16 to 21
        """
        self._check_is_fitted()
        options = [] if opset is None else ["--opset", str(opset)]

        def export(model: str) -> bytes:
            file = Path(model).with_name("model.onnx")
            _program.call(["model", "export", model, "--onnx", str(file), *options])
            return file.read_bytes()

        content: bytes = self._with_model(export)
        if path is not None:
            Path(path).write_bytes(content)
        return content

    def save(self, path: str | Path) -> None:
        """Writes the model file, which the program `fanout` reads, too; `load` is its opposite.

        Classes are numbers there. A file beside it, `PATH.labels.json`, has the labels.
        """
        self._check_is_fitted()
        Path(path).write_bytes(self.model_)
        if hasattr(self, "classes_"):
            of_each = self.classes_ if self._outputs else [self.classes_]
            labels = [{"labels": one.tolist(), "dtype": one.dtype.str} for one in of_each]
            told = {"outputs": labels} if self._outputs else labels[0]
            _labels(path).write_text(json.dumps(told))

    def _with_model(self, use: Callable[[str], Any]) -> Any:
        with tempfile.TemporaryDirectory(prefix="fanout-") as folder:
            path = Path(folder) / "model.fanout"
            path.write_bytes(self.model_)
            return use(str(path))


def _parquet(arguments: list[str], name: str) -> pa.Table:
    from pyarrow import parquet

    path = Path(arguments[-1]).with_name(name)
    _program.call([*arguments, "-o", str(path)])
    return parquet.read_table(path)


class Model(Predicting, BaseEstimator):  # type: ignore[misc]
    """A model that fanout fits, by an estimator or pipeline of scikit-learn.

    Its parameters are those of the estimator: `get_params`, `set_params`, `clone` and the
    attributes of the same names are of it.

    Parameters
    ----------
    estimator : an estimator or `Pipeline` that fanout serves
    fallback : {None, "sandbox"}, default=None
        `"sandbox"`: what fanout lacks is fitted by scikit-learn in the sandbox.

    Attributes
    ----------
    classes_ : array of shape (classes,), of classifiers
    n_features_in_ : int
    feature_names_in_ : array of shape (features,), of tables
    model_ : bytes, a model file
    """

    def __init__(self, estimator: Any, fallback: str | None = None) -> None:
        self.estimator = estimator
        self.fallback = fallback

    def _fallback(self) -> str | None:
        # Pickles of earlier versions have none.
        return self.__dict__.get("fallback")

    def _stood_for(self) -> Any:
        return self.estimator

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters of the estimator."""
        params: dict[str, Any] = self.estimator.get_params(deep=deep)
        return params

    def set_params(self, **params: Any) -> Model:
        """Sets parameters of the estimator."""
        self.estimator.set_params(**params)
        return self

    def __sklearn_clone__(self) -> Model:
        return Model(clone(self.estimator), self._fallback())

    def __sklearn_tags__(self) -> Any:
        tags = self.estimator.__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags

    @property
    def _estimator_type(self) -> str | None:
        # As scikit-learn before 1.6 asks.
        return getattr(self.estimator, "_estimator_type", None)

    def __getattr__(self, name: str) -> Any:
        estimator = self.__dict__.get("estimator")
        served = ("steps", "named_steps", "transformers")
        if estimator is not None and not name.startswith("_"):
            own = name in served or name in estimator.get_params(deep=False)
            # What it lacks, it says itself.
            if own or not hasattr(estimator, name):
                return getattr(estimator, name)
        raise AttributeError(f"`Model` has no attribute `{name}`")

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        return f"Model({self.estimator!r})"


def _fit_unweighted(self: Any, X: Any, y: Any = None) -> Any:
    """Fits to all rows.

    Parameters
    ----------
    X : array-like or table of shape (rows, features)
    y : array-like of shape (rows,)
    """
    return Predicting.fit(self, X, y)


class Direct(Predicting, BaseEstimator):  # type: ignore[misc]
    """An estimator with the names, parameters and defaults of one of scikit-learn's."""

    _theirs: Any

    def __init_subclass__(cls, theirs: Any = None, **more: Any) -> None:
        super().__init_subclass__(**more)
        if theirs is None:
            return
        cls._theirs = theirs
        signature = inspect.signature(theirs.__init__)

        def __init__(self: Any, *args: Any, **params: Any) -> None:
            bound = signature.bind(self, *args, **params)
            bound.apply_defaults()
            for name, value in list(bound.arguments.items())[1:]:
                setattr(self, name, value)

        # scikit-learn reads the parameters from it.
        __init__.__signature__ = signature  # type: ignore[attr-defined]
        cls.__init__ = __init__  # type: ignore[method-assign]
        composed = issubclass(cls, Composed)
        if not composed and not has_fit_parameter(theirs, "sample_weight"):
            cls.fit = _fit_unweighted  # type: ignore[method-assign, assignment]
        summary = (theirs.__doc__ or "").strip().partition("\n\n")[0]
        cls.__doc__ = f"{summary}\n\nFitted by fanout; parameters as of scikit-learn's class."

    def _stood_for(self) -> Any:
        return self._theirs(**self.get_params(deep=False))

    def __sklearn_tags__(self) -> Any:
        tags = self._stood_for().__sklearn_tags__()
        tags.input_tags.sparse = False
        several = composite_of(self) in ("targets", "chain")
        tags.target_tags.multi_output = several
        return tags


class Composed(Direct):
    """An estimator of other estimators, whose parameters are those of these, too."""

    fit = Predicting.fit

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters; with those of the estimators in it as `name__param`."""
        own = {name: getattr(self, name) for name in self._names()}
        if not deep:
            return own
        return {**self._theirs(**own).get_params(deep=True), **own}

    def set_params(self, **params: Any) -> Composed:
        """Sets parameters, those of the estimators in it as `name__param`."""
        theirs = self._stood_for().set_params(**params)
        for name in self._names():
            setattr(self, name, getattr(theirs, name))
        return self

    def _names(self) -> list[str]:
        return list(inspect.signature(type(self).__init__).parameters)[1:]


class Classifier(ClassifierMixin, Direct):  # type: ignore[misc]
    """A classifier."""

    score = Predicting.score


class Regressor(RegressorMixin, Direct):  # type: ignore[misc]
    """A regressor."""

    score = Predicting.score


class ComposedClassifier(ClassifierMixin, Composed):  # type: ignore[misc]
    """A classifier of other estimators."""

    fit = Predicting.fit
    score = Predicting.score


class ComposedRegressor(RegressorMixin, Composed):  # type: ignore[misc]
    """A regressor of other estimators."""

    fit = Predicting.fit
    score = Predicting.score


def _labels(path: str | Path) -> Path:
    return Path(f"{path}.labels.json")


def load(path: str | Path) -> Model:
    """The model of a file that `save` wrote, or `fanout run`: of one trainer, of an ensemble, or
    of several targets.

    Its `estimator` is of the class that the trainer stands for, with default parameters.
    """
    head = json.loads(_program.call(["model", "show", str(path), "--json"]))
    members = head.get("members", [head])
    rule = head.get("rule", {"kind": "one"})
    several = rule["kind"] in ("targets", "chain")
    estimators = [_of_head(member) for member in members]
    model = Model(_composed(rule, estimators, members))
    model.model_ = Path(path).read_bytes()
    # In a chain, the first reads the features alone.
    first = members[rule["order"][0] if rule["kind"] == "chain" else 0]
    names = [column["name"] for column in first["recipe"]["columns"]]
    model._columns = names
    model.n_features_in_ = len(names)
    if names != [f"x{at}" for at in range(len(names))]:
        model.feature_names_in_ = np.asarray(names, dtype=object)
    targets = [member["recipe"]["target"]["name"] for member in members]
    model._outputs = targets if several else None
    if _is_classification(first):
        told = [member["target"]["classes"] for member in members[: None if several else 1]]
        classes = [np.asarray(names) for names in told]
        if _labels(path).is_file():
            of_each = json.loads(_labels(path).read_text())
            of_each = of_each["outputs"] if several else [of_each]
            classes = [np.asarray(one["labels"]).astype(one["dtype"]) for one in of_each]
        model.classes_ = classes if several else classes[0]
        # Of a table of one's own, whose labels are no numbers.
        numbered = all(names == [str(at) for at in range(len(names))] for names in told)
        model._named_classes = None if numbered else told
    return model


def _is_classification(head: Mapping[str, Any]) -> bool:
    return bool(head["target"]["learning"] != "regression")


def _of_head(head: Mapping[str, Any]) -> Any:
    """An estimator of scikit-learn that the model of a head is of."""
    classification = _is_classification(head)
    estimator = _of_trainer(head["trainer"], classification, head["params"])
    if not head.get("bagging"):
        return estimator
    from sklearn import ensemble

    bag = ensemble.BaggingClassifier if classification else ensemble.BaggingRegressor
    return bag(estimator)


def _composed(rule: Mapping[str, Any], estimators: list[Any], heads: Sequence[Any]) -> Any:
    """What combines the estimators of a composite model, of scikit-learn."""
    from sklearn import ensemble, multioutput

    classification = _is_classification(heads[0])
    named = [(f"m{at}", estimator) for at, estimator in enumerate(estimators)]
    kind = rule["kind"]
    if kind == "voting" and classification:
        voting = "soft" if rule["votes"] == "mean" else "hard"
        return ensemble.VotingClassifier(named, voting=voting, weights=rule["weights"])
    if kind == "voting":
        return ensemble.VotingRegressor(named, weights=rule["weights"])
    if kind == "stacking":
        stack = ensemble.StackingClassifier if classification else ensemble.StackingRegressor
        return stack(named[:-1], estimators[-1])
    if kind == "one":
        return estimators[0]
    if len({_is_classification(head) for head in heads}) > 1:
        raise ValueError("the targets of the model are classes and numbers: load the file of each")
    if kind == "targets":
        several = multioutput.MultiOutputClassifier if classification else None
        return (several or multioutput.MultiOutputRegressor)(estimators[0])
    chain = multioutput.ClassifierChain if classification else multioutput.RegressorChain
    return chain(estimators[0], order=rule["order"], cv=2)


def _of_trainer(trainer: str, classification: bool, params: dict[str, Any]) -> Any:
    """An estimator of scikit-learn that a trainer stands for, or of the user's modules."""
    if "." in trainer:
        # Of the sandbox, by its path.
        path, _, name = trainer.rpartition(".")
        try:
            return getattr(importlib.import_module(path), name)()
        except (ImportError, AttributeError, TypeError) as error:
            raise ValueError(f"the model is of the class `{trainer}`: {error}") from error
    modules = (
        "cross_decomposition",
        "dummy",
        "ensemble",
        "linear_model",
        "naive_bayes",
        "neighbors",
        "svm",
        "tree",
    )
    for key, rule in TRAINERS.items():
        package, _, name = key.partition(".")
        if package != "sklearn" or rule.name != trainer:
            continue
        for module in modules:
            kind = getattr(importlib.import_module(f"sklearn.{module}"), name, None)
            if kind is not None and is_classifier(kind()) == classification:
                return kind(probability=True) if params.get("probability") else kind()
    raise ValueError(f"no class of scikit-learn stands for the trainer `{trainer}`")


__all__ = ["Model", "load"]
