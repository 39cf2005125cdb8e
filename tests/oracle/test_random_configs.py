# SPDX-License-Identifier: Apache-2.0
"""Every family in sizes that no fixture has (random_models.py) against the reference: heads of odd widths, groups of 1, 3 and 4, one layer, windows
of one token and wider than the text, texts of the fewest tokens and of the longest sequence, 600 tokens and more.

Vectors are not normalised. f32: 1e-4 of the vector's length (at least 1) and a cosine of 0.99999; bf16 and int8: the floors below. Alone and in a
batch, with one thread and with three: the same bits. A family that Wick does not run fails, unless REFUSED says how it is refused. WICK_CPU=generic or avx2 tries another tier."""
import os

os.environ.setdefault("WICK_PREPARED_DIR", "off")

import pathlib
import random
import sys

import numpy as np
import pytest
from random_models import CASES, JINAS, make

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import wick_ctypes  # noqa: E402

MIN_COSINE = {"f32": 0.99999, "bf16": 0.999, "int8": 0.995}
# Case: what the refusal says.
REFUSED = dict.fromkeys(("jina-code-6-heads", "jina-code-long"), "the layout of jina-bert-v2-qk-post-norm is not supported")
WORDS = "the reader opens a file , checks header and maps weights ; nothing is copied until very last sentence read 27 boats Fluss été".split()


def texts():
    rng = random.Random(7)
    longer = [" ".join(rng.choices(WORDS, k=n)) for n in (1, 2, 3, 5, 8, 13, 21, 34, 55, 900)]
    return ["", "a", "[PAD]", "<pad> a <pad> b <pad>", "a [PAD] b [MASK] c </s>", *longer]


def cosines(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.fixture(scope="module", params=[*CASES, *JINAS])
def case(request, tmp_path_factory):
    """(folder, reference vectors of texts())."""
    folder = tmp_path_factory.mktemp(request.param) / "model"
    encode = make(request.param, folder)
    if request.param in REFUSED:
        with pytest.raises(wick_ctypes.WickError, match=REFUSED[request.param]):
            wick_ctypes.Model(folder)
        pytest.skip(f"refused: {REFUSED[request.param]}")
    return folder, np.stack([np.asarray(encode(text)) for text in texts()])


@pytest.mark.parametrize("dtype", MIN_COSINE)
def test_vectors(case, dtype):
    folder, expected = case
    model = wick_ctypes.Model(folder, threads=2, dtype=dtype)
    got = model.embed(texts())
    model.close()
    near = cosines(got, expected)
    off = np.abs(got - expected).max(axis=1) / np.maximum(np.linalg.norm(expected, axis=1), 1)
    print(f"{folder.parent.name} {dtype}: cosine min {near.min():.7f}, largest difference {off.max():.3g}")
    assert np.isfinite(got).all()
    assert near.min() >= MIN_COSINE[dtype], f"{near.min():.7f}: {texts()[int(near.argmin())][:60]!r}"
    if dtype == "f32":
        assert off.max() <= 1e-4, f"{off.max():.3g}: {texts()[int(off.argmax())][:60]!r}"


@pytest.mark.parametrize("dtype", MIN_COSINE)
def test_same_bits_alone_in_batches_and_with_any_threads(case, dtype):
    folder, _ = case
    model = wick_ctypes.Model(folder, threads=1, dtype=dtype)
    alone = np.concatenate([model.embed([text]) for text in texts()])
    together = model.embed(texts())
    model.close()
    model = wick_ctypes.Model(folder, threads=3, dtype=dtype)
    threaded = model.embed(texts()[::-1])[::-1]
    model.close()
    assert together.tobytes() == alone.tobytes() and threaded.tobytes() == alone.tobytes()
