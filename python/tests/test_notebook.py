"""What a person at a notebook sees and does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier

from fanout_ml import _program
from fanout_ml._progress import Progress
from fanout_ml.inspection import permutation_importance
from fanout_ml.model_selection import GridSearchCV, learning_curve

EVENTS = [
    {"event": "run_started", "fits": 4},
    {"event": "task_finished", "fits": 2, "best": 0.5},
    {"event": "task_finished", "fits": 2, "best": 0.75},
]


def test_a_search_is_shown_with_its_best(diabetes):
    X, y = diabetes
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0], "fit_intercept": [True, False]})
    assert "Ridge" in search._repr_html_()
    html = search.fit(X, y)._repr_mimebundle_()["text/html"]
    assert "4 candidates × 5 splits" in html
    assert f"{search.best_score_:.4f}" in html
    assert "<th>alpha</th>" in html


@pytest.mark.parametrize("package", ["tqdm", "rich", "none"])
def test_progress_is_shown(package, capsys, monkeypatch):
    found = __import__("importlib.util").util.find_spec
    lacking = {"tqdm": (), "rich": ("tqdm",), "none": ("tqdm", "rich")}[package]
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name in lacking else found(name)
    )
    with Progress(True) as progress:
        for event in EVENTS:
            progress.listen(event)
    text = capsys.readouterr().err
    assert "0.75" in text
    with Progress(None) as progress:
        for event in EVENTS:
            progress.listen(event)
    assert capsys.readouterr().err == ""


def test_an_interrupted_search_goes_on(cancer, monkeypatch, tmp_path):
    X, y = cancer
    search = GridSearchCV(
        KNeighborsClassifier(), {"n_neighbors": [1, 3]}, cv=4, store=str(tmp_path / "store")
    )
    with pytest.raises(ValueError, match="nothing to go on with"):
        search.resume()
    run, seen = _program.run, []

    def interrupted(arguments, cwd, listen):
        def once(event):
            seen.append(event)
            if event["event"] == "task_finished" and event["fits"]:
                raise KeyboardInterrupt
            listen(event)

        run(arguments, cwd, once)

    monkeypatch.setattr(_program, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    done = len(list((tmp_path / "store" / "tasks").rglob("*.json")))
    assert done >= 1

    def watched(arguments, cwd, listen):
        run(arguments, cwd, lambda event: (seen.append(event), listen(event)))

    monkeypatch.setattr(_program, "run", watched)
    seen.clear()
    search.resume()
    again = [event for event in seen if event["event"] == "task_finished"]
    assert any(event["reused"] for event in again)
    other = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 3]}, cv=4).fit(X, y)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], other.cv_results_["mean_test_score"]
    )
    with pytest.raises(ValueError, match="nothing to go on with"):
        search.resume()


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_an_interrupt_ends_the_program_too(tmp_path):
    code = """
import signal
import numpy as np
from sklearn.svm import SVC
from fanout_ml.model_selection import GridSearchCV
# Where the tests run in the background of a shell, interrupts are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
X = np.random.default_rng(0).normal(size=(4000, 20))
search = GridSearchCV(SVC(), {"C": np.logspace(-2, 4, 40)}, progress=False)
try:
    print("begun", flush=True)
    search.fit(X, X[:, 0] * X[:, 1] > 0)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    # The program is a child once its data are written.
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while children.exists() and not children.read_text():
        assert process.poll() is None
    child = children.read_text().split()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=120)[0] == "interrupted\n"
    for one in child:
        with pytest.raises(ProcessLookupError):
            os.kill(int(one), 0)


def test_curves_are_drawn(diabetes):
    import matplotlib

    matplotlib.use("agg")
    from fanout_ml import plots

    X, y = diabetes
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0], "solver": ["auto", "svd"]}).fit(X, y)
    assert plots.plot_search(search, "alpha").get_xlabel() == "alpha"
    assert plots.plot_search(search, "solver").get_xlabel() == "solver"
    assert "rank" in plots.plot_search(search).get_xlabel()
    curve = learning_curve(Ridge(), X, y, cv=3)
    assert len(plots.plot_curve(*curve).lines) == 2
    importance = permutation_importance(search, X, y, n_repeats=2)
    axes = plots.plot_importance(importance, [f"x{at}" for at in range(X.shape[1])])
    assert len(axes.get_yticklabels()) == 10


def test_the_notebook_of_the_documentation_runs():
    import nbformat
    from nbclient import NotebookClient

    path = Path(__file__).parents[2] / "docs" / "python.ipynb"
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()


def test_types_are_checked():
    folder = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", os.devnull],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
