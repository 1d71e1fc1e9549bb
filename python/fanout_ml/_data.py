"""X and y as users have them, as the Arrow table that the program reads.

A `Frame` is X: named columns. `Target` is y: classes by their numbers, or numbers. `Splits`
are the rows of each split, as columns of the table.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from .exceptions import NotServed

WEIGHT = "__weight__"

# scikit-learn 1.6 renamed it.
_FINITE = (
    "ensure_all_finite"
    if "ensure_all_finite" in inspect.signature(check_array).parameters
    else "force_all_finite"
)

# The rows of a batch of the file; a batch is read whole.
_BATCH = 1 << 17


@dataclass
class Frame:
    """The features of rows: a column each."""

    columns: dict[str, pa.ChunkedArray]
    # Names of columns whose values are categories whatever their type.
    categorical: list[str]
    # Whether the names are the user's own.
    named: bool
    rows: int

    @property
    def names(self) -> list[str]:
        return list(self.columns)

    @classmethod
    def of(cls, X: Any, *, least: int = 1, estimator: str | None = None) -> Frame:
        """Reads numpy arrays, lists, and tables of pandas, polars and pyarrow.

        Raises
        ------
        TypeError, ValueError
            scikit-learn's own of what is no table, and of columns that are neither numbers,
            texts, truth values, dates nor times.
        """
        table = _arrow_table(X)
        if table is None:
            return cls._of_array(X, least, estimator)
        if table.num_columns == 0:
            raise ValueError(
                f"0 feature(s) (shape={(table.num_rows, 0)}) while a minimum of 1 is required."
            )
        if table.num_rows < least:
            raise ValueError(
                f"Found array with {table.num_rows} sample(s) (shape={table.shape}) while a "
                f"minimum of {least} is required."
            )
        names = [str(name) for name in table.column_names]
        if len(set(names)) < len(names):
            raise ValueError("X has several columns of one name")
        columns, categorical = {}, []
        for name, column in zip(names, table.columns):
            columns[name], is_categorical = _plain(name, column)
            if is_categorical:
                categorical.append(name)
        # As in scikit-learn: numbers are no names.
        own = getattr(X, "columns", names)
        named = all(isinstance(name, str) for name in own) or not hasattr(X, "iloc")
        return cls(columns, categorical, named, table.num_rows)

    @classmethod
    def _of_array(cls, X: Any, least: int, estimator: str | None) -> Frame:
        X = check_array(
            X,
            dtype=None,
            ensure_min_samples=least,
            estimator=estimator,
            input_name="X",
            **{_FINITE: "allow-nan"},
        )
        if X.dtype.kind in "OUS":
            columns = {f"x{at}": _of_objects(X[:, at]) for at in range(X.shape[1])}
        else:
            if X.dtype.kind == "c":
                raise ValueError("Complex data not supported")
            # numpy's halves are no type of all readers.
            X = X.astype(np.float32) if X.dtype == np.float16 else X
            columns = {
                f"x{at}": pa.array(np.ascontiguousarray(X[:, at]), from_pandas=True)
                for at in range(X.shape[1])
            }
        chunked = {name: pa.chunked_array([column]) for name, column in columns.items()}
        return cls(chunked, [], False, len(X))

    def renamed(self, names: Sequence[str]) -> Frame:
        """The same columns with other names."""
        of = dict(zip(self.names, names))
        columns = {of[name]: column for name, column in self.columns.items()}
        return Frame(columns, [of[name] for name in self.categorical], self.named, self.rows)


def _arrow_table(X: Any) -> pa.Table | None:
    """A table of pandas, polars, pyarrow or another that speaks Arrow; `None` of others."""
    if isinstance(X, (pa.Table, pa.RecordBatch)):
        return pa.table(X) if isinstance(X, pa.Table) else pa.Table.from_batches([X])
    if type(X).__module__.partition(".")[0] == "pandas" and hasattr(X, "columns"):
        X = X.set_axis([str(name) for name in X.columns], axis="columns")
        try:
            return pa.Table.from_pandas(X, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            # Columns of objects: numbers among texts, as scikit-learn reads them.
            columns = {}
            for name in X.columns:
                if X[name].dtype == object:
                    columns[name] = _of_objects(X[name].to_numpy())
                else:
                    columns[name] = pa.Array.from_pandas(X[name])
            try:
                return pa.table(columns)
            except pa.ArrowInvalid:
                raise TypeError(f"X has a column of no known type: {error}") from error
    if hasattr(X, "__arrow_c_stream__"):
        return pa.table(X)
    return None


def _plain(name: str, column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, bool]:
    """A column of a type that the program reads, and whether it is of categories."""
    kind = column.type
    categorical = pa.types.is_dictionary(kind)
    if categorical:
        decoded = [_decoded(part) for part in column.chunks]
        kind = pa.string() if _is_text(kind.value_type) else kind.value_type
        column = pa.chunked_array(decoded, type=kind)
    if _is_text(kind):
        return column.cast(pa.string()), False
    if pa.types.is_float16(kind):
        return column.cast(pa.float32()), categorical
    if pa.types.is_floating(kind):
        # NaN is a missing value, as in pandas.
        chunks = [
            pa.array(part.to_numpy(zero_copy_only=False), from_pandas=True)
            for part in column.chunks
        ]
        return pa.chunked_array(chunks, type=kind), categorical
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64()), categorical
    if pa.types.is_null(kind):
        return column.cast(pa.float64()), categorical
    served = pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    if served or pa.types.is_date(kind) or pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        return column, categorical
    raise TypeError(
        f"column `{name}` of X is of type {kind}: its argument must be a string or a real number, "
        "a truth value, a date or a time"
    )


def _decoded(part: pa.DictionaryArray) -> pa.Array:
    """The values of categories; texts of any kind as plain ones."""
    values = part.dictionary
    if _is_text(values.type):
        values = values.cast(pa.string())
    return values.take(part.indices)


def _is_text(kind: pa.DataType) -> bool:
    view = getattr(pa.types, "is_string_view", lambda _: False)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or view(kind))


def _of_objects(values: NDArray[Any]) -> pa.Array:
    """Objects of one column: as numbers if all are, else as texts."""
    try:
        return pa.array(values.astype(np.float64), from_pandas=True)
    except (TypeError, ValueError):
        missing = np.array([value is None or value != value for value in values], dtype=bool)
        for value in values[~missing]:
            if not isinstance(value, (str, bytes, bool, int, float, np.generic)):
                raise TypeError(
                    f"argument must be a string or a real number, not '{type(value).__name__}'"
                ) from None
        return pa.array([None if gone else str(value) for value, gone in zip(values, missing)])


def _coded(y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The sorted classes, and the number of each row's."""
    if y.dtype.kind in "biu" and len(y):
        low, high = int(y.min()), int(y.max())
        if high - low < 256:
            # By counting, which is quicker than to sort.
            shifted = y.astype(np.int64) - low
            known = np.bincount(shifted, minlength=high - low + 1) > 0
            classes = (np.flatnonzero(known) + low).astype(y.dtype)
            return classes, (np.cumsum(known) - 1)[shifted]
    classes, codes = np.unique(y, return_inverse=True)
    return classes, codes.astype(np.int64)


