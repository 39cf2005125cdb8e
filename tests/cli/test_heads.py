# SPDX-License-Identifier: Apache-2.0
"""`wick rerank`, and what the other commands say of the heads of tests/fixtures/heads (tools/make_family_models.py): rerankers, classifiers, SPLADE, ColBERT.

golden.json of each (tests/fixtures/README.md) holds what sentence-transformers gives: pairs and their scores, sparse vectors, token vectors. What no command prints,
tests/server/test_outputs.py and tests/c/test_outputs.c compare."""
import json
import math
import pathlib
import shutil

import pytest
from test_families import NO_CACHE, needs_candle  # noqa: F401

HEADS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "heads"
# What `wick embed` says of it, which only embedding models have vectors for.
GIVES = {"reranker": "a reranker: it gives scores of pairs", "classifier": "a classifier: it gives scores of labels",
         "sparse": "a sparse encoder: it gives sparse vectors", "multi-vector": "a multi-vector encoder: it gives a vector for each token"}
KINDS = {
    "classify-bert": "classifier",
    "colbert-bert": "multi-vector",
    "colbert-modernbert": "multi-vector",
    "rerank-bert": "reranker",
    "rerank-distilbert": "reranker",
    "rerank-modernbert": "reranker",
    "rerank-modernbert-cls": "reranker",
    "rerank-roberta": "reranker",
    "rerank-xlm-roberta": "reranker",
    "splade-bert": "sparse",
    "splade-distilbert": "sparse",
}
RERANKERS = [name for name, kind in KINDS.items() if kind == "reranker"]


def read_golden(name):
    return json.loads((HEADS / name / "golden.json").read_text(encoding="utf-8"))


def rerank(wick, name, *arguments, **more):
    return json.loads(wick("rerank", "--json", "--model", str(HEADS / name), *arguments, env=NO_CACHE, **more).stdout)


def test_every_fixture_has_a_row():
    assert sorted(path.name for path in HEADS.iterdir()) == sorted(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_kinds(wick, name):
    golden, folder = read_golden(name), str(HEADS / name)
    known = json.loads(wick("info", "--json", "--model", folder, env=NO_CACHE).stdout)
    assert known["kind"] == KINDS[name]
    assert known["max_seq_length"] == golden["max_seq_length"]
    assert known.get("labels") == (golden["labels"] if "labels" in golden else None)
    assert GIVES[KINDS[name]].endswith(known["gives"])
    assert (known["pooling"], known["similarity"]) == (None, None)  # nothing is pooled, or compared by vectors of texts
    said = wick("embed", "a text", "--model", folder, env=NO_CACHE, check=1).stderr.decode()
    assert f"the model is {GIVES[KINDS[name]]} ({folder}); use " in said
    assert b"; bench measures embedding models" in wick("bench", "--quick", "--model", folder, env=NO_CACHE, check=1).stderr
    said = wick("rerank", "a query", "a text", "--model", folder, env=NO_CACHE, check=0 if KINDS[name] == "reranker" else 1).stderr.decode()
    assert KINDS[name] == "reranker" or GIVES[KINDS[name]] in said


@pytest.mark.parametrize("name, says, not_said", [
    ("rerank-bert", {"kind": "reranker", "gives": "scores of pairs", "labels": "LABEL_0"}, ["dimension", "pooling", "compared by"]),
    ("classify-bert", {"kind": "classifier", "gives": "scores of labels", "labels": "contradiction, entailment, neutral"}, ["dimension", "pooling", "compared by"]),
    ("splade-bert", {"kind": "sparse", "gives": "sparse vectors", "dimension": "320"}, ["labels", "at most values", "pooling", "compared by"]),
    ("colbert-bert", {"kind": "multi-vector", "gives": "a vector for each token", "of a token": "16"},
     ["dimension", "at most values", "labels", "pooling", "compared by"]),
])
def test_info_for_people(wick, name, says, not_said):
    lines = wick("info", str(HEADS / name), env=NO_CACHE).stdout.decode().splitlines()
    known = {line[:16].rstrip(): line[16:] for line in lines}
    assert {key: known.get(key) for key in says} == says
    assert not known.keys() & set(not_said)


@pytest.mark.parametrize("name", [name for name in KINDS if name.endswith("-bert")])
def test_prompts_are_of_what_takes_them(wick, name):
    """Scores are computed without; sparse and token vectors have those of sentence-transformers."""
    known = json.loads(wick("info", str(HEADS / name), "--json", env=NO_CACHE).stdout)
    takes = KINDS[name] in ("sparse", "multi-vector")
    assert known["prompts"] == ({"query": "", "document": ""} if takes else None) and known["default_prompt_name"] is None


def test_scores_with_a_prompt_are_refused(wick, tmp_path):
    """CrossEncoder.predict puts it in front of the first text; one that has to be asked for by name changes nothing."""
    folder = tmp_path / "model"
    shutil.copytree(HEADS / "classify-bert", folder)
    settings = folder / "config_sentence_transformers.json"
    change(settings, prompts={"none": "", "harbour": "the harbour: "})
    assert json.loads(wick("info", str(folder), "--json", env=NO_CACHE).stdout)["kind"] == "classifier"
    change(settings, default_prompt_name="none")
    assert json.loads(wick("info", str(folder), "--json", env=NO_CACHE).stdout)["runs"]
    change(settings, default_prompt_name="harbour")
    known = json.loads(wick("info", str(folder), "--json", env=NO_CACHE).stdout)
    assert not known["runs"] and f'default_prompt_name "harbour" is not supported with a head for labels ({settings})' in known["reason"]


def test_labels_of_a_file_do_no_harm(wick, tmp_path):
    """Control characters are not for the terminal, and a list that is too long ends in dots."""
    folder = tmp_path / "model"
    shutil.copytree(HEADS / "classify-bert", folder)
    change(folder / "config.json", id2label={"0": "a\x1b[31m\nb", "1": "\u00e9" * 700, "2": "last"}, label2id=None)
    out = wick("info", str(folder), env=NO_CACHE).stdout.decode()
    (line,) = [line for line in out.splitlines() if line.startswith("labels ")]
    assert line[16:].startswith("a [31m b, \u00e9\u00e9") and line.endswith("...") and "\x1b" not in out
    assert json.loads(wick("info", str(folder), "--json", env=NO_CACHE).stdout)["labels"][2] == "last"


def change(path, **values):
    document = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in document.items() if value is not None}))


