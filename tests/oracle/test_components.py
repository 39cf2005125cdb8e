# SPDX-License-Identifier: Apache-2.0
"""Every option of every component that tokenizer.json can name and Wick reads, one by one, against the tokenizers package: a small tokenizer with
that component in it. What Wick refuses must say so (REFUSED); anything else is a failure. WordPiece's and BERT's own are in test_token_ids.py.

Minutes; no environment but WICK_BUILD."""
import itertools
import json
import random

import pytest
import tokenizers
from charsmap import pack
from test_token_ids import ADDED, EDGES, random_texts, variant
from test_trained import PIECES, pieced
from tokens import assert_same
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from trained import GPT2, LLAMA3, QWEN2, corpus

TEXTS = random_texts(3000, 21, ADDED + PIECES) + pieced(3000, 22) + EDGES + PIECES
MAP = {"e": "E", "e\u0301": "<e>", "ab": "", "abc": "x", "\u4e16": "shi", " ": "_", "\u0301": "'", "\U0001f30d": "O", "\uff76\uff9e": "ga", "a" * 7: "7"}


def written(component):
    return json.loads(component.__getstate__())


NORMALIZERS = {
    "NFC": normalizers.NFC(), "NFD": normalizers.NFD(), "NFKC": normalizers.NFKC(), "NFKD": normalizers.NFKD(), "Lowercase": normalizers.Lowercase(),
    "Strip": normalizers.Strip(True, True), "Strip-left": normalizers.Strip(True, False), "Strip-right": normalizers.Strip(False, True),
    "StripAccents": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]), "Prepend": normalizers.Prepend("\u2581"),
    "Prepend-long": normalizers.Prepend("ab "), "Replace": normalizers.Replace(" ", "\u2581"), "Replace-long": normalizers.Replace("ab", "xyz"),
    "Replace-nothing": normalizers.Replace("\n", ""), "Replace-blanks": normalizers.Replace(Regex(" {2,}"), " "),
    "Precompiled": normalizers.Precompiled(pack(MAP)),
    "llama": normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]),
    "t5": normalizers.Sequence([normalizers.Precompiled(pack(MAP)), normalizers.Strip(False, True), normalizers.Replace(Regex(" {2,}"), "\u2581")]),
    "albert": normalizers.Sequence([normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(), normalizers.StripAccents(),
                                    normalizers.Lowercase(), normalizers.Precompiled(pack(MAP))]),
    "nested": normalizers.Sequence([normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), normalizers.Strip(True, True)]),
    "twice": normalizers.Sequence([normalizers.NFD(), normalizers.NFC(), normalizers.NFKD(), normalizers.NFKC()]),
}
PRE_TOKENIZERS = {
    **{f"Metaspace-{scheme}-{split}": pre_tokenizers.Metaspace("\u2581", scheme, split) for scheme, split in
       itertools.product(("always", "first", "never"), (True, False))},
    **{f"ByteLevel-{prefix}-{regex}": pre_tokenizers.ByteLevel(prefix, use_regex=regex) for prefix, regex in itertools.product((True, False), repeat=2)},
    **{f"Digits-{each}": pre_tokenizers.Digits(each) for each in (True, False)},
    **{f"Punctuation-{how}": pre_tokenizers.Punctuation(how) for how in ("isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous")},
    **{f"Split-blank-{how}": pre_tokenizers.Split(" ", how) for how in ("isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous")},
    "Split-gpt2": pre_tokenizers.Split(Regex(GPT2), "isolated"), "Split-qwen2": pre_tokenizers.Split(Regex(QWEN2), "isolated"),
    "Split-llama3": pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
    "xlm-roberta": pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("\u2581", "always")]),
    "words-digits": pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(True)]),
    "punctuation-bytes": pre_tokenizers.Sequence([pre_tokenizers.Punctuation("isolated"), pre_tokenizers.ByteLevel(False)]),
    "bert-metaspace": pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Metaspace("\u2581", "never")]),
}
# Component: the reason that the tool gives. Empty: nothing of the above is refused.
REFUSED = {
}


def refused(name, path):
    if name not in REFUSED:
        return False
    with pytest.raises(AssertionError, match=REFUSED[name]):
        assert_same(path, Tokenizer.from_file(str(path)), ["a"])
    return True


@pytest.mark.parametrize("name", NORMALIZERS)
def test_normalizers(tmp_path, name):
    path, tokenizer = variant(tmp_path, normalizer=written(NORMALIZERS[name]))
    if not refused(name, path):
        assert_same(path, tokenizer, TEXTS)
        assert_same(path, tokenizer, TEXTS[:1000], max_tokens=5)


