# SPDX-License-Identifier: Apache-2.0
"""The official Python clients, unchanged, against a live server; vectors equal to those of `wick embed`. Run by `make clients` in an environment of their own
(tools/requirements-clients.txt); .venv lacks them."""
import asyncio
import json
import pathlib
import subprocess

import huggingface_hub
import langchain_ollama
import langchain_openai
import llama_index.embeddings.text_embeddings_inference as llama_index_tei
import numpy as np
import ollama
import openai
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
TINY = str(ROOT / "tests/fixtures/tiny-bert")
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
TEXTS = ["The ferry leaves the harbour at dawn.", "", "Caf\u00e9 \u4e16\u754c \U0001f30d", "Sourdough needs flour, water, salt and patience.", "word " * 300]
KEY = "wick-clients-key"


@pytest.fixture(scope="module", params=[TINY, MINILM], ids=["tiny", "minilm"])
def model(request):
    return request.param


@pytest.fixture(scope="module")
def url(tmp_path_factory, launch_candle, model):
    """A server with a key and one model, under the name "served"."""
    folder = tmp_path_factory.mktemp("clients")
    (folder / "keys").write_text(KEY + "\n")
    own = launch_candle(folder, "--model", model, "--served-model-name", "served", "--api-key-file", str(folder / "keys"))
    yield f"http://127.0.0.1:{own.port}"
    assert KEY not in own.stop()


@pytest.fixture(scope="module")
def expected(model, binary_path, tmp_path_factory):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS)
    done = subprocess.run([binary_path, "embed", "--model", model, "--input", "-", "--input-format", "jsonl", "--format", "f32", "--quiet"], input=lines.encode(),
                          stdout=subprocess.PIPE, check=True, timeout=120, cwd=tmp_path_factory.mktemp("library"))
    return np.frombuffer(done.stdout, "<f4").reshape(len(TEXTS), -1)


def equal(got, expected):
    np.testing.assert_array_equal(np.array(got, np.float32), expected)


# ---- openai ----


@pytest.fixture
def open_ai(url):
    return openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0)


def test_openai(open_ai, expected):
    reply = open_ai.embeddings.create(model="served", input=TEXTS)  # asks for base64
    assert [item.index for item in reply.data] == list(range(len(TEXTS)))
    equal([item.embedding for item in reply.data], expected)
    assert reply.model == "served" and reply.usage.prompt_tokens == reply.usage.total_tokens > 0
    reply = open_ai.embeddings.create(model="served", input=TEXTS, encoding_format="float", user="someone")
    equal([item.embedding for item in reply.data], expected)
    equal([open_ai.embeddings.create(model="served", input=TEXTS[0]).data[0].embedding], expected[:1])


def test_openai_dimensions(open_ai, expected):
    got = np.array([item.embedding for item in open_ai.embeddings.create(model="served", input=TEXTS, dimensions=8).data])
    cut = expected[:, :8].astype(np.float64)
    np.testing.assert_allclose(got, cut / np.linalg.norm(cut, axis=1, keepdims=True), atol=1e-6)


def test_openai_models(open_ai):
    names = [model.id for model in open_ai.models.list()]
    assert "served" in names
    for name in names:
        assert open_ai.models.retrieve(name).id == name


def test_openai_async(url, expected):
    async def ask():
        async with openai.AsyncOpenAI(base_url=url + "/v1", api_key=KEY) as client:
            replies = await asyncio.gather(*(client.embeddings.create(model="served", input=text) for text in TEXTS))
        return [reply.data[0].embedding for reply in replies]

    equal(asyncio.run(ask()), expected)


def test_openai_errors(open_ai, url):
    with pytest.raises(openai.NotFoundError) as caught:
        open_ai.embeddings.create(model="other", input="a")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as caught:
        open_ai.embeddings.create(model="served", input=[])
    assert caught.value.param == "input"
    with pytest.raises(openai.BadRequestError) as caught:
        open_ai.embeddings.create(model="served", input="a", dimensions=100000)
    assert caught.value.param == "dimensions"
    with pytest.raises(openai.AuthenticationError) as caught:
        openai.OpenAI(base_url=url + "/v1", api_key="wrong", max_retries=0).embeddings.create(model="served", input="a")
    assert caught.value.code == "invalid_api_key"


# ---- langchain-openai ----


def test_langchain_openai(url, expected):
    # By default it tokenizes for OpenAI's models, with tables that tiktoken downloads, and sends ids that mean nothing to other models.
    embeddings = langchain_openai.OpenAIEmbeddings(model="served", base_url=url + "/v1", api_key=KEY, check_embedding_ctx_length=False)
    equal(embeddings.embed_documents(TEXTS), expected)
    equal([embeddings.embed_query(TEXTS[0])], expected[:1])
    equal(asyncio.run(embeddings.aembed_documents(TEXTS)), expected)