@pytest.mark.parametrize("name, weight", [("splade-bert", "cls.predictions.decoder.weight"), ("splade-distilbert", "vocab_projector.weight")])
def test_words_that_are_not_tied(wick, tmp_path, name, weight):
    """transformers ties by default. With tie_word_embeddings false it draws a weight that the file lacks at random, which is no model."""
    folder = tmp_path / "model"
    shutil.copytree(HEADS / name, folder)
    change(folder / "config.json", tie_word_embeddings=False)
    said = wick("info", str(folder), env=NO_CACHE, check=1).stderr.decode()
    assert f"tensor {weight} is missing" in said and "tie_word_embeddings" in said and f"({folder}/model.safetensors)" in said
    change(folder / "config.json", tie_word_embeddings=None)
    assert json.loads(wick("info", str(folder), "--json", env=NO_CACHE).stdout)["kind"] == "sparse"


@pytest.mark.parametrize("arguments", [["--dimensions", "5"], ["--precision", "int8"], ["--prompt-name", "none"], ["--precision", "int8", "--calibration", "x.npy"]])
@pytest.mark.parametrize("name", [name for name in KINDS if name.endswith("-bert")])
def test_what_a_model_is_comes_first(wick, name, arguments):
    said = wick("embed", "a text", "--model", str(HEADS / name), *arguments, env=NO_CACHE, check=1).stderr.decode()
    assert f"the model is {GIVES[KINDS[name]]}" in said


@pytest.mark.parametrize("name", RERANKERS)
def test_scores_are_those_of_predict(wick, name):
    golden = read_golden(name)
    for (query, text), (score,), (logit,) in zip(golden["pairs"], golden["scores"], golden["logits"]):
        (wick.folder / "in.jsonl").write_text(json.dumps({"text": text}) + "\n")
        if not query.strip("\0") or "\0" in query:
            continue  # an argument holds no U+0000
        reply = rerank(wick, name, query, "--input", "in.jsonl")
        assert reply["query"] == query and reply["results"][0]["text"] == text
        assert abs(reply["results"][0]["score"] - score) <= 1e-4
        raw, probability = (rerank(wick, name, query, "--input", "in.jsonl", "--scores", kind)["results"][0]["score"] for kind in ("raw", "probability"))
        assert abs(raw - logit) <= 1e-4 and abs(probability - 1 / (1 + math.exp(-logit))) <= 1e-4


