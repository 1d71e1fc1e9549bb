"""Compares a model of ONNX with the predictions of `fanout predict`, by ONNX Runtime.

    compare.py MODEL ROWS [--concat FEATURE=A,B...] [--targets A,B...]

ROWS is a CSV file of `fanout predict --keep … --probabilities`: the features, and
behind them `prediction` and, of classes, `probability_<class>`. Prints a JSON object:
the number of rows, of those whose class differs, and the greatest difference of a
probability, or of a number relative to 1 and its size; of several targets, the sum and
the greatest of all. Rows are run all at once, and
the first of them one by one, since ONNX Runtime divides its work otherwise then.
"""

import argparse
import csv
import json
import sys

import numpy
import onnx
import onnxruntime

# Rows that are run one by one.
ALONE = 50
NUMBERS = {"": numpy.nan, "false": 0.0, "true": 1.0}


def inputs(session, rows, concats):
    """The features by name, each of shape (rows, 1)."""
    values = {}
    for feature in session.get_inputs():
        name = feature.name
        if parts := concats.get(name):
            parts = [[row[part] for part in parts] for row in rows]
            # Missing if one of them is.
            texts = ["-".join(row) if all(row) else "" for row in parts]
        else:
            texts = [row[name] for row in rows]
        if feature.type == "tensor(string)":
            column = numpy.array(texts, dtype=object)
        else:
            number = [NUMBERS[text] if text in NUMBERS else float(text) for text in texts]
            column = numpy.array(number)
        values[name] = column.reshape(-1, 1)
    return values


def run(session, values):
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, values)))


def differences(found, rows, targets):
    """The number of other classes, and the differences of numbers."""
    others, apart = 0, []
    for end in [f"_{target}" for target in targets] or [""]:
        prediction = f"prediction{end}"
        if f"variable{end}" in found:
            expected = numpy.array([float(row[prediction]) for row in rows])
            sizes = numpy.maximum(1, numpy.abs(expected))
            apart.append((numpy.abs(found[f"variable{end}"].ravel() - expected) / sizes).max())
            continue
        labels = [str(label) for label in found[f"label{end}"]]
        others += sum(label != row[prediction] for label, row in zip(labels, rows))
        names = [name for name in rows[0] if name.startswith(f"probability{end}_")]
        if names:
            expected = numpy.array([[float(row[name]) for name in names] for row in rows])
            apart.append(numpy.abs(found[f"probabilities{end}"] - expected).max())
    return others, numpy.array(apart or [0.0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("rows")
    parser.add_argument("--concat", action="append", default=[])
    parser.add_argument("--targets", default="")
    arguments = parser.parse_args()
    targets = arguments.targets.split(",") if arguments.targets else []
    concats = (concat.split("=") for concat in arguments.concat)
    concats = {name: parts.split(",") for name, parts in concats}

    onnx.checker.check_model(onnx.load(arguments.model), full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(arguments.model, options)
    with open(arguments.rows, newline="") as file:
        rows = list(csv.DictReader(file))
    values = inputs(session, rows, concats)
    try:
        found = run(session, values)
    except Exception as error:  # ONNX Runtime has one class of error a code.
        print(json.dumps({"error": str(error)}))
        return
    others, apart = differences(found, rows, targets)
    greatest = float(apart.max())
    for row in range(min(ALONE, len(rows))):
        alone = {name: column[row : row + 1] for name, column in values.items()}
        other, apart = differences(run(session, alone), rows[row : row + 1], targets)
        others += other
        greatest = max(greatest, float(apart.max()))
    # NaN is the greatest difference, and no number of JSON.
    greatest = None if numpy.isnan(greatest) else greatest
    outputs = [output.name for output in session.get_outputs()]
    result = {"rows": len(rows), "others": others, "greatest": greatest}
    print(json.dumps({**result, "outputs": outputs}))


sys.exit(main())
