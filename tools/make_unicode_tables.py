#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/text/unicode_tables.c and .h: what each code point does in Hugging Face's WordPiece pipeline.

In:  the tokenizers package, whose behaviour is asked code point by code point (no Unicode database has this mix of versions:
     Rust's lower-casing and white space, decompositions of Unicode 9, categories of about Unicode 8, regex's \\w).
Out: one record a distinct behaviour, behind a two-stage trie; the full canonical decompositions behind a second one.
Run: python tools/make_unicode_tables.py            writes the files, after proving the tables on every code point
     python tools/make_unicode_tables.py --check    proves that the committed files are what this would write
Needs tokenizers==0.23.3 and nothing else.
"""
import argparse
import pathlib
import sys
import unicodedata

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

TOKENIZERS_VERSION = "0.23.3"
N_CODE_POINTS = 0x110000
SHIFT = 7  # code points a block: 128
BLOCK = 1 << SHIFT

FLAGS = [
    ("DROP", "removed by BertNormalizer's clean_text"),
    ("SPACE", "white space: split at, and made U+0020 by clean_text"),
    ("PUNCTUATION", "a word of its own for BertPreTokenizer"),
    ("ACCENT", "Mn as BertNormalizer's strip_accents sees it"),
    ("MARK", "removed by the StripAccents normalizer"),
    ("WORD", "\\w of the regular expressions in Whitespace and AddedToken"),
    ("CHINESE", "put between spaces by handle_chinese_chars"),
    ("DECOMPOSES", "has a canonical decomposition in the second trie"),
    ("HANGUL", "a syllable: decomposes by arithmetic"),
    ("LOWERS", "lower-casing changes it"),
    ("NONSTARTER", "combining class other than 0: reordered by NFD"),
    ("LETTER", "\\p{L} of the regular expressions in Split and ByteLevel; their \\s is SPACE"),
    ("NUMBER", "\\p{N} of them"),
    ("NUMERIC", "a digit for Digits, which is of another Unicode version"),
]
BIT = {name: 1 << i for i, (name, _) in enumerate(FLAGS)}
S_BASE, L_BASE, V_BASE, T_BASE, V_COUNT, T_COUNT, S_COUNT = 0xAC00, 0x1100, 0x1161, 0x11A7, 21, 28, 11172
DOTTED_I = 0x130  # the one character whose lower case is two


def scalars():
    for cp in range(N_CODE_POINTS):
        if not 0xD800 <= cp <= 0xDFFF:
            yield cp


def hangul(cp):
    s = cp - S_BASE
    out = [L_BASE + s // (V_COUNT * T_COUNT), V_BASE + s % (V_COUNT * T_COUNT) // T_COUNT]
    if s % T_COUNT:
        out.append(T_BASE + s % T_COUNT)
    return "".join(map(chr, out))


def combining_classes(nfd):
    """Each code point's combining class, found by which marks it changes places with."""
    by_class = {}
    for cp in scalars():
        k = unicodedata.ucd_3_2_0.combining(chr(cp)) or unicodedata.combining(chr(cp))
        if k and nfd(chr(cp)) == chr(cp):
            by_class.setdefault(k, []).append(chr(cp))
    low = "\u0334"   # class 1
    high = "\u0345"  # class 240
    # A representative counts only where NFD itself reorders it.
    reps = {k: next((c for c in v if nfd(high + c) == c + high or nfd(c + low) == low + c), None) for k, v in by_class.items()}
    ordered = sorted(k for k, c in reps.items() if c)
    classes = {}
    for cp in scalars():
        c = chr(cp)
        if nfd(c) != c or not (nfd(c + low) == low + c or nfd(high + c) == c + high):
            continue
        fits = [k for k in ordered if nfd(reps[k] + c) == reps[k] + c and nfd(c + reps[k]) == c + reps[k]]
        if len(fits) != 1:
            sys.exit(f"U+{cp:04X}: combining class not found (candidates {fits})")
        classes[cp] = fits[0]
    return classes