@dataclass
class Target:
    """What is to be predicted, with the labels of the classes if it is one of these."""

    values: NDArray[Any]
    classes: NDArray[Any] | None

    @classmethod
    def of(cls, y: Any, classification: bool) -> Target:
        """Raises scikit-learn's own errors of what is no target."""
        if y is None:
            raise ValueError("This estimator requires y to be passed, but the target y is None")
        if isinstance(y, (pa.Array, pa.ChunkedArray)):
            y = y.to_numpy(zero_copy_only=False)
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y", **{_FINITE: False})
        if y.ndim == 2 and y.shape[1] > 1:
            several = "MultiOutputClassifier" if classification else "MultiOutputRegressor"
            raise NotServed(
                [f"y of {y.shape[1]} outputs, but by `{several}` or a chain, which fit one of each"]
            )
        y = column_or_1d(y, warn=True)
        if not classification:
            if y.dtype.kind == "O":
                y = y.astype(np.float64)
            values = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
            return cls(values, None)
        if y.dtype.kind not in "biuUS":
            # Its messages of NaN and infinity, and of numbers that are no classes.
            type_of_target(y, input_name="y")
            check_classification_targets(y)
        classes, codes = _coded(y)
        if len(classes) < 2:
            raise ValueError(
                "a classifier needs at least 2 classes in y; the number of classes has to be "
                f"greater than one, but there is 1 class: {classes[0]!r}"
            )
        return cls(codes, classes)

    @classmethod
    def several(cls, y: Any, classification: bool) -> list[Target]:
        """Those of each column of y, and scikit-learn's own errors of what has no columns."""
        if isinstance(y, (pa.Table, pa.RecordBatch)):
            y = np.column_stack([column.to_numpy(zero_copy_only=False) for column in y.columns])
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y", **{_FINITE: False})
        if y.ndim == 1:
            raise ValueError(
                "y must have at least two dimensions for multi-output regression but has only one."
            )
        if y.shape[1] == 1:
            raise NotServed(["y of one output, by an estimator of several: use the one in it"])
        return [cls.of(column, classification) for column in y.T]

    def code(self, label: Any) -> str | None:
        """The name of a label in the table, `None` of a label that is not there."""
        assert self.classes is not None
        found = np.flatnonzero(self.classes == label)
        return str(found[0]) if len(found) else None


