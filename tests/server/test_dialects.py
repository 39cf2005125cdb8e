# SPDX-License-Identifier: Apache-2.0
"""The four dialects against a live server: the tiny model and the real one, under several names. Vectors are those of `wick embed`, bit for bit."""
import base64
import json
import pathlib
import re
import shutil
import struct
import subprocess
import threading

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TINY = str(ROOT / "tests/fixtures/tiny-bert")
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
TEXTS = ["The ferry leaves the harbour at dawn.", "", "  ", "Caf\u00e9 \u4e16\u754c \U0001f30d", "a\u0000b", "word " * 300]
EMBED = ["/api/v1/embed", "/v1/embeddings", "/embeddings", "/embed", "/", "/invocations", "/api/embed", "/api/embeddings"]
FIELD = {"/api/v1/embed": "inputs", "/embed": "inputs", "/": "inputs", "/invocations": "inputs", "/api/embeddings": "prompt"}


@pytest.fixture(scope="module")
def live(tmp_path_factory, launch_candle):
    own = launch_candle(tmp_path_factory.mktemp("dialects"), "--model", TINY, "--model", MINILM, "--served-model-name", f"mini={MINILM}",
                        "--served-model-name", f"tiny={TINY}")
    yield own
    own.stop()


@pytest.fixture(scope="module")
def library(tmp_path_factory, binary_path):
    """library(model, texts) -> [n, dimension] f32, by `wick embed`."""
    folder = tmp_path_factory.mktemp("library")

    def embed(model, texts, *arguments):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        done = subprocess.run([binary_path, "embed", "--model", model, "--input", "-", "--input-format", "jsonl", "--format", "f32", "--quiet", *arguments],
                              input=lines.encode(), stdout=subprocess.PIPE, check=True, timeout=120, cwd=folder)
        return np.frombuffer(done.stdout, "<f4").reshape(len(texts), -1)

    return embed


def vectors_of(path, body):
    """The vectors of a reply, as f32."""
    if path in ("/v1/embeddings", "/embeddings"):
        body = [item["embedding"] for item in sorted(body["data"], key=lambda item: item["index"])]
    elif path in ("/api/v1/embed", "/api/embed"):
        body = body["embeddings"]
    elif path == "/api/embeddings":
        body = [body["embedding"]]
    return np.array(body, np.float32)


@pytest.mark.parametrize("path", [path for path in EMBED if path != "/api/embeddings"])
@pytest.mark.parametrize("model, name", [("tiny", TINY), ("mini", MINILM), (MINILM, MINILM)])
def test_vectors_are_the_library_s(live, library, path, model, name):
    reply = live.ask("POST", path, {"model": model, FIELD.get(path, "input"): TEXTS})
    assert reply.status == 200, reply.body
    assert reply.headers["Content-Type"] == "application/json"
    np.testing.assert_array_equal(vectors_of(path, reply.json), library(name, TEXTS))


def test_one_text_is_one_vector(live, library):
    expected = library(TINY, TEXTS[:1])
    for path in EMBED:
        reply = live.ask("POST", path, {"model": "tiny", FIELD.get(path, "input"): TEXTS[0]})
        assert reply.status == 200, (path, reply.body)
        np.testing.assert_array_equal(vectors_of(path, reply.json), expected)


def test_options_are_the_library_s(live, library):
    def wick(**more):
        return vectors_of("/api/v1/embed", live.ask("POST", "/api/v1/embed", {"model": "tiny", "inputs": TEXTS, **more}).json)

    np.testing.assert_array_equal(wick(normalize=False), library(TINY, TEXTS, "--no-normalize"))
    np.testing.assert_array_equal(wick(dimensions=5), library(TINY, TEXTS, "--dimensions", "5"))
    np.testing.assert_array_equal(wick(dimensions=None, truncate=None, normalize=None, model="tiny", dtype="f32"), library(TINY, TEXTS))


