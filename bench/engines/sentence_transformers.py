# SPDX-License-Identifier: Apache-2.0
"""sentence-transformers on torch: the reference that every other engine's vectors are compared with."""
DTYPES = {"f32": "float32", "bf16": "bfloat16"}
PACKAGES = ["sentence-transformers", "transformers", "torch"]
_model = None


def load(options):
    global _model
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(options.threads)
    _model = SentenceTransformer(str(options.model_dir), device="cpu", model_kwargs={"dtype": DTYPES[options.dtype]})


def embed(texts):
    return _model.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False).astype("float32", copy=False)