# ---- huggingface_hub, for Text Embeddings Inference ----


@pytest.mark.parametrize("path", ["", "/", "/embed"])
def test_huggingface_hub(url, expected, path):
    client = huggingface_hub.InferenceClient(url + path, token=KEY)
    equal(client.feature_extraction(TEXTS[0]), expected[:1])
    equal([client.feature_extraction(text)[0] for text in TEXTS], expected)
    equal(client.feature_extraction(TEXTS), expected)


def test_huggingface_hub_options(url, expected):
    client = huggingface_hub.InferenceClient(url, token=KEY)
    assert client.feature_extraction(TEXTS[0], dimensions=8).shape == (1, 8)
    equal(client.feature_extraction(TEXTS[0], normalize=True, truncate=True, truncation_direction="right"), expected[:1])
    assert (client.feature_extraction(TEXTS[4], truncation_direction="left")).shape == (1, expected.shape[1])
    raw = client.feature_extraction(TEXTS[0], normalize=False)[0].astype(np.float64)
    np.testing.assert_allclose(raw / np.linalg.norm(raw), expected[0], atol=1e-6)
    with pytest.raises(huggingface_hub.errors.HfHubHTTPError) as caught:
        client.feature_extraction(TEXTS[4], truncate=False)
    assert caught.value.response.status_code == 422


def test_huggingface_hub_similarity(url, expected):
    client = huggingface_hub.InferenceClient(url + "/similarity", token=KEY)
    got = client.sentence_similarity(TEXTS[0], other_sentences=[TEXTS[3], TEXTS[2]])
    wide = expected.astype(np.float64)
    assert got == pytest.approx([wide[0] @ wide[3], wide[0] @ wide[2]], abs=1e-6)


def test_huggingface_hub_async(url, expected):
    async def ask():
        async with huggingface_hub.AsyncInferenceClient(url, token=KEY) as client:
            return await client.feature_extraction(TEXTS[0])

    equal(asyncio.run(ask()), expected[:1])


def test_llama_index_text_embeddings_inference(url, expected):
    embeddings = llama_index_tei.TextEmbeddingsInference(model_name="served", base_url=url, auth_token=KEY, text_instruction="",
                                                         query_instruction="", embed_batch_size=2)
    equal(embeddings.get_text_embedding_batch([TEXTS[0], TEXTS[2], TEXTS[3]]), expected[[0, 2, 3]])
    equal([embeddings.get_query_embedding(TEXTS[0])], expected[:1])


# ---- ollama ----


@pytest.fixture
def ollama_client(url):
    return ollama.Client(url, headers={"Authorization": f"Bearer {KEY}"})


@pytest.mark.parametrize("name", ["served", "served:latest"])
def test_ollama(ollama_client, expected, name):
    reply = ollama_client.embed(name, TEXTS)
    equal(reply.embeddings, expected)
    assert reply.model == name and reply.prompt_eval_count > 0 and reply.total_duration > 0
    equal(ollama_client.embed(name, TEXTS[0], truncate=True, options={"num_ctx": 8}, keep_alive="5m").embeddings, expected[:1])
    equal([ollama_client.embeddings(name, TEXTS[0]).embedding], expected[:1])
    assert len(ollama_client.embed(name, TEXTS[0], dimensions=8).embeddings[0]) == 8


def test_ollama_models(ollama_client):
    assert "served" in [model.model for model in ollama_client.list().models]
    assert "served" in [model.model for model in ollama_client.ps().models]
    shown = ollama_client.show("served:latest")
    assert shown.capabilities == ["embedding"] and shown.details.family == "bert"


def test_ollama_errors(ollama_client):
    with pytest.raises(ollama.ResponseError) as caught:
        ollama_client.embed("other", "a")
    assert caught.value.status_code == 404 and "served" in caught.value.error


def test_langchain_ollama(url, expected):
    embeddings = langchain_ollama.OllamaEmbeddings(model="served", base_url=url, client_kwargs={"headers": {"Authorization": f"Bearer {KEY}"}})
    equal(embeddings.embed_documents(TEXTS), expected)
    equal([embeddings.embed_query(TEXTS[0])], expected[:1])


def test_ollama_async(url, expected):
    async def ask():
        client = ollama.AsyncClient(url, headers={"Authorization": f"Bearer {KEY}"})
        return (await client.embed("served", TEXTS)).embeddings

    equal(asyncio.run(ask()), expected)