def test_encodings_say_the_same(live, library):
    def wick(form):
        return live.ask("POST", "/api/v1/embed", {"model": "mini", "inputs": TEXTS, "encoding_format": form}).json

    expected = library(MINILM, TEXTS)
    packed = [np.frombuffer(base64.b64decode(text, validate=True), "<f4") for text in wick("base64")["embeddings"]]
    np.testing.assert_array_equal(packed, expected)
    bits = np.array(wick("binary")["embeddings"], np.int8)
    np.testing.assert_array_equal(bits, (np.packbits(expected > 0, axis=-1).astype(np.int16) - 128).astype(np.int8))
    small = np.array(wick("int8")["embeddings"], np.int64)
    assert np.abs(small).max(axis=1).tolist() == [127] * len(TEXTS)
    cosines = (small * expected).sum(axis=1) / np.linalg.norm(small, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.9998
    assert wick("int8")["dimension"] == 384
    open_ai = live.ask("POST", "/v1/embeddings", {"model": "mini", "input": TEXTS, "encoding_format": "base64"}).json
    np.testing.assert_array_equal([np.frombuffer(base64.b64decode(item["embedding"]), "<f4") for item in open_ai["data"]], expected)


@pytest.mark.parametrize("precision", ["int8", "uint8", "binary", "ubinary"])
def test_precisions_are_the_command_s(live, tmp_path, binary_path, library, precision):
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    subprocess.run([binary_path, "embed", "--model", MINILM, "--input", "in.jsonl", "--precision", precision, "--output", "out.npy", "--quiet"], check=True, timeout=120, cwd=tmp_path)
    expected = np.load(tmp_path / "out.npy")
    body = {"model": "mini", "inputs": TEXTS, "precision": precision}
    got = live.ask("POST", "/api/v1/embed", body).json
    np.testing.assert_array_equal(np.array(got["embeddings"]), expected)
    packed = live.ask("POST", "/api/v1/embed", body | {"encoding_format": "base64"}).json["embeddings"]
    np.testing.assert_array_equal([np.frombuffer(base64.b64decode(row, validate=True), expected.dtype) for row in packed], expected)
    if "int8" in precision:  # with ranges a text's bytes are its own
        vectors = library(MINILM, TEXTS)
        ranges = [[float(value) for value in row] for row in (vectors.min(axis=0), vectors.max(axis=0))]
        alone = live.ask("POST", "/api/v1/embed", {"model": "mini", "inputs": TEXTS[3], "precision": precision, "ranges": ranges}).json
        np.testing.assert_array_equal(alone["embeddings"], expected[3:4])


def test_tokens_are_counted(live):
    tokens = [len(row) for row in live.ask("POST", "/tokenize", {"model": "mini", "inputs": TEXTS}).json]
    assert tokens[1] == 2 and tokens[5] == 302
    total = sum(min(n, 256) for n in tokens)
    assert live.ask("POST", "/api/v1/embed", {"model": "mini", "inputs": TEXTS}).json["usage"]["total_tokens"] == total
    usage = live.ask("POST", "/v1/embeddings", {"model": "mini", "input": TEXTS}).json["usage"]
    assert usage == {"prompt_tokens": total, "total_tokens": total}
    assert live.ask("POST", "/api/embed", {"model": "mini", "input": TEXTS}).json["prompt_eval_count"] == total


def test_tokens_and_texts_there_and_back(live):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(TINY + "/tokenizer.json")
    rows = live.ask("POST", "/tokenize", {"model": "tiny", "inputs": TEXTS}).json
    for text, row in zip(TEXTS, rows):
        expected = tokenizer.encode(text)
        assert [token["id"] for token in row] == expected.ids
        for token, (start, stop), special in zip(row, expected.offsets, expected.special_tokens_mask):
            assert token["special"] == bool(special)
            assert (token["start"], token["stop"]) == ((None, None) if special else (start, stop))
            assert special or token["text"] == text[start:stop]
    for skip in (True, False):
        decoded = live.ask("POST", "/decode", {"model": "tiny", "ids": [[token["id"] for token in row] for row in rows], "skip_special_tokens": skip}).json
        assert decoded == [tokenizer.decode([token["id"] for token in row], skip_special_tokens=skip) for row in rows]


@pytest.mark.parametrize("path", ["/v1/embeddings", "/embed"])
@pytest.mark.parametrize("add_special", [True, False])
def test_token_ids_are_embedded_as_their_text(live, library, path, add_special):
    texts = ["The ferry leaves the harbour at dawn, doesn't it?", "unaffable [MASK] caf\u00e9", "\u4e16\u754c 3.14"]
    rows = live.ask("POST", "/tokenize", {"model": "mini", "inputs": texts, "add_special_tokens": add_special}).json
    ids = [[token["id"] for token in row] for row in rows]
    key = FIELD.get(path, "input")
    np.testing.assert_array_equal(vectors_of(path, live.ask("POST", path, {"model": "mini", key: ids}).json), library(MINILM, texts))
    np.testing.assert_array_equal(vectors_of(path, live.ask("POST", path, {"model": "mini", key: ids[0]}).json), library(MINILM, texts[:1]))


def test_long_texts_are_cut_where_asked(live, library):
    letters = ["abcdefghij"[i * i % 10] for i in range(200)]  # a token each; 46 of them fit between [CLS] and [SEP]
    text = " ".join(letters)
    for direction, rest in (("Right", letters[:46]), ("Left", letters[-46:]), ("left", letters[-46:]), (None, letters[:46])):
        cut = live.ask("POST", "/embed", {"model": "tiny", "inputs": text, "truncation_direction": direction}).json
        np.testing.assert_array_equal(np.array(cut, np.float32), library(TINY, [" ".join(rest)]))


def test_texts_that_are_too_long_are_refused_where_asked(live):
    refused = {path: live.ask("POST", path, {"model": "tiny", FIELD.get(path, "input"): ["a", "SECRET " * 500], "truncate": False})
               for path in ("/api/v1/embed", "/embed", "/api/embed")}
    assert {path: reply.status for path, reply in refused.items()} == {"/api/v1/embed": 400, "/embed": 422, "/api/embed": 400}
    assert refused["/embed"].json["error_type"] == "Tokenizer"
    assert all(b"SECRET" not in reply.body for reply in refused.values())


def test_similarity_is_the_cosine(live, library):
    a, b, c = library(MINILM, ["Machine learning", "Deep learning", "The weather is nice today"]).astype(np.float64)
    reply = live.ask("POST", "/similarity", {"model": "mini", "inputs": {
        "source_sentence": "Machine learning", "sentences": ["Deep learning", "The weather is nice today"]}})
    assert reply.json == pytest.approx([float(a @ b), float(a @ c)], abs=1e-7)
    assert reply.json[0] == pytest.approx(0.6887, abs=1e-3)


def test_models_are_listed(live):
    names = ["tiny", "tiny-bert", "mini", MINILM]
    models = live.get("/api/v1/models").json
    assert sorted(name for model in models["models"] for name in model["names"]) == sorted(names)
    assert MINILM in models["cached"]
    assert sorted(model["id"] for model in live.get("/v1/models").json["data"]) == sorted(names)
    for name in names:
        assert live.get("/v1/models/" + name.replace("/", "%2F")).json["id"] == name
    assert sorted(model["name"] for model in live.get("/api/tags").json["models"]) == sorted(names)
    assert live.get("/v1/models/other").status == 404
    info = live.get("/info").json
    assert info["model_id"] in names and info["auto_truncate"] is True and info["max_input_length"] == 48
    assert live.ask("POST", "/api/show", {"model": "mini:latest"}).json["capabilities"] == ["embedding"]


@pytest.mark.parametrize("path", EMBED)
def test_models_that_are_not_served_are_404_and_name_those_that_are(live, path):
    reply = live.ask("POST", path, {"model": "other", FIELD.get(path, "input"): "SECRET"})
    assert reply.status == 404
    assert b"mini" in reply.body and b"SECRET" not in reply.body


@pytest.mark.parametrize("path", EMBED)
def test_wrong_bodies_are_refused_and_not_repeated(live, path):
    key = FIELD.get(path, "input")
    wrong = [{}, {key: None}, {key: 5}, {key: {"SECRET": 1}}, {key: ["SECRET", 5]}, {key: ["SECRET", None]}, {key: [["SECRET"]]}, {key: "SECRET", "model": 5},
             {key: []}, {key: [True]}, {key: [[]]}]
    raw = [b'{"%s":"SECRET","%s":"SECRET"}', b'{"%s":"SECRET\xff"%.0s}', b'{"%s":"SECRET\\ud800"%.0s}', b'{"%s":1e999%.0s}', b'{"%s":18446744073709551616%.0s}',
           b'{"%s":"SECRET"%.0s', b'{"%s":SECRET%.0s}']
    bodies = [json.dumps(body).encode() for body in wrong] + [body % (key.encode(), key.encode()) for body in raw]
    for body in bodies:
        reply = live.ask("POST", path, body)
        assert 400 <= reply.status < 423 and reply.json["error"], (path, body, reply.status)
        assert b"SECRET" not in reply.body, (path, body, reply.body)


def test_fields_at_fault_are_named(live):
    for body, param in [({"inputs": ["a", 1]}, "inputs[1]"), ({"inputs": "a", "dimensions": 0}, "dimensions"), ({"inputs": "a", "dimensions": 1e9}, "dimensions"),
                        ({"inputs": "a", "dtype": "int8"}, "dtype"), ({"inputs": "a", "encoding_format": "hex"}, "encoding_format"),
                        ({"inputs": "a", "normalize": 1}, "normalize"), ({"inputs": "a", "truncate": "no"}, "truncate")]:
        reply = live.ask("POST", "/api/v1/embed", {"model": "tiny", **body})
        assert (reply.status, reply.json["error"]["code"], reply.json["error"]["param"]) == (400, "invalid_input", param)
    reply = live.ask("POST", "/v1/embeddings", b'{"model":"tiny","input":"a","dimensions":1e999}')
    assert (reply.status, reply.json["error"]["param"]) == (400, "dimensions")


def test_large_requests_are_split_and_put_together(live, library):
    texts = [f"text number {i} " + "and so on " * (i % 5) for i in range(2048)]
    reply = live.ask("POST", "/v1/embeddings", {"model": "tiny", "input": texts, "encoding_format": "base64"})
    assert [item["index"] for item in reply.json["data"]] == list(range(2048))
    got = [struct.unpack("<32f", base64.b64decode(item["embedding"])) for item in reply.json["data"]]
    np.testing.assert_array_equal(np.array(got, np.float32), library(TINY, texts))
    assert live.ask("POST", "/embed", {"model": "tiny", "inputs": texts + ["one more"]}).status == 413


def test_ollama_repeats_the_name_as_it_was_asked(live):
    for name in ("tiny", "tiny:latest"):
        assert live.ask("POST", "/api/embed", {"model": name, "input": "a"}).json["model"] == name


def test_loading_must_be_allowed(live):
    for what in ("load", "unload"):
        reply = live.ask("POST", f"/api/v1/models/{what}", {"model": "tiny"})
        assert (reply.status, reply.json["error"]["code"]) == (403, "unauthorized")


def test_models_come_and_go(tmp_path, launch_candle):
    own = launch_candle(tmp_path, "--model", TINY, "--allow-load")
    assert own.ask("POST", "/api/v1/models/load", {"model": MINILM}).json == {"model": MINILM, "loaded": True}
    assert own.ask("POST", "/embed", {"inputs": "a"}).status == 404  # which of the two?
    assert len(own.ask("POST", "/embed", {"inputs": "a", "model": MINILM}).json[0]) == 384
    assert own.ask("POST", "/api/v1/models/unload", {"model": MINILM}).json == {"model": MINILM, "loaded": False}
    assert len(own.ask("POST", "/embed", {"inputs": "a"}).json[0]) == 32
    assert own.ask("POST", "/api/v1/models/unload", {"model": MINILM}).status == 404
    assert own.ask("POST", "/api/v1/models/load", {"model": "no/such-model"}).status == 404
    assert own.ask("POST", "/api/v1/models/load", {"model": "../../etc"}).status in (400, 404)
    assert own.ask("POST", "/api/v1/models/load", {}).status == 400
    own.stop()


def test_what_is_wrong_with_a_model_to_load_is_its_namers_mistake(tmp_path, launch, launch_candle):
    """A folder that is none, its damaged and unsupported files; no hub to ask is neither's: it may pass. None is logged as the server's failure."""
    def folder(name, **files):
        shutil.copytree(TINY, tmp_path / name)
        for file, content in files.items():
            path = tmp_path / name / f"{file}.json"
            path.unlink()
            if content is not None:
                path.write_text(content)
        return str(tmp_path / name)
    (tmp_path / "file.txt").write_text("text")
    wrong = [(folder("bare", config=None), "config.json is not there"), (folder("words", tokenizer=None), "tokenizer.json is not there"),
             (folder("damaged", config="{"), "malformed JSON"), (folder("other", config='{"model_type": "zebra"}'), "zebra")]
    env = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": str(tmp_path / "cache")}
    own = launch(tmp_path, ("--provider", "candle", "--model", TINY, "--allow-load"), env=env)
    for name, said in wrong:
        reply = own.ask("POST", "/api/v1/models/load", {"model": name})
        assert (reply.status, reply.json["error"]["code"], reply.json["error"]["param"]) == (400, "invalid_input", "model"), reply.body
        assert said in reply.json["error"]["message"]
    reply = own.ask("POST", "/api/v1/models/load", {"model": str(tmp_path / "file.txt")})
    assert (reply.status, reply.json["error"]["code"]) == (404, "model_not_found")
    reply = own.ask("POST", "/api/v1/models/load", {"model": "org/unreachable"})
    assert (reply.status, reply.json["error"]["code"]) == (503, "service_unavailable"), reply.body
    assert "cannot be reached" in reply.json["error"]["message"]
    assert "level=error" not in own.stop()


def test_unloading_waits_for_requests_in_flight(tmp_path, launch_candle, sanitized):
    """Their replies are large enough for a worker, of which there is one: whoever waits for them must not be that one. Under sanitizers, fewer texts take as long."""
    own = launch_candle(tmp_path, "--model", MINILM, "--model", TINY, "--allow-load", "--workers", "1")
    replies = {}
    texts = [f"text {i} " + "and so on " * 6 for i in range(100 if sanitized else 600)]
    threads = [threading.Thread(target=lambda i=i: replies.update({i: own.ask("POST", "/embed", {"model": MINILM, "inputs": texts})})) for i in range(2)]
    for thread in threads:
        thread.start()
    depth = re.compile(rb"^wick_queue_tokens(?:{[^}]*})? [1-9]", re.MULTILINE)
    own.wait_for(lambda: depth.search(own.get("/metrics").body))
    assert own.ask("POST", "/api/v1/models/unload", {"model": MINILM}).status == 200
    for thread in threads:
        thread.join()
    # One of them may have come when the model was leaving.
    statuses = sorted(reply.status for reply in replies.values())
    assert statuses[0] == 200 and statuses[1] in (200, 404)
    assert own.ask("POST", "/embed", {"inputs": "a"}).status == 200
    own.stop()


def test_openapi_describes_itself(live):
    document = live.get("/openapi.json").json
    assert document["openapi"].startswith("3.1") and "/api/v1/embed" in document["paths"]
    for path, operations in document["paths"].items():
        if "{" not in path:
            assert live.get(path).status == (200 if "get" in operations else 405), path
    text = json.dumps(document)
    for schema in document["components"]["schemas"]:
        assert f"#/components/schemas/{schema}\"" in text
