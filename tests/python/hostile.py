"""Estimators that do what no guest may, each a trainer. What they are refused is a fault of
the task, or an answer that is the same as ever."""

import random
import time

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Constant(ClassifierMixin, BaseEstimator):
    """Predicts the first class; what comes of `act` becomes the share of the second."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.share_ = self.act(X)
        return self

    def predict(self, X):
        n = round(self.share_ * len(X))
        return self.classes_[(np.arange(len(X)) < n).astype(int)]

    def act(self, X):
        return 0.0


class ReadsFiles(Constant):
    def act(self, X):
        for path in ("/etc/passwd", "/proc/self/environ", ".", "/usr/local/lib/python315.zip"):
            try:
                open(path).read()
            except OSError:
                continue
            return 1.0
        raise RuntimeError("no file opens")


class WritesFiles(Constant):
    def act(self, X):
        with open("/tmp/kept", "w") as file:
            file.write("x")
        return 1.0


class Connects(Constant):
    def act(self, X):
        import socket

        socket.create_connection(("127.0.0.1", 80), timeout=1)
        return 1.0


class StartsThreads(Constant):
    def act(self, X):
        import threading

        thread = threading.Thread(target=print)
        thread.start()
        thread.join()
        return 1.0


class StartsProcesses(Constant):
    def act(self, X):
        import subprocess

        subprocess.run(["/bin/true"], check=True)
        return 1.0


class NeverEnds(Constant):
    def act(self, X):
        while True:
            pass


class NeverEndsCatching(Constant):
    def act(self, X):
        while True:
            try:
                while True:
                    pass
            except BaseException:
                continue


class Allocates(Constant):
    def act(self, X):
        kept = []
        while True:
            kept.append(np.ones(1 << 20))


class Recurses(Constant):
    def act(self, X):
        return self.act(X)


class RecursesInC(Constant):
    def act(self, X):
        import sys

        sys.setrecursionlimit(10**9)
        nested = []
        for _ in range(10**6):
            nested = [nested]
        return float(len(repr(nested)))


class Exits(Constant):
    def act(self, X):
        import os

        os._exit(0)


class Raises(Constant):
    def act(self, X):
        raise SystemExit("of its own will")


class Answers(Constant):
    """Speaks with the host itself."""

    def act(self, X):
        import _host

        _host.call(b"no answer")
        _host.call(b"")
        return 0.0


class PredictsNonsense(Constant):
    def predict(self, X):
        return np.array(["no class"] * len(X), dtype=object)


class PredictsTooFew(Constant):
    def predict(self, X):
        return self.classes_[:1]


class Patches(Constant):
    """Finds what an earlier task of the instance left."""

    def act(self, X):
        import sklearn.base

        left = getattr(sklearn.base, "left", 0) or getattr(Patches, "left", 0)
        sklearn.base.left = Patches.left = 1
        np.unique = None
        return float(left)


class Draws(Constant):
    """Random numbers without a seed, and times."""

    def act(self, X):
        import os
        import uuid

        drawn = [random.random(), np.random.rand(), np.random.default_rng().random()]
        drawn += [int.from_bytes(os.urandom(4), "little") / 2**32, uuid.uuid4().int / 2**128]
        drawn += [time.time() % 1, time.perf_counter() % 1, id(object()) % 97 / 97]
        return sum(drawn) % 1
