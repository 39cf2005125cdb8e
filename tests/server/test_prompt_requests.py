# SPDX-License-Identifier: Apache-2.0
"""Prompts in the server, on the tiny models of tests/fixtures/models: vectors are those of `wick embed`, bit for bit, whatever shares a batch."""
import json
import pathlib
import shutil
import subprocess
import threading

import numpy as np
import pytest

MODELS = pathlib.Path(__file__).resolve().parents[2] / "tests/fixtures/models"
TEXTS = ["The quick engine reads a small file.", "", "Hello", "word " * 60]
FIELD = {"/api/v1/embed": "inputs", "/embed": "inputs", "/v1/embeddings": "input", "/api/embed": "input"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """bert-prompt pools prompts with the rest; apart leaves them out."""
    apart = tmp_path_factory.mktemp("models") / "apart"
    shutil.copytree(MODELS / "bert-prompt", apart)
    pooling = apart / "1_Pooling/config.json"
    pooling.write_text(json.dumps(json.loads(pooling.read_text()) | {"include_prompt": False}))
    settings = apart / "config_sentence_transformers.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"truncate_dim": 9, "similarity_fn_name": "dot"}))
    return {"bert-prompt": str(MODELS / "bert-prompt"), "apart": str(apart), "static": str(MODELS / "static")}


@pytest.fixture(scope="module")
def live(tmp_path_factory, launch_candle, folders):
    own = launch_candle(tmp_path_factory.mktemp("prompts"), *(part for path in folders.values() for part in ("--model", path)))
    yield own
    own.stop()


@pytest.fixture(scope="module")
def library(tmp_path_factory, binary_path, folders):
    folder = tmp_path_factory.mktemp("library")

    def embed(model, texts, *arguments):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        done = subprocess.run([binary_path, "embed", "--model", folders[model], "--input", "-", "--input-format", "jsonl", "--format", "f32", "--quiet", *arguments],
                              input=lines.encode(), stdout=subprocess.PIPE, check=True, timeout=120, cwd=folder)
        return np.frombuffer(done.stdout, "<f4").reshape(len(texts), -1)

    return embed


def vectors_of(path, reply):
    assert reply.status == 200, reply.body
    body = reply.json
    if path == "/v1/embeddings":
        body = [item["embedding"] for item in body["data"]]
    elif path != "/embed":
        body = body["embeddings"]
    return np.array(body, np.float32)


@pytest.mark.parametrize("model", ["bert-prompt", "apart"])
@pytest.mark.parametrize("name", ["query", "passage", "document"])
def test_named_prompts(live, library, model, name):
    expected = library(model, TEXTS, "--prompt-name", name)
    for path in ("/api/v1/embed", "/embed"):
        np.testing.assert_array_equal(vectors_of(path, live.ask("POST", path, {"model": model, "inputs": TEXTS, "prompt_name": name})), expected)
    cut = vectors_of("/embed", live.ask("POST", "/embed", {"model": model, "inputs": TEXTS, "prompt_name": name, "dimensions": 4, "normalize": False}))
    np.testing.assert_array_equal(cut, library(model, TEXTS, "--prompt-name", name, "--dimensions", "4", "--no-normalize"))


@pytest.mark.parametrize("model", ["bert-prompt", "apart"])
def test_the_default_prompt_in_every_dialect(live, library, model):
    expected = library(model, TEXTS)
    assert expected.shape == (4, 9 if model == "apart" else 24)
    assert not np.array_equal(expected[0], library(model, TEXTS, "--prompt", "")[0])
    for path, field in FIELD.items():
        np.testing.assert_array_equal(vectors_of(path, live.ask("POST", path, {"model": model, field: TEXTS})), expected)


@pytest.mark.parametrize("model", ["bert-prompt", "apart"])
def test_prompts_side_by_side(live, library, model):
    """Calls with different prompts at the same time: whatever they share, each has its own vectors."""
    names = ["query", "passage", "document", None]
    expected = {name: library(model, TEXTS, *(["--prompt-name", name] if name else [])) for name in names}
    wrong = []

    def work(name):
        for _ in range(20):
            got = vectors_of("/api/v1/embed", live.ask("POST", "/api/v1/embed", {"model": model, "inputs": TEXTS, "prompt_name": name}))
            if not np.array_equal(got, expected[name]):
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in names for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("model", ["bert-prompt", "apart"])
def test_tokens_of_prompts_count(live, model):
    def count(text, prompt):
        rows = live.ask("POST", "/tokenize", {"model": model, "inputs": text}).json
        usage = live.ask("POST", "/api/v1/embed", {"model": model, "inputs": text, "prompt_name": prompt}).json["usage"]["total_tokens"]
        return len(rows[0]), usage

    assert count("Hello", "document") == (7, 7)
    bare, usage = count("query: Hello", "document")
    assert bare == usage > 7
    assert count("Hello", "query") == count("Hello", None) == (7, usage)
    assert live.ask("POST", "/v1/embeddings", {"model": model, "input": "Hello"}).json["usage"]["total_tokens"] == usage
    assert live.ask("POST", "/api/embed", {"model": model, "input": "Hello"}).json["prompt_eval_count"] == usage
    shown = live.ask("POST", "/tokenize", {"model": model, "inputs": ["Hello", "a"], "prompt_name": "query"}).json
    assert shown == live.ask("POST", "/tokenize", {"model": model, "inputs": ["query: Hello", "query: a"]}).json
    for limit in (False, True):
        reply = live.ask("POST", "/embed", {"model": model, "inputs": "word " * 38, "prompt_name": "query", "truncate": limit})
        assert reply.status == (200 if limit else 422)


def test_similarity_with_a_prompt(live, library):
    sentences = {"source_sentence": TEXTS[0], "sentences": [TEXTS[2], TEXTS[3]]}
    got = live.ask("POST", "/similarity", {"model": "bert-prompt", "inputs": sentences, "parameters": {"prompt_name": "passage"}}).json
    vectors = library("bert-prompt", TEXTS, "--prompt-name", "passage").astype(np.float64)
    np.testing.assert_allclose(got, [vectors[0] @ vectors[2], vectors[0] @ vectors[3]], atol=1e-6)


def test_token_ids_with_a_prompt(live, library):
    ids = [token["id"] for token in live.ask("POST", "/tokenize", {"model": "bert-prompt", "inputs": "the engine"}).json[0]]
    got = vectors_of("/embed", live.ask("POST", "/embed", {"model": "bert-prompt", "inputs": ids, "prompt_name": "passage"}))
    np.testing.assert_array_equal(got, library("bert-prompt", ["the engine"], "--prompt-name", "passage"))


def test_wrong_names(live):
    for path, status in (("/api/v1/embed", 400), ("/embed", 422), ("/tokenize", 422)):
        reply = live.ask("POST", path, {"model": "bert-prompt", "inputs": "a", "prompt_name": "SECRET"})
        assert reply.status == status and b"query, document, passage" in reply.body and b"SECRET" not in reply.body
    for model, most in (("bert-prompt", 24), ("apart", 24)):
        assert live.ask("POST", "/embed", {"model": model, "inputs": "a", "dimensions": most}).status == 200
        reply = live.ask("POST", "/embed", {"model": model, "inputs": "a", "dimensions": most + 1})
        assert reply.status == 422 and b"have 24 values" in reply.body


def test_models_list_prompts(live):
    listed = {model["name"]: model for model in live.ask("GET", "/api/v1/models").json["models"]}
    for name in ("bert-prompt", "apart"):
        assert listed[name]["prompts"] == ["query", "document", "passage"] and listed[name]["default_prompt_name"] == "query"
        assert listed[name]["max_dimensions"] == 24
    assert [listed[name]["dimension"] for name in ("bert-prompt", "apart")] == [24, 9]
    assert [listed[name]["similarity"] for name in ("bert-prompt", "apart")] == ["cosine", "dot"]


def test_static_embeddings(live, library):
    """No special tokens, no limit, and texts without a token."""
    texts = ["Hello", "", "word " * 3000]
    expected = library("static", texts)
    for path, field in FIELD.items():
        np.testing.assert_array_equal(vectors_of(path, live.ask("POST", path, {"model": "static", field: texts, "truncate": False})), expected)
    assert not expected[1].any()
    usage = live.ask("POST", "/api/v1/embed", {"model": "static", "inputs": texts}).json["usage"]["total_tokens"]
    rows = live.ask("POST", "/tokenize", {"model": "static", "inputs": texts}).json
    assert [len(row) for row in rows][1] == 0 and sum(map(len, rows)) == usage > 3000
    assert live.ask("POST", "/embed", {"model": "static", "inputs": [rows[0][0]["id"]]}).status == 200
    assert live.ask("GET", "/health/ready").status == 200