def ask():
    """What the package does with every code point: {cp: (flags, class, lower delta)} and {cp: decomposition}."""
    nfd = normalizers.NFD().normalize_str
    lower = normalizers.Lowercase().normalize_str
    bert = lambda **on: normalizers.BertNormalizer(**{**dict(
        clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False), **on}).normalize_str
    clean, chinese, accents = bert(clean_text=True), bert(handle_chinese_chars=True), bert(strip_accents=True)
    marks = normalizers.StripAccents().normalize_str
    words, split = pre_tokenizers.Whitespace().pre_tokenize_str, pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    letter, number, space = (pre_tokenizers.Split(Regex(x), "removed").pre_tokenize_str for x in (r"\p{L}", r"\p{N}", r"\s"))
    digits = pre_tokenizers.Digits().pre_tokenize_str
    classes = combining_classes(nfd)
    records, decompositions = {}, {}
    for cp in scalars():
        c, flags, delta = chr(cp), 0, 0
        between = [piece for piece, _ in split(f"a{c}b")]
        if between == ["a", "b"]:
            flags |= BIT["SPACE"]
        elif between == ["a", c, "b"]:
            flags |= BIT["PUNCTUATION"]
        elif between != [f"a{c}b"]:
            sys.exit(f"U+{cp:04X}: BertPreTokenizer gives {between}")
        cleaned = clean(c)
        if cleaned == "":
            flags |= BIT["DROP"]
        elif cleaned != (" " if flags & BIT["SPACE"] else c):
            sys.exit(f"U+{cp:04X}: clean_text gives {cleaned!a}")
        if chinese(c) == f" {c} ":
            flags |= BIT["CHINESE"]
        elif chinese(c) != c:
            sys.exit(f"U+{cp:04X}: handle_chinese_chars gives {chinese(c)!a}")
        if marks(c) == "":
            flags |= BIT["MARK"]
        if [piece for piece, _ in words(f"a{c}")] == [f"a{c}"]:
            flags |= BIT["WORD"]
        for name, removes in (("LETTER", letter), ("NUMBER", number)):
            if not removes(c):
                flags |= BIT[name]
        if (not space(c)) != bool(flags & BIT["SPACE"]):
            sys.exit(f"U+{cp:04X}: \\s is not white space")
        if len(digits(f"a{c}b")) == 3:
            flags |= BIT["NUMERIC"]
        decomposed = nfd(c)
        if S_BASE <= cp < S_BASE + S_COUNT:
            flags |= BIT["HANGUL"]
            if decomposed != hangul(cp):
                sys.exit(f"U+{cp:04X}: not decomposed as a Hangul syllable")
        elif decomposed != c:
            flags |= BIT["DECOMPOSES"]
            decompositions[cp] = [ord(d) for d in decomposed]
        elif accents(c) == "":
            flags |= BIT["ACCENT"]
        if cp in classes:
            flags |= BIT["NONSTARTER"]
        lowered = lower(c)
        if lowered != c:
            flags |= BIT["LOWERS"]
            if len(lowered) != 1 and (cp != DOTTED_I or lowered != "i\u0307"):
                sys.exit(f"U+{cp:04X}: unexpected lower case {lowered!a}")
            delta = ord(lowered[0]) - cp
        records[cp] = (flags, classes.get(cp, 0), delta)
    return records, decompositions


def trie(values):
    """Two stages over a list of N_CODE_POINTS numbers: (block number of each block, the distinct blocks one after another)."""
    stage1, stage2, seen = [], [], {}
    for start in range(0, N_CODE_POINTS, BLOCK):
        block = tuple(values[start:start + BLOCK])
        if block not in seen:
            seen[block] = len(seen)
            stage2.extend(block)
        stage1.append(seen[block])
    return stage1, stage2


def build(records, decompositions):
    distinct = {(0, 0, 0): 0}
    values = [0] * N_CODE_POINTS
    for cp, record in records.items():
        values[cp] = distinct.setdefault(record, len(distinct))
    pool, starts, indexes = [0], {}, [0] * N_CODE_POINTS
    for cp, sequence in decompositions.items():
        key = tuple(sequence)
        if key not in starts:
            starts[key] = len(pool)
            pool.append(len(sequence))
            pool.extend(sequence)
        indexes[cp] = starts[key]
    return list(distinct), trie(values), pool, trie(indexes)


def prove(tables, records, decompositions):
    """Reads the tables as the C code does, for every code point."""
    distinct, (stage1, stage2), pool, (d_stage1, d_stage2) = tables
    for cp in range(N_CODE_POINTS):
        want = records.get(cp, (0, 0, 0))
        if distinct[stage2[(stage1[cp >> SHIFT] << SHIFT) | (cp & (BLOCK - 1))]] != want:
            sys.exit(f"U+{cp:04X}: the record trie is wrong")
        at = d_stage2[(d_stage1[cp >> SHIFT] << SHIFT) | (cp & (BLOCK - 1))]
        if pool[at + 1:at + 1 + pool[at]] != decompositions.get(cp, []):
            sys.exit(f"U+{cp:04X}: the decomposition trie is wrong")


