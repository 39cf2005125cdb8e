#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/text/form_tables.c and .h: where grapheme clusters begin, what NFKD makes of a character, and which pairs NFC puts together, as
the tokenizers package has it.

In:  the tokenizers package, asked code point by code point. It shows clusters through Precompiled alone, which looks a cluster of at most five
     bytes up as a whole: with a map that makes Y of every character, a cluster is one Y if it is that short, else a Y a character. What no text can show
     (flags of two letters, characters of four bytes on the right of a rule) makes no difference to a token either.
Out: a byte a code point behind a two-stage trie; the compatibility decompositions behind a second one; the pairs, sorted.
Run: python tools/make_form_tables.py            writes the files, after proving the tables
     python tools/make_form_tables.py --check    proves that the committed files are what this would write
Needs tokenizers==0.23.3 and nothing else.
"""
import argparse
import pathlib
import struct
import sys

import tokenizers
from make_unicode_tables import BLOCK, N_CODE_POINTS, SHIFT, TOKENIZERS_VERSION, c_array, hangul, scalars, smallest, trie
from tokenizers import normalizers

# Classes of UAX #29 (table 2 and the Indic conjunct breaks), as far as they make a difference here.
CLASSES = ["OTHER", "CR", "LF", "CONTROL", "EXTEND", "LINKED_EXTEND", "LINKER", "ZWJ", "SPACING", "PREPEND", "LEAD", "VOWEL", "TAIL", "LEAD_VOWEL",
           "LEAD_VOWEL_TAIL", "PICTURE", "CONSONANT"]
CLASS_MASK, UNSAFE, COMPATIBLE = 0x1F, 0x20, 0x40
MARK, ZWJ, KA, VIRAMA, PICTURE = "\u0301", "\u200d", "\u0915", "\u094d", "\u00a9"
LEAD, VOWEL, TAIL, LEAD_VOWEL, LEAD_VOWEL_TAIL = "\u1100", "\u1161", "\u11a8", "\uac00", "\uac01"
HANGUL_FIRST, HANGUL_LAST = 0xAC00, 0xD7A3


def everything_is_y():
    """Precompiled with a charsmap (a double array as darts-clone lays it out) of one key for each byte that a character begins with."""
    units = [0] * 768
    units[0] = 256 << 10  # where the root's children are
    for byte in [*range(1, 0x80), *range(0xC2, 0xF5)]:
        units[256 ^ byte] = 768 << 10 | 1 << 8 | byte  # a key ends here; its value is at 256 ^ byte ^ 768
        units[512 ^ byte] = 1 << 31
    return normalizers.Precompiled(struct.pack(f"<I{len(units)}I", 4 * len(units), *units) + b"Y\0").normalize_str


def ask_clusters():
    """The class of every code point. Each is asked about on the left and on the right of the rules; what does not fit a class ends the program."""
    run = everything_is_y()
    n_pieces = lambda text: len(run(text))
    joined = lambda text: n_pieces(text + MARK) == len(text) + 1  # else the last character and the mark are a short cluster: one Y
    no = (False,) * 3
    extending = {(True, True, False, False): "LINKED_EXTEND", (True, True, True, False): "LINKER", (True, False, False, False): "EXTEND",
                 (False, False, False, False): "SPACING", (False, True, False, True): "ZWJ"}
    others = {(no, no, "", 2): "OTHER", (no, no, "CONTROL", 2): "CONTROL", (no, no, "PICTURE", 2): "PICTURE", (no, no, "CONSONANT", 2): "CONSONANT",
              ((True,) * 3, no, "", 1): "PREPEND", ((True, True, False), (True, False, False), "", 2): "LEAD",
              ((False, True, True), (True, True, False), "", 2): "VOWEL", ((False, False, True), (False, True, True), "", 2): "TAIL",
              ((False, True, True), (True, False, False), "", 2): "LEAD_VOWEL", ((False, False, True), (True, False, False), "", 2): "LEAD_VOWEL_TAIL"}
    classes = {}
    for cp in scalars():
        c = chr(cp)
        if n_pieces("a" + c) == 1:
            linked = joined(KA + c + VIRAMA + KA) and joined(KA + VIRAMA + c + KA)
            classes[cp] = extending.get((n_pieces(PICTURE + c + ZWJ + PICTURE + MARK) == 5, linked, joined(KA + c + KA), joined(PICTURE + c + PICTURE)))
        else:
            before = tuple(joined(c + part) for part in (LEAD, VOWEL, TAIL))
            after = tuple(joined(part + c) for part in (LEAD, LEAD_VOWEL, LEAD_VOWEL_TAIL))
            is_one = {"CONTROL": n_pieces(c + MARK + MARK) == 2, "PICTURE": n_pieces(c + ZWJ + PICTURE + MARK) == 4, "CONSONANT": joined(c + VIRAMA + KA)}
            if is_one["CONTROL"]:  # broken off on both sides, which looks like joined on both
                after = no
            elif len(c.encode()) > 3:  # cannot be seen on the right: as the class that is the same on the left
                after = {(False, True, True): (True, True, False)}.get(before, no)
            name = "".join(key for key, holds in is_one.items() if holds)
            classes[cp] = others.get((before, after, name, n_pieces(c + "a")))
        if classes[cp] is None:
            sys.exit(f"U+{cp:04X}: fits no class of clusters")
    if n_pieces("\r\n") != 1 or n_pieces("\n\r") != 2:
        sys.exit("CR LF is not a cluster")
    return classes | {0x0D: "CR", 0x0A: "LF"}


def ask_forms():
    """{cp: NFKD} of those that NFD leaves or decomposes otherwise, {(first, second): composed}, and the code points that NFC may not pass over."""
    nfc, nfd, nfkc, nfkd = (getattr(normalizers, form)().normalize_str for form in ("NFC", "NFD", "NFKC", "NFKD"))
    compatible = {cp: [ord(d) for d in nfkd(chr(cp))] for cp in scalars() if nfkd(chr(cp)) != nfd(chr(cp))}
    pairs = {}
    for cp in scalars():
        decomposed = nfd(chr(cp))
        if decomposed == chr(cp) or HANGUL_FIRST <= cp <= HANGUL_LAST or nfc(decomposed) != chr(cp):
            continue
        first = nfc(decomposed[:-1])
        if len(first) != 1:
            sys.exit(f"U+{cp:04X}: is not put together from two")
        pairs[ord(first), ord(decomposed[-1])] = cp
    seconds = {second for _, second in pairs} | set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
    unsafe = {cp for cp in scalars() if nfc(chr(cp)) != chr(cp) or cp in seconds or nfd("\u0345" + chr(cp)) != nfd("\u0345") + nfd(chr(cp))
              or nfd(chr(cp) + "\u0334") != nfd(chr(cp)) + "\u0334"}
    for (first, second), cp in pairs.items():
        if nfc(chr(first) + chr(second)) != chr(cp):
            sys.exit(f"U+{first:04X} U+{second:04X}: not put together")
    for cp in scalars():
        if cp not in unsafe and cp not in compatible and nfkc(chr(cp)) != chr(cp):
            sys.exit(f"U+{cp:04X}: NFKC changes it")
        if HANGUL_FIRST <= cp <= HANGUL_LAST and nfc(hangul(cp)) != chr(cp):
            sys.exit(f"U+{cp:04X}: not put together from jamo")
    return compatible, pairs, unsafe


def build(classes, compatible, pairs, unsafe):
    values, indexes, pool, starts = [0] * N_CODE_POINTS, [0] * N_CODE_POINTS, [0], {}
    for cp, name in classes.items():
        values[cp] = CLASSES.index(name) | (UNSAFE if cp in unsafe else 0) | (COMPATIBLE if cp in compatible else 0)
    for cp, sequence in compatible.items():
        key = tuple(sequence)
        if key not in starts:
            starts[key] = len(pool)
            pool += [len(sequence), *sequence]
        indexes[cp] = starts[key]
    return values, trie(values), pool, indexes, trie(indexes), sorted((first, second, cp) for (first, second), cp in pairs.items())


def prove(tables):
    """Reads the tries as the C code does."""
    values, forms, _, indexes, compatible, _ = tables
    for wanted, (stage1, stage2) in ((values, forms), (indexes, compatible)):
        for cp in range(N_CODE_POINTS):
            if stage2[(stage1[cp >> SHIFT] << SHIFT) | (cp & (BLOCK - 1))] != wanted[cp]:
                sys.exit(f"U+{cp:04X}: a trie is wrong")


def write_c(tables):
    _, (stage1, stage2), pool, _, (k_stage1, k_stage2), pairs = tables
    origin = f"Generated by tools/make_form_tables.py from the behaviour of tokenizers {TOKENIZERS_VERSION}; do not edit."
    head = "/* SPDX-License-Identifier: Apache-2.0\n"
    arrays = [(smallest(stage1), "wick_form_blocks", stage1, "by code point >> WICK_UNICODE_SHIFT: number of its block"),
              ("uint8_t", "wick_forms", stage2, "blocks of a wick_cluster_class and the flags above it"),
              (smallest(k_stage1), "wick_compatible_blocks", k_stage1, "by code point >> WICK_UNICODE_SHIFT: number of its block"),
              (smallest(k_stage2), "wick_compatible_starts", k_stage2, "blocks of indexes into the pool; 0: none"),
              ("uint32_t", "wick_compatible_pool", pool, "a length, then so many code points: the full compatibility decomposition")]
    header = [head + f" * form_tables.h: grapheme clusters, compatibility decompositions and compositions. Read through unicode.h.\n * {origin} */\n"
              "#ifndef WICK_TEXT_FORM_TABLES_H\n#define WICK_TEXT_FORM_TABLES_H\n#include <stdint.h>\n",
              "/* Of grapheme clusters (UAX #29); LINKED_EXTEND: Extend that an Indic conjunct goes on behind. */", "typedef enum wick_cluster_class {"]
    header += [f"    WICK_CLUSTER_{name}," for name in CLASSES]
    header.append(f"""}} wick_cluster_class;

