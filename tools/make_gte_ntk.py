#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/fixtures/gte_ntk.json: what the fixture tests/fixtures/models/gte gives with the frequencies of gte's published files.

Those (model_type "new") stretch positions: rope_scaling {"type": "ntk", "factor": f} multiplies theta by f and divides every frequency by f^(2 / head_dim)
(https://kexue.fm/archives/9706; so do the models' own code and vLLM). transformers does not know the type, so its GteModel gets the frequencies by hand.
In: the fixture. Out: texts and vectors. Run by hand, with the packages that tools/make_family_models.py names.
"""
import json
import pathlib

import torch
from sentence_transformers import SentenceTransformer

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures"
THETA, FACTOR = 20000.0, 8.0


def main():
    torch.set_num_threads(1)
    golden = json.loads((FIXTURES / "models" / "gte" / "golden.json").read_text(encoding="utf-8"))
    model = SentenceTransformer(str(FIXTURES / "models" / "gte"), device="cpu")
    encoder = model[0].auto_model
    width = encoder.config.hidden_size // encoder.config.num_attention_heads
    exponents = torch.arange(0, width, 2, dtype=torch.float32) / width
    frequencies = 1.0 / ((THETA * FACTOR) ** exponents) / FACTOR ** (2 / width)
    encoder.rotary_emb.inv_freq.copy_(frequencies)
    encoder.rotary_emb.original_inv_freq.copy_(frequencies)
    vectors = [[float(f"{x:.9g}") for x in vector] for vector in model.encode(golden["texts"])]
    content = {"rope_theta": THETA, "rope_scaling": {"type": "ntk", "factor": FACTOR}, "texts": golden["texts"], "vectors": vectors}
    (FIXTURES / "gte_ntk.json").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
