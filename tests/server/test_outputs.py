# SPDX-License-Identifier: Apache-2.0
"""POST /rerank, /predict, /embed_sparse and /embed_all against a live server, in the forms of Text Embeddings Inference. What they say is what sentence-transformers says of the
models of tests/fixtures/heads."""
import json
import math
import pathlib
import threading

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADS = ROOT / "tests/fixtures/heads"
MODELS = {"reranker": HEADS / "rerank-bert", "classifier": HEADS / "classify-bert", "sparse": HEADS / "splade-bert", "tokens": HEADS / "colbert-bert",
          "vectors": ROOT / "tests/fixtures/models/bert-cased"}
GOLDEN = {name: json.loads((folder / "golden.json").read_text(encoding="utf-8")) for name, folder in MODELS.items()}


@pytest.fixture(scope="module")
def live(tmp_path_factory, launch_candle):
    arguments = []
    for name, folder in MODELS.items():
        arguments += ["--model", str(folder), "--served-model-name", f"{name}={folder}"]
    own = launch_candle(tmp_path_factory.mktemp("outputs"), *arguments)
    yield own
    own.stop()


def ask(live, path, **body):
    reply = live.ask("POST", path, body)
    assert reply.status == 200, reply.body
    assert reply.headers["Content-Type"] == "application/json"
    return reply.json


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def softmax(row):
    powers = [math.exp(x) for x in row]
    return [power / sum(powers) for power in powers]


def near(got, expected):
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_models_list_their_kinds(live):
    listed = {one["name"]: one for one in live.ask("GET", "/api/v1/models").json["models"]}
    kinds = {"reranker": "reranker", "classifier": "classifier", "sparse": "sparse", "tokens": "multi-vector", "vectors": "embedding"}
    assert {name: listed[name]["kind"] for name in MODELS} == kinds


@pytest.mark.parametrize("path, body", [
    ("/api/v1/embed", {"inputs": "a", "precision": "int8"}), ("/api/v1/embed", {"inputs": "a", "precision": "uint8", "ranges": [[0], [1]]}),
    ("/api/v1/embed", {"inputs": "a", "dimensions": 9999}), ("/api/v1/embed", {"inputs": "a", "prompt_name": "none"}), ("/api/v1/embed", {"inputs": "a", "dtype": "bf16"}),
    ("/v1/embeddings", {"input": [999999], "dimensions": 9999}), ("/embed", {"inputs": "a", "dimensions": 9999}), ("/embed", {"inputs": "a", "prompt_name": "none"}),
    ("/api/embed", {"input": "a", "dimensions": 9999}), ("/similarity", {"inputs": {"source_sentence": "a", "sentences": ["b"]}, "parameters": {"prompt_name": "none"}}),
    ("/embed_sparse", {"inputs": "a", "prompt_name": "none"}), ("/embed_all", {"inputs": "a", "prompt_name": "none"}),
])
def test_what_a_model_is_comes_first(live, path, body):
    """Whatever else is wrong with a request, the wrong kind of model is told."""
    reply = live.ask("POST", path, {"model": "reranker", **body})
    assert reply.status == (400 if path.startswith(("/api/", "/v1/")) else 424) and b"the model is a reranker" in reply.body


# ---- rerank


@pytest.mark.parametrize("raw", [False, True])
def test_rerank(live, raw):
    golden = GOLDEN["reranker"]
    for (query, text), (logit,) in zip(golden["pairs"], golden["logits"]):
        ranks = ask(live, "/rerank", model="reranker", query=query, texts=[text], raw_scores=raw)
        assert list(ranks[0]) == ["index", "score"] and ranks[0]["index"] == 0
        near(ranks[0]["score"], logit if raw else sigmoid(logit))


