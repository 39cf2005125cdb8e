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
# Figure by figure, the rounds of each one after another: what a burst of work leaves behind (a host takes cores back) must not fall on the latency of one text.
LATENCIES = ("single", "batch8", "batch32", "tokens256")
RATES = ("short", "paragraphs")
# Some peers' threads spin for up to 200 ms after a call (OpenMP); the next engine must not pay for that.
SETTLE_SECONDS = 0.3

# Neighbours that recall counts, and among how many texts.
RECALL_AT = 10
RECALL_TEXTS = 1000


class Setup:
    """Where everything is: model_dir, prepared, calibration, texts, texts_file, wick, scratch, log."""


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model-dir", help=f"folder of Hugging Face files; default: {MODEL} from the hub cache")
    p.add_argument("--corpus", default=str(HERE / "texts"), help="folder with short.txt and paragraphs.txt")
    p.add_argument("--engines", default="wick,onnxruntime,openvino,ctranslate2,sentence_transformers",
                   help="comma-separated: NAME, in each of --dtypes that it has, or NAME:DTYPE")
    p.add_argument("--dtypes", default="f32,bf16,int8", help="comma-separated; default: all")
    p.add_argument("--short", type=int, default=1000, help="use so many texts of short.txt (0: all)")
    p.add_argument("--paragraphs", type=int, default=100, help="use so many texts of paragraphs.txt (0: all)")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--pinned-rounds", type=int, default=3, help="rounds of several pinned processes (0: none)")
    p.add_argument("--seconds", type=float, default=0.3, help="time of each latency figure, a round and an engine")
    p.add_argument("--starts", type=int, default=3, help="process starts timed, an engine")
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


def read_specs(engines, dtypes):
    """"wick,openvino:bf16" -> the engines in each of dtypes that they have."""
    wanted = dtypes.split(",")
    unknown = set(wanted) - {"f32", "bf16", "int8"}
    if unknown:
        sys.exit(f"bench: --dtypes knows f32, bf16 and int8, not {unknown.pop()}")
    specs = []
    for text in engines.split(","):
        name, _, dtype = text.partition(":")
        try:
            has = importlib.import_module("engines." + name).DTYPES
        except ModuleNotFoundError:
            sys.exit(f"bench: there is no engine {name}")
        if dtype and dtype not in has:
            sys.exit(f"bench: {name} does not run {dtype}, only {', '.join(has)}")
        specs += [workers.Spec(name, each) for each in ([dtype] if dtype else wanted) if each in has]
    if not specs:
        sys.exit("bench: none of --engines runs any of --dtypes")
    return specs


def read_texts(args, model_dir):
    """The sets: single, batch8, batch32, tokens256, short, paragraphs; and the average token counts."""
    from engines import common

    files = {name: (pathlib.Path(args.corpus) / f"{name}.txt").read_text().splitlines()[:most or None]
             for name, most in (("short", args.short), ("paragraphs", args.paragraphs))}
    tokenizer = common.tokenizer(common.Options(model_dir, None, "f32", 1), padding=False)
    tokens = {name: statistics.mean(len(e.ids) for e in tokenizer.encode_batch(texts)) for name, texts in files.items()}
    long_text = " ".join(files["paragraphs"][:20])
    encoded = tokenizer.encode(long_text)
    if len(encoded.ids) != 256:
        sys.exit("bench: the first 20 paragraphs have fewer than 256 tokens")
    sets = {"single": [SINGLE], "batch8": files["short"][:8], "batch32": files["short"][:32],
            "tokens256": [long_text[:encoded.offsets[-2][1]]], **files}
    return sets, tokens


def write_calibration(setup):
    """The 300 texts that NNCF calibrates int8 with: of both kinds, of the corpus itself, as favourable as it gets."""
    text = json.dumps(setup.texts["short"][:250] + setup.texts["paragraphs"][:50])
    setup.calibration = setup.prepared / f"calibration-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
    setup.calibration.write_text(text)


