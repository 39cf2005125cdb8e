# SPDX-License-Identifier: Apache-2.0
"""`wick rerank` against CrossEncoder.predict on random pairs, with the rerankers of tests/fixtures/heads: every pair of lengths around the cut (longest
first, ties, one side empty), characters of all scripts, names of special tokens."""
import json
import os
import pathlib
import random
import subprocess

import numpy as np
import pytest
from test_token_ids import random_texts
from test_trained import pieced

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADS = ROOT / "tests" / "fixtures" / "heads"
WICK = pathlib.Path(os.environ.get("WICK_BUILD") or ROOT / "build") / "wick"
RERANKERS = sorted(path.name for path in HEADS.glob("rerank-*"))


def queries():
    words = "the reader opens a file and maps weights".split()
    rng = random.Random(41)
    lengths = [" ".join(rng.choices(words, k=n)) for n in (1, 5, 8, 9, 10, 11, 12, 17, 18, 19, 20, 21, 36, 37, 38, 39, 60)]
    return lengths + [text.replace("\0", "") for text in random_texts(8, 42) + pieced(8, 43) if text.replace("\0", "").strip()]


def texts():
    words = "rain fell on the harbour while boats waited".split()
    rng = random.Random(44)
    return ["", " ", *(" ".join(rng.choices(words, k=n)) for n in [*range(1, 42), 200]), *random_texts(40, 45), *pieced(40, 46)]


@pytest.mark.parametrize("name", RERANKERS)
def test_logits(tmp_path, name):
    import torch
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(HEADS / name), device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float32})
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts()))
    for query in queries():
        command = [WICK, "rerank", "--json", "--scores", "raw", "--model", HEADS / name, "--input", tmp_path / "in.jsonl", "--", query]
        run = subprocess.run(command, capture_output=True, cwd=tmp_path, env={**os.environ, "WICK_PREPARED_DIR": "off"}, timeout=100)
        assert run.returncode == 0, run.stderr.decode()
        results = sorted(json.loads(run.stdout)["results"], key=lambda result: result["index"])
        expected = model.predict([(query, text) for text in texts()], activation_fn=torch.nn.Identity(), show_progress_bar=False)
        got = np.array([result["score"] for result in results])
        off = np.abs(got - expected)
        assert off.max() <= 1e-4, f"{query!a} with {texts()[int(off.argmax())]!a}: {got[off.argmax()]} instead of {expected[off.argmax()]}"
