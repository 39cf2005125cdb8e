# SPDX-License-Identifier: Apache-2.0
"""Logits and sparse vectors of every family in sizes that no fixture has (random_heads.py) against sentence-transformers: odd widths, 1 to 33 labels, 1 to 3 token types, vocabularies
that no block divides, texts and pairs from empty to too long. f32: each value within 1e-4 of the row's largest (at least 1). bf16 and int8: the median row within what stands below, for with random weights a row
may lie where little moves much. Alone, in a batch and with three threads: the same bits."""
import os

os.environ.setdefault("WICK_PREPARED_DIR", "off")

import ctypes
import pathlib
import sys

import numpy as np
import pytest
from random_heads import LABELS, TERMS, make_labels, make_terms
from test_random_configs import texts

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import wick_ctypes  # noqa: E402

LARGEST = {"f32": 1e-4, "bf16": 0.03, "int8": 0.1}  # difference, as a share of the largest value
SCORES_RAW = 2


class ScoreOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("scores", ctypes.c_uint8), ("truncate", ctypes.c_bool), ("truncate_side", ctypes.c_uint8)]


class Rows(ctypes.Structure):
    _fields_ = [("n_texts", ctypes.c_size_t), ("dimension", ctypes.c_size_t), ("offsets", ctypes.POINTER(ctypes.c_size_t)), ("indices", ctypes.POINTER(ctypes.c_uint32)),
                ("values", ctypes.POINTER(ctypes.c_float)), ("usage", wick_ctypes._Usage)]


class Model(wick_ctypes.Model):
    def logits(self, pairs, n_labels):
        first, second = ([text.encode() for text in side] for side in zip(*pairs))
        n = len(first)
        options = ScoreOptions()
        init = self._lib.wick_score_options_init_sized
        init.argtypes, init.restype = [ctypes.c_void_p, ctypes.c_size_t], None
        init(ctypes.byref(options), ctypes.sizeof(options))
        options.scores = SCORES_RAW
        out = np.empty((n, n_labels), dtype=np.float32)
        texts_of, sizes_of = ctypes.c_char_p * n, ctypes.c_size_t * n
        classify = self._lib.wick_classify
        classify.argtypes = [ctypes.c_void_p] * 5 + [ctypes.c_size_t] + [ctypes.c_void_p] * 4
        self._check(classify(self._handle, texts_of(*first), sizes_of(*map(len, first)), texts_of(*second), sizes_of(*map(len, second)), n, ctypes.byref(options), out.ctypes.data, None,
                             ctypes.byref(self._error)))
        return out

    def sparse(self, some):
        raw = [text.encode() for text in some]
        rows, n = Rows(), len(raw)
        embed = self._lib.wick_embed_sparse
        embed.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_size_t] + [ctypes.c_void_p] * 3
        self._check(embed(self._handle, (ctypes.c_char_p * n)(*raw), (ctypes.c_size_t * n)(*map(len, raw)), n, None, ctypes.byref(rows), ctypes.byref(self._error)))
        out = np.zeros((n, rows.dimension), dtype=np.float32)
        for i in range(n):
            for at in range(rows.offsets[i], rows.offsets[i + 1]):
                assert rows.values[at] > 0
                out[i, rows.indices[at]] = rows.values[at]
        self._lib.wick_rows_response_clear.restype = None
        self._lib.wick_rows_response_clear(ctypes.byref(rows))
        return out


def pairs():
    some = texts()
    return [*zip(some, some[::-1]), *zip(some, some[3:] + some[:3])]


@pytest.fixture(scope="module", params=[*(("labels", name) for name in LABELS), *(("terms", name) for name in TERMS)], ids="-".join)
def case(request, tmp_path_factory):
    """(folder, a function of a model and inputs, inputs, the reference's rows)."""
    kind, name = request.param
    folder = tmp_path_factory.mktemp(name) / "model"
    if kind == "labels":
        logits_of, n_labels = make_labels(name, folder), LABELS[name][1]
        expected = np.stack([np.asarray(logits_of(pair)).reshape(n_labels) for pair in pairs()])
        return folder, lambda model, some: model.logits(some, n_labels), pairs(), expected
    vector_of = make_terms(name, folder)
    return folder, Model.sparse, texts(), np.stack([np.asarray(vector_of(text)) for text in texts()])


@pytest.mark.parametrize("dtype", LARGEST)
def test_rows(case, dtype):
    folder, run, inputs, expected = case
    model = Model(folder, threads=2, dtype=dtype)
    got = run(model, inputs)
    model.close()
    assert got.shape == expected.shape and np.isfinite(got).all()
    off = np.abs(got - expected).max(axis=1) / np.maximum(np.abs(expected).max(axis=1), 1)
    print(f"{folder.parent.name} {dtype}: largest difference {off.max():.3g}, median {np.median(off):.3g}")
    held = off.max() if dtype == "f32" else np.median(off)
    assert held <= LARGEST[dtype], f"{off.max():.3g}: {str(inputs[int(off.argmax())])[:80]!r}"


@pytest.mark.parametrize("dtype", LARGEST)
def test_same_bits_alone_in_batches_and_with_any_threads(case, dtype):
    folder, run, inputs, _ = case
    model = Model(folder, threads=1, dtype=dtype)
    alone = np.concatenate([run(model, [one]) for one in inputs])
    together = run(model, inputs)
    model.close()
    model = Model(folder, threads=3, dtype=dtype)
    threaded = run(model, inputs[::-1])[::-1]
    model.close()
    assert together.tobytes() == alone.tobytes() and threaded.tobytes() == alone.tobytes()