def prepare(specs, setup, threads):
    """Converts the model for each engine, in a process of its own: exporters leave much memory and many threads behind."""
    for spec in specs:
        code = (f"import sys, pathlib; sys.path.insert(0, {str(HERE)!r})\n"
                f"import engines.{spec.engine} as e\nfrom engines.common import Options\n"
                f"hasattr(e, 'prepare') and e.prepare(Options(pathlib.Path({str(setup.model_dir)!r}), "
                f"pathlib.Path({str(setup.prepared)!r}), {spec.dtype!r}, {threads}, pathlib.Path({str(setup.calibration)!r})))\n")
        if subprocess.run([sys.executable, "-c", code], stdout=setup.log, stderr=setup.log,
                          env=workers.environment(threads)).returncode:
            sys.exit(f"bench: cannot prepare {spec.label}; see {setup.log.name}")


def measure_calls(worker, name, figures, args):
    calls = sorted(worker.ask("calls", set=name, seconds=args.seconds))
    figures.setdefault(name + "_p50_ms", []).append(1e3 * statistics.median(calls))
    figures.setdefault(name + "_p95_ms", []).append(1e3 * calls[int(0.95 * (len(calls) - 1) + 0.5)])


def measure_pass(worker, name, figures, setup):
    seconds = worker.ask("pass", set=name)
    figures.setdefault(name + "_per_s", []).append(len(setup.texts[name]) / seconds)


def measure_rounds(specs, setup, args):
    """label -> figure -> list over rounds (p50 and p95 in ms, texts a second), and label -> stats."""
    live = []
    for spec in specs:
        say(f"loading {spec.label}")
        live.append(workers.Worker(spec, setup, args.threads))
    rounds = {spec.label: {} for spec in specs}
    for name in LATENCIES + RATES:
        for turn in range(args.rounds):
            say(f"{name}: round {turn + 1} of {args.rounds}")
            for worker in live[turn % len(live):] + live[:turn % len(live)]:
                time.sleep(SETTLE_SECONDS)
                figures = rounds[worker.spec.label]
                if name in RATES:
                    measure_pass(worker, name, figures, setup)
                else:
                    measure_calls(worker, name, figures, args)
    stats = {worker.spec.label: worker.ask("stats") for worker in live}
    for worker in live:
        save_vectors(worker, setup)
        worker.close()
    return rounds, stats


def save_vectors(worker, setup):
    for name in ("short", "paragraphs"):
        worker.ask("vectors", set=name, path=str(setup.scratch / f"{worker.spec.label}-{name}.npy"))


def save_reference(specs, setup, args):
    """The vectors that the others are compared with, where its engine is not measured anyway."""
    if REFERENCE not in [spec.label for spec in specs]:
        say("the reference's vectors")
        worker = workers.Worker(workers.Spec(*REFERENCE.split()), setup, args.threads)
        save_vectors(worker, setup)
        worker.close()


def measure_pinned(specs, setup, args):
    """As many processes of one pinned thread as --threads; each passes over all texts, all at once; rates summed."""
    cpus = sorted(os.sched_getaffinity(0))[:args.threads]
    groups = [[workers.Worker(spec, setup, 1, cpu) for cpu in cpus] for spec in specs]
    rounds = {spec.label: {} for spec in specs}
    for turn in range(args.pinned_rounds):
        say(f"pinned round {turn + 1} of {args.pinned_rounds}")
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


def accuracies(specs, setup):
    """label -> cosine_min, cosine_mean over all texts and recall among the short ones, all against sentence-transformers f32."""
    import accuracy
    import numpy as np

    def load(label, name):
        return accuracy.normalised(np.load(setup.scratch / f"{label}-{name}.npy"))

    reference = {name: load(REFERENCE, name) for name in ("short", "paragraphs")}
    found = {}
    for spec in specs:
        own = {name: load(spec.label, name) for name in reference}
        cosines = np.concatenate([(own[name] * reference[name]).sum(axis=1) for name in reference])
        found[spec.label] = {"cosine_min": float(cosines.min()), "cosine_mean": float(cosines.mean()), "recall": accuracy.recall(
            own["short"][:RECALL_TEXTS], reference["short"][:RECALL_TEXTS], RECALL_AT)}
    return found


def ratio_of(rounds, mine, its, source, more_is_better):
    """How many times better: the median of the rounds' ratios."""
    pairs = zip(rounds[mine][source], rounds[its][source])
    return statistics.median(a / b if more_is_better else b / a for a, b in pairs)


