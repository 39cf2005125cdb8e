# SPDX-License-Identifier: Apache-2.0
"""A config.json that changes while the weights stay: prepared weights (WICK_PREPARED_DIR) of the old one are not taken for the new one."""
import json
import shutil

import pytest
from test_families import FAMILIES, MODELS, RUNS

# Each changes the vectors and leaves every shape as it is.
CHANGES = [
    ("bert-cls", {"layer_norm_eps": 0.1}),
    ("bert-cls", {"hidden_act": "relu"}),
    ("roberta", {"pad_token_id": 3}),
    ("nomic-bert", {"rope_parameters": {"rope_theta": 3.0, "rope_type": "default"}}),
    ("gte", {"hidden_act": "silu"}),
    ("modernbert", {"local_attention": 2}),
    ("modernbert", {"layer_types": ["sliding_attention"] * 3 + ["full_attention"]}),
    ("qwen2", {"is_causal": False}),
    ("qwen3", {"rms_norm_eps": 0.1}),
    ("gemma3", {"query_pre_attn_scalar": 1}),
    ("gemma3", {"use_bidirectional_attention": False}),
]


@pytest.mark.parametrize("name, change", [case for case in CHANGES if FAMILIES[case[0]] is RUNS], ids=str)
def test_prepared_weights_follow_the_configuration(wick, candle, tmp_path, name, change):
    if not candle:
        pytest.skip("the native engine is not built in")
    folder = shutil.copytree(MODELS / name, tmp_path / "model")
    kept = {"WICK_PREPARED_DIR": str(tmp_path / "kept")}

    def vectors(env):
        return wick("embed", "the ferry leaves the harbour at dawn", "--model", str(folder), "--dtype", "int8", "--format", "f32", env=env).stdout

    before = vectors(kept)
    assert any((tmp_path / "kept").iterdir()) and vectors(kept) == before
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    after = vectors(kept)
    assert after == vectors({"WICK_PREPARED_DIR": "off"}) and after != before
