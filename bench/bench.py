# SPDX-License-Identifier: Apache-2.0
"""Measures Wick beside its peers in one run (`make bench` through bench/run.sh).

In: a model folder, a corpus folder (short.txt, paragraphs.txt, one text a line; default bench/texts). Out: a table on stdout,
--json FILE for programs, --append FILE adds a Markdown section. Machines are noisy: only ratios within one run mean anything, so
every engine stays loaded in its own process and the rounds go round-robin over the engines; one computes at a time.
"""
import argparse
import datetime
import hashlib
import importlib.metadata
import importlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import machine
import report
import workers

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
MODEL = "sentence-transformers/all-MiniLM-L6-v2"
SINGLE = "How do I install a package on Debian?"
REFERENCE = "sentence_transformers f32"
# Some peers' threads spin for up to 200 ms after a call (OpenMP); the next engine must not pay for that.
SETTLE_SECONDS = 0.3


class Setup:
    """Where everything is: model_dir, prepared, texts, texts_file, wick, scratch, log."""


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model-dir", help=f"folder of Hugging Face files; default: {MODEL} from the hub cache")
    p.add_argument("--corpus", default=str(HERE / "texts"), help="folder with short.txt and paragraphs.txt")
    p.add_argument("--engines", default="wick,onnxruntime,openvino,ctranslate2,sentence_transformers",
                   help="NAME or NAME:DTYPE, comma-separated")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=0.5, help="time of each latency figure, a round and an engine")
    p.add_argument("--starts", type=int, default=5, help="process starts timed, an engine")
    p.add_argument("--no-pinned", action="store_true", help="leave out the run of several pinned processes")
    p.add_argument("--work", default=str(ROOT / ".cache" / "bench"), help="where converted models are kept")
    p.add_argument("--json", help="write the results here (- for stdout, instead of the table)")
    p.add_argument("--append", help="append a Markdown section to this file")
    return p.parse_args()


def say(text):
    print(text, file=sys.stderr, flush=True)


def find_model(given):
    if given:
        return pathlib.Path(given).resolve()
    import huggingface_hub

    try:
        return pathlib.Path(huggingface_hub.snapshot_download(MODEL, local_files_only=True))
    except FileNotFoundError:
        sys.exit(f"bench: {MODEL} is not in the hub cache: get it with `make model`, or name a folder with --model-dir")


def read_texts(corpus, model_dir):
    """The sets: single, batch8, batch32, tokens256, short, paragraphs; and the average token counts."""
    from engines import common

    files = {name: (pathlib.Path(corpus) / f"{name}.txt").read_text().splitlines() for name in ("short", "paragraphs")}
    tokenizer = common.tokenizer(common.Options(model_dir, None, "f32", 1), padding=False)
    tokens = {name: statistics.mean(len(e.ids) for e in tokenizer.encode_batch(texts)) for name, texts in files.items()}
    long_text = " ".join(files["paragraphs"][:20])
    encoded = tokenizer.encode(long_text)
    if len(encoded.ids) != 256:
        sys.exit("bench: the first 20 paragraphs have fewer than 256 tokens")
    sets = {"single": [SINGLE], "batch8": files["short"][:8], "batch32": files["short"][:32],
            "tokens256": [long_text[:encoded.offsets[-2][1]]], **files}
    return sets, tokens


def prepare(specs, setup, threads):
    """Converts the model for each engine, in a process of its own: exporters leave much memory and many threads behind."""
    for spec in specs:
        code = (f"import sys, pathlib; sys.path.insert(0, {str(HERE)!r})\n"
                f"import engines.{spec.engine} as e\nfrom engines.common import Options\n"
                f"if {spec.dtype!r} not in e.DTYPES: sys.exit('{spec.engine} does not run {spec.dtype}')\n"
                f"hasattr(e, 'prepare') and e.prepare(Options(pathlib.Path({str(setup.model_dir)!r}), "
                f"pathlib.Path({str(setup.prepared)!r}), {spec.dtype!r}, {threads}))\n")
        if subprocess.run([sys.executable, "-c", code], stdout=setup.log, stderr=setup.log,
                          env=workers.environment(threads)).returncode:
            sys.exit(f"bench: cannot prepare {spec.label}; see {setup.log.name}")