@dataclass
class Splits:
    """The rows of each split."""

    plan: dict[str, Any]
    columns: dict[str, pa.Array] = field(repr=False)
    count: int

    @classmethod
    def of(cls, pairs: Iterable[tuple[Any, Any]], rows: int) -> Splits:
        """Splits by the indices of their training and test rows.

        Raises
        ------
        NotServed
            If a row is trained on twice, or trained on and tested in one split.
        """
        # 0 trains, 1 tests, 2 takes no part.
        parts = []
        for number, (train, test) in enumerate(pairs):
            train, test = (_indices(part, rows) for part in (train, test))
            if len(train) == 0 or len(test) == 0:
                raise ValueError(f"split {number} of cv has no rows to train on, or none to test")
            part = np.full(rows, 2, dtype=np.int8)
            part[train] = 0
            part[test] = 1
            if np.count_nonzero(part == 0) < len(train) or np.count_nonzero(part == 1) < len(test):
                raise NotServed(
                    [f"split {number} of cv has a row twice, or trains on a row that it tests"]
                )
            parts.append(part)
        if not parts:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )
        table = np.stack(parts)
        # Folds that cover all rows once are one column, and much quicker to read.
        if len(parts) > 1 and (table != 2).all() and ((table == 1).sum(axis=0) == 1).all():
            folds = np.zeros(rows, dtype=np.int32)
            for number, part in enumerate(parts):
                folds[part == 1] = number
            column = pa.array(folds)
            plan = {"method": "predefined_split", "column": "__fold__"}
            return cls(plan, {"__fold__": column}, len(parts))
        columns = {
            f"__split_{number}__": pa.array(part, mask=part == 2)
            for number, part in enumerate(parts)
        }
        return cls({"method": "columns", "columns": list(columns)}, columns, len(parts))


def _indices(part: Any, rows: int) -> NDArray[np.int64]:
    if isinstance(part, slice):
        return np.arange(rows)[part]
    indices = np.asarray(part)
    if indices.dtype == bool:
        return np.flatnonzero(indices)
    return np.asarray(indices, dtype=np.int64)


def target_names(targets: Sequence[Target]) -> list[str]:
    """The columns of targets."""
    return [f"__target_{number}__" for number in range(len(targets))]


def write(
    path: Path,
    frame: Frame,
    targets: Sequence[Target] = (),
    weight: NDArray[np.float64] | None = None,
    splits: Splits | None = None,
) -> None:
    """Writes a table as an Arrow IPC file."""
    columns: dict[str, Any] = dict(frame.columns)
    for name, target in zip(target_names(targets), targets):
        columns[name] = pa.array(target.values)
    if weight is not None:
        columns[WEIGHT] = pa.array(weight)
    if splits is not None:
        columns.update(splits.columns)
    table = pa.table(columns)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=_BATCH)


def take(X: Any, rows: NDArray[np.int64]) -> Any:
    """Some rows of what a user has as X or y."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if isinstance(X, (pa.Table, pa.RecordBatch, pa.Array, pa.ChunkedArray)):
        return X.take(pa.array(rows))
    if hasattr(X, "__arrow_c_stream__") or hasattr(X, "shape"):
        return X[rows]
    return [X[row] for row in rows]


def check_weight(weight: Any, rows: int) -> NDArray[np.float64] | None:
    """Weights of the rows, if there are any."""
    if weight is None:
        return None
    weights: NDArray[np.float64] = column_or_1d(np.asarray(weight, dtype=np.float64))
    if len(weights) != rows:
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(rows,)}!")
    if not weights.any():
        raise ValueError("sample_weight of every row is zero")
    return weights


def check_features(frame: Frame, names: Sequence[str], named: bool, estimator: str) -> Frame:
    """The columns of `frame` by the names that a model was fitted with.

    Raises
    ------
    ValueError
        As scikit-learn, if they are not the same.
    """
    if named and frame.named and frame.names != list(names):
        unseen = sorted(set(frame.names) - set(names))
        missing = sorted(set(names) - set(frame.names))
        text = "The feature names should match those that were passed during fit.\n"
        if unseen:
            text += "Feature names unseen at fit time:\n" + _listed(unseen)
        if missing:
            text += "Feature names seen at fit time, yet now missing:\n" + _listed(missing)
        if not unseen and not missing:
            text += "Feature names must be in the same order as they were in fit.\n"
        raise ValueError(text)
    if len(frame.names) != len(names):
        raise ValueError(
            f"X has {len(frame.names)} features, but {estimator} is expecting {len(names)} "
            "features as input"
        )
    if named and not frame.named:
        warnings.warn(
            f"X does not have valid feature names, but {estimator} was fitted with feature names",
            UserWarning,
            stacklevel=3,
        )
    if frame.named and not named:
        warnings.warn(
            f"X has feature names, but {estimator} was fitted without feature names",
            UserWarning,
            stacklevel=3,
        )
    return frame.renamed(names)


def _listed(names: Sequence[str]) -> str:
    return "".join(f"- {name}\n" for name in names)
