# SPDX-License-Identifier: Apache-2.0
"""The parts of the load harness that measure speed: rates, mock, load80, overload, soak. In: Settings. Out: rows for load.py's tables.

A part is a function of Settings that returns {"title", "notes", "rows"}; a row is a dict whose keys are the table's columns."""
import dataclasses
import os
import statistics
import sys
import threading
import time

import generators
from server import Server, total


@dataclasses.dataclass
class Settings:
    model: str
    texts: str
    seconds: float
    dtypes: list
    connections: list
    minutes: float
    count: int  # of SIGTERMs, clients...: scaled by the parts


class Sampler:
    """Memory and descriptors of a server, twice a second, in the background."""

    def __init__(self, server, every=0.5):
        self.server, self.every, self.samples = server, every, []

    def _run(self):
        while not self._over.wait(self.every):
            self.samples.append((time.monotonic(), self.server.rss_kib(), self.server.fds()))

    def __enter__(self):
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()

    def growth(self, column, skip=0.2):
        """(the most in the first third, the most in the last third) behind a warm-up."""
        values = [sample[column] for sample in self.samples]
        values = values[int(len(values) * skip):] or values
        third = max(1, len(values) // 3)
        return max(values[:third]), max(values[-third:])


def _mean_batch(before, after):
    batches = total(after, "wick_batch_texts_count") - total(before, "wick_batch_texts_count")
    return (total(after, "wick_batch_texts_sum") - total(before, "wick_batch_texts_sum")) / batches if batches else 0


def _served_slice(server, settings, connections, batches):
    """A slice of wrk; its mean batch goes to batches."""
    before = server.metrics()
    served = generators.wrk(server, settings.texts, connections, SLICE_SECONDS)
    batches.append(_mean_batch(before, server.metrics()))
    return served


# A shared host gives and takes by a factor of two from one minute to the next: what is compared alternates in slices as short as wrk's shortest, and the median
# of the slices counts.
SLICE_SECONDS, LEAST_SLICES = 1, 3


def _slices(settings):
    return max(LEAST_SLICES, round(settings.seconds / SLICE_SECONDS))


def _median(rows, key):
    return round(statistics.median(row[key] for row in rows), 3)


def rates(settings):
    rows = []
    for dtype in settings.dtypes:
        with Server(model=settings.model, dtype=dtype) as server:
            generators.wrk(server, settings.texts, 16, 1)
            for connections in settings.connections:
                ours, engines, batches = [], [], []
                for _ in range(LEAST_SLICES):  # a slice in which the host was away has batches of another size
                    _served_slice(server, settings, connections, batches)
                for _ in range(_slices(settings)):
                    ours.append(_served_slice(server, settings, connections, batches))
                    batch = max(1, round(statistics.median(batches)))
                    engines.append(generators.engine(settings.model, dtype, settings.texts, batch, SLICE_SECONDS))
                shares = [{"share": our["rate"] / engine["texts_a_second"], "extra": our["p50"] - engine["p50_ms"],
                           "left": our["rate"] / engine["texts_a_second"] * 2 / (2 - our["generator_cores"])}
                          for our, engine in zip(ours, engines)]
                rows.append({
                    "dtype": dtype, "connections": connections, "slices": len(ours), "requests/s": _median(ours, "rate"),
                    "p50 ms": _median(ours, "p50"), "p95 ms": _median(ours, "p95"), "p99 ms": _median(ours, "p99"), "texts a batch": round(statistics.median(batches), 1),
                    "engine alone texts/s": _median(engines, "texts_a_second"), "engine p50 ms": _median(engines, "p50_ms"),
                    "p50 over the engine's ms": _median(shares, "extra") if connections == 1 else None,
                    "share": _median(shares, "share"), "share of what wrk leaves": _median(shares, "left"),
                    "errors": sum(our["not_2xx"] + our["timeout"] + our["read"] for our in ours), "RSS MB": server.rss_kib() // 1024,
                    "wrk cores": _median(ours, "generator_cores"), "other cores": _median(ours, "others_cores"),
                    "other cores (engine)": _median(engines, "others_cores")})
    return {"title": "One text a request, closed loop (wrk)",
            "notes": f"Server and wrk share all cores; the engine alone (libwick, batches as large as the median of the slices' mean batches) has them to itself. They take turns, "
                     f"{SLICE_SECONDS} s each; all figures are medians of the slices, shares and differences those of neighbouring slices. \"Share of what wrk leaves\" "
                     "sets wrk's CPU time aside.", "rows": rows}


def mock(settings):
    """HTTP, JSON and queue alone: the mock provider computes next to nothing."""
    cores = sorted(os.sched_getaffinity(0))
    one, other = {cores[0]}, set(cores[1:]) or {cores[0]}
    rows = []
    for log_level in ("info", "warn"):
        for connections in (1, 64, 256):
            with Server(provider="mock", cpus=one, log_level=log_level) as server:
                generators.wrk(server, settings.texts, connections, 1, cpus=other)
                result = generators.wrk(server, settings.texts, connections, settings.seconds, cpus=other)
                rows.append({"log": "every request" if log_level == "info" else "warnings", "connections": connections,
                             "requests/s": result["rate"], "p50 ms": result["p50"], "p99 ms": result["p99"],
                             "requests a CPU second": round(result["rate"] / result["server_cores"]),
                             "server cores": result["server_cores"], "other cores": result["others_cores"], "errors": result["not_2xx"]})
    return {"title": "The mock provider, the server on one core",
            "notes": "The server is bound to one core, wrk to the others. \"Requests a CPU second\" does not depend on what else ran on the core.",
            "rows": rows}


def _peak(server, settings, seconds, cpus=None):
    return max((generators.wrk(server, settings.texts, connections, seconds, cpus=cpus) for connections in (64, 256)), key=lambda r: r["rate"])


def _times(result, status, kind="from_due_ms"):
    return result["statuses"].get(str(status), {}).get(kind, {})


LOAD80_SECONDS = 3  # of load after each look at the capacity
STEADY = 0.85      # of the larger one of the capacities before and after a slice, the smaller one is at least that: else the slice was not offered what it should
LEAST_CALM = 200   # requests of a slice, for a percentile of those


def _calm(results):
    """Of requests that fell into times in which the host kept its clock: the slices' median p95, and how many requests there were."""
    calm = [result["statuses"].get("200", {}) for result in results]
    calm = [one for one in calm if one.get("n_calm", 0) >= LEAST_CALM]
    return round(statistics.median(one["calm_from_due_ms"]["p95"] for one in calm), 3) if calm else None, sum(one["n_calm"] for one in calm)


def load80(settings):
    rows = []
    for dtype in settings.dtypes:
        with Server(model=settings.model, dtype=dtype) as server:
            generators.wrk(server, settings.texts, 16, 1)
            peaks, results = [generators.wrk(server, settings.texts, 64, SLICE_SECONDS)], []
            for _ in range(max(LEAST_SLICES, round(settings.seconds / LOAD80_SECONDS))):
                results.append(generators.paced(server, settings.texts, 0.8 * peaks[-1]["rate"], LOAD80_SECONDS, 1024))
                peaks.append(generators.wrk(server, settings.texts, 64, SLICE_SECONDS))
            times = [_times(result, 200) for result in results]
            pairs = [sorted((before["rate"], after["rate"])) for before, after in zip(peaks, peaks[1:])]
            steady = [result for result, (low, high) in zip(results, pairs) if low >= STEADY * high]
            calm_p95, n_calm = _calm(steady)
            rows.append({"dtype": dtype, "slices": len(results), "capacity requests/s": _median(peaks, "rate"), "offered requests/s": _median(results, "offered"),
                         "p50 ms": _median(times, "p50"), "p95 ms": _median(times, "p95"), "p99 ms": _median(times, "p99"),
                         "p95 ms of each": sorted(round(one["p95"]) for one in times),
                         "steady slices": len(steady), "their p95 ms": _median([_times(result, 200) for result in steady], "p95") if steady else None,
                         "p95 ms where the host also kept its clock": calm_p95, "of requests": n_calm,
                         "host's clock below half": round(statistics.mean(result["host_slow_share"] for result in results), 3),
                         "answered": sum(result["answered"] for result in results),
                         "not 200": sum(result["answered"] - result["statuses"].get("200", {}).get("n", 0) for result in results),
                         "failed": sum(result["failed"] + result["unanswered"] for result in results),
                         "generator cores": _median(results, "generator_cores"), "other cores": _median(results, "others_cores")})
    return {"title": "80 % of capacity, open loop", "notes": f"Poisson arrivals; latency from when a request was due. Slices of {LOAD80_SECONDS} s, before and after each the "
            f"capacity as wrk sees it with 64 connections for {SLICE_SECONDS} s; medians of the slices. Steady: the capacities before and after are within {1 - STEADY:.0%} of each other. "
            "The host's clock was kept for requests before which (1.1 s), and while which, a loop of multiplications never took twice its best time (host_clock.h).",
            "rows": rows}


# An overload that is one has more requests under way than one client may have waiting: three quarters of the queue's 131,072 tokens are some 8,000
# requests of 12 tokens.
OVERLOAD_CONNECTIONS = 12000


def overload(settings):
    cores = sorted(os.sched_getaffinity(0))
    rows = [_overload(settings, dtype, None, None) for dtype in settings.dtypes]
    if len(cores) > 1:
        rows += [_overload(settings, dtype, {cores[0]}, set(cores[1:])) for dtype in settings.dtypes]
    return {"title": f"Four times the capacity for {settings.seconds:g} s, open loop",
            "notes": "Peak: the mean of those before and after. Where server and generator share all cores, the generator and refusing take CPU time from the engine. 429s' "
            "times count from the sending.", "rows": rows}


def _overload(settings, dtype, server_cpus, own_cpus):
    cores = len(server_cpus or os.sched_getaffinity(0))
    with Server(model=settings.model, dtype=dtype, cpus=server_cpus) as server:
        generators.wrk(server, settings.texts, 16, 1, cpus=own_cpus)
        before = _peak(server, settings, max(2, settings.seconds / 4), own_cpus)
        with Sampler(server) as sampler:
            result = generators.paced(server, settings.texts, 4 * before["rate"], settings.seconds, OVERLOAD_CONNECTIONS, cpus=own_cpus)
        rss, fds = sampler.growth(1), server.fds()
        after = _peak(server, settings, max(2, settings.seconds / 4), own_cpus)
        peak = (before["rate"] + after["rate"]) / 2
        good = result["statuses"].get("200", {}).get("n", 0) / result["seconds"]
        refused, n_refused = _times(result, 429, "from_sent_ms"), result["statuses"].get("429", {})
        shared = 0 if server_cpus else 1  # does the generator's time come out of the server's cores?
        return {"dtype": dtype, "server's cores": f"{cores} of its own" if server_cpus else f"{cores}, shared",
                "peak requests/s before, after": [before["rate"], after["rate"]], "offered requests/s": result["offered"],
                "goodput requests/s": round(good, 1), "of peak": round(good / peak, 3),
                "of peak, the generators' time aside": round(good / peak * (cores - shared * before["generator_cores"]) /
                                                             (cores - shared * result["generator_cores"]), 3),
                "429": n_refused.get("n", 0), "429 without Retry-After": n_refused.get("n", 0) - n_refused.get("retry_after", 0),
                "429 p50 ms": refused.get("p50"), "429 p95 ms": refused.get("p95"), "429 p99 ms": refused.get("p99"),
                "other statuses": {k: v["n"] for k, v in result["statuses"].items() if k not in ("200", "429")},
                "failed": result["failed"] + result["unanswered"], "200 p50 ms": _times(result, 200).get("p50"),
                "RSS MB first third": rss[0] // 1024, "RSS MB last third": rss[1] // 1024, "fds after": fds,
                "server cores": result["server_cores"], "generator cores": result["generator_cores"], "other cores": result["others_cores"]}


# What a soak may grow by from its second quarter to its last: memory that the allocator has not settled yet, a probe's connection.
SOAK_MEMORY_GROWTH, SOAK_DESCRIPTORS = 1.05, 4
SOAK_ROWS = 8  # half minutes; fewer say nothing of growth


def soak_verdict(rows):
    """What is wrong; an empty list where nothing is, or the run was too short to say. The first quarter is warming up."""
    quarter = max(1, len(rows) // 4)
    early, late = rows[quarter:2 * quarter] or rows, rows[-quarter:]
    memory, descriptors = ([max(row[key] for row in part) for part in (early, late)] for key in ("RSS KiB", "descriptors"))
    wrong, is_long = [], len(rows) >= SOAK_ROWS
    if is_long and memory[1] > memory[0] * SOAK_MEMORY_GROWTH:
        wrong.append(f"memory grew from {memory[0]} to {memory[1]} KiB")
    if is_long and descriptors[1] > descriptors[0] + SOAK_DESCRIPTORS:
        wrong.append(f"descriptors grew from {descriptors[0]} to {descriptors[1]}")
    if rows[-1]["not answered well"]:
        wrong.append(f'{rows[-1]["not answered well"]} requests were not answered well')
    return wrong


def _settled_fds(server, seconds=2):
    """Open descriptors when the generator's connections have been closed, which takes the server a moment; a leak stays."""
    fewest, end = server.fds(), time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.1)
        fewest = min(fewest, server.fds())
    return fewest


def soak(settings):
    """A line on stderr each half minute, for who runs it in the background, and a verdict at the end."""
    dtype = settings.dtypes[-1]
    with Server(model=settings.model, dtype=dtype) as server:
        rate = 0.5 * _peak(server, settings, 3)["rate"]
        rows, failed, begin = [], 0, time.monotonic()
        end = begin + settings.minutes * 60
        while (left := end - time.monotonic()) > 0:
            result = generators.paced(server, settings.texts, rate, min(30, max(2, left)), 256)
            failed += result["failed"] + result["unanswered"] + result["answered"] - result["statuses"].get("200", {}).get("n", 0)
            rows.append({"minute": round((time.monotonic() - begin) / 60, 1), "RSS KiB": server.rss_kib(), "descriptors": _settled_fds(server),
                         "requests/s": round(result["answered"] / result["seconds"], 1), "p99 ms": _times(result, 200).get("p99"),
                         "not answered well": failed})
            print("soak:", rows[-1], file=sys.stderr, flush=True)
    wrong = soak_verdict(rows)
    return {"title": f"{settings.minutes:g} minutes at half capacity ({dtype})", "failed": bool(wrong),
            "notes": "Verdict: " + ("; ".join(wrong) if wrong else ("memory and descriptors are flat, every request was answered" if len(rows) >= SOAK_ROWS
                                                             else "every request was answered; too short to judge memory and descriptors")) + ".", "rows": rows}