def measure_rounds(specs, setup, args):
    """label -> figure -> list over rounds (p50 and p95 in ms, texts a second), and label -> stats."""
    live = []
    for spec in specs:
        say(f"loading {spec.label}")
        live.append(workers.Worker(spec, setup, args.threads))
    rounds = {spec.label: {} for spec in specs}
    for turn in range(args.rounds):
        say(f"round {turn + 1} of {args.rounds}")
        order = live[turn % len(live):] + live[:turn % len(live)]
        for name in ("single", "batch8", "batch32", "tokens256"):
            for worker in order:
                time.sleep(SETTLE_SECONDS)
                calls = sorted(worker.ask("calls", set=name, seconds=args.seconds))
                figures = rounds[worker.spec.label]
                figures.setdefault(name + "_p50_ms", []).append(1e3 * statistics.median(calls))
                figures.setdefault(name + "_p95_ms", []).append(1e3 * calls[int(0.95 * (len(calls) - 1) + 0.5)])
        for name in ("short", "paragraphs"):
            for worker in order:
                time.sleep(SETTLE_SECONDS)
                seconds = worker.ask("pass", set=name)
                rounds[worker.spec.label].setdefault(name + "_per_s", []).append(len(setup.texts[name]) / seconds)
    stats = {worker.spec.label: worker.ask("stats") for worker in live}
    for worker in live:
        for name in ("short", "paragraphs"):
            worker.ask("vectors", set=name, path=str(setup.scratch / f"{worker.spec.label}-{name}.npy"))
        worker.close()
    return rounds, stats


def measure_pinned(specs, setup, args):
    """As many processes of one pinned thread as --threads; each passes over all texts, all at once; rates summed."""
    cpus = sorted(os.sched_getaffinity(0))[:args.threads]
    groups = [[workers.Worker(spec, setup, 1, cpu) for cpu in cpus] for spec in specs]
    rounds = {spec.label: {} for spec in specs}
    for turn in range(args.rounds):
        say(f"pinned round {turn + 1} of {args.rounds}")
        for name in ("short", "paragraphs"):
            for group in groups[turn % len(groups):] + groups[:turn % len(groups)]:
                time.sleep(SETTLE_SECONDS)
                for worker in group:
                    worker.send("pass", set=name)
                rate = sum(len(setup.texts[name]) / worker.receive() for worker in group)
                rounds[group[0].spec.label].setdefault(name + "_pinned_per_s", []).append(rate)
    for group in groups:
        for worker in group:
            worker.close()
    return rounds


def measure_starts(specs, setup, args):
    starts = {spec.label: [] for spec in specs}
    for turn in range(args.starts):
        say(f"starts {turn + 1} of {args.starts}")
        for spec in specs:
            starts[spec.label].append(workers.start_seconds(spec, setup, args.threads))
    return starts


def cosines(specs, setup):
    """label -> (min, mean) of the cosine to sentence-transformers f32 over all texts."""
    import numpy as np

    def load(label):
        sets = [np.load(setup.scratch / f"{label}-{name}.npy").astype(np.float64) for name in ("short", "paragraphs")]
        vectors = np.concatenate(sets)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    if REFERENCE not in [spec.label for spec in specs]:
        return {}
    reference = load(REFERENCE)
    found = {spec.label: (reference * load(spec.label)).sum(axis=1) for spec in specs}
    return {label: (float(c.min()), float(c.mean())) for label, c in found.items()}


def wick_ratios(specs, rounds, keys):
    """figure -> (best other engine, median over rounds of how many times better Wick in f32 is than it)."""
    ratios = {}
    for wick in (spec for spec in specs if spec.engine == "wick" and spec.dtype == "f32"):
        others = [spec.label for spec in specs if spec.engine != "wick" and spec.dtype == wick.dtype]
        for key, source, more_is_better in keys:
            if not others or not rounds[wick.label].get(source):
                continue
            pick = max if more_is_better else min
            best = pick(others, key=lambda label: statistics.median(rounds[label][source]))
            pairs = zip(rounds[wick.label][source], rounds[best][source])
            each = [mine / its if more_is_better else its / mine for mine, its in pairs]
            ratios[key] = (best, statistics.median(each))
    return ratios