def test_ranks_fall_and_texts_come_back(live):
    texts = ["the ferry", "a file", "the reader opens the file", "a file", ""]
    ranks = ask(live, "/rerank", model="reranker", query="Who reads the file?", texts=texts, return_text=True)
    assert sorted(rank["index"] for rank in ranks) == list(range(len(texts)))
    assert all(rank["text"] == texts[rank["index"]] and list(rank) == ["index", "text", "score"] for rank in ranks)
    assert [rank["score"] for rank in ranks] == sorted((rank["score"] for rank in ranks), reverse=True)
    same = [rank for rank in ranks if rank["text"] == "a file"]
    assert same[0]["score"] == same[1]["score"] and same[0]["index"] == 1
    alone = {text: ask(live, "/rerank", model="reranker", query="Who reads the file?", texts=[text])[0]["score"] for text in texts}
    assert {rank["text"]: rank["score"] for rank in ranks} == alone  # the same bits


def test_many_texts_and_clients_at_once(live):
    texts = [f"{'file ' * (i % 17)}number {i % 90}" for i in range(700)]
    expected = ask(live, "/rerank", model="reranker", query="a query", texts=texts)
    results = []

    def client():
        results.append(ask(live, "/rerank", model="reranker", query="a query", texts=texts))

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


# ---- predict


@pytest.mark.parametrize("model", ["reranker", "classifier"])
@pytest.mark.parametrize("raw", [False, True])
def test_predict(live, model, raw):
    golden = GOLDEN[model]
    labels = golden["labels"]
    whole = ask(live, "/predict", model=model, inputs=golden["pairs"], raw_scores=raw)
    assert len(whole) == len(golden["pairs"])
    for pair, predictions, logits in zip(golden["pairs"], whole, golden["logits"]):
        scores = logits if raw else softmax(logits) if len(labels) > 1 else [sigmoid(logits[0])]
        assert [list(one) for one in predictions] == [["score", "label"]] * len(labels)
        assert [one["score"] for one in predictions] == sorted((one["score"] for one in predictions), reverse=True)
        near([next(one["score"] for one in predictions if one["label"] == label) for label in labels], scores)
        assert ask(live, "/predict", model=model, inputs=pair, raw_scores=raw) == predictions  # a pair alone is not nested


def test_predict_takes_texts_in_every_form(live):
    alone = ask(live, "/predict", model="classifier", inputs="the ferry")
    assert {one["label"] for one in alone} == {"contradiction", "entailment", "neutral"}
    assert ask(live, "/predict", model="classifier", inputs=["the ferry"]) == alone
    assert ask(live, "/predict", model="classifier", inputs=[["the ferry"]]) == [alone]
    mixed = ask(live, "/predict", model="classifier", inputs=[["the ferry"], ["the ferry", "a file"], ["the ferry", ""]])
    assert mixed[0] == alone and mixed[1] == ask(live, "/predict", model="classifier", inputs=["the ferry", "a file"]) and mixed[2] != alone


# ---- sparse vectors and token vectors


def test_embed_sparse(live):
    golden = GOLDEN["sparse"]
    for texts in (golden["texts"], golden["texts"][5]):
        rows = ask(live, "/embed_sparse", model="sparse", inputs=texts)
        first = 0 if isinstance(texts, list) else 5
        for i, row in enumerate(rows):
            assert [one["index"] for one in row] == golden["indices"][first + i]
            near([one["value"] for one in row], golden["values"][first + i])
            assert all(list(one) == ["index", "value"] for one in row)


def test_embed_all(live):
    golden = GOLDEN["tokens"]
    for prompt, key in ((None, "document"), ("document", "document"), ("query", "query")):
        rows = ask(live, "/embed_all", model="tokens", inputs=golden["texts"], **({"prompt_name": prompt} if prompt else {}))
        assert [len(row) for row in rows] == [len(row) for row in golden[key]]
        for row, expected in zip(rows, golden[key]):
            near(row, expected)
    assert ask(live, "/embed_all", model="tokens", inputs=golden["texts"][2]) == ask(live, "/embed_all", model="tokens", inputs=[golden["texts"][2]])


def test_embed_all_of_an_embedding_model(live):
    """The mean of a text's hidden states is its vector."""
    golden = GOLDEN["vectors"]["cases"][0]
    rows = ask(live, "/embed_all", model="vectors", inputs=GOLDEN["vectors"]["texts"])
    for row, ids, vector in zip(rows, golden["ids"], golden["vectors"]):
        assert len(row) == len(ids)
        near(np.mean(row, 0), vector)


