#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/fixtures/sentence: what sentence-transformers makes of tests/fixtures/tiny-bert with prompts, cuts and a prompt left out of the pooling, and
of vectors in quantize_embeddings.

In: the tiny model, the seed and the texts below. Out: prompts.json, cuts.json, quantize.json, static.json and model2vec/ (tests/fixtures/README.md). Run by hand when a case is added; the
result is committed:

    pip install sentence-transformers==6.2.0 transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0 torch==2.15.0
    python tools/make_sentence_golden.py
"""

import json
import pathlib
import shutil
import tempfile

import numpy as np
import torch
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.util.quantization import quantize_embeddings

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures"
OUT = FIXTURES / "sentence"
SEED = 20261126
TEXTS = ["", " ", "Hello", "The quick brown fox jumps over the lazy dog.", "Café naïve résumé Straße", "word " * 60, "a b c d e f"]
POOLING = ["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
PROMPTS = {"query": "find the answer: ", "word": "price", "blank": " ", "long": "the quick brown fox and " * 12}
PRECISIONS = ["int8", "uint8", "binary", "ubinary"]


def make_model(work, pooling, include_prompt, side="right", **settings):
    """The tiny model with other settings, loaded as anybody would."""
    folder = pathlib.Path(work) / f"{pooling}-{include_prompt}-{side}-{len(settings)}"
    shutil.copytree(FIXTURES / "tiny-bert", folder)
    (folder / "1_Pooling/config.json").write_text(json.dumps({"embedding_dimension": 32, "pooling_mode": pooling, "include_prompt": include_prompt}))
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"truncation_side": side}))
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"prompts": PROMPTS} | settings))
    return SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})


def rows_of(vectors):
    return [[float(f"{x:.9g}") for x in vector] for vector in vectors]


def encode(model, **options):
    return np.stack([model.encode(text, **options) for text in TEXTS])


def prompt_cases(work):
    cases = []
    for pooling in POOLING:
        for side in ["right", "left"] if pooling == "mean" else ["right"]:
            for include_prompt in [True, False] if pooling == "mean" else [False]:
                model = make_model(work, pooling, include_prompt, side)
                for name in PROMPTS if side == "right" else ["query"]:
                    vectors = encode(model, prompt_name=name)
                    if np.isfinite(vectors).all():  # the largest of no token is none
                        cases.append({"pooling": pooling, "include_prompt": include_prompt, "side": side, "prompt_name": name, "vectors": rows_of(vectors)})
    return cases


def cut_cases(work):
    cases = []
    model = make_model(work, "mean", True)
    for dimensions, normalize in [(5, True), (5, False), (32, True), (1, True)]:
        vectors = encode(model, prompt_name="query", truncate_dim=dimensions, normalize_embeddings=normalize)
        cases.append({"dimensions": dimensions, "normalize": normalize, "vectors": rows_of(vectors)})
    model = make_model(work, "mean", True, truncate_dim=7, default_prompt_name="query")
    cases.append({"truncate_dim": 7, "normalize": False, "vectors": rows_of(encode(model))})
    return cases


def make_model2vec():
    """A folder as Model2Vec writes it for a quantised vocabulary: many tokens share a row, each with a weight of its own."""
    folder = OUT / "model2vec"
    folder.mkdir(exist_ok=True)
    shutil.copy(FIXTURES / "tiny-bert/tokenizer.json", folder)
    random = np.random.default_rng(SEED + 1)
    n_tokens = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"].__len__()
    tensors = {
        "embeddings": random.normal(size=(40, 8)).astype(np.float32),
        "mapping": random.integers(0, 40, size=n_tokens).astype(np.int64),
        "weights": random.uniform(0.1, 2, size=n_tokens),  # f64
    }
    save_file(tensors, folder / "model.safetensors")
    modules = [("0", ".", "StaticEmbedding"), ("1", "1_Normalize", "Normalize")]
    entries = [{"idx": i, "name": name, "path": path, "type": f"sentence_transformers.models.{kind}"} for i, (name, path, kind) in enumerate(modules)]
    (folder / "modules.json").write_text(json.dumps(entries, indent=2) + "\n")
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec", "architectures": ["StaticModel"], "normalize": True}) + "\n")
    (folder / "1_Normalize").mkdir(exist_ok=True)
    (folder / "1_Normalize/config.json").write_text("{}\n")
    return SentenceTransformer(str(folder), device="cpu")


def static_cases():
    model = make_model2vec()
    cases = [{"prompt": "", "vectors": rows_of(encode(model))}, {"prompt": "find: ", "vectors": rows_of(encode(model, prompt="find: "))}]
    model = SentenceTransformer(modules=[model[0]], device="cpu")  # without Normalize
    return [*cases, {"prompt": "", "normalize": False, "vectors": rows_of(encode(model))}]


def bits(array):
    """The bits of f32 values, since quantisation is to be equal to the last of them."""
    return np.ascontiguousarray(array, dtype=np.float32).view(np.uint32).reshape(array.shape).tolist()


def quantize_cases():
    random = np.random.default_rng(SEED)
    unit = random.normal(size=(40, 21)).astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True).astype(np.float32)
    odd = random.uniform(-1, 1, size=(9, 13)).astype(np.float32)
    odd[:, 3] = 0.25  # no range
    odd[0, :5] = [0.0, -0.0, 1e-42, 0.25, -1e-42]
    odd[1, 5], odd[2, 5] = -1.0, 1.0  # on both ends
    edges = np.array([[0, 1], [255, 0], [1, 0.5], [127.99999, 0.49999997], [128, 0.75]], dtype=np.float32)
    calibration = random.uniform(-0.5, 0.5, size=(64, 13)).astype(np.float32)
    narrow = np.stack([np.full(13, -0.1), np.full(13, 0.1)]).astype(np.float32)
    cases = []
    for name, vectors, ranges, calibrated in [
        ("a batch of its own ranges", unit, None, None),
        ("equal values, zeros and subnormals", odd, None, None),
        ("whole steps", edges, None, None),
        ("a calibration set, values outside of it", odd, None, calibration),
        ("given ranges", odd, narrow, None),
        ("one vector and ranges", odd[:1], narrow, None),
        ("two vectors", unit[:2], None, None),
        ("no vectors", unit[:0], None, None),
    ]:
        if calibrated is not None:
            ranges = np.vstack((calibrated.min(axis=0), calibrated.max(axis=0)))
        results = {p: quantize_embeddings(vectors, p, ranges=None if calibrated is not None else ranges, calibration_embeddings=calibrated) for p in PRECISIONS}
        case = {"name": name, "dimension": vectors.shape[1], "vectors": bits(vectors), "calibration": None if calibrated is None else bits(calibrated)}
        cases.append(case | {"ranges": None if ranges is None else bits(ranges)} | {p: result.tolist() for p, result in results.items()})
    return cases


def write(name, document):
    lines = [json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in document["cases"]]
    heads = [f'"{key}": {json.dumps(value, ensure_ascii=False)}' for key, value in document.items() if key != "cases"]
    (OUT / name).write_text("{" + ",\n".join([*heads, '"cases": [\n' + ",\n".join(lines) + "]"]) + "}\n", encoding="utf-8")


def main():
    torch.set_num_threads(1)
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        write("prompts.json", {"texts": TEXTS, "prompts": PROMPTS, "cases": prompt_cases(work)})
    with tempfile.TemporaryDirectory() as work:
        write("cuts.json", {"texts": TEXTS, "cases": cut_cases(work)})
    write("quantize.json", {"cases": quantize_cases()})
    write("static.json", {"texts": TEXTS, "cases": static_cases()})
    for path in sorted(path for path in OUT.rglob("*") if path.is_file()):
        print(f"{path.name}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
