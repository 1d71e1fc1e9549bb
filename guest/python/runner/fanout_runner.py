"""The interpreter's side of the adapter: answers its requests.

`answer(request)` takes and gives bytes, a message as `src/message.rs` describes it: the
length of a JSON document, the document, and columns of numbers at multiples of 8 bytes.
Beside numpy and scikit-learn, which the interpreter has, it needs nothing, so that any
Python can run it. `fanout guest python` imports it before the interpreter's memory is
kept, calls `describe` once, and each task finds everything as it was then.
"""

import copy
import importlib
import inspect
import json
import numbers
import pickle
import random
import struct
import sys
import traceback
import warnings

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import all_estimators
from sklearn.utils._param_validation import Interval, InvalidParameterError, Options, StrOptions

# Seeds of the generators that an estimator without `random_state` draws from. They are
# set before each fit: the state of a generator is otherwise that of the kept memory.
SEED = 0
# Characters of a fault: the host keeps 1,000 bytes.
MESSAGE = 900
# Frames of a traceback, the last ones.
FRAMES = 4

# By name of a trainer: its class.
CLASSES = {}
# What `describe` answers.
DESCRIPTION = b""


# --- messages


class Message:
    """Reads the columns of a request, one after the other."""

    def __init__(self, data):
        (length,) = struct.unpack_from("<Q", data)
        self.head = json.loads(data[8 : 8 + length])
        self.data = data
        self.at = -(-(8 + length) // 8) * 8

    def numbers(self, *shape):
        count = int(np.prod(shape, dtype=np.int64))
        column = np.frombuffer(self.data, "<f8", count, self.at)
        self.at += 8 * count
        return column.reshape(shape)

    def take(self, length):
        taken = self.data[self.at : self.at + length]
        self.at += -(-length // 8) * 8
        return taken


def message(head, columns=()):
    head = json.dumps(head).encode()
    parts = [struct.pack("<Q", len(head)), head, bytes(-len(head) % 8)]
    for column in columns:
        column = column if isinstance(column, bytes) else column.tobytes()
        parts += [column, bytes(-len(column) % 8)]
    return b"".join(parts)


def answer(request):
    """The answer to a request: a fault, if anything is raised."""
    try:
        warnings.simplefilter("ignore")
        read = Message(request)
        return OPERATIONS[read.head["op"]](read)
    except InvalidParameterError as error:
        return fault("invalid-params", str(error))
    except Misuse as error:
        return fault(error.kind, str(error))
    except BaseException as error:
        return fault("failed", told(error))


def fault(kind, text):
    return message({"fault": {"fault": kind, "message": text}})


class Misuse(Exception):
    """What the user can mend."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


def told(error):
    """An exception as text: what it says, and where it was raised."""
    said = "".join(traceback.format_exception_only(error)).strip()
    own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    where = []
    for frame in reversed(own[-FRAMES:]):
        line = f" `{frame.line}`" if frame.line else ""
        where.append(f"\n  in {frame.name}, {frame.filename}:{frame.lineno}{line}")
    room = MESSAGE - sum(map(len, where))
    if len(said) > room:
        said = said[: max(room, MESSAGE // 2)] + "…"
    return said + "".join(where)


# --- fits and predictions


def features(read, rows, columns):
    """Rows of features: an array, or with categories a data frame."""
    names, labels = columns["names"], columns["labels"]
    if not any(labels):
        # A copy of its own: an estimator may write to it.
        return read.numbers(rows, len(names)).copy()
    import pandas as pd

    values = read.numbers(len(names), rows)
    frame = {}
    for name, labels_of, column in zip(names, labels, values):
        if labels_of is None:
            frame[name] = column.copy()
        else:
            codes = np.where(np.isnan(column), -1, column).astype(np.int32)
            frame[name] = pd.Categorical.from_codes(codes, categories=labels_of)
    return pd.DataFrame(frame)


def labels_of(classes):
    """The labels as an array: whole numbers, numbers or texts."""
    for kind in (int, float):
        try:
            labels = [kind(label) for label in classes]
        except ValueError:
            continue
        if [str(label) for label in labels] == classes:
            return np.array(labels, dtype=np.int64 if kind is int else np.float64)
    return np.array(classes, dtype=object)


def find(name):
    """The class of a dotted name."""
    known = CLASSES.get(name)
    if known is not None:
        return known
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError):
        raise Misuse("invalid-params", f"there is no class `{name}`") from None


def value(given, default, labels):
    """A value of JSON as the estimator takes it: `{"python": "dotted.Name", "params":
    {…}}` is an object of that class, in lists and maps, too; a list is a tuple where the
    default is one, and the keys of a map of classes are their labels."""
    if isinstance(given, dict):
        if "python" in given:
            return make(given["python"], given.get("params", {}), labels)
        if len(labels) and set(given) <= set(map(str, labels)):
            by_text = {str(label): label for label in labels.tolist()}
            return {by_text[key]: inner for key, inner in given.items()}
        return {key: value(inner, None, labels) for key, inner in given.items()}
    if isinstance(given, list):
        items = [value(inner, None, labels) for inner in given]
        return tuple(items) if isinstance(default, tuple) else items
    return given


def make(name, params, labels):
    """An estimator with the given hyper-parameters."""
    made = find(name)
    known = signature(made)
    arguments = {}
    for key, given in params.items():
        default = known[key].default if key in known else None
        arguments[key] = value(given, default, labels)
    try:
        return made(**arguments)
    except TypeError as error:
        raise Misuse("invalid-params", f"`{name}`: {error}") from error


def reseed():
    random.seed(SEED)
    np.random.seed(SEED)


class Training:
    """The training rows of a request, which every candidate gets anew."""

    def __init__(self, read):
        of, fit = read.head["of"], read.head["fit"]
        self.of, self.rows = of, fit["train"]
        self.classes = labels_of(of["classes"])
        self.read, self.at = read, read.at
        self.features()
        y = read.numbers(self.rows)
        self.y = y if of["learning"] == "regression" else self.classes[y.astype(np.intp)]
        self.weights = read.numbers(self.rows) if fit["weights"] else None

    def features(self):
        self.read.at, after = self.at, self.read.at
        made = features(self.read, self.rows, self.of["columns"])
        self.read.at = max(after, self.read.at)
        return made

    def fit(self, params):
        estimator = make(self.of["trainer"], params, self.classes)
        reseed()
        given = {} if self.weights is None else {"sample_weight": self.weights.copy()}
        return estimator.fit(self.features(), self.y.copy(), **given) or estimator


ALL = {"classes": True, "decisions": True, "probabilities": True}


def predicted(estimator, x, learning, classes, wants=ALL):
    """Predictions: what an answer says of them, and its columns."""
    of = {"numbers": learning == "regression", "decisions": False, "probabilities": False}
    if not (of["numbers"] or wants["classes"]):
        columns, order = [np.zeros(len(x), "<i4")], order_of(classes)
        return ranked(estimator, x, classes, wants, of, columns, order)
    found = np.asarray(estimator.predict(x))
    if len(found) != len(x):
        raise ValueError(f"`predict` gave {len(found)} predictions for {len(x)} rows")
    if of["numbers"]:
        found = found.reshape(len(x), -1)
        if found.shape[1] != 1:
            raise ValueError(f"`predict` gave {found.shape[1]} numbers for each row")
        return of, [found[:, 0].astype("<f8")]
    order = order_of(classes)
    try:
        codes = np.array([order[label] for label in found.ravel().tolist()], dtype="<i4")
    except KeyError as error:
        raise ValueError(f"`predict` gave {error}, which is no class") from None
    return ranked(estimator, x, classes, wants, of, [codes], order)


def order_of(classes):
    return {label: code for code, label in enumerate(classes.tolist())}


def ranked(estimator, x, classes, wants, of, columns, order):
    """The same with decisions and probabilities. Rows are ranked by decisions, or by
    probabilities where there are none, as scikit-learn's scorers do."""
    own = getattr(estimator, "classes_", classes)
    places = [order.get(label) for label in np.asarray(own).tolist()]
    for key, method, absent in (
        ("decisions", "decision_function", -np.inf),
        ("probabilities", "predict_proba", 0.0),
    ):
        wanted = wants[key]
        if key == "probabilities":
            wanted = wanted or (wants["decisions"] and not of["decisions"])
        if not wanted or not hasattr(estimator, method):
            continue
        table = np.asarray(getattr(estimator, method)(x), dtype="<f8")
        table = spread(table, places, len(classes), absent)
        if table is not None:
            of[key] = True
            columns.append(table)
    return of, columns


def spread(table, places, classes, absent):
    """Numbers by class of the estimator as numbers by class of the target: one column for
    two classes, that of the second. `None` if they are not by class."""
    rows = len(table)
    if None in places:
        return None
    if table.ndim == 1 and len(places) == 2:
        if classes == 2:
            return table
        table = np.stack([-table, table], axis=1)
    if table.ndim != 2 or table.shape[1] != len(places):
        return None
    whole = np.full((rows, classes), absent)
    whole[:, places] = table
    return np.ascontiguousarray(whole[:, 1] if classes == 2 else whole)


# By estimator: the hyper-parameter of which one fit at the largest value contains those of
# all smaller ones, bit for bit, and whether a fit does.
NESTED = {
    "AdaBoostClassifier": ("n_estimators", lambda fitted: True),
    "AdaBoostRegressor": ("n_estimators", lambda fitted: True),
    "ExtraTreesClassifier": ("n_estimators", lambda fitted: not fitted.warm_start),
    "ExtraTreesRegressor": ("n_estimators", lambda fitted: not fitted.warm_start),
    "GradientBoostingClassifier": ("n_estimators", lambda fitted: fitted.n_iter_no_change is None),
    "GradientBoostingRegressor": ("n_estimators", lambda fitted: fitted.n_iter_no_change is None),
    "HistGradientBoostingClassifier": ("max_iter", lambda fitted: not fitted.do_early_stopping_),
    "HistGradientBoostingRegressor": ("max_iter", lambda fitted: not fitted.do_early_stopping_),
    "RandomForestClassifier": ("n_estimators", lambda fitted: not fitted.warm_start),
    "RandomForestRegressor": ("n_estimators", lambda fitted: not fitted.warm_start),
}
# What such an estimator holds of each of its rounds or trees.
OF_ROUNDS = ("estimators_", "estimator_weights_", "estimator_errors_", "_predictors")


def nested_of(trainer):
    package, _, name = trainer.rpartition(".")
    return NESTED.get(name, (None, None)) if package == "sklearn.ensemble" else (None, None)


def cut(fitted, nested, rounds):
    """The estimator of the first rounds of a fitted one."""
    cut = copy.copy(fitted)
    setattr(cut, nested, rounds)
    for name in OF_ROUNDS:
        if name in vars(fitted):
            setattr(cut, name, getattr(fitted, name)[:rounds])
    if "n_estimators_" in vars(fitted):
        cut.n_estimators_ = len(cut.estimators_)
    return cut


def families(trainer, candidates):
    """The candidates that differ in a nested hyper-parameter alone: places, and the value
    of each, the largest first."""
    nested, _ = nested_of(trainer)
    known = signature(find(trainer))
    found = {}
    for place, params in enumerate(candidates):
        rest = {name: of for name, of in params.items() if name != nested}
        rounds = params.get(nested, known[nested].default) if nested in known else None
        found.setdefault(json.dumps(rest, sort_keys=True), []).append((rounds, place))
    return [sorted(family, key=lambda of: -(of[0] or 0)) for family in found.values()]


def fitted_candidates(training, candidates):
    """Each candidate's place and fitted estimator, and the number of fits until then."""
    trainer, fits = training.of["trainer"], 0
    nested, contains = nested_of(trainer)
    for family in families(trainer, candidates):
        largest = None
        for rounds, place in family:
            if largest is None or not contains(largest):
                largest = training.fit(candidates[place])
                fits += 1
                yield place, largest, fits
            else:
                yield place, cut(largest, nested, rounds), fits


def evaluate(read):
    head = read.head
    training = Training(read)
    test_at, fit = read.at, head["fit"]
    answers = {}
    for place, estimator, fits in fitted_candidates(training, fit["candidates"]):
        read.at = test_at
        test = features(read, head["test"], head["of"]["columns"])
        sets = [test, training.features()] if fit["train_score"] else [test]
        of_sets, columns = [], []
        for x in sets:
            learning, wants = head["of"]["learning"], fit["wants"]
            of, found = predicted(estimator, x, learning, training.classes, wants)
            of_sets.append(of)
            columns += found
        answers[place] = of_sets, columns
    of_candidates, of_columns = zip(*(answers[place] for place in sorted(answers)))
    return message({"candidates": of_candidates, "fits": fits}, sum(of_columns, []))


def fit(read):
    estimator = Training(read).fit(read.head["fit"]["candidates"][0])
    try:
        model = pickle.dumps(estimator, protocol=5)
    except Exception as error:
        raise Misuse("failed", f"the model can't be kept: {told(error)}") from error
    oob_score = getattr(estimator, "oob_score_", None)
    oob_score = float(oob_score) if isinstance(oob_score, numbers.Real) else None
    return message({"model": len(model), "oob_score": oob_score}, [model])


def predict(read):
    head = read.head
    estimator = pickle.loads(read.take(head["model"]))
    x = features(read, head["test"], head["of"]["columns"])
    reseed()
    classes = labels_of(head["of"]["classes"])
    of, columns = predicted(estimator, x, head["of"]["learning"], classes)
    return message({"predicted": of}, columns)


# --- steps


def step_rows(transformed, rows):
    """What a transformer made of rows, as numbers."""
    if hasattr(transformed, "toarray"):
        transformed = transformed.toarray()
    table = np.asarray(transformed, dtype="<f8")
    if table.ndim != 2 or len(table) != rows:
        raise ValueError(f"`transform` gave the shape {table.shape} for {rows} rows")
    return np.ascontiguousarray(table)


def step_names(step, columns, width, name):
    try:
        names = [str(of) for of in step.get_feature_names_out(columns["names"])]
    except Exception:
        names = []
    if len(names) != width or len(set(names)) != width:
        short = name.rpartition(".")[2].lower()
        names = [f"{short}{number}" for number in range(width)]
    return names


def fit_step(read):
    head, fit = read.head, read.head["fit"]
    columns, rows = head["columns"], head["rows"]
    x = features(read, fit["train"], columns)
    y = read.numbers(fit["train"])
    classes = labels_of(fit["classes"])
    y = y.copy() if fit["learning"] == "regression" else classes[y.astype(np.intp)]
    step = make(head["step"], fit["params"], classes)
    reseed()
    if hasattr(step, "fit_transform"):
        trained = step.fit_transform(x, y)
    else:
        trained = (step.fit(x, y) or step).transform(x)
    made = [step_rows(trained, fit["train"])]
    if rows:
        made.append(step_rows(step.transform(features(read, rows, columns)), rows))
    made = np.concatenate(made)
    model = pickle.dumps(step, protocol=5)
    names = step_names(step, columns, made.shape[1], head["step"])
    return message({"names": names, "model": len(model)}, [model, made])


def transform(read):
    head = read.head
    step = pickle.loads(read.take(head["model"]))
    reseed()
    made = step_rows(step.transform(features(read, head["rows"], head["columns"])), head["rows"])
    return message({"names": step_names(step, head["columns"], made.shape[1], head["step"])}, [made])


# --- the description


def signature(made):
    """The hyper-parameters of a class, by name."""
    try:
        params = inspect.signature(made).parameters
    except (TypeError, ValueError):
        return {}
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {name: param for name, param in params.items() if param.kind not in kinds}


def as_json(default):
    """A default as a value of JSON, and whether it is one."""
    if isinstance(default, tuple):
        default = list(default)
    if default is inspect.Parameter.empty:
        return None, False
    try:
        text = json.dumps(default, allow_nan=False)
        return json.loads(text), True
    except (TypeError, ValueError):
        return None, False


def kinds_of(constraints):
    """The kinds of values that scikit-learn's constraints allow, as the contract has them;
    `None` if it has none for one of them."""
    kinds, whole = [], []
    for constraint in constraints:
        if constraint is None:
            kinds.append({"kind": "null"})
        elif isinstance(constraint, Interval):
            kinds.append(interval(constraint))
        elif isinstance(constraint, (StrOptions, Options)):
            texts = [option for option in constraint.options if isinstance(option, str)]
            if len(texts) < len(constraint.options):
                return None
            kinds.append({"kind": "choice", "of": sorted(texts)})
        elif constraint in ("boolean", "verbose", bool):
            kinds.append({"kind": "bool"})
            if constraint == "verbose":
                kinds.append({"kind": "int", "min": 0})
        elif constraint == "random_state":
            kinds += [{"kind": "null"}, {"kind": "int", "min": 0}]
        elif constraint is numbers.Integral:
            kinds.append({"kind": "int"})
        elif constraint is numbers.Real:
            kinds.append({"kind": "float"})
        elif constraint is str:
            kinds.append({"kind": "text"})
        elif constraint is callable or "callable" in str(constraint).lower():
            # No value of JSON is one.
            continue
        else:
            return None
    distinct = []
    for kind in kinds:
        if kind not in distinct:
            distinct.append(kind)
    # A whole number for an estimator that takes numbers is one of them, whichever of two
    # ranges it is of.
    both = {"int", "float"} <= {kind["kind"] for kind in distinct}
    return None if both and overlapping(distinct) else distinct or None


def overlapping(kinds):
    """Whether whole numbers are allowed by the range of the other numbers, too."""
    floats = [kind for kind in kinds if kind["kind"] == "float"]
    return any(kind.get("max") is None or kind["max"] > 1 for kind in floats)


def interval(constraint):
    low, high, closed = constraint.left, constraint.right, constraint.closed
    if constraint.type is numbers.Integral:
        kind = {"kind": "int"}
        if low is not None:
            kind["min"] = int(low) + (closed in ("right", "neither"))
        if high is not None:
            kind["max"] = int(high) - (closed in ("left", "neither"))
        return kind
    kind = {"kind": "float"}
    if low is not None and np.isfinite(low):
        kind["min"] = float(low)
        if closed in ("right", "neither"):
            kind["above_min"] = True
    if high is not None and np.isfinite(high):
        kind["max"] = float(high)
    return kind


def param(name, known, constraints):
    default, is_json = as_json(known.default)
    kinds = kinds_of(constraints.get(name, ["any"]))
    if kinds is None or not is_json:
        kinds = [{"kind": "any"}]
    shown = "" if is_json else f"; by default {plain(repr(known.default))}"
    if known.default is inspect.Parameter.empty:
        shown = "; it has no default"
    return {"name": name, "kinds": kinds, "default": default, "meaning": f"See the class{shown}."}


def plain(text):
    """A text without control characters, of at most 200 characters."""
    return "".join(c if c.isprintable() else " " for c in text)[:200]


def summary(made):
    lines = (inspect.getdoc(made) or "").strip().splitlines()
    first = []
    for line in lines:
        if not line.strip():
            break
        first.append(line.strip())
    return plain(" ".join(first)) or f"The class {made.__qualname__}."


def learns(made):
    """The kinds of target that a class learns; none if it can't be made without arguments
    and does not say so."""
    try:
        made = made()
    except Exception:
        pass
    try:
        if is_classifier(made):
            return ["binary", "multiclass"]
        if is_regressor(made):
            return ["regression"]
    except Exception:
        pass
    return ["binary", "multiclass", "regression"]


def params_of(made):
    """The hyper-parameters of a class, described."""
    constraints = getattr(made, "_parameter_constraints", None)
    constraints = constraints if isinstance(constraints, dict) else {}
    known = signature(made).items()
    return [param(key, of, constraints) for key, of in known if "__" not in key]


def trainer(name, made, tasks):
    nested, _ = nested_of(name)
    fit_takes = signature(made.fit)
    params = params_of(made)
    for of in params:
        if of["name"] == nested:
            of.update(nested=True, cost="linear")
    return {
        "name": name,
        "summary": summary(made),
        "tasks": tasks,
        "abilities": {
            "missing": True,
            "categories": True,
            "weights": "sample_weight" in fit_takes,
            "probabilities": hasattr(made, "predict_proba"),
            "decisions": True,
        },
        "params": params,
    }


# Transformers that are made of others, or of tables that are no features.
NOT_ALONE = {"ColumnTransformer", "FeatureUnion", "SparseCoder", "IsotonicRegression"}


def step_of(name, made):
    return {
        "name": name,
        "summary": summary(made),
        "takes": "any",
        "missing": True,
        "uses_target": True,
        "params": params_of(made),
    }


def public_name(made):
    """The shortest public path of a class of scikit-learn."""
    parts = [part for part in made.__module__.split(".") if not part.startswith("_")]
    while parts:
        path = ".".join(parts)
        if getattr(sys.modules.get(path), made.__name__, None) is made:
            return f"{path}.{made.__name__}"
        parts.pop()
    return f"{made.__module__}.{made.__name__}"


def has(made, *methods):
    return all(callable(getattr(made, method, None)) for method in methods)


def describe(sources=()):
    """Finds the estimators: those of scikit-learn, and the classes of the users' modules
    that have `fit` and `predict`. Returns their names, with what they learn."""
    global DESCRIPTION
    CLASSES.clear()
    trainers, steps = [], []
    for _, made in all_estimators("transformer"):
        name = public_name(made)
        takes_text = "feature_extraction" in name or "Label" in made.__name__
        if hasattr(made, "transform") and not takes_text and made.__name__ not in NOT_ALONE:
            CLASSES[name] = made
            steps.append(step_of(name, made))
    for kind, tasks in (
        ("classifier", ["binary", "multiclass"]),
        ("regressor", ["regression"]),
    ):
        for _, made in all_estimators(kind):
            name = public_name(made)
            CLASSES[name] = made
            trainers.append(trainer(name, made, tasks))
    for source in sources:
        for attribute, made in vars(sys.modules[source]).items():
            is_own = isinstance(made, type) and made.__module__ == source
            if not is_own or attribute.startswith("_"):
                continue
            name = f"{source}.{attribute}"
            if has(made, "fit", "predict"):
                trainers.append(trainer(name, made, learns(made)))
            elif has(made, "fit", "transform"):
                steps.append(step_of(name, made))
            else:
                continue
            CLASSES[name] = made
    trainers.sort(key=lambda it: it["name"])
    steps.sort(key=lambda it: it["name"])
    DESCRIPTION = message({"trainers": trainers, "steps": steps})
    return [(it["name"], it["tasks"]) for it in trainers]


OPERATIONS = {
    "describe": lambda read: DESCRIPTION,
    "evaluate": evaluate,
    "fit": fit,
    "fit_step": fit_step,
    "predict": predict,
    "transform": transform,
}