# ---- errors


ROUTES = {
    "/embed": ({"inputs": "a"}, ["vectors"]),
    "/similarity": ({"inputs": {"source_sentence": "a", "sentences": ["b"]}}, ["vectors"]),
    "/rerank": ({"query": "a", "texts": ["b"]}, ["reranker"]),
    "/predict": ({"inputs": "a"}, ["reranker", "classifier"]),
    "/embed_sparse": ({"inputs": "a"}, ["sparse"]),
    "/embed_all": ({"inputs": "a"}, ["tokens", "vectors"]),
}
FITS = {"reranker": ("a reranker", "/rerank"), "classifier": ("a classifier", "/predict"), "sparse": ("a sparse encoder", "/embed_sparse"),
        "tokens": ("a multi-vector encoder", "/embed_all"), "vectors": ("an embedding model", "/embed")}


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("model", MODELS)
def test_models_are_for_one_thing(live, path, model):
    """424 and Backend, as Text Embeddings Inference; the message says what the model is and which route fits."""
    body, models = ROUTES[path]
    reply = live.ask("POST", path, {**body, "model": model})
    if model in models:
        assert reply.status == 200, reply.body
        return
    assert reply.status == 424 and reply.json["error_type"] == "Backend"
    assert f"the model is {FITS[model][0]}" in reply.json["error"] and f"POST {FITS[model][1]}" in reply.json["error"]


def test_other_dialects_say_so_too(live):
    for path, body in (("/v1/embeddings", {"input": "a"}), ("/api/v1/embed", {"inputs": "a"}), ("/api/embed", {"input": "a"})):
        reply = live.ask("POST", path, {**body, "model": "reranker"})
        assert reply.status == 400 and b"the model is a reranker" in reply.body and b"POST /rerank" in reply.body


@pytest.mark.parametrize("path, body, status, error_type, words", [
    ("/rerank", {"texts": ["a"]}, 422, "Validation", "query must be a string"),
    ("/rerank", {"query": 7, "texts": ["a"]}, 422, "Validation", "query must be a string"),
    ("/rerank", {"query": "SECRET"}, 422, "Validation", "texts must be an array"),
    ("/rerank", {"query": "SECRET", "texts": "a"}, 422, "Validation", "texts must be an array"),
    ("/rerank", {"query": "SECRET", "texts": []}, 400, "Empty", "texts is empty"),
    ("/rerank", {"query": "SECRET", "texts": ["SECRET", 7]}, 422, "Validation", "texts[1] must be a string"),
    ("/rerank", {"query": "SECRET", "texts": ["a"] * 2049}, 413, "Validation", "texts holds 2049 texts, the limit is 2048"),
    ("/rerank", {"query": "S" * 50000, "texts": ["a"] * 1000}, 413, "Validation", "the query has 50000 bytes, which with 1000 texts"),
    ("/rerank", {"query": "SECRET", "texts": ["a"], "raw_scores": "yes"}, 422, "Validation", "raw_scores must be true or false"),
    ("/rerank", {"query": "SECRET", "texts": ["a"], "return_text": 1}, 422, "Validation", "return_text"),
    ("/rerank", {"query": "SECRET", "texts": ["a"], "truncation_direction": "Up"}, 422, "Validation", "truncation_direction"),
    ("/rerank", {"query": "file " * 50, "texts": ["a"], "truncate": False}, 422, "Tokenizer", "the model takes 40"),
    ("/predict", {}, 422, "Validation", "inputs must be"),
    ("/predict", {"inputs": 7}, 422, "Validation", "inputs must be"),
    ("/predict", {"inputs": []}, 400, "Empty", "inputs is empty"),
    ("/predict", {"inputs": ["SECRET", "b", "c"]}, 422, "Validation", "inputs[0] must be an array of one or two strings"),
    ("/predict", {"inputs": ["SECRET", 7]}, 422, "Validation", "inputs[0] must hold strings"),
    ("/predict", {"inputs": [["a"], "SECRET"]}, 422, "Validation", "inputs[1] must be an array of one or two strings"),
    ("/predict", {"inputs": [["a"], []]}, 422, "Validation", "inputs[1] must be an array of one or two strings"),
    ("/predict", {"inputs": [["a"], ["a", None]]}, 422, "Validation", "inputs[1] must hold strings"),
    ("/predict", {"inputs": [["a"]] * 2049}, 413, "Validation", "inputs holds 2049 texts"),
    ("/predict", {"inputs": "file " * 50, "truncate": False}, 422, "Tokenizer", "the model takes 40"),
])
def test_refusals_of_pairs(live, path, body, status, error_type, words):
    reply = live.ask("POST", path, {**body, "model": "reranker"})
    assert (reply.status, reply.json["error_type"]) == (status, error_type), reply.body
    assert words in reply.json["error"] and "SECRET" not in reply.json["error"]


