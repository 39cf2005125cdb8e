# SPDX-License-Identifier: Apache-2.0
"""What bench/ computes from its measurements, with made-up ones: accuracy, ratios, tables. Nothing is timed, no peer is needed."""
import importlib
import sys

import numpy
import pytest


@pytest.fixture
def bench(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "bench"))
    for name in ("accuracy", "bench", "report", "workers", "machine"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("bench")


def test_recall(bench):
    import accuracy

    rng = numpy.random.default_rng(1)
    reference = accuracy.normalised(rng.normal(size=(50, 8)))
    assert numpy.allclose((reference ** 2).sum(axis=1), 1)
    assert accuracy.recall(reference, reference, 10) == 1
    assert accuracy.recall(reference[:10], reference[:10], 10) is None
    # With 2 n + 1 texts and likeness turned round, the n nearest are the n furthest.
    circle = numpy.stack([numpy.cos(angles := numpy.arange(21) * 0.1), numpy.sin(angles)], axis=1)
    nearest = accuracy.neighbours(circle, 2)
    assert set(nearest[10]) == {9, 11} and set(nearest[0]) == {1, 2}
    other = circle[::-1].copy()
    other[[0, 20]] = other[[20, 0]]
    assert 0 < accuracy.recall(other, circle, 2) < 1


def test_specs(bench):
    def labels(engines, dtypes="f32,bf16,int8"):
        return [spec.label for spec in bench.read_specs(engines, dtypes)]

    assert labels("wick,onnxruntime") == ["wick f32", "wick bf16", "wick int8", "onnxruntime f32", "onnxruntime int8"]
    assert labels("wick,openvino,ctranslate2,sentence_transformers", "bf16") == ["wick bf16", "openvino bf16", "sentence_transformers bf16"]
    assert labels("wick:int8,openvino", "f32") == ["wick int8", "openvino f32"]
    for engines, dtypes in (("nothing", "f32"), ("wick", "f64"), ("ctranslate2:bf16", "f32"), ("ctranslate2", "bf16")):
        with pytest.raises(SystemExit):
            bench.read_specs(engines, dtypes)


def made_up(bench):
    """Two engines, two dtypes, three rounds; Wick takes half the time."""
    specs = bench.read_specs("wick,onnxruntime", "f32,int8")
    rounds = {}
    for spec in specs:
        ms = (1 if spec.engine == "wick" else 2) * (1 if spec.dtype == "int8" else 3)
        rounds[spec.label] = {"single_p50_ms": [ms, 2 * ms, 3 * ms], "short_per_s": [30 / ms, 20 / ms, 10 / ms]}
    return specs, rounds


def test_ratios_are_taken_round_by_round(bench):
    specs, rounds = made_up(bench)
    rounds["wick int8"]["single_p50_ms"] = [1, 2, 100]  # one disturbed round changes no median
    found = bench.wick_ratios(specs, rounds, [("single_p50_ms", "single_p50_ms", False), ("short_per_s", "short_per_s", True),
                                              ("start_s", "start_s", False)])
    seen = {(r["key"], r["dtype"]): (r["wick"], r["best"], r["ratio"]) for r in found}
    assert seen == {
        ("single_p50_ms", "f32"): ("wick f32", "onnxruntime f32", 2),
        ("single_p50_ms", "int8"): ("wick int8", "onnxruntime int8", 2),
        ("single_p50_ms", "any"): ("wick int8", "onnxruntime int8", 2),
        ("short_per_s", "f32"): ("wick f32", "onnxruntime f32", 2),
        ("short_per_s", "int8"): ("wick int8", "onnxruntime int8", 2),
        ("short_per_s", "any"): ("wick int8", "onnxruntime int8", 2),
    }


def test_tables(bench):
    import report

    specs, rounds = made_up(bench)
    rows = [{"label": spec.label, "engine": spec.engine, "dtype": spec.dtype, "single_p50_ms": rounds[spec.label]["single_p50_ms"][1],
             "cosine_min": 0.5} for spec in specs]
    results = {"engines": rows, "date": "2000-01-01", "versions": {"wick": "0"}, "command_peak_mb": {},
               "machine": {"cpu": "some", "cores": 2, "flags": [], "memory_gib": 1, "system": "s", "load_before": 0},
               "run": {"threads": 2, "rounds": 3, "pinned_rounds": 0, "texts": "texts", "n_short": 1, "n_paragraphs": 1, "tokens_short": 1,
                       "tokens_paragraphs": 1, "pinned": 2, "minutes": 1},
               "ratios": bench.wick_ratios(specs, rounds, [("single_p50_ms", "single_p50_ms", False)])}
    page = report.people(results)
    assert [line.split() for line in page.splitlines() if line.startswith("wick f32")] == [["wick", "f32", "6.00", "0.500000"]]
    assert "2.00 (onnxruntime int8)" in page and "256" not in page  # a column that nobody has is left out
    section = report.markdown(results)
    assert "| single p50 ms | 2.00 (onnxruntime) | 2.00 (onnxruntime) | 2.00 (onnxruntime int8) |" in section
    assert section.count("\n| wick int8 |") == 1


def test_every_engine_has_what_the_driver_asks_for(bench):
    for name in ("wick", "onnxruntime", "openvino", "ctranslate2", "sentence_transformers"):
        engine = importlib.import_module("engines." + name)
        assert set(engine.DTYPES) <= {"f32", "bf16", "int8"} and "f32" in engine.DTYPES
        assert callable(engine.load) and callable(engine.embed) and isinstance(engine.PACKAGES, list)


def test_texts_are_all_different(root):
    for name, count in (("short", 1000), ("paragraphs", 100)):
        texts = (root / f"bench/texts/{name}.txt").read_text().splitlines()
        assert len(texts) == len(set(texts)) == count