SOURCES = {"single_p50_ms": "single_p50_ms", "single_p95_ms": "single_p95_ms", "tokens256_ms": "tokens256_p50_ms",
           "batch8_ms": "batch8_p50_ms", "batch32_ms": "batch32_p50_ms", "short_per_s": "short_per_s",
           "paragraphs_per_s": "paragraphs_per_s", "short_pinned_per_s": "short_pinned_per_s",
           "paragraphs_pinned_per_s": "paragraphs_pinned_per_s", "short_best_per_s": "short_best_per_s",
           "paragraphs_best_per_s": "paragraphs_best_per_s", "start_s": "start_s"}


def versions(specs):
    names = ["tokenizers", "numpy"]
    for spec in specs:
        names += importlib.import_module("engines." + spec.engine).PACKAGES
    found = {name: importlib.metadata.version(name) for name in dict.fromkeys(names)}
    if any(spec.engine == "wick" for spec in specs):
        import wick_ctypes

        commit = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
        found = {"wick": f"{wick_ctypes.version()} {commit}".strip(), **found}
    return found


def measure(specs, setup, args, about):
    starts = measure_starts(specs, setup, args)
    rounds, stats = measure_rounds(specs, setup, args)
    if not args.no_pinned:
        for label, figures in measure_pinned(specs, setup, args).items():
            rounds[label].update(figures)
    for label, seconds in starts.items():
        rounds[label]["start_s"] = seconds
        for name in ("short", "paragraphs"):  # whichever of the two ways suits the engine
            ways = [rounds[label][key] for key in (name + "_per_s", name + "_pinned_per_s") if key in rounds[label]]
            rounds[label][name + "_best_per_s"] = max(ways, key=statistics.median)
    near = cosines(specs, setup)
    table = []
    for spec in specs:
        figures = rounds[spec.label]
        row = {"label": spec.label, "engine": spec.engine, "dtype": spec.dtype, "peak_rss_mb": stats[spec.label]["peak_rss_mb"]}
        row.update({key: statistics.median(figures[source]) for key, source in SOURCES.items() if figures.get(source)})
        row["cosine_min"], row["cosine_mean"] = near.get(spec.label, (None, None))
        table.append({**row, "rounds": figures, "info": stats[spec.label]["info"]})
    better = {key: more for key, _, _, more in report.COLUMNS + report.RATIOS_ONLY}
    results = {**about, "engines": table, "versions": versions(specs),
               "ratios": wick_ratios(specs, rounds, [(key, source, better[key]) for key, source in SOURCES.items()])}
    results["command_peak_mb"] = {spec.label: workers.command_peak_mb(setup, spec.dtype, args.threads)
                                  for spec in specs if spec.engine == "wick"}
    return results


def main():
    args = arguments()
    specs = [workers.Spec(text) for text in args.engines.split(",")]
    about = {"date": datetime.date.today().isoformat(), "machine": machine.describe()}
    setup = Setup()
    setup.wick = pathlib.Path(os.environ.get("WICK_BUILD") or ROOT / "build") / "wick"
    setup.model_dir = find_model(args.model_dir)
    digest = hashlib.sha256((setup.model_dir / "model.safetensors").read_bytes()).hexdigest()
    tools = "".join(importlib.metadata.version(name) for name in ("torch", "transformers", "onnxruntime", "ctranslate2"))
    setup.prepared = pathlib.Path(args.work) / f"{digest[:12]}-{hashlib.sha256(tools.encode()).hexdigest()[:6]}"
    setup.prepared.mkdir(parents=True, exist_ok=True)
    setup.texts, tokens = read_texts(args.corpus, setup.model_dir)
    about["run"] = {"threads": args.threads, "rounds": args.rounds, "texts": pathlib.Path(args.corpus).name,
                    "n_short": len(setup.texts["short"]), "n_paragraphs": len(setup.texts["paragraphs"]),
                    "tokens_short": tokens["short"], "tokens_paragraphs": tokens["paragraphs"], "pinned": args.threads}
    with tempfile.TemporaryDirectory() as scratch, open(pathlib.Path(args.work) / "bench.log", "w") as setup.log:
        setup.scratch = pathlib.Path(scratch)
        setup.texts_file = setup.scratch / "texts.json"
        setup.texts_file.write_text(json.dumps(setup.texts))
        say("converting the model where that is not done yet")
        prepare(specs, setup, args.threads)
        results = measure(specs, setup, args, about)
    if args.json and args.json != "-":
        pathlib.Path(args.json).write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1) if args.json == "-" else report.people(results))
    if args.append:
        with open(args.append, "a") as file:
            file.write("\n" + report.markdown(results))


if __name__ == "__main__":
    main()
