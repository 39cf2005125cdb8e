#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/fixtures/tokenizer/: a small tokenizer, and the token ids and offsets that the tokenizers package gives with it.

small.json   a tokenizer.json of the BERT family, whose vocabulary is counted out of texts.txt: characters, frequent words, word parts
golden.json  {"cases": [{"name", "head", "max_tokens", "left", "special", "texts": [{"text", "ids", "starts", "ends", "mask"}]}]};
             head is a tokenizer.json up to its vocabulary, which is small.json's
Texts are written for this repository. Run: python tools/make_golden_tokens.py [--check]. Needs tokenizers==0.23.3.
"""
import argparse
import collections
import copy
import json
import pathlib
import sys

import tokenizers
from tokenizers import normalizers, pre_tokenizers

TOKENIZERS_VERSION = "0.23.3"
FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "tokenizer"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
N_WORDS, N_PARTS = 420, 260

EDGES = ["", " ", "\t\n", "\0", "a\0b", "\ufffd", "\u00ad\u200b", "[CLS] and [SEP]", "[MASK]ed[MASK]", "[cls]", "[CLS", "##s", "e\u0301\u0316x", "a\u0316\u0301b",
         "e\u0316\x01\u0301x", "I\u0130\u0131i", "\u1fbc\u1f82", "\ud55c\uad6d\uc5b4", "\u1112\u1161\u11ab", "\U0001d15e\U0001d165", "\u302e\u3099\uac00", "caf\u00e9 cafe\u0301 CAF\u00c9",
         "a" * 100, "a" * 101, "\u00e9" * 100, "e\u0301" * 100, "\u4e16\u754c\u4f60\u597d", "x\u4e16y", "\u3042\u30a2\uff71", "1,234.56", "don't", "a_b-c/d", "\U0001f469\u200d\U0001f52c \U0001f30d",
         "\u0644\u064e\u0627", "\u0915\u094d\u0937\u093f", "\u0e01\u0e33", "A\u00a0B\u2003C\u3000D\u2028E\x85F\x0bG\x1cH", "\u2010\u2014\u00a7\u20ac\u00b0", "\ufb01\u00b2\u2460", "\u0345\u0301\u0345a"]


def bert(**options):
    return {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True, **options}


def added(identifier, content, **flags):
    return {"id": identifier, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": False, **flags}


def template(*single, **special):
    pieces = [{"Sequence": {"id": "A", "type_id": 0}} if s == "$A" else {"SpecialToken": {"id": s, "type_id": 0}} for s in single]
    special = special or {"[CLS]": [2], "[SEP]": [3]}
    return {"type": "TemplateProcessing", "single": pieces, "pair": pieces + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {name: {"id": name, "ids": ids, "tokens": [SPECIAL[i] for i in ids]} for name, ids in special.items()}}


def split_at(text, behavior, invert=False):
    return {"type": "Split", "pattern": {"String": text}, "behavior": behavior, "invert": invert}


def vocabulary(texts):
    """Characters, then frequent words, then frequent beginnings and tails; the order of equal counts is the alphabet's."""
    normalize, split = normalizers.BertNormalizer().normalize_str, pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    words = collections.Counter(word for text in texts for word, _ in split(normalize(text)))
    cased = collections.Counter(word for text in texts for word, _ in split(text))
    parts = collections.Counter()
    for word, n in words.items():
        for i in range(1, len(word)):
            if i > 1:
                parts[word[:i]] += n
            if len(word) - i > 1:
                parts["##" + word[i:]] += n
    ranked = lambda counts: [k for k, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    characters = sorted({c for word in words for c in word} | set("abcdefghijklmnopqrstuvwxyz0123456789"))
    tokens = dict.fromkeys(SPECIAL + characters)
    # Every other script's characters get no tail, so that words of it can fail.
    tokens.update(dict.fromkeys("##" + c for c in characters if ord(c) < 0x500 and c.isalnum()))
    tokens.update(dict.fromkeys(ranked(words)[:N_WORDS] + ranked(parts)[:N_PARTS] + ranked(cased)[:60]))
    # A first part that leads nowhere, marks, and characters whose place in the order of marks can be told.
    tokens.update(dict.fromkeys(["unbel", "##ievably", "\u00e9", "##\u0301", "##\u0316", "\u0301", "\u0130", "##s", "#", "##\U0001d165", "##\u302e", "caf\u00e9"]))
    return {token: i for i, token in enumerate(tokens)}


def document(vocab):
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [added(i, token, special=True) for i, token in enumerate(SPECIAL)],
            "normalizer": bert(), "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": template("[CLS]", "$A", "[SEP]"),
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                      "vocab": vocab}}


