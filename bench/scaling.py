# SPDX-License-Identifier: Apache-2.0
"""How Wick's cost grows: with threads, with the length of a text, with the number of texts, and where it does not have the machine to itself.

    python3 bench/scaling.py --short FILE [--dtypes f32,bf16,int8] [--rounds 9] [--parts threads,length,count,crowded,quota]

Two settings that are compared take turns within a round; figures are medians over the rounds, ratios are taken round by round. Needs numpy and a
built libwick (bench/wick_ctypes.py says where it is looked for). `quota` needs root and a writable cgroup: it limits a group to one CPU, in which processes
of one and of two threads, and of as many as Wick chooses itself, take turns.
"""
import argparse
import ctypes
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import wick_ctypes  # noqa: E402

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
SINGLE = "How do I install a package on Debian?"
LENGTHS = (16, 32, 64, 128, 256, 384, 512)
COUNTS = (1, 4, 16, 64, 256, 1024)


def seconds(fn, least=0.05):
    """Of one call, over as many as take `least` seconds."""
    n, start = 0, time.perf_counter()
    while n == 0 or time.perf_counter() - start < least:
        fn()
        n += 1
    return (time.perf_counter() - start) / n


def alternate(fns, rounds):
    """A list of [seconds by fn] a round; the first of a round changes from round to round."""
    for fn in fns:
        fn()
    out = []
    for r in range(rounds):
        took = [0.0] * len(fns)
        for i in range(len(fns)):
            j = (i + r) % len(fns)
            time.sleep(0.002)
            took[j] = seconds(fns[j])
        out.append(took)
    return out


def medians(rounds):
    return [statistics.median(column) for column in zip(*rounds)]


def ratio(rounds, a, b):
    return statistics.median(row[a] / row[b] for row in rounds)


def peak(dtype, threads):
    library = wick_ctypes._library()
    library.wick_measure_peak.argtypes = [ctypes.c_void_p] * 3
    options = wick_ctypes._ModelOptions()
    library.wick_model_options_init_sized(ctypes.byref(options), ctypes.sizeof(options))
    options.dtype = dtype.encode()
    options.n_threads = threads
    out = ctypes.c_double()
    return out.value if library.wick_measure_peak(ctypes.byref(options), ctypes.byref(out), None) == 0 else float("nan")


def threads_part(texts, args):
    print("\n| dtype | 1 thread, texts/s | 2 threads | ratio | ratio of the machine's peaks |\n|---|---|---|---|---|")
    for dtype in args.dtypes:
        one, two = (wick_ctypes.Model(MODEL, n, dtype) for n in (1, 2))
        rounds = alternate([lambda: one.embed(texts), lambda: two.embed(texts)], args.rounds)
        peaks = statistics.median(peak(dtype, 2) / peak(dtype, 1) for _ in range(3))
        m = medians(rounds)
        print(f"| {dtype} | {len(texts) / m[0]:.0f} | {len(texts) / m[1]:.0f} | {ratio(rounds, 0, 1):.3f} | {peaks:.3f} |", flush=True)


def length_part(args):
    print("\n| dtype | " + " | ".join(f"{n} tokens" for n in LENGTHS) + " | us a token\n|---|" + "---|" * len(LENGTHS))
    for dtype in args.dtypes:
        model = wick_ctypes.Model(MODEL, 2, dtype, max_seq_length=512)
        texts = ["a " * (n - 2) for n in LENGTHS]
        rounds = alternate([lambda t=t: model.embed([t]) for t in texts], args.rounds)
        print(f"| {dtype} | " + " | ".join(f"{1e6 * s / n:.1f}" for s, n in zip(medians(rounds), LENGTHS)) + " |", flush=True)


