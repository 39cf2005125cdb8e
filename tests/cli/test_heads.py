# SPDX-License-Identifier: Apache-2.0
"""The heads of tests/fixtures/heads (tools/make_family_models.py): rerankers, classifiers, SPLADE, ColBERT. What `wick info` says of each today.

golden.json of each (tests/fixtures/README.md) holds what sentence-transformers gives: pairs and their scores, sparse vectors, token vectors."""
import json
import pathlib

import pytest
from test_families import FAMILIES, NO_CACHE, RUNS, assert_refused, needs_candle  # noqa: F401

HEADS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "heads"
MODULES = ("modules.json", "modules other than Transformer, Pooling, up to 4 Dense and one Normalize")
MASK = "type sentence_transformers.multi_vector_encoder.modules.multi_vector_mask.MultiVectorMask is not supported"
SPLADE = "type sentence_transformers.sparse_encoder.modules.splade_pooling.SpladePooling is not supported"
# RUNS: as the encoder under its head, for it has no modules.json (a family's row: what becomes of that encoder); else the file and what the refusal says of it.
ROWS = {
    "classify-bert": MODULES,
    "colbert-bert": ("modules.json", MASK),
    "colbert-modernbert": ("modules.json", MASK),
    "rerank-bert": RUNS,
    "rerank-distilbert": FAMILIES["distilbert"],
    "rerank-modernbert": FAMILIES["modernbert"],
    "rerank-modernbert-cls": MODULES,
    "rerank-roberta": FAMILIES["roberta"],
    "rerank-xlm-roberta": FAMILIES["xlm-roberta"],
    "splade-bert": ("modules.json", SPLADE),
    "splade-distilbert": ("modules.json", SPLADE),
}


def test_every_fixture_has_a_row():
    assert sorted(path.name for path in HEADS.iterdir()) == sorted(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_head(wick, name):
    if ROWS[name] is not RUNS:
        return assert_refused(wick, HEADS / name, *ROWS[name])
    golden = json.loads((HEADS / name / "golden.json").read_text(encoding="utf-8"))
    known = json.loads(wick("info", "--json", "--model", str(HEADS / name), env=NO_CACHE).stdout)
    assert known["max_seq_length"] == golden["max_seq_length"]
