# SPDX-License-Identifier: Apache-2.0
"""The model families of tests/fixtures/models (tools/make_family_models.py): each runs as sentence-transformers runs it, or is refused by name."""
import json
import pathlib

import numpy
import pytest

MODELS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models"
RUNS = None
# What becomes of each: RUNS, or the file of the folder ("": the folder) and the field and value, or the feature, that the refusal names. A family that Wick learns
# changes its row.
FAMILIES = {
    "bert-cased": RUNS,
    "bert-cls": RUNS,
    "bert-left": RUNS,
    "bert-prompt": RUNS,
    "camembert": RUNS,
    "distilbert": RUNS,
    "eurobert": RUNS,
    "gemma3": RUNS,
    "gte": RUNS,
    "gte-f16": RUNS,
    "jina-v2": RUNS,
    "jina-v2-code": ("model.safetensors", "layer_norm_q.weight: the layout of jina-bert-v2-qk-post-norm"),
    "modernbert": RUNS,
    "mpnet": RUNS,
    "nomic-bert": RUNS,
    "qwen2": RUNS,
    "qwen2-bidirectional": RUNS,
    "qwen3": RUNS,
    "qwen3-bf16": RUNS,
    "roberta": RUNS,
    "static": RUNS,
    "xlm-roberta": RUNS,
}
RUN = [name for name, refusal in FAMILIES.items() if refusal is RUNS]
REFUSED = [name for name, refusal in FAMILIES.items() if refusal is not RUNS]
NO_CACHE = {"WICK_PREPARED_DIR": "off"}


@pytest.fixture(autouse=True)
def needs_candle(candle):
    if not candle:
        pytest.skip("the native engine is not built in")


def test_every_fixture_has_a_row():
    assert sorted(path.name for path in MODELS.iterdir()) == sorted(FAMILIES)


def compare(wick, folder):
    """Ids exactly, vectors to 1e-4 and a cosine of 0.99999, of the texts of the folder's golden.json."""
    golden = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    known = json.loads(wick("info", "--json", "--model", str(folder), env=NO_CACHE).stdout)
    assert (known["max_seq_length"], known["dimension"]) == (golden["max_seq_length"], golden["dimension"])
    assert known["default_prompt_name"] == golden["default_prompt_name"]
    normalize = [] if "Normalize" in (folder / "modules.json").read_text() else ["--no-normalize"]
    cut = ["--max-tokens", str(golden["max_seq_length"])] if golden["max_seq_length"] else []
    for case in golden["cases"]:
        texts = [case["prompt"] + text for text in golden["texts"]]
        assert tokenized(wick, folder, texts, cut) == case["ids"]
        some = [i for i, vector in enumerate(case["vectors"]) if vector is not None]
        prompt = ["--prompt-name", case["prompt_name"]] if case["prompt_name"] else ["--prompt", ""]
        vectors = embedded(wick, folder, [golden["texts"][i] for i in some], normalize + prompt)
        expected = numpy.array([case["vectors"][i] for i in some])
        assert vectors.shape == expected.shape
        assert numpy.abs(vectors - expected).max() <= 1e-4
        cosines = (vectors * expected).sum(1) / numpy.linalg.norm(vectors, axis=1) / numpy.linalg.norm(expected, axis=1)
        assert cosines.min() >= 0.99999


def input_of(wick, texts):
    (wick.folder / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return ["--input", "in.jsonl"]


def tokenized(wick, folder, texts, options):
    lines = wick("tokenize", "--model", str(folder), *input_of(wick, texts), "--json", *options, env=NO_CACHE).stdout.splitlines()
    return [json.loads(line)["ids"] for line in lines]


def embedded(wick, folder, texts, options):
    wick("embed", "--model", str(folder), *input_of(wick, texts), *options, "--format", "npy", "--output", "out.npy", env=NO_CACHE)
    return numpy.load(wick.folder / "out.npy")


def assert_refused(wick, folder, file, field):
    """info says that it does not run, and embed ends in one line; both name the file, and the field and value."""
    where = f"{folder.name}{'/' if file else ''}{file})"
    known = json.loads(wick("info", str(folder), "--json", env=NO_CACHE).stdout)
    assert known["runs"] is False and field in known["reason"] and where in known["reason"]
    done = wick("embed", "a text", "--model", str(folder), env=NO_CACHE, check=1)
    message = done.stderr.decode()
    assert not done.stdout and message.count("\n") == 1
    assert field in message and where in message


@pytest.mark.parametrize("name", RUN)
def test_ids_and_vectors(wick, name):
    compare(wick, MODELS / name)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(wick, name):
    file, field = FAMILIES[name]
    assert_refused(wick, MODELS / name, file, f"{field} is not supported")