def c_array(kind, name, numbers):
    bits = {"uint8_t": 8, "uint16_t": 16, "uint32_t": 32}[kind]
    if max(numbers) >= 1 << bits:
        sys.exit(f"{name}: {max(numbers)} does not fit {kind}")
    lines, line = [], "   "
    for number in numbers:
        text = f" {number},"
        if len(line) + len(text) > 118:
            lines.append(line)
            line = "   "
        line += text
    return f"const {kind} {name}[{len(numbers)}] = {{\n" + "\n".join(lines + [line]) + "\n};\n"


def smallest(numbers):
    return "uint8_t" if max(numbers) < 256 else "uint16_t"


def write_c(tables):
    distinct, (stage1, stage2), pool, (d_stage1, d_stage2) = tables
    origin = (f"Generated by tools/make_unicode_tables.py from the behaviour of tokenizers {TOKENIZERS_VERSION}; do not edit.")
    head = "/* SPDX-License-Identifier: Apache-2.0\n"
    arrays = [(smallest(stage1), "wick_unicode_blocks", stage1), (smallest(stage2), "wick_unicode_record_ids", stage2),
              (smallest(d_stage1), "wick_decomposition_blocks", d_stage1),
              (smallest(d_stage2), "wick_decomposition_starts", d_stage2), ("uint32_t", "wick_decomposition_pool", pool)]
    header = [head + f" * unicode_tables.h: what each code point does in the tokenizers package. Read through unicode.h.\n * {origin} */\n"
              "#ifndef WICK_TEXT_UNICODE_TABLES_H\n#define WICK_TEXT_UNICODE_TABLES_H\n#include <stdint.h>\n"]
    for name, meaning in FLAGS:
        header.append(f"#define WICK_CHAR_{name} {BIT[name]:#x}u /* {meaning} */")
    header.append(f"""
#define WICK_UNICODE_SHIFT {SHIFT} /* code points a block, as a power of two */

typedef struct wick_unicode_record {{
    uint16_t flags;          /* WICK_CHAR_* */
    uint8_t combining_class; /* for NFD's reordering */
    int32_t lower_delta;     /* to the (first) character of the lower case */
}} wick_unicode_record;

extern const wick_unicode_record wick_unicode_records[{len(distinct)}];""")
    comment = {
        "wick_unicode_blocks": "by code point >> shift: number of its block",
        "wick_unicode_record_ids": "blocks of indexes into wick_unicode_records",
        "wick_decomposition_blocks": "by code point >> shift: number of its block",
        "wick_decomposition_starts": "blocks of indexes into the pool; 0: none",
        "wick_decomposition_pool": "a length, then so many code points",
    }
    header += [f"extern const {kind} {name}[{len(numbers)}]; /* {comment[name]} */" for kind, name, numbers in arrays]
    header.append("\n#endif\n")
    source = [head + f" * unicode_tables.c: the tables of unicode_tables.h.\n * {origin} */\n"
              '#include "text/unicode_tables.h"\n',
              f"const wick_unicode_record wick_unicode_records[{len(distinct)}] = {{"]
    source += [f"    {{{flags:#x}, {klass}, {delta}}}," for flags, klass, delta in distinct]
    source.append("};\n")
    source += [c_array(*array) for array in arrays]
    return "\n".join(header), "\n".join(source)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="compare with the committed files instead of writing them")
    options = parser.parse_args()
    if tokenizers.__version__ != TOKENIZERS_VERSION:
        sys.exit(f"tokenizers {TOKENIZERS_VERSION} is needed, this is {tokenizers.__version__}")
    records, decompositions = ask()
    tables = build(records, decompositions)
    prove(tables, records, decompositions)
    folder = pathlib.Path(__file__).resolve().parent.parent / "src" / "text"
    for name, text in zip(("unicode_tables.h", "unicode_tables.c"), write_c(tables)):
        path = folder / name
        if not options.check:
            path.write_text(text)
        elif path.read_text() != text:
            sys.exit(f"{path.name} is not what the tool writes: run tools/make_unicode_tables.py")
    print(f"{len(tables[0])} records, {len(tables[1][1]) >> SHIFT} + {len(tables[3][1]) >> SHIFT} blocks, "
          f"{len(tables[2])} decomposition words: proved on {len(records)} code points")


if __name__ == "__main__":
    main()
