# SPDX-License-Identifier: Apache-2.0
"""The model families of tests/fixtures/models (tools/make_family_models.py): each runs as sentence-transformers runs it, or is refused by name."""
import json
import pathlib

import numpy
import pytest

MODELS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models"
RUNS = None
# What becomes of each: RUNS, or the file of the folder and the field and value that the refusal names. A family that Wick learns changes its row.
FAMILIES = {
    "bert-cased": RUNS,
    "bert-cls": RUNS,
    "bert-left": RUNS,
    "bert-prompt": ("config_sentence_transformers.json", "default_prompt_name query"),
    "camembert": ("config.json", "model_type camembert"),
    "distilbert": ("config.json", "model_type distilbert"),
    "gemma3": ("config.json", "model_type gemma3_text"),
    "gte": ("config.json", "model_type gte"),
    "modernbert": ("config.json", "model_type modernbert"),
    "mpnet": ("config.json", "model_type mpnet"),
    "nomic-bert": ("config.json", "model_type nomic_bert"),
    "qwen2": ("config.json", "model_type qwen2"),
    "qwen3": ("config.json", "model_type qwen3"),
    "roberta": ("config.json", "model_type roberta"),
    "static": ("modules.json", "type sentence_transformers.sentence_transformer.modules.static_embedding.StaticEmbedding"),
    "xlm-roberta": ("config.json", "model_type xlm-roberta"),
}
RUN = [name for name, refusal in FAMILIES.items() if refusal is RUNS]
REFUSED = [name for name, refusal in FAMILIES.items() if refusal is not RUNS]
NO_CACHE = {"WICK_PREPARED_DIR": "off"}


@pytest.fixture(autouse=True)
def needs_candle(candle):
    if not candle:
        pytest.skip("the native engine is not built in")


def read_golden(name):
    return json.loads((MODELS / name / "golden.json").read_text(encoding="utf-8"))


def test_every_fixture_has_a_row():
    assert sorted(path.name for path in MODELS.iterdir()) == sorted(FAMILIES)


@pytest.mark.parametrize("name", RUN)
def test_ids_and_vectors(wick, name):
    golden, folder = read_golden(name), str(MODELS / name)
    known = json.loads(wick("info", "--json", "--model", folder, env=NO_CACHE).stdout)
    assert (known["max_seq_length"], known["dimension"]) == (golden["max_seq_length"], golden["dimension"])
    normalize = [] if "Normalize" in (MODELS / name / "modules.json").read_text() else ["--no-normalize"]
    for case in golden["cases"]:
        texts = [case["prompt"] + text for text in golden["texts"]]
        (wick.folder / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        source = ["--model", folder, "--input", "in.jsonl"]
        lines = wick("tokenize", *source, "--json", "--max-tokens", str(golden["max_seq_length"]), env=NO_CACHE).stdout.splitlines()
        assert [json.loads(line)["ids"] for line in lines] == case["ids"]
        wick("embed", *source, *normalize, "--format", "npy", "--output", "out.npy", env=NO_CACHE)
        vectors, expected = numpy.load(wick.folder / "out.npy"), numpy.array(case["vectors"])
        assert vectors.shape == expected.shape
        assert numpy.abs(vectors - expected).max() <= 1e-4
        cosines = (vectors * expected).sum(1) / numpy.linalg.norm(vectors, axis=1) / numpy.linalg.norm(expected, axis=1)
        assert cosines.min() >= 0.99999


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(wick, name):
    file, field = FAMILIES[name]
    for command in (["info"], ["embed", "a text"]):
        done = wick(*command, "--model", str(MODELS / name), env=NO_CACHE, check=1)
        message = done.stderr.decode()
        assert not done.stdout and message.count("\n") == 1
        assert f"{field} is not supported" in message and f"{name}/{file})" in message
