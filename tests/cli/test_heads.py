# SPDX-License-Identifier: Apache-2.0
"""The heads of tests/fixtures/heads (tools/make_family_models.py): rerankers, classifiers, SPLADE, ColBERT. What `wick info` says of each today.

golden.json of each (tests/fixtures/README.md) holds what sentence-transformers gives: pairs and their scores, sparse vectors, token vectors."""
import json
import pathlib

import pytest
from test_families import FAMILIES, NO_CACHE, RUNS, assert_refused, needs_candle  # noqa: F401

HEADS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "heads"
# RUNS: as the encoder under its head, for it has no modules.json. Words: what it gives, so that `wick embed` refuses it while `wick info` knows it. A family's row: that
# encoder is not run yet.
ROWS = {
    "classify-bert": "scores of labels",
    "colbert-bert": "a vector for each token",
    "colbert-modernbert": "a vector for each token",
    "rerank-bert": RUNS,
    "rerank-distilbert": FAMILIES["distilbert"],
    "rerank-modernbert": FAMILIES["modernbert"],
    "rerank-modernbert-cls": "scores of pairs",
    "rerank-roberta": FAMILIES["roberta"],
    "rerank-xlm-roberta": FAMILIES["xlm-roberta"],
    "splade-bert": "sparse vectors",
    "splade-distilbert": "sparse vectors",
}


def test_every_fixture_has_a_row():
    assert sorted(path.name for path in HEADS.iterdir()) == sorted(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_head(wick, name):
    if isinstance(ROWS[name], tuple):
        return assert_refused(wick, HEADS / name, *ROWS[name])
    golden = json.loads((HEADS / name / "golden.json").read_text(encoding="utf-8"))
    known = json.loads(wick("info", "--json", "--model", str(HEADS / name), env=NO_CACHE).stdout)
    assert known["max_seq_length"] == golden["max_seq_length"]
    if ROWS[name] is not RUNS:
        assert f"it gives {ROWS[name]} (" in wick("embed", "a text", "--model", str(HEADS / name), env=NO_CACHE, check=1).stderr.decode()