@pytest.mark.parametrize("path, model", [("/embed_sparse", "sparse"), ("/embed_all", "tokens")])
@pytest.mark.parametrize("body, status, error_type, words", [
    ({}, 422, "Validation", "inputs is missing"),
    ({"inputs": []}, 400, "Empty", "inputs is empty"),
    ({"inputs": ["a", 7]}, 422, "Validation", "inputs[1]"),
    ({"inputs": "a", "prompt_name": "title"}, 422, "Validation", "prompt_name"),
    ({"inputs": "file " * 50, "truncate": False}, 422, "Tokenizer", "the model takes 40"),
])
def test_refusals_of_texts(live, path, model, body, status, error_type, words):
    reply = live.ask("POST", path, {**body, "model": model})
    assert (reply.status, reply.json["error_type"]) == (status, error_type), reply.body
    assert words in reply.json["error"]


def test_a_large_reply(live):
    """2,048 texts of 40 tokens: 2 million values."""
    rows = ask(live, "/embed_all", model="vectors", inputs=["file " * 60] * 2047 + ["the ferry"])
    assert [len(row) for row in rows[:-1]] == [40] * 2047 and len(rows[-1]) < 40


# ---- about the models


def test_health_and_metrics_know_them(live):
    assert live.get("/health").status == 200
    before = live.get("/metrics").body.decode()
    ask(live, "/rerank", model="reranker", query="a", texts=["b", "c"])
    after = live.get("/metrics").body.decode()

    def texts(page):
        return next(float(line.split()[-1]) for line in page.splitlines() if line.startswith('wick_texts_total{model="reranker"}'))

    assert texts(after) == texts(before) + 2


@pytest.mark.parametrize("model, kind", [("reranker", "reranker"), ("classifier", "classifier")])
def test_info_of_labels(tmp_path, launch_candle, model, kind):
    own = launch_candle(tmp_path, "--model", str(MODELS[model]))
    labels = GOLDEN[model]["labels"]
    assert own.get("/info").json["model_type"] == {kind: {"id2label": {str(i): label for i, label in enumerate(labels)},
                                                          "label2id": {label: i for i, label in enumerate(labels)}}}
    own.stop()


@pytest.mark.parametrize("model, pooling", [("sparse", "splade"), ("tokens", "none"), ("vectors", "mean")])
def test_info_of_vectors(tmp_path, launch_candle, model, pooling):
    own = launch_candle(tmp_path, "--model", str(MODELS[model]))
    assert own.get("/info").json["model_type"] == {"embedding": {"pooling": pooling}}
    own.stop()


def test_mock(server):
    """The mock provider gives all of them."""
    ranks = server.ask("POST", "/rerank", {"query": "a", "texts": ["b", "c", "b"]}).json
    assert len(ranks) == 3 and len({rank["score"] for rank in ranks}) == 2 and all(0 < rank["score"] < 1 for rank in ranks)
    assert server.ask("POST", "/predict", {"inputs": "a"}).json[0]["label"] == "LABEL_0"
    assert [len(row) for row in server.ask("POST", "/embed_sparse", {"inputs": ["", "a b"]}).json] == [0, 2]
    assert [len(row) for row in server.ask("POST", "/embed_all", {"inputs": ["", "a b"]}).json] == [2, 4]
