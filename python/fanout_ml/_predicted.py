"""Scores by what fits predict: of scorers that only Python can call, of estimators that vote, and
of several outputs."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._data import Splits, take
from ._mapping import Candidate, Vote, members_of
from ._run import Data, Folder, Json, Run, Scores, Settings, Wanted, cheap
from ._scoring import Answers, Outputs, Scorer, voted
from .exceptions import RunFailed

Pairs = Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]


class Predictions:
    """What candidates predict of the test rows of each split, by their fits or by those of their
    members: equal ones are fitted once."""

    def __init__(
        self,
        folder: Folder,
        data: Data,
        candidates: Sequence[Candidate],
        settings: Settings,
        splits: Splits,
    ) -> None:
        members = [member for one in candidates for member in members_of(one)]
        self.run = Run(folder, data, members, settings, splits)
        self.candidates = candidates
        row_of = {place: row for row, places in enumerate(self.run.places) for place in places}
        # By candidate: the rows of the results that are of its members.
        self.rows: list[tuple[int, ...]] = []
        start = 0
        for one in candidates:
            count = len(members_of(one))
            self.rows.append(tuple(row_of[place] for place in range(start, start + count)))
            start += count
        self._read: dict[int, list[list[Answers]]] = {}

    def go(self, error_score: float | str = np.nan) -> None:
        """Makes the fits."""
        scoring: list[dict[str, Json]] = [cheap(self.run.data.target)]
        self.run.go(scoring, Wanted({}, error_score=error_score), predictions=True)
        self.runs = self.run.runs()

    def of(self, candidate: int) -> list[Answers | Outputs]:
        """By split, of its test rows in ascending order."""
        one, data = self.candidates[candidate], self.run.data
        # By member, output and split.
        read = [self._of_row(row, keep=isinstance(one, Vote)) for row in self.rows[candidate]]
        if isinstance(one, Vote):
            of_members = [outputs[0] for outputs in read]
            return [voted(list(split), one.params) for split in zip(*of_members)]
        [outputs] = read
        if not data.several:
            return list(outputs[0])
        return [Outputs(list(split)) for split in zip(*outputs)]

    def _of_row(self, row: int, *, keep: bool) -> list[list[Answers]]:
        if row in self._read:
            return self._read[row]
        pairs = zip(self.runs, self.run.data.targets)
        found = [self.run.answers(run, target, row) for run, target in pairs]
        if keep:
            self._read[row] = found
        return found

    def times(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The mean and the standard deviation of the seconds of a fit, by candidate: those of an
        ensemble and of several outputs are the sum of their fits."""
        table = self.run.table()
        shape = (len(self.runs), -1)
        mean = table["mean_fit_time"].reshape(shape).sum(axis=0)
        variance = (table["std_fit_time"].reshape(shape) ** 2).sum(axis=0)
        rows = [list(rows) for rows in self.rows]
        return (
            np.array([mean[of].sum() for of in rows]),
            np.sqrt([variance[of].sum() for of in rows]),
        )

    def scored(self, pairs: Pairs, wanted: Wanted) -> Scores:
        """The scores of scorers that are called with the predictions."""
        self.go(wanted.error_score)
        data = self.run.data
        shape = (len(self.candidates), len(pairs))
        test = {name: np.full(shape, np.nan) for name in wanted.scorers}
        seconds = np.zeros(shape)
        tests = [np.sort(rows) for _, rows in pairs]
        parts = [(take(data.X, rows), take(data.y, rows)) for rows in tests]
        # Equal candidates are scored once.
        places: dict[Any, list[int]] = {}
        for place, one in enumerate(self.candidates):
            votes = sorted(one.params.items()) if isinstance(one, Vote) else None
            places.setdefault((self.rows[place], repr(votes)), []).append(place)
        for equal in places.values():
            try:
                by_split = self.of(equal[0])
            except RunFailed:
                # A fit that failed predicts nothing.
                if not self.run.failed:
                    raise
                for scores in test.values():
                    scores[equal] = wanted.error_score
                continue
            for split, answers in enumerate(by_split):
                for name, scorer in wanted.scorers.items():
                    started = time.perf_counter()
                    score = self._score(name, scorer, answers, parts[split], tests[split], wanted)
                    seconds[equal, split] += time.perf_counter() - started
                    for one_name, value in _by_name(name, score).items():
                        test.setdefault(one_name, np.full(shape, np.nan))[equal, split] = value
        # A scorer that gives a dictionary is several.
        test = {name: scores for name, scores in test.items() if not np.isnan(scores).all()} or test
        mean, std = self.times()
        run = self.run
        return Scores(test, {}, mean, std, seconds, notes=run.notes, failed=run.failed)

    def _score(
        self,
        name: str,
        scorer: Scorer,
        answers: Answers | Outputs,
        part: tuple[Any, Any],
        rows: NDArray[np.int64],
        wanted: Wanted,
    ) -> Any:
        try:
            return self._called(name, scorer, answers, *part, rows)
        except Exception:
            if wanted.error_score == "raise":
                raise
            warnings.warn(
                "Scoring failed. The score on this train-test partition for these "
                f"parameters will be set to {wanted.error_score}. Details: \n"
                f"{traceback.format_exc()}",
                UserWarning,
                stacklevel=6,
            )
            return wanted.error_score

    def _called(
        self,
        name: str,
        scorer: Scorer,
        answers: Answers | Outputs,
        X: Any,
        y: Any,
        rows: NDArray[np.int64],
    ) -> Any:
        """What a scorer says, with the weights of the rows if it takes them."""
        data = self.run.data
        if data.weight is not None and data.weighs_scores:
            try:
                return scorer(answers, X, y, sample_weight=data.weight[rows])
            except TypeError:
                shown = scorer if name == "score" else f"{name}={scorer}"
                warnings.warn(
                    f"The scoring {shown} does not support sample_weight, which may lead to "
                    "statistically incorrect results when fitting with sample_weight.",
                    UserWarning,
                    stacklevel=7,
                )
        return scorer(answers, X, y)


def _by_name(name: str, score: Any) -> dict[str, float]:
    if isinstance(score, Mapping):
        return {str(key): float(value) for key, value in score.items()}
    if isinstance(score, (str, bytes)) or not np.isscalar(score):
        raise ValueError(
            f"scoring must return a number, got {score!r} ({type(score)}) instead. (scorer={name})"
        )
    return {name: float(np.asarray(score))}
