"""What `mine` imports, a module of the user's, too."""

import numpy as np


def distance(X, mean, power):
    """The sum of powers of differences."""
    return (np.abs(X - mean) ** power).sum(axis=1)
