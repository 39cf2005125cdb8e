# SPDX-License-Identifier: Apache-2.0
"""What the peers that take token ids share: Hugging Face tokenization, mean pooling over the attention mask, normalising.

An engine is one file NAME.py here with
    DTYPES                  the dtypes it can run, by our names ("f32", "bf16", "int8")
    PACKAGES                the PyPI packages whose versions the report names
    prepare(options)        converts the model's files once, into options.prepared (may be missing: nothing to convert)
    load(options)           opens the model; called once in a worker process
    embed(texts)            list of str -> float32 array [n_texts, dimension], normalised
options: engines.common.Options.
"""
import dataclasses
import pathlib


@dataclasses.dataclass
class Options:
    model_dir: pathlib.Path  # the Hugging Face files
    prepared: pathlib.Path  # where converted files are kept
    dtype: str  # "f32"
    threads: int
    calibration: pathlib.Path = None  # a JSON list of texts that int8 may be calibrated with; named by their hash
    max_seq_length: int = 256  # sentence_bert_config.json of all-MiniLM-L6-v2


def tokenizer(options, padding=True):
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(options.model_dir / "tokenizer.json"))
    made.enable_truncation(options.max_seq_length)
    if padding:
        made.enable_padding()
    else:
        made.no_padding()
    return made


def mean_pool(hidden, mask):
    """hidden [n, tokens, size], mask [n, tokens] of 0 and 1 -> [n, size] of length 1."""
    import numpy as np

    weights = mask.astype(np.float32)
    pooled = np.matmul(weights[:, None, :], hidden)[:, 0, :] / weights.sum(axis=1, keepdims=True)
    return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
