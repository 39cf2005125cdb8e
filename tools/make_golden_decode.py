#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/fixtures/tokenizer/decode.json: token ids, and the texts that the tokenizers package decodes them to.

{"tokenizer": a tokenizer.json whose vocabulary holds what the WordPiece decoder looks at (continuing parts, punctuation, contractions),
 "cases": [{"ids", "skip", "text"}], skip: special tokens are left out}
Run: python tools/make_golden_decode.py [--check]. Needs tokenizers==0.23.3.
"""
import argparse
import json
import pathlib
import random
import sys

import tokenizers

TOKENIZERS_VERSION = "0.23.3"
FILE = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "tokenizer" / "decode.json"
N_CASES, SEED = 240, 20261123

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "ferry", "do", "not", "don", "n't", "'", "'s", "'m", "'ve", "'re", "'d", ".", "?", "!", ",", ";",
         "##", "##s", "##ing", "##'s", "##.", "##n't", "#", "##do", "##not", "caf\u00e9", "\u4e16", "\u754c", "##\u00e9", "..", ". .", "a do not b", " ' ", "x .", "'t"]
ADDED = [" do not ", "left . right", "n't 's"]  # added tokens may hold spaces


def tokenizer_json():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    vocabulary = {word: i for i, word in enumerate(WORDS)}
    template = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": vocabulary[t], "content": t, **flags, "special": True} for t in special]
        + [{"id": len(WORDS) + i, "content": t, **flags, "special": False} for i, t in enumerate(ADDED)],
        "normalizer": None, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": template, "pair": template + [{"Sequence": {"id": "B", "type_id": 1}}],
                           "special_tokens": {t: {"id": t, "ids": [vocabulary[t]], "tokens": [t]} for t in ("[CLS]", "[SEP]")}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocabulary},
    }


def make():
    document = tokenizer_json()
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(document))
    rng = random.Random(SEED)
    n_ids = len(WORDS) + len(ADDED)
    lists = [[]] + [[i] for i in range(n_ids)] + [[5, i] for i in range(n_ids)]
    # Ids beyond the vocabulary are passed over.
    lists += [[rng.randrange(n_ids + 3) for _ in range(rng.randrange(1, 9))] for _ in range(N_CASES - len(lists))]
    cases = [{"ids": ids, "skip": skip, "text": tokenizer.decode(ids, skip_special_tokens=skip)} for ids in lists for skip in (False, True)]
    rows = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    return '{"tokenizer":' + json.dumps(document, separators=(",", ":")) + ',\n"cases":[\n' + rows + "\n]}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether the file is what this would write")
    check = parser.parse_args().check
    if tokenizers.__version__ != TOKENIZERS_VERSION:
        sys.exit(f"make_golden_decode: needs tokenizers=={TOKENIZERS_VERSION}, not {tokenizers.__version__}")
    text = make()
    if check:
        sys.exit(0 if FILE.read_text(encoding="utf-8") == text else f"make_golden_decode: {FILE} is out of date")
    FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
