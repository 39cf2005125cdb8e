# SPDX-License-Identifier: Apache-2.0
"""Prompts, sides and measures of the command, on the tiny models of tests/fixtures/models; vectors themselves are compared in test_families.py."""
import json
import pathlib
import shutil

import numpy
import pytest

MODELS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models"
PROMPTED = str(MODELS / "bert-prompt")
NO_CACHE = {"WICK_PREPARED_DIR": "off"}


@pytest.fixture(autouse=True)
def needs_candle(candle):
    if not candle:
        pytest.skip("the native engine is not built in")


def embed(wick, *arguments, model=PROMPTED, check=0):
    done = wick("embed", "--model", model, "--format", "csv", *arguments, env=NO_CACHE, check=check)
    return done.stderr.decode() if check else numpy.loadtxt(done.stdout.decode().splitlines(), delimiter=",", ndmin=2)


def test_prompts_stand_in_front(wick):
    bare, query = embed(wick, "--prompt", "", "Hello", "query: Hello"), embed(wick, "Hello")
    numpy.testing.assert_array_equal(query[0], bare[1])  # the default
    numpy.testing.assert_array_equal(embed(wick, "--prompt-name", "query", "Hello"), query)
    numpy.testing.assert_array_equal(embed(wick, "--prompt", "query: ", "Hello"), query)
    numpy.testing.assert_array_equal(embed(wick, "--prompt", "query: ", "--prompt-name", "nothing", "Hello"), query)
    numpy.testing.assert_array_equal(embed(wick, "--prompt-name", "document", "Hello"), bare[:1])
    assert not numpy.array_equal(bare[0], query[0])
    numpy.testing.assert_array_equal(embed(wick, "--prompt-name", "passage", "Hello"), embed(wick, "--prompt=passage: ", "Hello"))


def test_a_prompt_that_is_not_there(wick):
    assert embed(wick, "--prompt-name", "title", "Hello", check=1) == (
        "wick: Unknown prompt_name: title (prompt_name); one of: query, document, passage\n")
    assert "--prompt-name needs a value" in embed(wick, "--prompt-name", "", "Hello", check=2)
    done = wick("similarity", "--model", PROMPTED, "--prompt-name", "title", "a", "b", env=NO_CACHE, check=1)
    assert b"one of: query, document, passage" in done.stderr
    done = wick("embed", "--provider", "mock", "--prompt-name", "query", "a", check=1)
    assert done.stderr == b"wick: Unknown prompt_name: query (prompt_name); leave it out; the model has no prompts\n"
    assert wick.mock("--prompt", "a ", "b", "--format", "csv").stdout == wick.mock("a b", "--format", "csv").stdout


def test_prompts_of_a_long_input(wick):
    """More texts than a batch, the same twice, and a prompt for all."""
    (wick.folder / "in.txt").write_text("".join(f"text {i % 700}\n" for i in range(1500)))
    wick("embed", "--model", PROMPTED, "--input", "in.txt", "--prompt", "a search for: ", "--output", "a.npy", env=NO_CACHE)
    (wick.folder / "in.txt").write_text("".join(f"a search for: text {i % 700}\n" for i in range(1500)))
    wick("embed", "--model", PROMPTED, "--input", "in.txt", "--prompt", "", "--output", "b.npy", env=NO_CACHE)
    numpy.testing.assert_array_equal(numpy.load(wick.folder / "a.npy"), numpy.load(wick.folder / "b.npy"))


def test_info_lists_prompts(wick):
    known = json.loads(wick("info", "--json", "--model", PROMPTED, env=NO_CACHE).stdout)
    assert known["prompts"] == {"query": "query: ", "document": "", "passage": "passage: "}
    assert known["default_prompt_name"] == "query" and known["similarity"] == "cosine"
    page = wick("info", "--model", PROMPTED, env=NO_CACHE).stdout.decode()
    assert "prompts         query, passage\n" in page and "default prompt  query\n" in page and "compared by     cosine\n" in page
    page = wick("info", "--model", str(MODELS / "bert-left"), env=NO_CACHE).stdout.decode()
    assert "prompt" not in page


def edited(wick, name="bert-cased", **settings):
    folder = wick.folder / "model"
    shutil.copytree(MODELS / name, folder, dirs_exist_ok=True)
    path = folder / "config_sentence_transformers.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return str(folder)


