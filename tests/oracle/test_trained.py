# SPDX-License-Identifier: Apache-2.0
"""Token ids and offsets of tokenizers of each kind with 30,000 entries (trained.py) against the tokenizers package: the corpus, every code point
alone and between letters, 100,000 random strings, edges, long hostile texts, truncation. About a minute a kind.

Environment as for test_token_ids.py; without WICK_CORPUS the texts of bench/texts are the corpus. A kind that Wick does not read fails."""
import random

import pytest
import tokenizers
from test_token_ids import EDGES, random_texts, scalars
from tokens import assert_same, wick
from trained import KINDS, corpus

# What splits and joins: contractions, digits, runs of blanks and of line ends, the pieces' own marks, special tokens.
PIECES = ["'s", "'S", "'ll", "'LL", "'ve", "\u2019s", "'", "''", " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n ", "\u00a0", "\u3000", "\u2028", "\x85", "a", "Hello",
          "world", "\u00e9", "e\u0301", "1", "12", "1234", "\u00b2", "\u0661", "\u2167", ".", "...", "!?", "-", "_", "\u2581", "\u2581\u2581", "\u0120", "\u4e16\u754c",
          "\uff21\uff22", "\ufb01", "\u00bd", "\uac00", "\u1100\u1161\u11a8", "\u30ab\u3099", "\U0001f30d", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u0e01\u0e33",
          "\u0915\u094d\u0937", "\ufffd", "\x00", "\x01", "<s>", "</s>", "<mask>", " <mask>", "<unk>", "<pad>", "[MASK]", " [MASK]", "[CLS]", "[UNK]", "<bos>", "<0x41>",
          "<|endoftext|>", "<|im_start|>", "<think>", "<thin"]
N_RANDOM = 100_000


def pieced(n, seed):
    rng = random.Random(seed)
    return ["".join(rng.choices(PIECES, k=rng.randrange(1, 14))) for _ in range(n)]


@pytest.fixture(scope="module", params=KINDS)
def kind(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "tokenizer.json"
    KINDS[request.param]().save(str(path))
    # As the package reads the file: scores that were trained are not always the f64s that it makes of their decimals, which decides between two ways of equal score.
    return path, tokenizers.Tokenizer.from_file(str(path))


def test_corpus(kind):
    assert_same(*kind, corpus())
    assert_same(*kind, corpus(), special=False)
    assert_same(*kind, corpus(), max_tokens=64)


def test_whole_files(kind):
    """The corpus as a few long texts: words and pieces at every place of what is read at a time."""
    text = "\n".join(corpus())
    assert_same(*kind, [text, text[1:], text.replace("\n", " "), text.replace(" ", "")[:20000]])


def test_every_code_point_alone(kind):
    assert_same(*kind, [chr(cp) for cp in scalars()])


def test_every_code_point_between_letters(kind):
    assert_same(*kind, [f"a{chr(cp)}b" for cp in scalars()])


def test_every_code_point_behind_a_blank(kind):
    """Where patterns decide whether a blank belongs to what follows. Without the planes that nothing is assigned in."""
    assert_same(*kind, [f" {chr(cp)} 1{chr(cp)}" for cp in scalars() if cp < 0x33480 or 0xE0000 <= cp < 0xE0200])


def test_random_strings(kind):
    assert_same(*kind, random_texts(N_RANDOM // 2, 11, PIECES) + pieced(N_RANDOM // 2, 12))


def test_edges(kind):
    assert_same(*kind, EDGES + PIECES)
    assert_same(*kind, EDGES + PIECES, special=False)


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("max_tokens", [2, 3, 4, 7, 16, 256])
def test_truncation(kind, max_tokens, left):
    texts = random_texts(1000, max_tokens, PIECES) + pieced(1000, max_tokens) + EDGES + ["tokenization " * 500, "a" * 99 + " unbelievable" * 400]
    assert_same(*kind, texts, max_tokens=max_tokens, left=left)
    assert_same(*kind, texts, max_tokens=max_tokens, left=left, special=False)


HOSTILE = ["." * 200_000, "\u0301" * 50_000, "a" + "\u0316\u0301" * 25_000 + "b", "a" * 200_000, "\u4e16" * 100_000, "<" * 100_000, " " * 200_000, "\n" * 100_000,
           "\x01" * 50_000 + "a", "\uac01" * 50_000, "'s" * 50_000, "ab" * 50_000, "1" * 100_000, "\u2581" * 50_000, "<mask>" * 20_000, "[MASK]" * 20_000,
           " \n" * 50_000, "\U0001f468\u200d" * 30_000, "\u00e9" * 50_000, "e\u0301" * 50_000, "\uff76\uff9e" * 30_000]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:3])[1:-1])
def test_long_hostile_texts(kind, text):
    """Quadratic time would not end within the tool's time limit."""
    assert_same(*kind, [text])


def test_invalid_utf8_is_refused(kind):
    good = "caf\u00e9".encode()
    bad = [b"\xff", b"abc\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", good + b"\x80" + good, b"a" * 5000 + b"\xe2\x82"]
    assert [r[0] for r in wick(kind[0], bad)] == [-2] * len(bad)
