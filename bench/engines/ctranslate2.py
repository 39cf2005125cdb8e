# SPDX-License-Identifier: Apache-2.0
"""CTranslate2's encoder, from ct2-transformers-converter."""
import shutil

from . import common

DTYPES = {"f32": "float32", "int8": "int8"}
PACKAGES = ["ctranslate2"]
_encoder = _tokenizer = None


def prepare(options):
    path = options.prepared / f"ctranslate2-{options.dtype}"
    if path.exists():
        return
    from ctranslate2.converters import TransformersConverter

    part = path.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    TransformersConverter(str(options.model_dir)).convert(str(part), quantization=DTYPES[options.dtype])
    part.rename(path)


def load(options):
    global _encoder, _tokenizer
    import ctranslate2

    _tokenizer = common.tokenizer(options, padding=False)
    _encoder = ctranslate2.Encoder(str(options.prepared / f"ctranslate2-{options.dtype}"), device="cpu",
                                   compute_type=DTYPES[options.dtype], intra_threads=options.threads, inter_threads=1)


def embed(texts):
    import numpy as np

    ids = [e.ids for e in _tokenizer.encode_batch_fast(texts)]
    hidden = np.array(_encoder.forward_batch(ids).last_hidden_state)
    lengths = np.array([len(row) for row in ids])
    return common.mean_pool(hidden, np.arange(hidden.shape[1])[None, :] < lengths[:, None])
