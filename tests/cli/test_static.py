# SPDX-License-Identifier: Apache-2.0
"""Static embeddings: sentence-transformers' StaticEmbedding and Model2Vec's folders. Vectors are its own (fixtures/sentence), or sums of rows made here in f64."""
import json
import pathlib
import shutil
import struct

import numpy
import pytest

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"
MODEL2VEC = FIXTURES / "sentence/model2vec"
STATIC = FIXTURES / "models/static"
NO_CACHE = {"WICK_PREPARED_DIR": "off"}
NAMES = {numpy.dtype("<f4"): "F32", numpy.dtype("<f2"): "F16", numpy.dtype("<f8"): "F64", numpy.dtype("<i8"): "I64", numpy.dtype("<i4"): "I32", numpy.dtype("u1"): "U8",
         numpy.dtype("i1"): "I8", numpy.dtype("<u8"): "U64"}


@pytest.fixture(autouse=True)
def needs_candle(candle):
    if not candle:
        pytest.skip("the native engine is not built in")


def write_tensors(path, **tensors):
    head, data = {}, b""
    for name, tensor in tensors.items():
        name = name.replace("__", ".")
        head[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + tensor.nbytes]}
        data += tensor.tobytes()
    text = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def make(wick, name="model", source=MODEL2VEC, truncation=None, modules=None, **tensors):
    """A copy of a folder with other tensors, and another truncation in its tokenizer.json."""
    folder = wick.folder / name
    shutil.copytree(source, folder, dirs_exist_ok=True)
    if tensors:
        write_tensors(folder / "model.safetensors", **tensors)
    if truncation:
        path = folder / "tokenizer.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"truncation": truncation}))
    if modules:
        kinds = [{"idx": i, "name": str(i), "path": f"{i}_{kind}" if i else "", "type": f"sentence_transformers.models.{kind}"} for i, kind in enumerate(modules)]
        (folder / "modules.json").write_text(json.dumps(kinds))
    return folder


