# SPDX-License-Identifier: Apache-2.0
"""Wick's vectors against sentence-transformers in f32 on whole files of texts, and against themselves: alone, in batches, with 1 to 8 threads,
on every tier. Long; run by `make oracle`.

Texts: every line of the *.txt files in $WICK_CORPUS, else in bench/texts. Model: $WICK_MODEL (a folder), else all-MiniLM-L6-v2 of the hub
cache. Library: see bench/wick_ctypes.py.
"""
import json
import os
import pathlib
import platform
import random
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
import wick_ctypes  # noqa: E402

MODEL = os.environ.get("WICK_MODEL") or "sentence-transformers/all-MiniLM-L6-v2"
MIN_COSINE = 0.999999
MAX_DIFFERENCE = 1e-5  # of vectors of length 1
N_INVARIANCE_TEXTS = 1000
TIERS = {"x86_64": ["generic", "avx2", "avx512", "amx"], "AMD64": ["generic", "avx2", "avx512", "amx"], "aarch64": ["generic", "neon"],
         "arm64": ["generic", "neon"]}[platform.machine()]


@pytest.fixture(scope="module")
def texts():
    folder = pathlib.Path(os.environ.get("WICK_CORPUS") or ROOT / "bench" / "texts")
    lines = [line for path in sorted(folder.glob("*.txt")) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    assert lines, f"{folder} has no texts"
    return lines


@pytest.fixture(scope="module")
def sample(texts):
    return random.Random(1).sample(texts, min(N_INVARIANCE_TEXTS, len(texts)))


@pytest.fixture(scope="module")
def reference(texts):
    """(pooled, normalised, token counts): what sentence-transformers' modules give, batches of 32 of like length."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(MODEL, device="cpu", local_files_only=True, model_kwargs={"dtype": "float32"}).eval()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    shape = (len(texts), 384)
    pooled, normalised, counts = np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(len(texts), int)
    with torch.inference_mode():
        for at in range(0, len(order), 32):
            batch = order[at:at + 32]
            features = model.preprocess([texts[i] for i in batch])
            counts[batch] = features["attention_mask"].sum(dim=1).numpy()
            features = model[1](model[0](features))
            pooled[batch] = features["sentence_embedding"].numpy()
            normalised[batch] = model[2](features)["sentence_embedding"].numpy()
    return pooled, normalised, counts


@pytest.fixture(scope="module")
def model():
    opened = wick_ctypes.Model(MODEL)
    yield opened
    opened.close()


def embed(model, texts, normalize):
    """All texts, and how many tokens they had."""
    parts, tokens = [], 0
    for at in range(0, len(texts), 64):
        parts.append(model.embed(texts[at:at + 64], normalize=normalize))
        tokens += model.total_tokens
    return np.concatenate(parts), tokens


def cosines(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def worst(values, texts, pick):
    i = int(pick(values))
    return f"{values[i]:.9g} at text {i}: {texts[i][:60]!r}"


def test_normalised_vectors_equal_the_reference(model, texts, reference, capsys):
    _, wanted, counts = reference
    got, tokens = embed(model, texts, normalize=True)
    near, off = cosines(got, wanted), np.abs(got.astype(np.float64) - wanted).max(axis=1)
    with capsys.disabled():
        print(f"\nnormalised, {len(texts)} texts, {tokens} tokens: cosine min {near.min():.9f}, mean {near.mean():.9f}; "
              f"largest difference {off.max():.3g}")
    assert tokens == counts.sum()
    assert near.min() >= MIN_COSINE, worst(near, texts, np.argmin)
    assert off.max() <= MAX_DIFFERENCE, worst(off, texts, np.argmax)


def test_unnormalised_vectors_equal_the_reference(model, texts, reference, capsys):
    wanted = reference[0]
    got, _ = embed(model, texts, normalize=False)
    lengths = np.linalg.norm(wanted.astype(np.float64), axis=1)
    near, off = cosines(got, wanted), np.abs(got.astype(np.float64) - wanted).max(axis=1)
    with capsys.disabled():
        print(f"\nunnormalised (lengths {lengths.min():.2f} to {lengths.max():.2f}): cosine min {near.min():.9f}, mean {near.mean():.9f}; "
              f"largest difference {off.max():.3g}, {(off / lengths).max():.3g} of the length")
    assert near.min() >= MIN_COSINE, worst(near, texts, np.argmin)
    assert (off / lengths).max() <= MAX_DIFFERENCE, worst(off / lengths, texts, np.argmax)


@pytest.fixture(scope="module")
def run_tier(sample, tmp_path_factory):
    """tier -> (what the worker says, the vectors of sample); each tier runs once."""
    folder = tmp_path_factory.mktemp("tiers")
    (folder / "texts.json").write_text(json.dumps(sample))
    done = {}

    def run(tier):
        if tier not in done:
            out = folder / f"{tier}.npy"
            # The plain C tier is slow, and has one code path for all: it takes fewer thread counts.
            threads = "1 3 8" if tier == "generic" else "1 2 3 4 5 6 7 8"
            command = [sys.executable, str(pathlib.Path(__file__).with_name("vectors_worker.py")), MODEL, str(folder / "texts.json"),
                       str(out), *threads.split()]
            answer = subprocess.run(command, env={**os.environ, "WICK_CPU": tier}, check=True, stdout=subprocess.PIPE, text=True)
            done[tier] = json.loads(answer.stdout), np.load(out)
        said, vectors = done[tier]
        if said["tier"] != tier:
            pytest.skip(f"this machine has no {tier}: the library chose {said['tier']}")
        return said, vectors

    return run


@pytest.mark.parametrize("tier", TIERS)
def test_same_bits_alone_in_batches_and_with_any_threads(tier, run_tier, sample):
    different = run_tier(tier)[0]["different"]
    first = [f"{sample[d['text']][:60]!r} {d['how']}" for d in different[:5]]
    assert not different, f"{len(different)} times other bits than alone with 1 thread: {first}"


@pytest.mark.parametrize("tier", TIERS[1:])
def test_tiers_agree_with_the_generic_reference(tier, run_tier, sample, capsys):
    wanted = run_tier("generic")[1].astype(np.float64)
    got = run_tier(tier)[1].astype(np.float64)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    got /= np.linalg.norm(got, axis=1, keepdims=True)
    off = np.abs(got - wanted).max(axis=1)
    with capsys.disabled():
        print(f"\n{tier} against generic, {len(sample)} texts: largest difference {off.max():.3g}")
    assert off.max() <= MAX_DIFFERENCE, worst(off, sample, np.argmax)