def cases(n_vocab, texts):
    few = texts[::6] + EDGES
    special = [added(i, token, special=True) for i, token in enumerate(SPECIAL)]
    more = lambda *tokens: special + [added(n_vocab + i, content, **flags) for i, (content, flags) in enumerate(tokens)]
    flagged = ["a<x>b", "a <x> b", "<x>", " <x> <x>  <y>", "q<y>.<y>", "\u00e9<x>\u00e9", "Yes, YES yes yesterday", "yes<x>yes", "\u00a0<x>\u2003", "<x", "x><x><", "\u4e16<x>"]
    yield "plain", {}, {}, texts + EDGES
    yield "no special tokens", {}, {"special": False}, few
    for n in (2, 3, 8):
        yield f"cut to {n}", {}, {"max_tokens": n}, few
        yield f"cut to {n} on the left", {}, {"max_tokens": n, "left": True}, few
    yield "cased", {"normalizer": bert(lowercase=False)}, {}, few
    yield "lower case with accents", {"normalizer": bert(strip_accents=False)}, {}, few
    yield "case without accents", {"normalizer": bert(strip_accents=True, lowercase=False)}, {}, few
    yield "not cleaned", {"normalizer": bert(clean_text=False)}, {}, few
    yield "Chinese left together", {"normalizer": bert(handle_chinese_chars=False)}, {}, few
    yield "no normalizer", {"normalizer": None}, {}, few
    yield "sequence", {"normalizer": {"type": "Sequence", "normalizers": [{"type": t} for t in ("NFD", "Lowercase", "StripAccents")]}}, {}, few
    yield "Whitespace", {"pre_tokenizer": {"type": "Whitespace"}}, {}, few
    yield "WhitespaceSplit", {"pre_tokenizer": {"type": "WhitespaceSplit"}}, {}, few
    yield "no pre-tokenizer", {"pre_tokenizer": None}, {}, few
    for name, *stages in (
            ("Digits", {"type": "Digits", "individual_digits": False}), ("single Digits", {"type": "Digits", "individual_digits": True}),
            ("Punctuation", {"type": "Punctuation", "behavior": "MergedWithPrevious"}), ("Split next", split_at("-", "MergedWithNext")),
            ("Split contiguous", split_at(" ", "Contiguous")), ("Split inverted", split_at("the", "Removed", True)),
            ("CharDelimiterSplit", {"type": "CharDelimiterSplit", "delimiter": "e"}),
            ("sequence", {"type": "WhitespaceSplit"}, split_at("e", "Isolated"), {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "BertPreTokenizer"})):
        stage = stages[0] if len(stages) == 1 else {"type": "Sequence", "pretokenizers": stages}
        yield f"stages: {name}", {"pre_tokenizer": stage}, {}, few[::2]
    for flags in ({}, {"single_word": True}, {"lstrip": True}, {"rstrip": True}, {"lstrip": True, "rstrip": True}, {"normalized": True},
                  {"normalized": True, "single_word": True}, {"normalized": True, "lstrip": True, "rstrip": True}):
        name = ", ".join(flags) or "no flags"
        yield f"added tokens: {name}", {"added_tokens": more(("<x>", flags), ("<y>", flags), ("Yes", flags), ("\u4e16", flags))}, {}, flagged + EDGES
    yield "added tokens: longest", {"added_tokens": more(("<a>", {}), ("<a><b>", {}), ("<a", {}), ("b", {"single_word": True}))}, {}, [
        "<a><b>", "<a><c>", "<ab", "b b. bb", "<a b>"]
    yield "template: longer", {"post_processor": template("[CLS]", "[MASK]", "$A", "two", **{"[CLS]": [2], "[MASK]": [4], "two": [3, 3]})}, {
        "max_tokens": 6}, few
    yield "template: none", {"post_processor": None}, {"max_tokens": 4}, few
    yield "BertProcessing", {"post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}}, {}, few
    yield "short words", {"model": {"max_input_chars_per_word": 4}}, {}, few
    yield "no prefix", {"model": {"continuing_subword_prefix": ""}}, {}, few


def encode(tokenizer, text, special):
    e = tokenizer.encode(text, add_special_tokens=special)
    return {"text": text, "ids": e.ids, "starts": [a for a, _ in e.offsets], "ends": [b for _, b in e.offsets], "mask": e.special_tokens_mask}


def golden(small, texts):
    out = []
    for name, changes, options, some in cases(len(small["model"]["vocab"]), texts):
        changed = copy.deepcopy(small)
        changed["model"] = {**{k: v for k, v in small["model"].items() if k != "vocab"}, **changes.get("model", {})}
        changed.update({k: v for k, v in changes.items() if k != "model"})
        head = json.dumps(changed, ensure_ascii=False)[:-2] + ', "vocab": '
        tokenizer = tokenizers.Tokenizer.from_str(head + json.dumps(small["model"]["vocab"]) + "}}")
        if options.get("max_tokens"):
            tokenizer.enable_truncation(options["max_tokens"], direction="left" if options.get("left") else "right")
        special = options.get("special", True)
        out.append({"name": name, "head": head, "max_tokens": options.get("max_tokens", 0), "left": options.get("left", False),
                    "special": special, "texts": [encode(tokenizer, text, special) for text in some]})
    return out


def dump_golden(all_cases):
    lines = []
    for case in all_cases:
        texts = ",\n".join(json.dumps(t, ensure_ascii=True, separators=(",", ":")) for t in case.pop("texts"))
        lines.append(json.dumps(case, ensure_ascii=True)[:-1] + ', "texts": [\n' + texts + "]}")
    head = f'{{"made_by": "tools/make_golden_tokens.py with tokenizers {TOKENIZERS_VERSION}", "cases": [\n'
    return head + ",\n".join(lines) + "]}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="compare with the committed files instead of writing them")
    options = parser.parse_args()
    if tokenizers.__version__ != TOKENIZERS_VERSION:
        sys.exit(f"tokenizers {TOKENIZERS_VERSION} is needed, this is {tokenizers.__version__}")
    texts = (FOLDER / "texts.txt").read_text(encoding="utf-8").splitlines()
    small = document(vocabulary(texts))
    made = {"small.json": json.dumps(small, ensure_ascii=False, indent=None, separators=(", ", ": ")) + "\n", "golden.json": dump_golden(golden(small, texts))}
    for name, text in made.items():
        if not options.check:
            (FOLDER / name).write_text(text, encoding="utf-8")
        elif (FOLDER / name).read_text(encoding="utf-8") != text:
            sys.exit(f"{name} is not what the tool writes: run tools/make_golden_tokens.py")
    print(f"{len(small['model']['vocab'])} tokens, {made['golden.json'].count(chr(10))} lines of golden texts")


if __name__ == "__main__":
    main()
