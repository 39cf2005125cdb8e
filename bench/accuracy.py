# SPDX-License-Identifier: Apache-2.0
"""How near vectors are to the reference's: used by bench/bench.py. In: arrays [texts, dimension]."""
import numpy as np


def normalised(vectors):
    vectors = vectors.astype(np.float64)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def neighbours(vectors, n):
    """[texts, n] the n nearest other texts of each, by cosine; vectors have length 1."""
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    return np.argpartition(-likeness, n - 1, axis=1)[:, :n]


def recall(own, reference, n):
    """Share of the reference's n nearest neighbours of each text that are among the n nearest by our vectors. None: too few texts."""
    if len(reference) <= n:
        return None
    pairs = zip(neighbours(own, n), neighbours(reference, n))
    return float(np.mean([len(set(mine) & set(its)) / n for mine, its in pairs]))
