# SPDX-License-Identifier: Apache-2.0
"""The load generators as functions: wrk (closed loop), paced (open loop), and the engine alone. Each returns a dict, and says how quiet the machine was.

Called by parts.py and faults.py."""
import json
import os
import pathlib
import resource
import subprocess
import sys
import threading
import time

from server import TICKS, build_folder, cpu_seconds

HERE = pathlib.Path(__file__).resolve().parent


class Quiet:
    """How quiet the machine was during a measurement: the CPU time that neither we, our children nor the server took, in cores, and the longest
    time that this process was stopped."""

    def __init__(self, server=None):
        self.server = server

    @staticmethod
    def _busy():
        fields = list(map(int, pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
        return (sum(fields) - fields[3] - fields[4]) / TICKS

    def _ours(self):
        own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        server = cpu_seconds(self.server.pid) if self.server else 0
        return sum((own.ru_utime, own.ru_stime, children.ru_utime, children.ru_stime)) + server

    def _watch(self):
        last = time.monotonic()
        while not self._over.wait(0.05):
            now = time.monotonic()
            self.longest_gap = max(self.longest_gap, now - last - 0.05)
            last = now

    def __enter__(self):
        self._over, self.longest_gap = threading.Event(), 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        self._begin = time.monotonic(), self._busy(), self._ours()
        return self

    def __exit__(self, *exception):
        seconds = time.monotonic() - self._begin[0]
        self._over.set()
        self._thread.join()
        others = (self._busy() - self._begin[1]) - (self._ours() - self._begin[2])
        self.facts = {"others_cores": round(max(0.0, others) / seconds, 2), "longest_stop_s": round(self.longest_gap, 2)}


def undisturbed(measure, attempts=3):
    """Measures again where this process was stopped meanwhile."""
    for _ in range(attempts):
        result = measure()
        if result["longest_stop_s"] < 1:
            break
    return result


def _run(command, cpus=None, timeout=600):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                          preexec_fn=lambda: cpus and os.sched_setaffinity(0, cpus))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def wrk(server, texts, connections, seconds, path="/api/v1/embed", field="inputs", cpus=None):
    """Closed loop: each connection sends its next request when the last is answered."""
    def measure():
        with Quiet(server) as quiet:
            cpu = server.cpu()
            out, own_cpu = _run(["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", HERE / "embed.lua",
                                 f"http://127.0.0.1:{server.port}", "--", path, texts, field], cpus)
            cpu = server.cpu() - cpu
        result = json.loads(out[out.index("\nJSON ") + 6:].splitlines()[0])
        result.update(quiet.facts, connections=connections, rate=round(result["requests"] / result["seconds"], 1),
                      generator_cores=round(own_cpu / result["seconds"], 2), server_cores=round(cpu / result["seconds"], 2))
        return result
    return undisturbed(measure)


def paced(server, texts, rate, seconds, connections, path="/api/v1/embed", field="inputs", cpus=None):
    """Open loop: requests leave at `rate` a second (Poisson), answered or not."""
    def measure():
        with Quiet(server) as quiet:
            cpu = server.cpu()
            out, own_cpu = _run([build_folder() / "paced", server.port, path, field, texts, rate, seconds, connections], cpus)
            cpu = server.cpu() - cpu
        result = json.loads(out)
        result.update(quiet.facts, offered=round(rate, 1), generator_cores=round(own_cpu / seconds, 2), server_cores=round(cpu / seconds, 2))
        return result
    return undisturbed(measure)


def engine(model, dtype, texts, batch, seconds):
    """The library alone, in a process of its own: texts a second in batches of so many, in the order of the file, and ms a batch."""
    def measure():
        with Quiet() as quiet:
            out, _ = _run([sys.executable, HERE / "engine.py", model, dtype, texts, batch, seconds])
        return {**json.loads(out), **quiet.facts}
    return undisturbed(measure)
