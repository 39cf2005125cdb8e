#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast Wick and the tokenizers package turn texts into ids and offsets, each on one thread, in turns within one run.

    python bench/tokenize_speed.py [--build build] [--rounds 7] --texts FILE [FILE...] --tokenizers TOKENIZER.JSON [TOKENIZER.JSON...]

FILE: a text a line. A round is one pass of the package's encode_batch over all lines, then three of Wick's; what is printed is MB/s of processor time, by the median
over the rounds, without special tokens. Needs tokenizers, and tests/tool_tokenize in the build folder.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import time

os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1")

import tokenizers

PASSES = 3


def seconds_of_package(tokenizer, texts):
    start = time.process_time()
    tokenizer.encode_batch(texts, add_special_tokens=False)
    return time.process_time() - start


def seconds_of_wick(tool, path, file):
    run = subprocess.run([tool, path, str(PASSES), file], capture_output=True, check=True)
    return statistics.median(int(line) for line in run.stdout.split()) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--texts", nargs="+", type=pathlib.Path, required=True)
    parser.add_argument("--tokenizers", nargs="+", type=pathlib.Path, required=True)
    options = parser.parse_args()
    tool = options.build / "tests" / "tool_tokenize"
    print("| tokenizer | texts | tokenizers MB/s | Wick MB/s | ratio |\n|---|---|---|---|---|")
    for path in options.tokenizers:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        for file in options.texts:
            data = file.read_bytes()
            texts = data.decode().split("\n")
            pairs = [(seconds_of_package(tokenizer, texts), seconds_of_wick(tool, path, file)) for _ in range(options.rounds)]
            theirs, ours = (statistics.median(seconds) for seconds in zip(*pairs))
            name = path.stem if path.stem != "tokenizer" else path.parent.name
            print(f"| {name} | {file.stem} | {len(data) / theirs / 1e6:.2f} | {len(data) / ours / 1e6:.1f} | {theirs / ours:.1f} |", flush=True)


if __name__ == "__main__":
    main()
