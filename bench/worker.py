# SPDX-License-Identifier: Apache-2.0
"""One engine in one process: reads orders (a JSON object a line) on stdin, answers each with a JSON line on the pipe that was its stdout.

Started by bench/workers.py as `worker.py SETTINGS`, SETTINGS a JSON object: engine, dtype, threads, cpu (pin to this one, or null),
model_dir, prepared, calibration, texts (a JSON file: name -> list of texts). With "first" true it embeds one text, says so and leaves.
Orders: {"op": "calls" | "pass" | "vectors" | "stats"}; see the functions.
"""
import importlib
import json
import os
import pathlib
import sys
import time

BATCH = 32


def timed_calls(engine, texts, seconds, min_calls=3):
    """Calls embed(texts) for so long; the first two calls are thrown away. Returns the seconds of each call."""
    for _ in range(2):
        engine.embed(texts)
    times, end = [], time.perf_counter() + seconds
    while len(times) < min_calls or time.perf_counter() < end:
        start = time.perf_counter()
        engine.embed(texts)
        times.append(time.perf_counter() - start)
    return times


def batches(texts):
    ordered = sorted(texts, key=len)
    return [ordered[i:i + BATCH] for i in range(0, len(ordered), BATCH)]


def timed_pass(engine, made):
    engine.embed(made[0])
    start = time.perf_counter()
    for batch in made:
        engine.embed(batch)
    return time.perf_counter() - start


def peak_rss_mb():
    try:
        status = pathlib.Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except OSError:  # macOS
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def save_vectors(engine, texts, path):
    import numpy as np

    np.save(path, np.concatenate([engine.embed(texts[i:i + BATCH]) for i in range(0, len(texts), BATCH)]))


def answer(engine, texts, made, order):
    op = order["op"]
    if op == "calls":
        return timed_calls(engine, texts[order["set"]], order["seconds"])
    if op == "pass":
        return timed_pass(engine, made[order["set"]])
    if op == "vectors":
        return save_vectors(engine, texts[order["set"]], order["path"])
    if op == "stats":
        return {"peak_rss_mb": peak_rss_mb(), "info": engine.info() if hasattr(engine, "info") else {}}
    raise ValueError(op)


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get among the answers
    settings = json.loads(sys.argv[1])
    if settings["cpu"] is not None:
        os.sched_setaffinity(0, {settings["cpu"]})
    from engines.common import Options

    engine = importlib.import_module("engines." + settings["engine"])
    engine.load(Options(pathlib.Path(settings["model_dir"]), pathlib.Path(settings["prepared"]), settings["dtype"],
                        settings["threads"], pathlib.Path(settings["calibration"])))

    def say(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    if settings.get("first"):
        engine.embed(["How do I install a package on Debian?"])
        say("first")
        os._exit(0)
    texts = json.loads(pathlib.Path(settings["texts"]).read_text())
    made = {name: batches(some) for name, some in texts.items()}
    say("loaded")
    for line in sys.stdin:
        say(answer(engine, texts, made, json.loads(line)))


if __name__ == "__main__":
    main()