def test_the_models_own_cut(wick):
    whole = embed(wick, "--no-normalize", "Hello", model=str(MODELS / "bert-cased"))
    model = edited(wick, truncate_dim=5)
    known = json.loads(wick("info", "--json", "--model", model, env=NO_CACHE).stdout)
    assert (known["dimension"], known["max_dimensions"]) == (5, 24)
    numpy.testing.assert_array_equal(embed(wick, "--no-normalize", "Hello", model=model), whole[:, :5])
    numpy.testing.assert_array_equal(embed(wick, "--no-normalize", "--dimensions", "24", "Hello", model=model), whole)
    assert "at most 24" in embed(wick, "--dimensions", "25", "Hello", model=model, check=1)
    wick("pack", model, "--output", "m.wick", env=NO_CACHE)
    numpy.testing.assert_array_equal(embed(wick, "--no-normalize", "Hello", model="m.wick"), whole[:, :5])


def test_hostile_settings_are_named(wick):
    for settings, field in [({"prompts": ["a"]}, "prompts"), ({"prompts": {"a": 1}}, "prompts.a"), ({"default_prompt_name": "x"}, "default_prompt_name x"),
                            ({"prompts": {str(i): "" for i in range(65)}}, "prompts: 65"), ({"prompts": {"a": "x" * 70000}}, "prompts: more than"),
                            ({"truncate_dim": -1}, "truncate_dim is -1"), ({"similarity_fn_name": 5}, "similarity_fn_name")]:
        message = embed(wick, "Hello", model=edited(wick, **settings), check=1)
        assert field in message and "config_sentence_transformers.json)" in message and message.count("\n") == 1


@pytest.mark.parametrize("name", ["bert-cased", "bert-cls"])
@pytest.mark.parametrize("measure", ["cosine", "dot", "euclidean", "manhattan"])
def test_measures(wick, name, measure):
    """Vectors as the model's own modules give them: bert-cls ends in Normalize."""
    texts = ["Hello", "The quick engine reads a small file.", ""]
    model = edited(wick, name, similarity_fn_name=measure)
    vectors = embed(wick, *([] if name == "bert-cls" else ["--no-normalize"]), *texts, model=model)
    differences = vectors[:, None] - vectors[None]
    unit = vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)
    expected = {"cosine": unit @ unit.T, "dot": vectors @ vectors.T, "euclidean": -numpy.linalg.norm(differences, axis=2),
                "manhattan": -numpy.abs(differences).sum(2)}
    reply = json.loads(wick("similarity", "--json", "--model", model, *texts, env=NO_CACHE).stdout)
    assert reply["measure"] == measure
    numpy.testing.assert_allclose(reply["similarity"], expected[measure], rtol=1e-5, atol=1e-5)
    asked = json.loads(wick("similarity", "--json", "--measure", measure, "--model", str(MODELS / name), *texts, env=NO_CACHE).stdout)
    assert asked["similarity"] == reply["similarity"]
    two = wick("similarity", "--model", model, *texts[:2], env=NO_CACHE).stdout.decode()
    assert float(two) == pytest.approx(expected[measure][0, 1], abs=6e-5)
    table = wick("similarity", "--model", model, *texts, env=NO_CACHE).stdout.decode().splitlines()
    assert [float(value) for value in table[1].split()[-3:]] == pytest.approx(list(expected[measure][0]), abs=6e-5)
    assert len(set(map(len, table[:4]))) == 1
    off = expected[measure][numpy.triu_indices(3, 1)]
    assert f"({off.max():.4f})" in table[-1]


def test_sides(wick):
    text = "The windows of the attention slide along the text, " * 4
    left, right = embed(wick, "--truncate-side", "left", text), embed(wick, "--truncate-side", "right", text)
    numpy.testing.assert_array_equal(embed(wick, text), right)
    assert not numpy.array_equal(left, right)
    model = str(MODELS / "bert-left")
    numpy.testing.assert_array_equal(embed(wick, text, model=model), embed(wick, "--truncate-side", "left", text, model=model))
    assert "one of left|right" in embed(wick, "--truncate-side", "both", text, check=2)
