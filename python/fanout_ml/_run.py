"""A plan in a folder, its run by the program, and the scores that come back."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray
from sklearn.exceptions import FitFailedWarning

from . import _data, _program
from ._data import Frame, Splits, Target, take
from ._mapping import Translated, arms
from ._progress import Progress
from ._scoring import Answers, Scorer
from .exceptions import RunFailed

Json = Any

# No limits but those of the sandbox: as in scikit-learn, a fit takes as long as it takes.
_LIMITS = {"memory": "4GiB", "timeout": "24h"}


@dataclass
class Settings:
    """Where and how tasks run; see `GridSearchCV`."""

    store: str | None = None
    pool: str | Mapping[str, Json] | None = None
    families: bool = True
    limits: Mapping[str, Json] | None = None
    workers: int | None = None
    progress: bool | None = None

    def of_plan(self) -> dict[str, Json]:
        """The sections of a plan."""
        pool: dict[str, Json] = {"kind": "local"}
        if isinstance(self.pool, Mapping):
            pool = dict(self.pool)
        if self.workers is not None and pool["kind"] == "local":
            pool["workers"] = self.workers
        return {
            "pool": pool,
            "families": bool(self.families),
            "limits": {**_LIMITS, **(self.limits or {})},
        }

    def arguments(self) -> list[str]:
        """The options of `fanout run`."""
        return ["--pool", self.pool] if isinstance(self.pool, str) else []


@dataclass
class Data:
    """What is searched: as a user has it, and as the table of the program."""

    X: Any
    y: Any
    frame: Frame
    target: Target
    weight: NDArray[np.float64] | None = None
    # Whether the weights count in scores, too.
    weighs_scores: bool = False


@dataclass
class Scores:
    """By scorer: an array of shape (candidates, splits)."""

    test: dict[str, NDArray[np.float64]]
    train: dict[str, NDArray[np.float64]]
    # Seconds: the mean and the standard deviation over the splits, by candidate.
    fit_time: NDArray[np.float64]
    fit_time_std: NDArray[np.float64]
    # The place of the candidate whose model is in `model`.
    best: int | None = None
    model: bytes | None = None
    refit_time: float = 0.0
    # What the program says of the data, one sentence each.
    notes: list[str] = field(default_factory=list)
    failed: int = 0


@dataclass
class Wanted:
    """What is asked of the fits."""

    scorers: Mapping[str, Scorer]
    train_score: bool = False
    error_score: float | str = np.nan
    # The scorer by which the best candidate is chosen and refitted.
    refit: str | None = None


class Folder:
    """A temporary folder of a run, and its store. It stays after an interrupt."""

    def __init__(self, store: str | None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="fanout-"))
        # The program runs in this folder.
        self.store = store or str(self.path / "store")
        if "://" not in self.store:
            self.store = str(Path(self.store).expanduser().absolute())

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: Any) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class Run:
    """A plan in a folder, and its results."""

    def __init__(
        self,
        folder: Folder,
        data: Data,
        splits: Splits,
        candidates: Sequence[Translated],
        settings: Settings,
    ) -> None:
        self.folder = folder
        self.data = data
        self.splits = splits
        self.arms = arms(candidates)
        self.count = len(candidates)
        self.settings = settings
        self.dropped = candidates[0].dropped
        self.categorical = candidates[0].categorical
        self.notes: list[str] = []
        self.failed = 0
        self.fault = ""
        self.run = ""
        self.refit_time = 0.0
        _data.write(folder.path / "data.arrow", data.frame, data.target, data.weight, splits)

    @property
    def places(self) -> list[list[int]]:
        """The places of the candidates of each row of the results."""
        return [places for arm in self.arms for places in arm.places]

    def plan(self, scoring: list[dict[str, Json]], wanted: Wanted) -> dict[str, Json]:
        """The plan."""
        data = self.data
        frame = data.frame
        features = [name for name in frame.names if name not in self.dropped]
        dataset: dict[str, Json] = {
            "source": "data.arrow",
            "target": _data.TARGET,
            "features": features,
            "learn": "regression" if data.target.classes is None else "classification",
        }
        categorical = {*frame.categorical, *self.categorical} - self.dropped
        if categorical:
            dataset["categorical"] = sorted(categorical)
        if data.weight is not None:
            dataset["weight"] = _data.WEIGHT
        error = wanted.error_score
        if not isinstance(error, str):
            error = "nan" if np.isnan(error) else float(error)
        return {
            "name": "fanout-ml",
            "dataset": dataset,
            "trainers": [arm.plan() for arm in self.arms],
            "cv": self.splits.plan,
            "scoring": scoring,
            "refit": wanted.refit or False,
            "return_train_score": wanted.train_score,
            "error_score": error,
            **self.settings.of_plan(),
        }

    def go(
        self, scoring: list[dict[str, Json]], wanted: Wanted, *, predictions: bool = False
    ) -> None:
        """Runs the plan; its results are files of the folder `results`."""
        plan = self.plan(scoring, wanted)
        plan["predictions"] = predictions
        error = self.once(plan)
        if self.failed and plan["families"] and self.count > 1:
            # What fails a family fails all that share its fit.
            self.failed, self.fault, self.notes = 0, "", []
            error = self.once({**plan, "families": False})
        self._check_failures(wanted)
        # Scores that are not defined are NaN.
        if error is not None and not str(error).startswith("no candidate has a score"):
            raise error

    def once(self, plan: dict[str, Json]) -> RunFailed | None:
        """Runs a plan, and returns the error with which it ends."""
        path = self.folder.path / "plan.json"
        path.write_text(json.dumps(plan))
        error = None
        progress = Progress(self.settings.progress)
        started = 0.0

        def listen(event: _program.Event) -> None:
            nonlocal started
            kind = event["event"]
            if kind == "run_started":
                self.run = event["run"]
            elif kind in ("dataset_warned", "plan_warned"):
                self.notes.append(event["message"])
            elif kind == "task_finished" and event.get("fault"):
                self.failed += event["fits"]
                self.fault = self.fault or _told(event["fault"])
            elif kind == "refit_started":
                started = time.perf_counter()
            progress.listen(event)

        with progress:
            arguments = ["plan.json", "--output", "results", "--store", self.folder.store]
            try:
                _program.run(
                    [*arguments, *self.settings.arguments()], str(self.folder.path), listen
                )
            except RunFailed as failed:
                error = failed
        if started:
            self.refit_time = time.perf_counter() - started
        return error

    def _check_failures(self, wanted: Wanted) -> None:
        """Warns of fits that failed, as scikit-learn does, or raises its error."""
        fits = sum(map(len, self.places)) * self.splits.count
        if not self.failed:
            return
        if wanted.error_score == "raise":
            raise ValueError(self.fault)
        if self.failed >= fits:
            raise ValueError(
                f"\nAll the {fits} fits failed.\nIt is very likely that your model is "
                "misconfigured.\nYou can try to debug the error by setting error_score='raise'.\n"
                f"\nThe first of them: {self.fault}"
            )
        warnings.warn(
            f"\n{self.failed} fits failed out of a total of {fits}.\nThe score on these train-test "
            f"partitions for these parameters will be set to {wanted.error_score}.\nIf these "
            "failures are not expected, you can try to debug them by setting "
            f"error_score='raise'.\n\nThe first of them: {self.fault}",
            FitFailedWarning,
            stacklevel=5,
        )

    def scored(self, scoring: list[dict[str, Json]], wanted: Wanted) -> Scores:
        """The scores that the program computed, with the model of the best candidate."""
        self.go(scoring, wanted)
        table = pa.parquet.read_table(self.folder.path / "results" / "cv_results.parquet")
        names = [metric["name"] for metric in scoring]
        order = self.places

        def spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
            """From rows of the results to candidates."""
            out = np.empty((self.count, *values.shape[1:]))
            for row, places in enumerate(order):
                out[places] = values[row]
            return out

        def column(name: str) -> NDArray[np.float64]:
            values = table.column(name).to_numpy()
            return np.asarray(values, dtype=np.float64)

        def scores(kind: str) -> dict[str, NDArray[np.float64]]:
            return {
                name: spread(
                    np.column_stack(
                        [
                            column(f"split{split}_{kind}_{name}")
                            for split in range(self.splits.count)
                        ]
                    )
                )
                for name in names
            }

        best, model = None, None
        path = self.folder.path / "results" / "model.fanout"
        if wanted.refit and path.is_file():
            told = json.loads((self.folder.path / "results" / "best.json").read_text())
            best = min(order[told["best"]["index"]])
            model = path.read_bytes()
        return Scores(
            test=scores("test"),
            train=scores("train") if wanted.train_score else {},
            fit_time=spread(column("mean_fit_time")),
            fit_time_std=spread(column("std_fit_time")),
            best=best,
            model=model,
            refit_time=self.refit_time,
            notes=self.notes,
            failed=self.failed,
        )

    def called(
        self,
        pairs: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
        wanted: Wanted,
    ) -> Scores:
        """The scores of scorers that are called with the predictions of each fit."""
        self.go(
            [cheap(self.data.target)], Wanted({}, error_score=wanted.error_score), predictions=True
        )
        shape = (self.count, self.splits.count)
        test = {name: np.full(shape, np.nan) for name in wanted.scorers}
        tests = [np.sort(rows) for _, rows in pairs]
        parts = [(take(self.data.X, rows), take(self.data.y, rows)) for rows in tests]
        for row, places in enumerate(self.places):
            for split, answers in enumerate(self.answers(row)):
                for name, scorer in wanted.scorers.items():
                    try:
                        score = self.score(name, scorer, answers, *parts[split], tests[split])
                    except Exception:
                        if wanted.error_score == "raise":
                            raise
                        warnings.warn(
                            "Scoring failed. The score on this train-test partition for these "
                            f"parameters will be set to {wanted.error_score}. Details: \n"
                            f"{traceback.format_exc()}",
                            UserWarning,
                            stacklevel=5,
                        )
                        score = wanted.error_score
                    for one, value in _by_name(name, score).items():
                        test.setdefault(one, np.full(shape, np.nan))[places, split] = value
        # A scorer that gives a dictionary is several.
        test = {name: scores for name, scores in test.items() if not np.isnan(scores).all()} or test
        table = pa.parquet.read_table(self.folder.path / "results" / "cv_results.parquet")
        times = np.zeros((2, self.count))
        for row, places in enumerate(self.places):
            times[0, places] = table.column("mean_fit_time")[row].as_py()
            times[1, places] = table.column("std_fit_time")[row].as_py()
        return Scores(test, {}, times[0], times[1], notes=self.notes, failed=self.failed)

    def score(
        self, name: str, scorer: Scorer, answers: Answers, X: Any, y: Any, rows: NDArray[np.int64]
    ) -> Any:
        """What a scorer says, with the weights of the rows if it takes them."""
        if self.data.weight is not None and self.data.weighs_scores:
            try:
                return scorer(answers, X, y, sample_weight=self.data.weight[rows])
            except TypeError:
                shown = scorer if name == "score" else f"{name}={scorer}"
                warnings.warn(
                    f"The scoring {shown} does not support sample_weight, which may lead to "
                    "statistically incorrect results when fitting with sample_weight.",
                    UserWarning,
                    stacklevel=6,
                )
        return scorer(answers, X, y)

    def answers(self, row: int) -> list[Answers]:
        """What a row of the results predicts of the test rows of each split, in ascending
        order."""
        path = self.folder.path / "predictions.arrow"
        _program.call(
            [
                "show",
                self.run,
                "--store",
                self.folder.store,
                "--candidate",
                str(row),
                "--predictions",
                str(path),
                "--json",
            ]
        )
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_stream(file).read_all()
        split = np.asarray(table.column("split").to_pylist(), dtype=object)
        rows = table.column("row").to_numpy()
        found = []
        for number in range(self.splits.count):
            own = np.flatnonzero(split == str(number))
            own = own[np.argsort(rows[own], kind="stable")]
            found.append(read_answers(table.take(pa.array(own)), self.data.target.classes))
        return found


def read_answers(
    table: pa.Table, classes: NDArray[Any] | None, names: list[str] | None = None
) -> Answers:
    """What the program predicted, with the user's labels. `names` are those of the classes in the
    table, where they are not their numbers."""
    if classes is None:
        values = np.asarray(table.column("prediction").to_numpy(), dtype=np.float64)
        return Answers(values, None, None, None)
    count = len(classes)
    names = names or [str(code) for code in range(count)]
    places = {name: code for code, name in enumerate(names)}
    labels = table.column("prediction").cast(pa.string()).to_pylist()
    codes = np.fromiter((places[label] for label in labels), dtype=np.int64, count=len(labels))
    columns = set(table.column_names)

    def stacked(kind: str, of: Sequence[str]) -> NDArray[np.float64] | None:
        wanted = [f"{kind}_{name}" for name in of]
        if not columns.issuperset(wanted):
            return None
        return np.column_stack([table.column(name).to_numpy() for name in wanted])

    probabilities = stacked("probability", names)
    decisions = stacked("decision", names[1:] if count == 2 else names)
    if decisions is not None and count == 2:
        decisions = decisions[:, 0]
    return Answers(classes[codes], probabilities, decisions, classes)


def cheap(target: Target) -> dict[str, Json]:
    """A metric of any fit."""
    return {"metric": "accuracy" if target.classes is not None else "neg_mean_squared_error"}


def _by_name(name: str, score: Any) -> dict[str, float]:
    if isinstance(score, Mapping):
        return {str(key): float(value) for key, value in score.items()}
    if isinstance(score, (str, bytes)) or not np.isscalar(score):
        raise ValueError(
            f"scoring must return a number, got {score!r} ({type(score)}) instead. (scorer={name})"
        )
    return {name: float(np.asarray(score))}


def _told(fault: Any) -> str:
    """A task's fault as text."""
    inner = fault.get("fault", fault) if isinstance(fault, dict) else fault
    if isinstance(inner, dict) and "message" in inner:
        return str(inner["message"])
    return json.dumps(fault)
