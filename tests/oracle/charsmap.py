# SPDX-License-Identifier: Apache-2.0
"""A precompiled character map of the size and kind of sentencepiece's nmt_nfkc, which the tokenizers of XLM-R, E5 and BGE-M3 carry: made here from
Python's Unicode tables, since the published one comes with a model.

The map says which strings of up to four characters become what. nmt_nfkc(): every character that NFKC changes; every string of characters that NFKC
composes, also of their compatibility forms (half-width kana and their marks, circled letters and accents); controls and odd blanks become blanks or
nothing. pack(): sentencepiece's format: the size of a double array in bytes, the double array over UTF-8 bytes (darts-clone's units), the replacements,
each with a NUL. Equal subtrees are stored once, as there: 45,000 units for 200,000 strings.
"""
import itertools
import struct
import unicodedata

ALL = (1 << 256) - 1
OPEN_BLOCKS = 16
# For each bit of a label: the units whose number has that bit set.
HAVING = [sum(1 << i for i in range(256) if i >> bit & 1) for bit in range(8)]


def scalars():
    return (chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF)


def nfkc(text):
    return unicodedata.normalize("NFKC", text)


def nmt_nfkc():
    """{source: replacement}."""
    found, forms = {}, {}
    for character in scalars():
        target = nfkc(character)
        if target != character:
            found[character] = target
        if len(target) == 1:
            forms.setdefault(target, []).append(character)
    for composed in scalars():
        parts = unicodedata.normalize("NFD", composed)
        if len(parts) < 2 or nfkc(parts) != nfkc(composed):
            continue
        for n in range(2, len(parts) + 1):  # also what is composed in part: e.g. a letter with one of its two accents
            head = nfkc(parts[:n])
            if len(head) == 1 and head + parts[n:] != parts:
                tails = [forms.get(part, [part]) for part in parts[n:]]
                for source in itertools.product(*(forms.get(part, [part]) for part in parts[:n])):
                    found["".join(source)] = head
                for source in itertools.product(forms.get(head, [head]), *tails):
                    if len(source) > 1:
                        found["".join(source)] = nfkc(composed)
    for code in (*range(1, 9), 0xB, *range(0xE, 0x20), 0x7F, 0x8F, 0x9F):
        found[chr(code)] = ""
    for code in (9, 0xA, 0xC, 0xD, 0x1680, *range(0x200B, 0x2010), 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD):
        found[chr(code)] = " "
    return found


def exchanged(bits, label):
    """Bit i of the result is bit i ^ label of the argument."""
    for bit in range(8):
        if label >> bit & 1:
            step = 1 << bit
            bits = (bits & HAVING[bit]) >> step | (bits << step & HAVING[bit])
    return bits


class Packer:
    def __init__(self, pairs):
        self.blob, self.offsets = b"", {}
        self.nodes, self.ids = [], {}  # equal subtrees have one id: (leaf, ((label, id), ...))
        self.root = self.node(sorted((source.encode(), self.offset(target)) for source, target in pairs.items()), 0)

    def offset(self, target):
        if target not in self.offsets:
            self.offsets[target] = len(self.blob)
            self.blob += target.encode() + b"\0"
        return self.offsets[target]

    def node(self, entries, depth):
        """entries: (key, offset), sorted, all with the same first `depth` bytes. At most 16 deep."""
        leaf = entries[0][1] if len(entries[0][0]) == depth else None
        rest = entries[1:] if leaf is not None else entries
        children = tuple((label, self.node(list(group), depth + 1)) for label, group in itertools.groupby(rest, lambda entry: entry[0][depth]))
        key = (leaf, children)
        if key not in self.ids:
            self.ids[key] = len(self.nodes)
            self.nodes.append(key)
        return self.ids[key]

    def place(self, labels):
        """A base that no other node has and whose units at base ^ label are free. A label is a byte, so those lie in one block of 256 units; the
        newest blocks are tried."""
        for block in range(max(0, len(self.free) - OPEN_BLOCKS), len(self.free) + 1):
            if block == len(self.free):
                self.free.append(ALL)
                self.bases.append(ALL)
            fits = self.bases[block]
            for label in labels:
                fits &= exchanged(self.free[block], label)
                if not fits:
                    break
            if fits:
                low = (fits & -fits).bit_length() - 1
                self.bases[block] &= ~(1 << low)
                for label in labels:
                    self.free[block] &= ~(1 << (low ^ label))
                return block << 8 | low

    def units(self):
        self.free, self.bases = [ALL - 1], [ALL - 1]  # a bit a unit of each block; the root is unit 0
        units, where = {0: 0}, {}
        queue = [(self.root, 0)]
        while queue:
            node, unit = queue.pop()
            leaf, children = self.nodes[node]
            labels = ([0] if leaf is not None else []) + [label for label, _ in children]
            if not labels:
                continue
            new = node not in where
            base = where.setdefault(node, self.place(labels) if new else None)
            distance = unit ^ base
            assert distance < 1 << 21
            units[unit] |= distance << 10 | (leaf is not None) << 8
            if new:
                if leaf is not None:
                    units[base] = 1 << 31 | leaf
                for label, child in children:
                    units[base ^ label] = label
                    queue.append((child, base ^ label))
        n = (max(units) | 255) + 1
        return [units.get(i, 0) for i in range(n)]


def pack(pairs):
    packer = Packer(pairs)
    units = packer.units()
    return struct.pack(f"<I{len(units)}I", 4 * len(units), *units) + packer.blob
