#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/fixtures/tokenizer/: a small tokenizer, and the token ids and offsets that the tokenizers package gives with it.

small.json   a tokenizer.json of the BERT family, whose vocabulary is counted out of texts.txt: characters, frequent words, word parts
golden.json  {"cases": [{"name", "head", "max_tokens", "left", "special", "texts": [{"text", "ids", "starts", "ends", "mask"}]}]};
             head is a tokenizer.json up to its vocabulary, which is small.json's
golden_bpe.json  the same for BPE, where head is all of a tokenizer.json; the merges are counted out of texts.txt too
pairs.json   the same for pairs of texts, with "first" and "second" in place of "text", and "types"
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


# ---- BPE --------------------------------------------------------------------------------------------------------------------------------

SPLITS = {
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "llama3": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "cl100k": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
}
BPE_EDGES = ["'s 'S 'll 'LL x've'Re '\u017f '\u017fs dog's can't CAN'T ''s '''ll 'l 'v", "a  b   c \n\n d\r\n\r\n  e \t f\n", "   ", "\n \n", " \u3000a", "x'", "!!!\n\n?\r\n.",
             "1234567 12a3b 1,234.56 \u0660\u0661\u0662\u0663", "\u2028\u2029 \x85b", "a" * 70, " " * 70 + "x", "1" * 40, "." * 40 + "\n" * 40, "\u00a0 \u00a0a", "the " * 40, "\U0001f30d\U0001f30d b",
             "b\u4e16\U0001f30d\u4e16c", "<x> a<x>b <y>"]