def embed(wick, model, texts, *arguments, check=0):
    (wick.folder / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    done = wick("embed", "--model", str(model), "--input", "in.jsonl", "--format", "npy", "--output", "out.npy", *arguments, env=NO_CACHE, check=check)
    return done.stderr.decode() if check else numpy.load(wick.folder / "out.npy")


def ids_of(wick, model, texts):
    (wick.folder / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    lines = wick("tokenize", "--json", "--model", str(model), "--input", "in.jsonl", env=NO_CACHE).stdout.splitlines()
    return [json.loads(line)["ids"] for line in lines]


def means(ids, rows):
    return numpy.array([rows[one].mean(axis=0) if one else numpy.zeros(rows.shape[1]) for one in ids])


def test_as_sentence_transformers(wick):
    golden = json.loads((FIXTURES / "sentence/static.json").read_text())
    for case in golden["cases"]:
        normalize = [] if case.get("normalize", True) else ["--no-normalize"]
        got = embed(wick, MODEL2VEC, golden["texts"], "--prompt", case["prompt"], *normalize)
        numpy.testing.assert_allclose(got, case["vectors"], atol=2e-6)
    assert not embed(wick, MODEL2VEC, ["", " "]).any() and not embed(wick, STATIC, [""]).any()  # no token, no direction


def test_rows_and_factors(wick):
    random = numpy.random.default_rng(5)
    texts = ["Hello", "the quick brown fox", "", "the " * 5000, "a b c"]
    ids = ids_of(wick, MODEL2VEC, texts)
    assert len(ids[3]) == 5000 and ids[2] == []  # neither cut nor special tokens
    rows = random.normal(size=(257, 70)).astype("<f4")
    few, mapping = random.normal(size=(30, 70)).astype("<f4"), random.integers(0, 30, size=257)
    factors = random.uniform(-1, 1, size=257)
    for tensors, expected in [
        ({"embedding__weight": rows}, rows),
        ({"embeddings": rows}, rows),
        ({"embeddings": rows.astype("<f2")}, rows.astype("<f2")),
        ({"embeddings": rows, "weights": factors}, rows * factors[:, None]),
        ({"embeddings": few, "mapping": mapping}, few[mapping]),
        ({"embeddings": few, "mapping": mapping.astype("<i4")}, few[mapping]),
        ({"embeddings": few, "mapping": mapping.astype("u1"), "weights": factors.astype("<f4")}, few[mapping] * factors.astype("<f4")[:, None]),
        ({"embeddings": few, "mapping": mapping, "weights": factors.astype("<f2")}, few[mapping] * factors.astype("<f2").astype(float)[:, None]),
        ({"embedding__weight": rows, "mapping": mapping, "weights": factors}, rows),  # of torch's own form they are no part
    ]:
        folder = make(wick, **tensors)
        want = means(ids, expected.astype(float))
        got = embed(wick, folder, texts, "--no-normalize")
        numpy.testing.assert_allclose(got, want, atol=3e-6)
        numpy.testing.assert_array_equal(embed(wick, folder, texts[1:2], "--no-normalize"), got[1:2])
        known = json.loads(wick("info", "--json", "--model", str(folder), env=NO_CACHE).stdout)
        assert (known["dimension"], known["max_seq_length"], known["architecture"], known["n_layers"]) == (70, None, "static", None)
        wick("pack", str(folder), "--output", "m.wick", "--force", env=NO_CACHE)
        numpy.testing.assert_array_equal(embed(wick, "m.wick", texts, "--no-normalize"), got)
        assert ids_of(wick, "m.wick", texts[:3]) == ids[:3]


def test_many_texts_on_all_threads(wick):
    texts = [f"text {i % 900} of the quick brown fox " * (1 + i % 7) for i in range(3000)]
    got = embed(wick, MODEL2VEC, texts, "--threads", "4")
    numpy.testing.assert_array_equal(embed(wick, MODEL2VEC, texts, "--threads", "1"), got)
    numpy.testing.assert_array_equal(embed(wick, MODEL2VEC, texts[7:8]), got[7:8])


def test_the_tokenizers_own_cut(wick):
    """StaticEmbedding hands texts to tokenizer.json as it is, its truncation included."""
    texts = ["a b c d e f g h", "a b", "a b c", "f g h"]
    whole = embed(wick, MODEL2VEC, texts)
    for direction, same in (("Right", 2), ("Left", 3)):
        folder = make(wick, direction, truncation={"direction": direction, "max_length": 3, "strategy": "LongestFirst", "stride": 0})
        got = embed(wick, folder, texts)
        numpy.testing.assert_array_equal(got[1:], whole[1:])
        numpy.testing.assert_array_equal(got[0], whole[same])
        assert json.loads(wick("info", "--json", "--model", str(folder), env=NO_CACHE).stdout)["max_seq_length"] == 3
        assert "8 tokens, the limit is 3" in embed(wick, folder, texts, "--no-truncate", check=1)
        numpy.testing.assert_array_equal(embed(wick, folder, texts, "--max-seq-length", "8")[0], whole[0])


def test_dimensions_and_precision(wick):
    whole = embed(wick, MODEL2VEC, ["Hello", "fox"], "--no-normalize")
    numpy.testing.assert_array_equal(embed(wick, MODEL2VEC, ["Hello", "fox"], "--no-normalize", "--dimensions", "3"), whole[:, :3])
    numpy.testing.assert_array_equal(embed(wick, MODEL2VEC, ["Hello", "fox"], "--precision", "ubinary"), numpy.packbits(whole > 0, axis=1))


ROWS = numpy.ones((257, 4), "<f4")


@pytest.mark.parametrize("tensors, said", [
    ({"weight": ROWS}, "tensor embedding.weight is missing, and so is embeddings"),
    ({"embeddings": ROWS[0]}, "tensor embeddings is no matrix of rows"),
    ({"embedding__weight": ROWS.reshape(257, 2, 2)}, "tensor embedding.weight is no matrix of rows"),
    ({"embeddings": ROWS[:, :0]}, "is no matrix of rows"),
    ({"embeddings": ROWS.astype("i1")}, "tensor embeddings: dtype I8, expected F32, F16 or BF16"),
    ({"embeddings": ROWS.astype("<f8")}, "tensor embeddings: dtype F64, expected F32, F16 or BF16"),
    ({"embeddings": ROWS[:5], "mapping": numpy.full(257, 5)}, "tensor mapping names a row that embeddings has not"),
    ({"embeddings": ROWS[:5], "mapping": numpy.full(257, -1)}, "tensor mapping names a row that embeddings has not"),
    ({"embeddings": ROWS[:5], "mapping": numpy.full(257, 2**63, "<u8")}, "tensor mapping names a row that embeddings has not"),
    ({"embeddings": ROWS[:5], "mapping": numpy.zeros((257, 1), "<i8")}, "tensor mapping is no list of rows"),
    ({"embeddings": ROWS[:5], "mapping": numpy.zeros(0, "<i8")}, "tensor mapping is no list of rows"),
    ({"embeddings": ROWS[:5], "mapping": numpy.zeros(257, "<f4")}, "tensor mapping: dtype F32, expected whole numbers"),
    ({"embeddings": ROWS, "weights": numpy.ones(256)}, "tensor weights is no list of factors"),
    ({"embeddings": ROWS, "weights": numpy.ones((257, 1))}, "tensor weights is no list of factors"),
    ({"embeddings": ROWS, "weights": numpy.ones(257, "<i8")}, "tensor weights: dtype I64, expected F64, F32, F16 or BF16"),
    ({"embeddings": ROWS[:256]}, "tokenizer.json has token ids up to 256, the model has 256 embeddings"),
    ({"embeddings": ROWS[:5], "mapping": numpy.zeros(256, "<i8")}, "tokenizer.json has token ids up to 256, the model has 256 embeddings"),
])
def test_wrong_tensors(wick, tensors, said):
    message = embed(wick, make(wick, **tensors), ["a"], check=1)
    assert said in message and message.count("\n") == 1


def test_values_that_are_not_finite(wick):
    rows = ROWS.copy()
    rows[:] = numpy.inf
    assert "not finite" in embed(wick, make(wick, embeddings=rows), ["a"], check=1)
    assert "not finite" in embed(wick, make(wick, embeddings=ROWS, weights=numpy.full(257, numpy.nan)), ["a"], check=1)


def test_what_is_refused(wick):
    for modules in (["StaticEmbedding", "Dense"], ["StaticEmbedding", "Pooling"], ["Normalize", "StaticEmbedding"], ["StaticEmbedding", "Normalize", "Normalize"],
                    ["Transformer", "StaticEmbedding"]):
        assert "modules.json" in embed(wick, make(wick, modules=modules), ["a"], check=1)
    for dtype in ("int8", "bf16"):
        assert f"dtype {dtype} is not supported by static embeddings" in embed(wick, MODEL2VEC, ["a"], "--dtype", dtype, check=1)
        assert f"dtype {dtype}" in wick("pack", str(MODEL2VEC), "--dtype", dtype, "--output", "m.wick", env=NO_CACHE, check=1).stderr.decode()
    assert embed(wick, MODEL2VEC, ["a"], "--dtype", "f32").shape == (1, 8)
