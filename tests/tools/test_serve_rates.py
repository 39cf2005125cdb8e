# SPDX-License-Identifier: Apache-2.0
"""How bench/serve/parts.py puts server and engine side by side, with made-up slices. Nothing is timed, no server runs."""
import importlib
import itertools
import sys
import types

import pytest

GENERATED = {"rate": 100.0, "p50": 1.0, "p95": 2.0, "p99": 3.0, "not_2xx": 0, "timeout": 0, "read": 0, "generator_cores": 0.5, "others_cores": 0.0}
ALONE = {"texts_a_second": 200.0, "p50_ms": 0.5, "others_cores": 0.0}


@pytest.fixture
def parts(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "bench" / "serve"))
    for name in ("parts", "generators", "server", "faults"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("parts")


@pytest.mark.parametrize("outlier", [0, 1, 2])
def test_an_outlier_does_not_choose_the_engine_s_batch(parts, monkeypatch, outlier):
    sizes = itertools.chain((14 if i == outlier else 8 for i in range(3)), itertools.repeat(8))
    asked, count = [], {"batches": 0, "texts": 0}

    class Server:
        def __init__(self, **_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def metrics(self):
            return dict(count)

        def rss_kib(self):
            return 1024

    def wrk(server, texts, connections, seconds):
        if connections == 5:  # not the warming up
            count["batches"] += 10
            count["texts"] += 10 * next(sizes)
        return dict(GENERATED)

    def engine(model, dtype, texts, batch, seconds):
        asked.append(batch)
        return dict(ALONE)

    monkeypatch.setattr(parts, "Server", Server)
    monkeypatch.setattr(parts, "total", lambda metrics, name: metrics["texts" if name.endswith("_sum") else "batches"])
    monkeypatch.setattr(parts.generators, "wrk", wrk)
    monkeypatch.setattr(parts.generators, "engine", engine)
    settings = types.SimpleNamespace(dtypes=["f32"], connections=[5], model="m", texts="t", seconds=4)
    (row,) = parts.rates(settings)["rows"]
    assert asked == [8, 8, 8, 8] and row["texts a batch"] == 8 and row["slices"] == 4 and row["share"] == 0.5
