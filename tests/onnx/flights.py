"""Writes two tables of flights from the Parquet file FILE into the folder FOLDER:
`train.csv`, and `rows.csv`, which has the same rows with more missing cells and
categories that `train.csv` does not have.

    flights.py FILE FOLDER
"""

import csv
import pathlib
import random
import sys

import pyarrow.parquet

ROWS = 1_200
NUMBERS = ["month", "sched_dep_time", "distance", "dep_delay"]
CATEGORIES = ["carrier", "dest"]


def flights(file):
    table = pyarrow.parquet.read_table(file).to_pylist()
    draw = random.Random(7)
    cancelled = [row for row in table if row["cancelled"]]
    flown = [row for row in table if not row["cancelled"]]
    rows = draw.sample(cancelled, ROWS // 3) + draw.sample(flown, ROWS - ROWS // 3)
    draw.shuffle(rows)
    for number, row in enumerate(rows):
        far = row["distance"]
        yield {
            "id": number,
            **{name: row[name] for name in NUMBERS},
            # Of cancelled flights it is missing: too good a hint.
            "dep_delay": row["dep_delay"] if draw.random() < 0.5 else None,
            "carrier": row["carrier"] if draw.random() < 0.95 else None,
            "dest": row["dest"],
            "how_far": "near" if far < 600 else "middle" if far < 1200 else "far",
            "origin": row["origin"],
            "late": row["arr_delay"],
            "cancelled": row["cancelled"],
        }


def spoilt(row, draw):
    row = dict(row)
    for name in NUMBERS + CATEGORIES:
        if draw.random() < 0.05:
            row[name] = None
    for name in CATEGORIES:
        if draw.random() < 0.05:
            row[name] = "nowhere"
    return row


def write(path, rows):
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)


def main():
    file, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    rows = list(flights(file))
    draw = random.Random(8)
    write(folder / "train.csv", rows)
    write(folder / "rows.csv", [spoilt(row, draw) for row in rows])


main()