def wick_ratios(specs, rounds, keys):
    """[{key, dtype, wick, best, ratio}]: Wick against the best other engine in each dtype, and the best of each in any."""
    ratios = []
    for dtype in ["f32", "bf16", "int8", "any"]:
        like = [spec for spec in specs if dtype in (spec.dtype, "any")]
        for key, source, more_is_better in keys:
            def best_of(is_wick):
                labels = [spec.label for spec in like if (spec.engine == "wick") == is_wick and rounds[spec.label].get(source)]
                return (max if more_is_better else min)(labels, key=lambda label: statistics.median(rounds[label][source]), default=None)

            mine, its = best_of(True), best_of(False)
            if mine and its:
                ratios.append({"key": key, "dtype": dtype, "wick": mine, "best": its,
                               "ratio": ratio_of(rounds, mine, its, source, more_is_better)})
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
    if args.pinned_rounds:
        for label, figures in measure_pinned(specs, setup, args).items():
            rounds[label].update(figures)
    for label, seconds in starts.items():
        rounds[label]["start_s"] = seconds
        for name in ("short", "paragraphs"):  # whichever of the two ways suits the engine
            ways = [rounds[label][key] for key in (name + "_per_s", name + "_pinned_per_s") if key in rounds[label]]
            rounds[label][name + "_best_per_s"] = max(ways, key=statistics.median)
    save_reference(specs, setup, args)
    near = accuracies(specs, setup)
    table = []
    for spec in specs:
        figures = rounds[spec.label]
        row = {"label": spec.label, "engine": spec.engine, "dtype": spec.dtype, "peak_rss_mb": stats[spec.label]["peak_rss_mb"]}
        row.update({key: statistics.median(figures[source]) for key, source in SOURCES.items() if figures.get(source)})
        table.append({**row, **near[spec.label], "rounds": figures, "info": stats[spec.label]["info"]})
    better = {key: more for key, _, _, more in report.COLUMNS + report.RATIOS_ONLY}
    results = {**about, "engines": table, "versions": versions(specs),
               "ratios": wick_ratios(specs, rounds, [(key, source, better[key]) for key, source in SOURCES.items()])}
    results["command_peak_mb"] = {spec.label: workers.command_peak_mb(setup, spec.dtype, args.threads)
                                  for spec in specs if spec.engine == "wick"}
    return results


def main():
    args = arguments()
    specs = read_specs(args.engines, args.dtypes)
    started = time.monotonic()
    about = {"date": datetime.date.today().isoformat(), "machine": machine.describe()}
    setup = Setup()
    setup.wick = pathlib.Path(os.environ.get("WICK_BUILD") or ROOT / "build") / "wick"
    setup.model_dir = find_model(args.model_dir)
    digest = hashlib.sha256((setup.model_dir / "model.safetensors").read_bytes()).hexdigest()
    tools = "".join(importlib.metadata.version(name) for name in ("torch", "transformers", "onnxruntime", "ctranslate2"))
    setup.prepared = pathlib.Path(args.work) / f"{digest[:12]}-{hashlib.sha256(tools.encode()).hexdigest()[:6]}"
    setup.prepared.mkdir(parents=True, exist_ok=True)
    setup.texts, tokens = read_texts(args, setup.model_dir)
    write_calibration(setup)
    about["run"] = {"threads": args.threads, "rounds": args.rounds, "pinned_rounds": args.pinned_rounds, "texts": pathlib.Path(args.corpus).name,
                    "n_short": len(setup.texts["short"]), "n_paragraphs": len(setup.texts["paragraphs"]),
                    "tokens_short": tokens["short"], "tokens_paragraphs": tokens["paragraphs"], "pinned": args.threads}
    with tempfile.TemporaryDirectory() as scratch, open(pathlib.Path(args.work) / "bench.log", "w") as setup.log:
        setup.scratch = pathlib.Path(scratch)
        setup.texts_file = setup.scratch / "texts.json"
        setup.texts_file.write_text(json.dumps(setup.texts))
        say("converting the model where that is not done yet")
        prepare(specs + [workers.Spec(*REFERENCE.split())], setup, args.threads)
        results = measure(specs, setup, args, about)
    results["run"]["minutes"] = (time.monotonic() - started) / 60
    if args.json and args.json != "-":
        pathlib.Path(args.json).write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1) if args.json == "-" else report.people(results))
    if args.append:
        with open(args.append, "a") as file:
            file.write("\n" + report.markdown(results))


if __name__ == "__main__":
    main()
