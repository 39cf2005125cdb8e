# SPDX-License-Identifier: Apache-2.0
"""The engine alone, through libwick in this process: engine.py MODEL DTYPE TEXTS BATCH SECONDS. Prints one line of JSON. Called by generators.py."""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import wick_ctypes  # noqa: E402


def main(name, dtype, path, batch, seconds):
    batch, seconds = int(batch), float(seconds)
    texts = pathlib.Path(path).read_text().splitlines()
    groups = [texts[i:i + batch] for i in range(0, len(texts) - batch + 1, batch)]
    model = wick_ctypes.Model(name, dtype=dtype)
    for group in groups[:20]:
        model.embed(group, normalize=True)
    times, begin = [], time.perf_counter()
    while time.perf_counter() - begin < seconds or len(times) < 5:
        start = time.perf_counter()
        model.embed(groups[len(times) % len(groups)], normalize=True)
        times.append(time.perf_counter() - start)
    rate = batch * len(times) / sum(times)
    times.sort()
    print(json.dumps({"batch": batch, "texts_a_second": round(rate, 1), "p50_ms": round(times[len(times) // 2] * 1e3, 3),
                      "p99_ms": round(times[len(times) * 99 // 100] * 1e3, 3)}))
    model.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