@pytest.mark.parametrize("dtype, limit", [("bf16", 0.05), ("int8", 0.08)])
@pytest.mark.parametrize("name", RERANKERS)
def test_narrow_dtypes(wick, name, dtype, limit):
    texts = ["The reader opens the file and checks the header.", "the ferry", ""]
    exact, narrow = (sorted(rerank(wick, name, "Who reads the file?", *texts, "--dtype", one)["results"], key=lambda result: result["index"])
                     for one in ("f32", dtype))
    assert max(abs(a["score"] - b["score"]) for a, b in zip(exact, narrow)) <= limit


def test_order_and_ties(wick):
    texts = ["the ferry", "a file", "the file", "a file"]
    results = rerank(wick, "rerank-bert", "Who reads the file?", *texts)["results"]
    assert sorted(result["index"] for result in results) == [0, 1, 2, 3]
    assert all(texts[result["index"]] == result["text"] for result in results)
    assert [result["score"] for result in results] == sorted((result["score"] for result in results), reverse=True)
    assert [result["index"] for result in results if result["text"] == "a file"] == [1, 3]
    assert rerank(wick, "rerank-bert", "Who reads the file?", *texts, "--top", "2")["results"] == results[:2]


def test_many_texts_from_a_pipe(wick):
    """More than are kept at once: the best of all, as if all had been kept."""
    lines = "".join(f"{'file ' * (i % 13)}number {i % 450}\n" for i in range(1500)).encode()
    whole = rerank(wick, "rerank-bert", "a query", "--input", "-", stdin=lines)
    best = rerank(wick, "rerank-bert", "a query", "--input", "-", "--top", "10", stdin=lines)
    assert len(whole["results"]) == 1500 and best["results"] == whole["results"][:10]
    assert best["usage"]["total_tokens"] == whole["usage"]["total_tokens"]


def test_lines_for_people(wick):
    out = wick("rerank", "--provider", "mock", "q", "one\ntwo", "three").stdout.decode().splitlines()
    assert len(out) == 2 and {line.split(maxsplit=2)[1] for line in out} == {"1", "2"}
    assert any(line.endswith("  one two") for line in out)


def test_csv_and_output(wick):
    (wick.folder / "in.csv").write_text("id,body\n1,first\n2,second\n")
    wick("rerank", "--provider", "mock", "q", "--input", "in.csv", "--field", "body", "--json", "--output", "out.json")
    reply = json.loads((wick.folder / "out.json").read_text())
    assert sorted(result["text"] for result in reply["results"]) == ["first", "second"]


@pytest.mark.parametrize("arguments, code, said", [
    ([], 2, "rerank takes a query, then texts"),
    (["q", "a", "--input", "x"], 2, "both texts and --input"),
    *[(["q", "a", "--top", top], 2, f'--top cannot be "{top}" (rerank); a whole number from 1 to 1048576')
      for top in ("0", "-1", "1048577", "9" * 30, "two", "1.5", "")],
    (["q", "--scores", "best"], 2, "one of model|probability|raw"),
    (["q", "a", b"\xff"], 1, "(argument 3)"),
    ([b"\xff"], 1, "(argument 1)"),
    ([b"\xff", "a"], 1, "(argument 1)"),
    (["q", "--input", "absent.txt"], 1, "absent.txt"),
])
def test_wrong_usage(wick, arguments, code, said):
    assert said in wick("rerank", "--provider", "mock", *arguments, check=code).stderr.decode()


def test_errors_name_the_text(wick):
    (wick.folder / "in.txt").write_text("short\n" + "file " * 60 + "\n")
    done = wick("rerank", "--model", str(HEADS / "rerank-bert"), "q", "--input", "in.txt", "--no-truncate", env=NO_CACHE, check=1)
    assert "the limit is 40 (in.txt, line 2)" in done.stderr.decode()
    done = wick("rerank", "--model", str(HEADS / "rerank-bert"), "q", "short", "file " * 60, "--no-truncate", env=NO_CACHE, check=1)
    assert "the limit is 40 (argument 3)" in done.stderr.decode()
