"""A module that needs its package."""

from sklearn.dummy import DummyClassifier

from . import __name__ as package


class Apart(DummyClassifier):
    """A class whose source alone is not enough."""

    package = package