def byte_characters():
    """The character of each byte behind ByteLevel, as GPT-2 has it."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) if byte in shown else chr(0x100 + moved.index(byte)) for byte in range(256)}


def train_merges(words, n_merges):
    """The usual training; of equally frequent pairs the first in the alphabet."""
    parts, merges = {word: list(word) for word in words}, []
    while len(merges) < n_merges:
        pairs = collections.Counter()
        for word, symbols in parts.items():
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += words[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for symbols in parts.values():
            at = 0
            while at + 1 < len(symbols):
                if (symbols[at], symbols[at + 1]) == best:
                    symbols[at:at + 2] = ["".join(best)]
                at += 1
    return merges


def bpe_document(alphabet, merges, extra=(), added_tokens=(), **changes):
    tokens = dict.fromkeys(["<unk>", "<s>", "</s>", *extra, *alphabet, *("".join(pair) for pair in merges)])
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
             "byte_fallback": False, "ignore_merges": False, **changes.pop("model", {}), "vocab": {t: i for i, t in enumerate(tokens)},
             "merges": [list(pair) for pair in merges]}
    special = [added(i, token, special=True) for i, token in enumerate(("<unk>", "<s>", "</s>"))]
    more = [added(len(tokens) + i, content, **flags) for i, (content, flags) in enumerate(added_tokens)]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": special + more, "normalizer": None, "pre_tokenizer": None,
            "post_processor": None, "decoder": None, **changes, "model": model}


def byte_level(**options):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True, **options}


def behind(split):
    pattern = {"type": "Split", "pattern": {"Regex": SPLITS[split]}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [pattern, byte_level(use_regex=False)]}


def byte_level_cases(texts, few):
    shown = byte_characters()
    words = collections.Counter(word for text in texts for word, _ in pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text))
    merges = train_merges(words, 150) + [("\u0120" * n, "\u0120" * n) for n in (1, 2)]
    alphabet = [shown[byte] for byte in range(256)]
    piece = lambda name, kind: {"SpecialToken": {"id": name, "type_id": kind}}
    pair = [{"Sequence": {"id": "A", "type_id": 0}}, piece("</s>", 0), {"Sequence": {"id": "B", "type_id": 1}}, piece("</s>", 1)]
    close = {"type": "TemplateProcessing", "single": pair[:2], "pair": pair, "special_tokens": {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}}}
    for space in (False, True):
        roberta = {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1], "trim_offsets": True, "add_prefix_space": space}
        document = bpe_document(alphabet, merges, pre_tokenizer=byte_level(add_prefix_space=space), post_processor=roberta)
        yield f"RoBERTa, add_prefix_space {space}", document, {}, few
        for left in (False, True):
            yield f"RoBERTa, add_prefix_space {space}, cut, left {left}", document, {"max_tokens": 5, "left": left}, few
    for name, processors in (("first", [byte_level(), close]), ("last", [close, byte_level(add_prefix_space=True)]), ("off", [byte_level(trim_offsets=False), close])):
        yield f"trimming {name}", bpe_document(alphabet, merges, pre_tokenizer=byte_level(), post_processor={"type": "Sequence", "processors": processors}), {}, few
    for name in SPLITS:
        yield name, bpe_document(alphabet, merges, pre_tokenizer=behind(name)), {}, few
    whole = ["\u0120lighthouse", "\u0120the", "123", "aaaa", "\u0120" * 6]
    yield "ignore_merges", bpe_document(alphabet, merges, whole, pre_tokenizer=behind("llama3"), model={"ignore_merges": True}), {}, few
    yield "bytes, one word", bpe_document(alphabet, merges, pre_tokenizer=byte_level(use_regex=False)), {}, few
    some = [c for c in alphabet if c not in "\u0120e\u00c3"]
    merges_of_some = [m for m in merges if set("".join(m)) <= set(some)]
    yield "bytes left out", bpe_document(some, merges_of_some, pre_tokenizer=byte_level(use_regex=False)), {}, few
    for fuse in (False, True):
        yield f"unknown bytes, fuse_unk {fuse}", bpe_document(some, merges_of_some, pre_tokenizer=byte_level(), model={"unk_token": "<unk>", "fuse_unk": fuse}), {}, few
    blanks = [("    ", {"normalized": True}), ("  ", {"normalized": True}), ("<x>", {"lstrip": True}), ("<y>", {"normalized": True, "rstrip": True, "lstrip": True})]
    yield "added tokens", bpe_document(alphabet, merges, added_tokens=blanks, pre_tokenizer=byte_level(add_prefix_space=True), post_processor=byte_level()), {}, few


def character_cases(texts, few):
    words = collections.Counter(word for text in texts for word in text.replace(" ", " \0").split("\0") if word)
    letters = [chr(c) for c in range(0x20, 0x7F) if chr(c) != "q"] + sorted({c for text in texts for c in text if ord(c) > 0x7F})[::2]
    merges = [pair for pair in train_merges(words, 120) if set("".join(pair)) <= set(letters)]
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    for fuse in (False, True):
        model = {"unk_token": "<unk>", "fuse_unk": fuse}
        yield f"unknown characters, fuse_unk {fuse}", bpe_document(letters, merges, pre_tokenizer={"type": "WhitespaceSplit"}, model=model), {}, few
        yield f"some bytes to fall back on, fuse_unk {fuse}", bpe_document(
            letters, merges, fallback[0xC0:] + fallback[0x90:0xA0], model={**model, "byte_fallback": True}), {}, few
    yield "characters left out", bpe_document(letters, merges), {}, few
    yield "byte_fallback", bpe_document(letters, merges, fallback, pre_tokenizer=split_at(" ", "MergedWithPrevious"),
                                        model={"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}), {}, few


def golden_bpe(texts):
    out, few = [], texts[::4] + BPE_EDGES
    for name, document, options, some in [*byte_level_cases(texts, few), *character_cases(texts, few)]:
        head = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        tokenizer = tokenizers.Tokenizer.from_str(head)
        if options.get("max_tokens"):
            tokenizer.enable_truncation(options["max_tokens"], direction="left" if options["left"] else "right")
        out.append({"name": name, "head": head, "max_tokens": options.get("max_tokens", 0), "left": options.get("left", False), "special": True,
                    "texts": [encode(tokenizer, text, True) for text in some]})
    return out


def pair_documents(small, texts):
    shown = byte_characters()
    words = collections.Counter(word for text in texts for word, _ in pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text))
    alphabet, merges = [shown[byte] for byte in range(256)], train_merges(words, 60)
    mask = [("<mask>", {"lstrip": True})]
    small = {**small, "model": {**small["model"], "vocab": dict(list(small["model"]["vocab"].items())[:240])}}
    roberta = {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1], "trim_offsets": True, "add_prefix_space": True}
    pair = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
            {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]
    yield "template", {**small, "post_processor": {**template("[CLS]", "$A", "[SEP]"), "pair": pair}}
    yield "second text first", {**small, "post_processor": {**template("$A"), "pair": pair[3:] + pair[:3]}}
    yield "BertProcessing", {**small, "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}}
    yield "none", {**small, "post_processor": None}
    yield "RobertaProcessing", bpe_document(alphabet, merges, added_tokens=mask, pre_tokenizer=byte_level(add_prefix_space=True), post_processor=roberta)
    yield "ByteLevel", bpe_document(alphabet, merges, added_tokens=mask, pre_tokenizer=byte_level(), post_processor=byte_level())


def golden_pairs(small, texts):
    lengths = ["", " a", "b b", "the harbour", "a <mask>  b [MASK]c", "one two three four five six", "word " * 12, texts[0]]
    out = []
    for name, document in pair_documents(small, texts):
        head = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        for max_tokens, left in ((0, False), (8, False), (9, True)):
            tokenizer = tokenizers.Tokenizer.from_str(head)
            if max_tokens:
                tokenizer.enable_truncation(max_tokens, direction="left" if left else "right")
            pairs = []
            for i, first in enumerate(lengths):
                for second in lengths[i % 3::3]:
                    e = tokenizer.encode(first, second)
                    pairs.append({"first": first, "second": second, "ids": e.ids, "starts": [a for a, _ in e.offsets], "ends": [b for _, b in e.offsets],
                                  "mask": e.special_tokens_mask, "types": e.type_ids})
            out.append({"name": name, "head": head, "max_tokens": max_tokens, "left": left, "special": True, "texts": pairs})
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
    made = {"small.json": json.dumps(small, ensure_ascii=False, indent=None, separators=(", ", ": ")) + "\n", "golden.json": dump_golden(golden(small, texts)),
            "golden_bpe.json": dump_golden(golden_bpe(texts)), "pairs.json": dump_golden(golden_pairs(small, texts))}
    for name, text in made.items():
        if not options.check:
            (FOLDER / name).write_text(text, encoding="utf-8")
        elif (FOLDER / name).read_text(encoding="utf-8") != text:
            sys.exit(f"{name} is not what the tool writes: run tools/make_golden_tokens.py")
    print(f"{len(small['model']['vocab'])} tokens, {made['golden.json'].count(chr(10))} lines of golden texts")


if __name__ == "__main__":
    main()