def count_part(texts, args):
    print("\n| dtype | " + " | ".join(f"{n} texts" for n in COUNTS) + " | us a token\n|---|" + "---|" * len(COUNTS))
    texts = (texts * (COUNTS[-1] // len(texts) + 1))[:COUNTS[-1]]
    texts = [f"{text} {i}" for i, text in enumerate(texts)]  # all different: equal ones are computed once
    for dtype in args.dtypes:
        model = wick_ctypes.Model(MODEL, 2, dtype)
        tokens = []
        for n in COUNTS:
            model.embed(texts[:n])
            tokens.append(model.total_tokens)
        rounds = alternate([lambda n=n: model.embed(texts[:n]) for n in COUNTS], args.rounds)
        print(f"| {dtype} | " + " | ".join(f"{1e6 * s / t:.1f}" for s, t in zip(medians(rounds), tokens)) + " |", flush=True)


def crowded_part(texts, args):
    print("\n| dtype | busy processes | one text, 1 / 2 threads, ms | ratio | short texts/s, 1 / 2 threads | ratio |\n|---|---|---|---|---|---|")
    for n_busy in (0, 1, 2):
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n_busy)]
        try:
            for dtype in args.dtypes:
                one, two = (wick_ctypes.Model(MODEL, n, dtype) for n in (1, 2))
                single = alternate([lambda: one.embed([SINGLE]), lambda: two.embed([SINGLE])], 3 * args.rounds)
                many = alternate([lambda: one.embed(texts), lambda: two.embed(texts)], args.rounds)
                s, m = medians(single), medians(many)
                print(f"| {dtype} | {n_busy} | {1e3 * s[0]:.2f} / {1e3 * s[1]:.2f} | {ratio(single, 0, 1):.2f} | "
                      f"{len(texts) / m[0]:.0f} / {len(texts) / m[1]:.0f} | {ratio(many, 0, 1):.2f} |", flush=True)
        finally:
            for process in busy:
                process.kill()
                process.wait()


QUOTA_CHILD = """
import sys, time
sys.path.insert(0, {bench!r})
import wick_ctypes
texts = open({short!r}, encoding="utf-8").read().splitlines()[:{n}]
threads, dtype = int(sys.argv[1]), sys.argv[2]
model = wick_ctypes.Model({model!r}, threads, dtype)
def rate(batch, least):
    model.embed(batch)
    n, start = 0, time.perf_counter()
    while time.perf_counter() - start < least:
        model.embed(batch)
        n += len(batch)
    return n / (time.perf_counter() - start)
print(rate([{single!r}], 1.5), rate(texts, 1.5), model.info()["n_threads"])
"""


def one_cpu_group():
    """A cgroup limited to one CPU (v2, else v1), or None."""
    for root, settings in (("/sys/fs/cgroup", {"cpu.max": "100000 100000"}),
                           ("/sys/fs/cgroup/cpu", {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "100000"})):
        folder = None
        if not any((pathlib.Path(root) / name).exists() for name in ("cgroup.controllers", "cpu.cfs_quota_us")):
            continue
        try:
            folder = tempfile.mkdtemp(prefix="wick-", dir=root)
            for name, value in settings.items():
                pathlib.Path(folder, name).write_text(value)
            return pathlib.Path(folder)
        except OSError:
            if folder:
                os.rmdir(folder)
    return None


def quota_part(args):
    group = one_cpu_group()
    if not group:
        print("\nquota: no cgroup could be made here")
        return
    code = QUOTA_CHILD.format(bench=str(pathlib.Path(__file__).resolve().parent), short=args.short, n=args.texts, model=MODEL, single=SINGLE)
    print("\n| dtype, one CPU by cgroup | 1 thread | 2 threads | chosen by Wick |\n|---|---|---|---|")
    try:
        for dtype in args.dtypes:
            found = {n: [] for n in (1, 2, 0)}
            for _ in range(max(1, args.rounds // 3)):
                for n in found:
                    def enter():
                        (group / "cgroup.procs").write_text(str(os.getpid()))
                    out = subprocess.run([sys.executable, "-c", code, str(n), dtype], capture_output=True, text=True, check=True, preexec_fn=enter)
                    found[n].append([float(x) for x in out.stdout.split()])
            cells = []
            for rows in found.values():
                single, many, used = (statistics.median(column) for column in zip(*rows))
                cells.append(f"{single:.0f} single/s, {many:.0f} short texts/s ({used:.0f} threads)")
            print(f"| {dtype} | " + " | ".join(cells) + " |", flush=True)
    finally:
        os.rmdir(group)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", default=str(pathlib.Path(__file__).resolve().parent / "texts" / "short.txt"))
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--dtypes", type=lambda s: s.split(","), default=["f32", "bf16", "int8"])
    parser.add_argument("--parts", type=lambda s: s.split(","), default=["threads", "length", "count", "crowded", "quota"])
    args = parser.parse_args()
    texts = pathlib.Path(args.short).read_text(encoding="utf-8").splitlines()[:args.texts]
    parts = {"threads": lambda: threads_part(texts, args), "length": lambda: length_part(args), "count": lambda: count_part(texts, args),
             "crowded": lambda: crowded_part(texts, args), "quota": lambda: quota_part(args)}
    for name in args.parts:
        parts[name]()


if __name__ == "__main__":
    main()
