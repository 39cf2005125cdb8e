# SPDX-License-Identifier: Apache-2.0
"""Measures Wick beside torch (sentence-transformers) and ONNX Runtime on models of common sizes with random weights, made here (`make bench-models`).

    bert-base     12 layers, 768 wide, 12 heads, 3072 inside, mean pooling                     (BGE base, E5 base)
    qwen3-0.6b    28 layers, 1024 wide, 16 heads and 8 of keys and values of 128, 3072 inside, last token   (Qwen3-Embedding-0.6B, smaller vocabulary)

One text, 32 short texts, one text of 256 tokens: medians over the rounds of each round's median; engines stay loaded, each in a process of its own,
and take turns, one at a time. Out: a table on stdout, --json FILE. Figures of one run compare; those of two do not. Random weights are no harder
and no easier to multiply; the cosines beside them are of random models, so those of int8 say little about trained ones.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

import bench
import machine
import workers

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
N_ENTRIES = 30000
SETS = ("single", "batch32", "tokens256")
REFERENCE = "sentence_transformers f32"
SHAPES = {
    "bert-base": ("onnxruntime", dict(hidden_size=768, num_attention_heads=12, intermediate_size=3072, num_hidden_layers=12, max_position_embeddings=512)),
    "qwen3-0.6b": ("onnxruntime_decoder", dict(hidden_size=1024, num_attention_heads=16, num_key_value_heads=8, head_dim=128, intermediate_size=3072,
                                               num_hidden_layers=28, max_position_embeddings=1024)),
}


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--models", default=",".join(SHAPES), help="comma-separated")
    p.add_argument("--dtypes", default="f32,bf16,int8")
    p.add_argument("--engines", default="wick,sentence_transformers,onnxruntime", help="comma-separated")
    p.add_argument("--layers", type=int, help="so many layers instead of the model's: a short try")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=1.0, help="time of each figure, a round and an engine; at least three calls")
    p.add_argument("--corpus", default=str(bench.HERE / "texts"), help="folder with short.txt and paragraphs.txt")
    p.add_argument("--json", help="write the results here")
    return p.parse_args()


def tokenizer_of(name, lines):
    """Trained on the corpus with the family's components."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    if name == "bert-base":
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        made.train_from_iterator(lines, trainers.WordPieceTrainer(vocab_size=N_ENTRIES, special_tokens=special, show_progress=False))
        made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
        return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]")
    from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)])
    made.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=N_ENTRIES, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    made.post_processor = processors.TemplateProcessing("$A <|endoftext|>", special_tokens=[("<|endoftext|>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<|endoftext|>", eos_token="<|endoftext|>")


def make_model(name, folder, lines, n_layers):
    """A sentence-transformers folder with random weights."""
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules.normalize import Normalize
    from sentence_transformers.base.modules.transformer import Transformer
    from sentence_transformers.sentence_transformer.modules.pooling import Pooling

    sizes = {**SHAPES[name][1], **({"num_hidden_layers": n_layers} if n_layers else {})}
    tokenizer = tokenizer_of(name, lines)
    kind = transformers.BertConfig if name == "bert-base" else transformers.Qwen3Config
    config = kind(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **sizes)
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory(dir=folder.parent) as parts:
        transformers.AutoModel.from_config(config, dtype=torch.float32).save_pretrained(parts)
        tokenizer.save_pretrained(parts)
        transformer = Transformer(parts, model_kwargs={"dtype": torch.float32})
        transformer.max_seq_length = 256
        pooling = Pooling(config.hidden_size, pooling_mode="mean" if name == "bert-base" else "lasttoken")
        SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu").save(str(folder), create_model_card=False)


def specs_of(name, args):
    """The engines in the dtypes that they have; ONNX Runtime is another engine for decoders."""
    engines = ",".join(SHAPES[name][0] if engine == "onnxruntime" else engine for engine in args.engines.split(","))
    return bench.read_specs(engines, args.dtypes)


def measure(specs, setup, args):
    """label -> set -> [median seconds of a call, a round each]; label -> peak RSS in MB; label -> vectors of batch32."""
    import numpy as np

    live = [workers.Worker(spec, setup, args.threads) for spec in specs]
    rounds = {spec.label: {name: [] for name in SETS} for spec in specs}
    for turn in range(args.rounds):
        bench.say(f"round {turn + 1} of {args.rounds}")
        for name in SETS:
            for worker in live[turn % len(live):] + live[:turn % len(live)]:
                time.sleep(bench.SETTLE_SECONDS)
                rounds[worker.spec.label][name].append(statistics.median(worker.ask("calls", set=name, seconds=args.seconds)))
    peaks, vectors = {}, {}
    for worker in live:
        label = worker.spec.label
        peaks[label] = worker.ask("stats")["peak_rss_mb"]
        worker.ask("vectors", set="batch32", path=str(setup.scratch / f"{label}.npy"))
        vectors[label] = np.load(setup.scratch / f"{label}.npy")
        worker.close()
    return rounds, peaks, vectors


def table(specs, rounds, peaks, vectors, commands):
    rows = []
    for spec in specs:
        figures = rounds[spec.label]
        row = {"label": spec.label, "dtype": spec.dtype, "engine": spec.engine, "rounds": figures, "peak_rss_mb": peaks[spec.label],
               "command_peak_mb": commands.get(spec.label), **{f"{name}_ms": 1e3 * statistics.median(figures[name]) for name in SETS}}
        if REFERENCE in vectors:
            row["cosine_mean"] = float((vectors[spec.label] * vectors[REFERENCE]).sum(axis=1).mean())
        rows.append(row)
    return rows


def ratios(rows):
    """Wick against the fastest other engine of the same dtype: the median of the rounds' ratios; above 1 Wick is faster."""
    found = []
    for mine in (row for row in rows if row["engine"] == "wick"):
        others = [row for row in rows if row["engine"] != "wick" and row["dtype"] == mine["dtype"]]
        for name in SETS if others else ():
            best = min(others, key=lambda row: row[f"{name}_ms"])
            pairs = zip(best["rounds"][name], mine["rounds"][name])
            found.append({"dtype": mine["dtype"], "set": name, "best": best["label"], "ratio": statistics.median(a / b for a, b in pairs)})
    return found


def people(name, rows, found):
    lines = [f"{name:<28}{'single ms':>12}{'batch32 ms':>12}{'256 tok ms':>12}{'peak MB':>10}{'command MB':>12}{'cosine':>10}"]
    for row in rows:
        cells = "".join(f"{row[f'{s}_ms']:>12.2f}" for s in SETS)
        command = f"{row['command_peak_mb']:.0f}" if row["command_peak_mb"] else "-"
        cosine = f"{row['cosine_mean']:.5f}" if "cosine_mean" in row else "-"
        lines.append(f"{row['label']:<28}{cells}{row['peak_rss_mb']:>10.0f}{command:>12}{cosine:>10}")
    lines += [f"  Wick {f['dtype']:<5}{f['set']:<10} {f['ratio']:.2f} times as fast as {f['best']}" for f in found]
    return "\n".join(lines)


def run(name, args, scratch, log):
    lines = [line for path in sorted(pathlib.Path(args.corpus).glob("*.txt")) for line in path.read_text(encoding="utf-8").splitlines()]
    setup = bench.Setup()
    setup.wick = pathlib.Path(os.environ.get("WICK_BUILD") or bench.ROOT / "build") / "wick"
    setup.scratch, setup.log = scratch, log
    setup.model_dir, setup.prepared = scratch / name, scratch / f"{name}-prepared"
    setup.prepared.mkdir()
    setup.calibration = scratch / "calibration.json"
    setup.calibration.write_text(json.dumps(lines[:300]))
    bench.say(f"making {name}")
    make_model(name, setup.model_dir, lines, args.layers)
    sets, _ = bench.read_texts(argparse.Namespace(corpus=args.corpus, short=32, paragraphs=60), setup.model_dir)
    setup.texts = {key: sets[key] for key in SETS}
    setup.texts_file = scratch / "texts.json"
    setup.texts_file.write_text(json.dumps(setup.texts))
    specs = specs_of(name, args)
    bench.prepare(specs, setup, args.threads)
    rounds, peaks, vectors = measure(specs, setup, args)
    commands = {spec.label: workers.command_peak_mb(setup, spec.dtype, args.threads) for spec in specs if spec.engine == "wick"}
    rows = table(specs, rounds, peaks, vectors, commands)
    return {"model": name, "engines": rows, "ratios": ratios(rows), "versions": bench.versions(specs)}


def main():
    args = arguments()
    unknown = set(args.models.split(",")) - set(SHAPES)
    if unknown:
        sys.exit(f"bench: --models knows {', '.join(SHAPES)}, not {unknown.pop()}")
    about = machine.describe()
    results = []
    for name in args.models.split(","):
        with tempfile.TemporaryDirectory() as scratch, open(pathlib.Path(scratch) / "bench.log", "w") as log:
            try:
                results.append(run(name, args, pathlib.Path(scratch), log))
            except (SystemExit, RuntimeError):
                bench.say((pathlib.Path(scratch) / "bench.log").read_text()[-3000:])
                raise
        print(people(name, results[-1]["engines"], results[-1]["ratios"]), flush=True)
    print(f"{about['cpu']}, {about['cores']} usable cores, load {about['load_before']} before the run; {args.threads} threads, {args.rounds} rounds; "
          + ", ".join(f"{key} {value}" for key, value in results[-1]["versions"].items()))
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps({"machine": about, "models": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