#define WICK_FORM_CLASS {CLASS_MASK:#x}u /* the bits of the class */
#define WICK_FORM_UNSAFE {UNSAFE:#x}u /* NFC changes, reorders or composes it */
#define WICK_FORM_COMPATIBLE {COMPATIBLE:#x}u /* NFKD gives something else than NFD */

/* Two characters that NFC makes one of. */
typedef struct wick_composition {{
    uint32_t first, second, composed;
}} wick_composition;

#define WICK_N_COMPOSITIONS {len(pairs)}
extern const wick_composition wick_compositions[WICK_N_COMPOSITIONS]; /* by first, then second; Hangul goes by arithmetic */""")
    header += [f"extern const {kind} {name}[{len(numbers)}]; /* {meaning} */" for kind, name, numbers, meaning in arrays]
    header.append("\n#endif\n")
    source = [head + f" * form_tables.c: the tables of form_tables.h.\n * {origin} */\n#include \"text/form_tables.h\"\n",
              "const wick_composition wick_compositions[WICK_N_COMPOSITIONS] = {"]
    source += [f"    {{{first:#x}, {second:#x}, {cp:#x}}}," for first, second, cp in pairs]
    source.append("};\n")
    source += [c_array(kind, name, numbers) for kind, name, numbers, _ in arrays]
    return "\n".join(header), "\n".join(source)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="compare with the committed files instead of writing them")
    options = parser.parse_args()
    if tokenizers.__version__ != TOKENIZERS_VERSION:
        sys.exit(f"tokenizers {TOKENIZERS_VERSION} is needed, this is {tokenizers.__version__}")
    tables = build(ask_clusters(), *ask_forms())
    prove(tables)
    folder = pathlib.Path(__file__).resolve().parent.parent / "src" / "text"
    for name, text in zip(("form_tables.h", "form_tables.c"), write_c(tables)):
        path = folder / name
        if not options.check:
            path.write_text(text)
        elif path.read_text() != text:
            sys.exit(f"{path.name} is not what the tool writes: run tools/make_form_tables.py")
    _, forms, pool, _, compatible, pairs = tables
    print(f"{len(forms[1]) >> SHIFT} + {len(compatible[1]) >> SHIFT} blocks, {len(pool)} decomposition words, {len(pairs)} compositions")


if __name__ == "__main__":
    main()
