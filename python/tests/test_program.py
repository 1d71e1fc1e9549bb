"""The program in the wheel, and what it says."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import fanout_ml
from fanout_ml import NotServed, RunFailed, _program


@pytest.fixture(autouse=True)
def found_anew():
    _program.find_program.cache_clear()
    yield
    _program.find_program.cache_clear()


def test_the_program_is_of_the_version_of_the_package():
    told = subprocess.run([_program.find_program(), "--version"], capture_output=True, text=True)
    if fanout_ml.__version__ == "0":
        pytest.skip("the package is not installed")
    assert told.stdout.split() == ["fanout", fanout_ml.__version__]


def test_another_program_is_named_by_a_variable(monkeypatch):
    monkeypatch.setenv("FANOUT", sys.executable)
    assert _program.find_program() == os.path.abspath(sys.executable)


def test_a_program_that_is_not_there_is_told(monkeypatch, tmp_path):
    monkeypatch.delenv("FANOUT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda *_: str(tmp_path))
    with pytest.raises(FileNotFoundError, match="install the wheel"):
        _program.find_program()


def test_errors_of_the_program_are_told(tmp_path):
    with pytest.raises(RunFailed, match=r"none\.fanout"):
        _program.call(["predict", str(tmp_path / "none.fanout"), "none.csv"])
    plan = tmp_path / "plan.json"
    plan.write_text('{"dataset": {"source": "x.csv"}, "trainer": {"name": "svc"}, "cv": 3}')
    with pytest.raises(NotServed) as refused:
        _program.run(["plan.json"], str(tmp_path), print)
    assert len(refused.value.reasons) >= 2
    assert not any("plan.json" in reason for reason in refused.value.reasons)
