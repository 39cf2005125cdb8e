# SPDX-License-Identifier: Apache-2.0
"""`wick rerank`, and what the other commands say of the heads of tests/fixtures/heads (tools/make_family_models.py): rerankers, classifiers, SPLADE, ColBERT.

golden.json of each (tests/fixtures/README.md) holds what sentence-transformers gives: pairs and their scores, sparse vectors, token vectors. What no command prints,
tests/server/test_outputs.py and tests/c/test_outputs.c compare."""
import json
import math
import pathlib

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
    said = wick("embed", "a text", "--model", folder, env=NO_CACHE, check=1).stderr.decode()
    assert f"the model is {GIVES[KINDS[name]]} ({folder}); use " in said
    said = wick("rerank", "a query", "a text", "--model", folder, env=NO_CACHE, check=0 if KINDS[name] == "reranker" else 1).stderr.decode()
    assert KINDS[name] == "reranker" or GIVES[KINDS[name]] in said


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
