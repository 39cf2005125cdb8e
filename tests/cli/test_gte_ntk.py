# SPDX-License-Identifier: Apache-2.0
"""gte's published files stretch positions (rope_scaling of type ntk, model_type "new"): the vectors of tools/make_gte_ntk.py."""
import json
import shutil

import numpy
from test_families import MODELS, embedded, needs_candle  # noqa: F401


def test_stretched_positions(wick, tmp_path):
    golden = json.loads((MODELS.parent / "gte_ntk.json").read_text(encoding="utf-8"))
    folder = shutil.copytree(MODELS / "gte", tmp_path / "gte")
    config = json.loads((folder / "config.json").read_text())
    del config["rope_parameters"]
    config |= {"model_type": "new", "pack_qkv": True, "rope_theta": golden["rope_theta"], "rope_scaling": golden["rope_scaling"]}
    (folder / "config.json").write_text(json.dumps(config))
    vectors, expected = embedded(wick, folder, golden["texts"], []), numpy.array(golden["vectors"])
    assert numpy.abs(vectors - expected).max() <= 1e-4
    (folder / "config.json").write_text(json.dumps(config | {"rope_scaling": None}))
    assert numpy.abs(embedded(wick, folder, golden["texts"], []) - expected).max() > 0.1  # so that passing it over would show
