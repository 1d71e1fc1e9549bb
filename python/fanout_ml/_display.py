"""The search in a notebook: its best candidate, and the candidates next to it."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from sklearn.utils import estimator_html_repr

# Candidates that are shown.
_SHOWN = 5


def html(search: Any) -> str:
    """HTML of a search; before its fit that of scikit-learn."""
    diagram = str(estimator_html_repr(search))
    results = getattr(search, "cv_results_", None)
    if results is None or not hasattr(search, "best_index_"):
        return diagram
    metric = search.refit if search.multimetric_ else "score"
    if callable(metric) or metric is False:
        return diagram
    mean, std = results[f"mean_test_{metric}"], results[f"std_test_{metric}"]
    order = np.argsort(results[f"rank_test_{metric}"], kind="stable")[:_SHOWN]
    params = [name for name in results if name.startswith("param_")]
    head = "".join(f"<th>{escape(name.removeprefix('param_'))}</th>" for name in params)
    rows = ""
    for place in order:
        cells = "".join(
            "<td></td>"
            if results[name].mask[place]
            else f"<td>{escape(str(results[name].data[place]))}</td>"
            for name in params
        )
        rows += (
            f"<tr><td>{results[f'rank_test_{metric}'][place]}</td><td>{mean[place]:.4f} ± "
            f"{std[place]:.4f}</td>{cells}</tr>"
        )
    text = (
        f"{len(results['params'])} candidates × {search.n_splits_} splits; the best: "
        f"{mean[search.best_index_]:.4f}"
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in getattr(search, "notes_", []))
    notes = f"<ul>{notes}</ul>" if notes else ""
    name = "score" if metric == "score" else escape(str(metric))
    return (
        f"<div><p>{escape(text)}</p><table><thead><tr><th>rank</th><th>{name}</th>{head}</tr>"
        f"</thead><tbody>{rows}</tbody></table>{notes}</div>{diagram}"
    )
