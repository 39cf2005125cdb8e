# SPDX-License-Identifier: Apache-2.0
"""The fixtures themselves against the reference: what tests/old_files.py rewrites still gives the golden vectors in sentence-transformers, and the
float64 reference of JinaBERT v2 (tools/families/jina.py) has the slopes of transformers' ALiBi."""
import json
import pathlib
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]
import old_files  # noqa: E402


@pytest.mark.parametrize("name", [name for name in old_files.VARIANTS if name not in old_files.REMOTE_CODE])
def test_rewritten_files_are_the_same_model(tmp_path, name):
    import torch
    from sentence_transformers import SentenceTransformer

    folder = old_files.make(name, tmp_path / name)
    golden = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float32})
    for case in golden["cases"]:
        for text, vector in zip(golden["texts"], case["vectors"]):
            if vector is not None:
                assert np.abs(model.encode(text, prompt=case["prompt"]) - np.array(vector)).max() < 1e-5, text


@pytest.mark.parametrize("n_heads", [1, 2, 3, 4, 6, 8, 12, 16, 20])
def test_slopes_are_those_of_transformers(n_heads):
    import torch
    from families import jina
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    alibi = build_alibi_tensor(torch.ones(1, 2, dtype=torch.long), n_heads, torch.float32)  # slope * position
    assert np.allclose(alibi[:, 0, 1].numpy(), jina.slopes(n_heads), rtol=1e-6)
