#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/fixtures/tokenizer/steps.json: token ids and offsets that the tokenizers package gives with each normaliser, Metaspace and Unigram.

In the form of golden.json (make_golden_tokens.py), but each head is a whole tokenizer.json. Where a normaliser is looked at, every character of what it gives is a
token of its own, so that ids and offsets show all of it. Run: python tools/make_golden_steps.py [--check]. Needs tokenizers==0.23.3.
"""
import argparse
import base64
import collections
import json
import struct
import sys

import tokenizers
from make_golden_tokens import FOLDER, TOKENIZERS_VERSION, added, dump_golden, encode, template

TEXTS = ["", " ", "\t\n ", "\0", "a\0b", "\u0301", "e\u0316\u0301x", "e\u0301\u0316\u0327o", "\u0301e\u0301", "caf\u00e9 cafe\u0301", "\u1112\u1161\u11ab\u1112\u1161", "\ud55c\u11a8\uac00\u11a8\u11a8",
         "\u00bd\ufb01\u2460\u2122\ufdfa", "\uff26\uff55\uff4c\uff4c\u3000\uff57\uff49\uff44\uff54\uff48", "\u0344\u0316\u0f73\u0f71", "\u1e9b\u0323", "\u212b\u2126\u1fbc\u0345", "\U0001d15e\U0001d165",
         "\u0fb2\u0f71\u0f80\u0958", "\u09c7\u09be\u09c7\u0301\u09be", "\U00011935\U00011930", "I\u0130i", "  two  and   three ", " one ", "ababab a", "\u00a0\u2003x\u3000", "a\u200bb\ufeffc\u2581d\ufffd",
         "\r\n\r\r\n\n\u0301", "\u0600a\u0600\u0301", "\u0915\u094d\u0915\u0301\u0915\u0301", "\u00a9\ufe0f\u00a9\u200d\u00a9\u0301", "\u1100\u1100\u0301\u1100\u0301", "\U0001f469\u200d\U0001f52c\U0001f30d",
         "\u4e16\u754c, \u732b\u304c\u7720\u308b", "</s> <m> x", "The ferry leaves at dawn.", "e\u0301" * 40, "x" * 130 + "  " + "y" * 20, "\u200b\u200bab\u200bcd", "aaa\u00e9eaa\u00e9"]


def charsmap(pairs):
    """SentencePiece's precompiled map (src/text/charsmap.h), in base64: each node's children take the first place in the double array where all of them fit."""
    nodes, ends, texts = [{}], {}, b""
    for key, text in pairs.items():
        node = 0
        for byte in key.encode():
            if byte not in nodes[node]:
                nodes[node][byte] = len(nodes)
                nodes.append({})
            node = nodes[node][byte]
        ends[node] = len(texts)
        texts += text.encode() + b"\0"
    size = 1 << 13
    units, taken, waiting = [0] * size, {0}, [(0, 0)]
    for node, place in waiting:
        labels = [*nodes[node], *([0] if node in ends else [])]
        base = next(b for b in range(1, size - 255) if all((b ^ label) not in taken for label in labels))
        taken.update(base ^ label for label in labels)
        units[place] |= (place ^ base) << 10 | (node in ends) << 8
        if node in ends:
            units[base] = 1 << 31 | ends[node]
        for label, child in nodes[node].items():
            units[base ^ label] = label
            waiting.append((child, base ^ label))
    used = (max(taken) | 255) + 1
    return base64.b64encode(struct.pack(f"<I{used}I", 4 * used, *units[:used]) + texts).decode()


def part(type, **fields):
    return {"type": type, **fields}


def replace(pattern, content):
    return part("Replace", pattern=pattern if isinstance(pattern, dict) else {"String": pattern}, content=content)


def precompiled(pairs):
    return part("Precompiled", precompiled_charsmap=charsmap(pairs))


def metaspace(**fields):
    return part("Metaspace", replacement="\u2581", **fields)


WIDTHS = {chr(0xFEE0 + c): chr(c) for c in range(0x21, 0x7F)} | {"\ufb01": "fi", "\u00bd": "1\u20442", "\t": " ", "\n": " ", "\r": " ", "\u200b": "", "u\u0308": "\u00fc", "\u3000": " "}
ODD = {"e": "EEE", "a": "", "\u200b": "", "\u0301": "", "\u0316": "xy", "\u00e9": "e\u0301", "\u0915": "", "\u00a9": "(c)", "\u1100": "G", "\r": "", "\n": "nl", "\u0600": "P"}
RUN = {"Regex": " {2,}"}
STEPS = [part("NFC"), part("NFD"), part("NFKC"), part("NFKD"), part("Nmt"), part("ByteLevel"), part("Lowercase"), part("StripAccents"), part("Strip", strip_left=True, strip_right=True),
         part("Strip", strip_left=False, strip_right=True), part("Prepend", prepend="\u2581x"), replace(" ", "\u2581"), replace("aba", "<>"), replace("e\u0301", ""), replace(RUN, "\u2581"),
         replace({"Regex": r"\s+"}, " "), replace({"Regex": "a"}, "bc"), precompiled(WIDTHS), precompiled(ODD)]
SEQUENCES = [[replace("\n", " "), precompiled(WIDTHS), part("Strip", strip_left=False, strip_right=True), replace(RUN, "\u2581")],
             [part("NFKD"), part("StripAccents"), part("Lowercase"), precompiled(ODD), replace(RUN, " ")],
             [part("Nmt"), part("NFKC"), replace(RUN, " "), part("Prepend", prepend="\u2581")], [part("NFD"), part("NFC"), part("NFD"), part("Lowercase")],
             [precompiled(ODD), part("NFC")], [part("Prepend", prepend=" "), part("Strip", strip_left=True, strip_right=False), part("ByteLevel")]]
SPLITS = [metaspace(), metaspace(prepend_scheme="first"), metaspace(prepend_scheme="never", split=True), metaspace(prepend_scheme="first", split=False), part("Metaspace", replacement="_", add_prefix_space=True),
          part("Sequence", pretokenizers=[part("WhitespaceSplit"), metaspace(prepend_scheme="always")]), part("Sequence", pretokenizers=[part("WhitespaceSplit"), metaspace(prepend_scheme="first")]),
          part("Sequence", pretokenizers=[metaspace(), part("Digits", individual_digits=True)])]


def unigram(vocab, **fields):
    return part("Unigram", unk_id=0, vocab=vocab, **fields)


def document(**parts):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [added(0, "<unk>", special=True), added(1, "</s>", special=True), added(2, "<m>", lstrip=True)], "normalizer": None,
            "pre_tokenizer": None, "post_processor": None, "decoder": None, **parts}


def characters(normalizer, texts):
    """A vocabulary of every character of the normalised texts."""
    normalize = tokenizers.Tokenizer.from_str(json.dumps(document(normalizer=normalizer, model=unigram([["<unk>", 0]])))).normalizer.normalize_str
    return [["<unk>", 0.0], ["</s>", 0.0], ["<m>", 0.0], *([c, -1.0] for c in sorted({c for text in texts for c in normalize(text)}))]


def pieces(texts):
    """Parts of words by how often they come."""
    counts = collections.Counter(("\u2581" + word)[at:end] for text in texts for word in text.split() for at in range(len(word) + 1) for end in range(at + 1, min(at + 9, len(word) + 1)))
    ranked = sorted(counts, key=lambda piece: (-counts[piece] * len(piece), piece))[:500]
    return [["<unk>", 0.0], ["</s>", 0.0], ["<m>", 0.0], *([piece, round(-2.5 - 0.01 * rank, 2)] for rank, piece in enumerate(ranked))]


def cases(texts):
    """(name, document, texts)"""
    for normalizer in STEPS + [part("Sequence", normalizers=steps) for steps in SEQUENCES]:
        name = "-".join(step["type"] for step in normalizer.get("normalizers", [normalizer]))
        yield name, document(normalizer=normalizer, model=unigram(characters(normalizer, TEXTS))), TEXTS
    vocab, words = pieces(texts), texts[:12] + TEXTS
    for split in SPLITS:
        yield split["type"], document(pre_tokenizer=split, model=unigram(vocab, byte_fallback=False)), words[::2]
    end = template("$A", "</s>", **{"</s>": [1]}) | {"special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}}
    yield "like T5", document(normalizer=precompiled(WIDTHS), pre_tokenizer=metaspace(), post_processor=end, model=unigram(vocab)), words
    some_bytes = [[f"<0x{byte:02X}>", -9.0] for byte in range(256) if byte != 0xC3]
    yield "bytes", document(pre_tokenizer=metaspace(), model=unigram(vocab + some_bytes, byte_fallback=True)), words
    odd = [["<unk>", 100.0], ["a", 120.0], ["x", 115], ["xyz", 300.0], ["xy", 5.5], ["b", 30.0], ["", 400], ["a", 119.5], ["\u0000", 7]]
    yield "scores above 0", document(model=unigram(odd)), ["ayyyxyza<unk>yy", "xyxyzzyx", "aab", "a\0b", "xyyx", "zz", "yxyzx"]
    even = [["<unk>", 0.0], ["a", -1.0], ["b", -1.5], ["ab", -2.5], ["aba", -3.5], ["ba", -2.5], ["bab", -4.0]]
    yield "equal sums", document(model=unigram(even)), ["abab", "baab", "babab", "aabb", "abba", "bababa", "acab"]


def golden(texts):
    out = []
    for name, whole, some in cases(texts):
        head = json.dumps(whole, ensure_ascii=False)
        tokenizer = tokenizers.Tokenizer.from_str(head)
        out.append({"name": name, "head": head, "max_tokens": 0, "left": False, "special": True, "texts": [encode(tokenizer, text, True) for text in some]})
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="compare with the committed file instead of writing it")
    options = parser.parse_args()
    if tokenizers.__version__ != TOKENIZERS_VERSION:
        sys.exit(f"tokenizers {TOKENIZERS_VERSION} is needed, this is {tokenizers.__version__}")
    text = dump_golden(golden((FOLDER / "texts.txt").read_text(encoding="utf-8").splitlines())).replace("make_golden_tokens.py", "make_golden_steps.py")
    path = FOLDER / "steps.json"
    if not options.check:
        path.write_text(text, encoding="utf-8")
    elif path.read_text(encoding="utf-8") != text:
        sys.exit("steps.json is not what the tool writes: run tools/make_golden_steps.py")
    print(f"{text.count(chr(10))} lines of golden texts")


if __name__ == "__main__":
    main()
