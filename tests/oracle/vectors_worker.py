# SPDX-License-Identifier: Apache-2.0
"""Looks for texts whose vector depends on what they are batched with or on the number of threads. Run by test_vectors_corpus.py in a process of
its own for each instruction tier (a tier is chosen once a process, by WICK_CPU).

    vectors_worker.py MODEL TEXTS.json OUT.npy THREADS...

Writes the vectors that each text has alone (unnormalised) to OUT.npy, and to stdout {"tier": s, "different": [{text, how}...]}.
"""
import json
import pathlib
import random
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import wick_ctypes  # noqa: E402


def random_batches(n, rng):
    """Every index below n once, in random order, in batches of 1 to 64."""
    order = rng.sample(range(n), n)
    while order:
        size = rng.choice([1, 2, 3, 5, 8, 13, 32, 64])
        yield order[:size]
        order = order[size:]


def differing(model, threads, texts, alone, rng):
    found = []
    for batch in random_batches(len(texts), rng):
        vectors = model.embed([texts[i] for i in batch])
        found += [{"text": i, "how": f"in a batch of {len(batch)}, {threads} threads"}
                  for i, vector in zip(batch, vectors) if vector.tobytes() != alone[i].tobytes()]
    for i, text in enumerate(texts):
        if model.embed([text]).tobytes() != alone[i].tobytes():
            found.append({"text": i, "how": f"alone, {threads} threads"})
    return found


def main():
    name, texts_file, out = sys.argv[1:4]
    texts = json.loads(pathlib.Path(texts_file).read_text())
    rng = random.Random(4)
    model = wick_ctypes.Model(name, threads=1)
    tier = model.info()["tier"]
    alone = np.concatenate([model.embed([text]) for text in texts])
    np.save(out, alone)
    model.close()
    found = []
    for threads in map(int, sys.argv[4:]):
        model = wick_ctypes.Model(name, threads=threads)
        if model.info()["n_threads"] != threads:
            sys.exit(f"asked for {threads} threads, got {model.info()['n_threads']}")
        found += differing(model, threads, texts, alone, rng)
        model.close()
    print(json.dumps({"tier": tier, "different": found}))


if __name__ == "__main__":
    main()