def small_bpe(normalizer, pre_tokenizer, **options):
    """A BPE of bytes and words that any pre-tokenizer may stand before: unknown pieces fall back to <unk>."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", **options))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<s>", "</s>", "<unk>"] + ([f"<0x{byte:02X}>" for byte in range(256)] if options.get("byte_fallback") else [])
    tokenizer.train_from_iterator(corpus(own=True)[:300], trainers.BpeTrainer(vocab_size=900, special_tokens=special, initial_alphabet=alphabet, show_progress=False))
    return tokenizer


def small_unigram(normalizer, pre_tokenizer):
    tokenizer = Tokenizer(models.Unigram())
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(corpus(own=True)[:300], trainers.UnigramTrainer(vocab_size=600, special_tokens=["<s>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
    return tokenizer


def saved(tokenizer, tmp_path):
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json", Tokenizer.from_file(str(tmp_path / "tokenizer.json"))


@pytest.mark.parametrize("make", [small_bpe, small_unigram])
@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_pre_tokenizers(tmp_path, name, make):
    path, tokenizer = saved(make(None, PRE_TOKENIZERS[name]), tmp_path)
    if not refused(name, path):
        assert_same(path, tokenizer, TEXTS)
        assert_same(path, tokenizer, TEXTS[:1000], max_tokens=5, left=True)


@pytest.mark.parametrize("normalizer", ["NFC", "NFKC", "Precompiled", "Replace", "Strip", "Prepend", "t5"])
@pytest.mark.parametrize("name", ["Metaspace-always-True", "Metaspace-first-False", "ByteLevel-False-True", "ByteLevel-True-True", "Split-qwen2", "xlm-roberta"])
def test_normalizers_before_pre_tokenizers(tmp_path, name, normalizer):
    path, tokenizer = saved(small_unigram(NORMALIZERS[normalizer], PRE_TOKENIZERS[name]), tmp_path)
    if not (refused(name, path) or refused(normalizer, path)):
        assert_same(path, tokenizer, TEXTS)


@pytest.mark.parametrize("options", [{}, {"fuse_unk": True}, {"byte_fallback": True}, {"byte_fallback": True, "fuse_unk": True}, {"ignore_merges": True},
                                     {"continuing_subword_prefix": "##"}, {"end_of_word_suffix": "</w>"}], ids=str)
@pytest.mark.parametrize("name", ["ByteLevel-False-True", "Metaspace-always-True", None])
def test_bpe_options(tmp_path, options, name):
    path, tokenizer = saved(small_bpe(None, name and PRE_TOKENIZERS[name], **options), tmp_path)
    if not refused(str(options), path):
        assert_same(path, tokenizer, TEXTS)


@pytest.mark.parametrize("trim", [True, False])
@pytest.mark.parametrize("prefix", [True, False])
@pytest.mark.parametrize("kind", ["RobertaProcessing", "ByteLevel", "Sequence"])
def test_post_processors(tmp_path, kind, prefix, trim):
    tokenizer = small_bpe(None, pre_tokenizers.ByteLevel(add_prefix_space=prefix))
    roberta = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), trim, prefix)
    plain = processors.ByteLevel(add_prefix_space=prefix, trim_offsets=trim)
    around = processors.TemplateProcessing("<s> $A </s> </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    tokenizer.post_processor = {"RobertaProcessing": roberta, "ByteLevel": plain, "Sequence": processors.Sequence([plain, around])}[kind]
    path, tokenizer = saved(tokenizer, tmp_path)
    for special, max_tokens, left in itertools.product((True, False), (0, 7), (False, True)):
        assert_same(path, tokenizer, TEXTS[:3000], max_tokens=max_tokens, special=special, left=left)


@pytest.mark.parametrize("flags", list(itertools.product([False, True], repeat=4)), ids=lambda p: "".join(n for n, on in zip("wlrn", p) if on) or "plain")
@pytest.mark.parametrize("name", ["ByteLevel-False-True", "Metaspace-always-True", "Metaspace-first-True", "Split-qwen2"])
def test_added_tokens(tmp_path, name, flags):
    options = dict(zip(("single_word", "lstrip", "rstrip", "normalized"), flags))
    tokenizer = small_unigram(normalizers.NFKC(), PRE_TOKENIZERS[name]) if "Meta" in name else small_bpe(normalizers.NFC(), PRE_TOKENIZERS[name])
    tokenizer.add_tokens([AddedToken(content, **options) for content in ("<a>", "ab", "\u00e9", "  ", "Hello w", "\u4e16")])
    tokenizer.add_special_tokens([AddedToken("<mask>", special=True, **options)])
    assert_same(*saved(tokenizer, tmp_path), TEXTS + pieced(2000, 5))


def test_unigram_ties(tmp_path):
    """Runs of one character split in several ways of the same pieces: only the last bits of the sums decide, and so those of the scores as the package
    reads them (its JSON reader does not round numbers of 17 digits to the nearest double)."""
    rng = random.Random(31)
    texts = ["a" * n for n in range(1, 40)] + ["".join(rng.choices("ab", k=rng.randrange(2, 30))) for _ in range(300)]
    for turn in range(60):
        pieces = ["a", "b", "aa", "aaa", "ab", "ba", "aab", "bb"]
        scores = [-rng.uniform(1, 20) for _ in pieces] if turn % 2 else [-float(f"{rng.uniform(1, 20):.9g}") for _ in pieces]
        vocabulary = [("<unk>", 0.0), *zip(pieces, scores)]
        path, tokenizer = saved(Tokenizer(models.Unigram(vocabulary, 0, False)), tmp_path)
        assert_same(path, tokenizer, texts)


def test_the_package_is_the_pinned_one():
    assert tokenizers.__version__ == "0.23.3"
