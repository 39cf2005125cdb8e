# SPDX-License-Identifier: Apache-2.0
"""Wick, through ctypes over the shared library: in process and behind the same Python as the peers."""
import wick_ctypes

DTYPES = {"f32": "f32", "bf16": "bf16", "int8": "int8"}
PACKAGES = []
_model = None


def load(options):
    global _model
    _model = wick_ctypes.Model(options.model_dir, threads=options.threads, dtype=DTYPES[options.dtype])


def embed(texts):
    return _model.embed(texts, normalize=True)


def info():
    return _model.info()
