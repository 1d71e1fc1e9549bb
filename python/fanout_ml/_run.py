"""A plan in a folder, its run by the program, and the scores that come back."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.exceptions import FitFailedWarning

from . import _data, _program
from ._data import Frame, Splits, Target
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
    # Whether scikit-learn in the sandbox stands in for what fanout lacks.
    sandbox: bool = False

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
    # One of each output.
    targets: list[Target]
    weight: NDArray[np.float64] | None = None
    # Whether the weights count in scores, too.
    weighs_scores: bool = False

    @property
    def target(self) -> Target:
        """The target, or the first of several."""
        return self.targets[0]

    @property
    def several(self) -> bool:
        """Whether y has several outputs."""
        return len(self.targets) > 1


@dataclass
class Scores:
    """By scorer: an array of shape (candidates, splits)."""

    test: dict[str, NDArray[np.float64]]
    train: dict[str, NDArray[np.float64]]
    # Seconds: the mean and the standard deviation over the splits, by candidate.
    fit_time: NDArray[np.float64]
    fit_time_std: NDArray[np.float64]
    # Seconds of shape (candidates, splits), where Python scores; else 0.
    score_times: NDArray[np.float64]
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


# The most values of a table that is kept in memory beside the results of its fits.
_SMALL = 1 << 22


class Folder:
    """A temporary folder of a run, and its store."""

    def __init__(self, store: str | None, data: Data | None = None) -> None:
        """`store` is where fits are kept. Else they are kept until the folder is gone; in the
        memory of the program alone where `data` is given and small."""
        self.path = Path(tempfile.mkdtemp(prefix="fanout-"))
        small = data is not None and data.frame.rows * len(data.frame.columns) <= _SMALL
        # The program runs in this folder.
        self.store = store or ("memory://" if small else str(self.path / "store"))
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
        candidates: Sequence[Translated],
        settings: Settings,
        splits: Splits | None = None,
        *,
        apart: bool = False,
    ) -> None:
        """`apart`: each candidate is a trainer of the plan, equal ones too."""
        self.folder = folder
        self.data = data
        self.splits = splits
        self.arms = arms(candidates)
        if apart:
            self.arms = [arm for one in candidates for arm in arms([one])]
        self.count = len(candidates)
        self.settings = settings
        self.dropped = candidates[0].dropped
        self.categorical = candidates[0].categorical
        self.notes: list[str] = []
        self.failed = 0
        self.fault = ""
        self.run = ""
        self.refit_time = 0.0
        _data.write(folder.path / "data.arrow", data.frame, data.targets, data.weight, splits)
        sources = [source for arm in self.arms for source in arm.sources or ()]
        for module, source in dict(sources).items():
            (folder.path / f"{module}.py").write_text(source, encoding="utf-8")

    @staticmethod
    def trainer(candidate: Translated) -> Json:
        """A trainer without steps, as a plan says it."""
        [arm] = arms([candidate])
        return arm.fixed()["trainer"]

    @property
    def places(self) -> list[list[int]]:
        """The places of the candidates of each row of the results."""
        return [places for arm in self.arms for places in arm.places]

    @property
    def results(self) -> Path:
        """The folder of the files of results."""
        return self.folder.path / "results"

    def base(self) -> dict[str, Json]:
        """What plans of all kinds have in common."""
        data = self.data
        frame = data.frame
        dataset: dict[str, Json] = {
            "source": "data.arrow",
            "features": [name for name in frame.names if name not in self.dropped],
        }
        learn = "regression" if data.target.classes is None else "classification"
        names = _data.target_names(data.targets)
        if data.several:
            dataset["targets"] = [{"column": name, "learn": learn} for name in names]
        else:
            dataset.update({"target": names[0], "learn": learn})
        categorical = {*frame.categorical, *self.categorical} - self.dropped
        if categorical:
            dataset["categorical"] = sorted(categorical)
        if data.weight is not None:
            dataset["weight"] = _data.WEIGHT
        return {"name": "fanout-ml", "dataset": dataset, **self.settings.of_plan()}

    def plan(self, scoring: list[dict[str, Json]], wanted: Wanted) -> dict[str, Json]:
        """The plan of a search."""
        assert self.splits is not None
        error = wanted.error_score
        if not isinstance(error, str):
            error = "nan" if np.isnan(error) else float(error)
        return {
            **self.base(),
            "trainers": [arm.plan() for arm in self.arms],
            "cv": self.splits.plan,
            "scoring": scoring,
            "refit": wanted.refit or False,
            "return_train_score": wanted.train_score,
            "error_score": error,
        }

    def fitted(self, ensemble: dict[str, Json] | None = None) -> tuple[bytes, float]:
        """The model of the only candidate, or of all of them, which vote; and the seconds that it
        took."""
        plan = {
            **self.base(),
            "kind": "fit",
            "trainers": [arm.fixed() for arm in self.arms],
        }
        if ensemble is not None:
            plan["ensemble"] = ensemble
        return self.model(plan)

    def searched(self, more: Mapping[str, Json]) -> tuple[bytes, float]:
        """The model of a search by the splits, of a plan that has `more`."""
        wanted = Wanted({}, refit="score")
        plan = self.plan([{**cheap(self.data.target), "name": "score"}], wanted)
        dataset = {**plan["dataset"], **more.get("dataset", {})}
        return self.model({**plan, **more, "dataset": dataset})

    def model(self, plan: dict[str, Json]) -> tuple[bytes, float]:
        """Runs a plan that makes a model, and returns it with the seconds that it took."""
        started = time.perf_counter()
        error = self.once(plan)
        if error is not None:
            raise error
        return (self.results / "model.fanout").read_bytes(), time.perf_counter() - started

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
            if any(arm.sources is not None for arm in self.arms):
                # The component is in the cache, and forty times as large as one of ours.
                arguments.append("--without-guest")
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
        assert self.splits is not None
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
        assert self.splits is not None
        self.go(scoring, wanted)
        table = self.table()
        names = [metric["name"] for metric in scoring]
        order, splits = self.places, range(self.splits.count)

        def spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
            """From rows of the results to candidates."""
            out = np.empty((self.count, *values.shape[1:]))
            for row, places in enumerate(order):
                out[places] = values[row]
            return out

        def scores(kind: str) -> dict[str, NDArray[np.float64]]:
            return {
                name: spread(
                    np.column_stack([table[f"split{split}_{kind}_{name}"] for split in splits])
                )
                for name in names
            }

        best, model = None, None
        path = self.results / "model.fanout"
        if wanted.refit and path.is_file():
            told = json.loads((self.results / "best.json").read_text())
            best = min(order[told["best"]["index"]])
            model = path.read_bytes()
        return Scores(
            test=scores("test"),
            train=scores("train") if wanted.train_score else {},
            fit_time=spread(table["mean_fit_time"]),
            fit_time_std=spread(table["std_fit_time"]),
            # They are computed where the model is fitted, and count in its time.
            score_times=np.zeros((self.count, self.splits.count)),
            best=best,
            model=model,
            refit_time=self.refit_time,
            notes=self.notes,
            failed=self.failed,
        )

    def table(self) -> dict[str, NDArray[np.float64]]:
        """The scores and times of the results, a row for each candidate; of several outputs, those
        of one after those of the other. What is not defined is NaN."""
        told = json.loads((self.results / "cv_results.json").read_bytes())
        return {
            name: np.array(values, dtype=np.float64)
            for name, values in told.items()
            if name.startswith(("split", "mean_", "std_"))
        }

    def runs(self) -> list[str]:
        """The id of the run of each output."""
        if not self.data.several:
            return [self.run]
        told = json.loads((self.results / "targets.json").read_bytes())
        return [target["run"] for target in told["targets"]]

    def answers(self, run: str, target: Target, row: int) -> list[Answers]:
        """What a row of the results of a run predicts of the test rows of each split, in ascending
        order."""
        assert self.splits is not None
        path = self.folder.path / "predictions.arrow"
        _program.call(
            [
                "show",
                run,
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
            found.append(read_answers(table.take(pa.array(own)), target.classes))
        return found


def read_answers(
    table: pa.Table,
    classes: NDArray[Any] | None,
    names: list[str] | None = None,
    output: str | None = None,
) -> Answers:
    """What the program predicted, with the user's labels. `names` are those of the classes in the
    table, where they are not their numbers; `output` is that of several."""
    of = "" if output is None else f"_{output}"
    prediction = table.column(f"prediction{of}")
    if classes is None:
        return Answers(np.asarray(prediction.to_numpy(), dtype=np.float64), None, None, None)
    count = len(classes)
    names = names or [str(code) for code in range(count)]
    # By the different texts of a column, not by its rows.
    coded = prediction.cast(pa.string()).combine_chunks().dictionary_encode()
    places = {name: code for code, name in enumerate(names)}
    known = np.array([places[name] for name in coded.dictionary.to_pylist()], dtype=np.int64)
    codes = known[coded.indices.to_numpy(zero_copy_only=False)]
    columns = set(table.column_names)

    def stacked(kind: str, of_classes: Sequence[str]) -> NDArray[np.float64] | None:
        wanted = [f"{kind}{of}_{name}" for name in of_classes]
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


def _told(fault: Any) -> str:
    """A task's fault as text."""
    inner = fault.get("fault", fault) if isinstance(fault, dict) else fault
    if isinstance(inner, dict) and "message" in inner:
        return str(inner["message"])
    return json.dumps(fault)
