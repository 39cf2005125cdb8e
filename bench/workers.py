# SPDX-License-Identifier: Apache-2.0
"""Worker processes seen from the driver (bench/bench.py): starting them, sending orders, timing their start.

Every engine lives in a process of its own that stays loaded, so that rounds can alternate between engines.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

WORKER = pathlib.Path(__file__).with_name("worker.py")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


class Spec:
    """An engine in a dtype."""

    def __init__(self, engine, dtype):
        self.engine = engine
        self.dtype = dtype
        self.label = f"{engine} {dtype}"


def environment(threads):
    # TOKENIZERS_PARALLELISM is the peers' default; stated, since some of them warn and switch it off otherwise.
    return {**os.environ, **{name: str(threads) for name in THREAD_VARIABLES}, "TOKENIZERS_PARALLELISM": "true",
            "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}


def settings_of(spec, setup, threads, cpu=None, **more):
    return {"engine": spec.engine, "dtype": spec.dtype, "threads": threads, "cpu": cpu, "model_dir": str(setup.model_dir),
            "prepared": str(setup.prepared), "calibration": str(setup.calibration), "texts": str(setup.texts_file), **more}


class Worker:
    def __init__(self, spec, setup, threads, cpu=None):
        self.spec = spec
        self.process = subprocess.Popen([sys.executable, str(WORKER), json.dumps(settings_of(spec, setup, threads, cpu))],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=setup.log, text=True,
                                        env=environment(threads))
        self.receive()

    def send(self, op, **order):
        self.process.stdin.write(json.dumps({"op": op, **order}) + "\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.spec.label} ended; its output is in the log")
        return json.loads(line)

    def ask(self, op, **order):
        self.send(op, **order)
        return self.receive()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def seconds_to_first_line(command, env):
    """From process start to the first line on its stdout."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
    line = process.stdout.readline()
    seconds = time.perf_counter() - start
    process.stdout.read()
    process.stdout.close()
    if process.wait() or not line:
        raise RuntimeError(f"{command[0]} failed")
    return seconds


def start_seconds(spec, setup, threads):
    """Process start to first vector: of the `wick` command for Wick, of a Python process for the peers."""
    if spec.engine == "wick":
        return seconds_to_first_line([str(setup.wick), "embed", "--model", str(setup.model_dir), "--dtype", spec.dtype, "--threads",
                                      str(threads), "--format", "jsonl", "How do I install a package on Debian?"], environment(threads))
    settings = json.dumps(settings_of(spec, setup, threads, first=True))
    return seconds_to_first_line([sys.executable, str(WORKER), settings], environment(threads))


# A child's peak counts what its parent held when it started it; so a small Python without site packages stands in between.
_PEAK = ("import resource,subprocess,sys;"
         "code=subprocess.call(sys.argv[1:],stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL);"
         "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss);sys.exit(code)")


def command_peak_mb(setup, dtype, threads):
    """Peak memory of `wick embed` over all texts of the run."""
    lines = [text.replace("\n", " ") for texts in setup.texts.values() for text in texts]
    path = setup.scratch / "all.txt"
    path.write_text("\n".join(lines) + "\n")
    out = subprocess.run([sys.executable, "-I", "-S", "-c", _PEAK, str(setup.wick), "embed", "--model", str(setup.model_dir),
                          "--dtype", dtype, "--threads", str(threads), "--format", "f32", "--input", str(path), "--output",
                          str(setup.scratch / "all.f32")], check=True, capture_output=True, text=True).stdout
    return int(out) / (2**20 if sys.platform == "darwin" else 1024)
