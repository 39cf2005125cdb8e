# SPDX-License-Identifier: Apache-2.0
"""Tokenizers of each kind with 30,000 entries, trained here with the tokenizers package: the components are those of the published families.

The texts are the lines of the *.txt files in $WICK_CORPUS, else in bench/texts (fewer entries come of those)."""
import functools
import json
import os
import pathlib

from charsmap import nmt_nfkc, pack
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

ROOT = pathlib.Path(__file__).resolve().parents[2]
N_ENTRIES = 30000
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


@functools.cache
def corpus(own=False):
    """own: the repository's texts, whatever WICK_CORPUS says."""
    folder = pathlib.Path(not own and os.environ.get("WICK_CORPUS") or ROOT / "bench" / "texts")
    lines = [line for path in sorted(folder.glob("*.txt")) for line in path.read_text(encoding="utf-8").split("\n")]
    assert lines, f"{folder} has no texts"
    return lines


@functools.cache
def charsmap():
    return pack(nmt_nfkc())


def add(tokenizer, *special):
    tokenizer.add_special_tokens([token if isinstance(token, AddedToken) else AddedToken(token, special=True) for token in special])
    return tokenizer


def template(tokenizer, single):
    names = sorted({word for word in single.split() if not word.startswith("$")})
    return processors.TemplateProcessing(single=single, special_tokens=[(name, tokenizer.token_to_id(name)) for name in names])


def wordpiece(**options):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(**options), pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(corpus(), trainers.WordPieceTrainer(vocab_size=N_ENTRIES, special_tokens=special, show_progress=False))
    tokenizer.post_processor = template(tokenizer, "[CLS] $A [SEP]")
    return tokenizer


def train_bytes(tokenizer, special=()):
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=N_ENTRIES, special_tokens=list(special), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return tokenizer


def gpt2(prefix=False, trim=True):
    tokenizer = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix=""))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    train_bytes(tokenizer, ROBERTA)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim, prefix)
    return add(tokenizer, AddedToken("<mask>", lstrip=True, special=True))


def modernbert():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=False)
    train_bytes(tokenizer)
    tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in range(24, 1, -1)])
    add(tokenizer, "[UNK]", "[CLS]", "[SEP]", "[PAD]", AddedToken("[MASK]", lstrip=True, special=True))
    tokenizer.post_processor = template(tokenizer, "[CLS] $A [SEP]")
    return tokenizer


def split_bytes(pattern, normalizer=None, ignore_merges=False):
    """Qwen's and Llama 3's."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    train_bytes(tokenizer)
    add(tokenizer, "<|endoftext|>", "<|im_start|>", "<|im_end|>")
    tokenizer.add_tokens([AddedToken("<think>", normalized=False), AddedToken("</tool_call>", normalized=False)])
    steps = [processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False), template(tokenizer, "$A <|endoftext|>")]
    tokenizer.post_processor = processors.Sequence(steps)
    return tokenizer


def gemma():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Replace(" ", "▁"), pre_tokenizers.Split(" ", "merged_with_previous")
    first = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *BYTES]
    trained = Tokenizer(models.BPE(unk_token="<unk>"))  # pieces stop at words, as Gemma's do mostly; its own tokenizer splits nowhere
    trained.normalizer, trained.pre_tokenizer = tokenizer.normalizer, pre_tokenizers.Split("▁", "merged_with_next")
    trained.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=N_ENTRIES, special_tokens=first, limit_alphabet=1000, max_token_length=16, show_progress=False))
    document = json.loads(tokenizer.to_str())
    document["model"] |= {key: json.loads(trained.to_str())["model"][key] for key in ("vocab", "merges")}
    tokenizer = Tokenizer.from_str(json.dumps(document))
    add(tokenizer, *first[:5])
    tokenizer.add_tokens([AddedToken("\n" * n, normalized=False) for n in range(1, 8)] + [AddedToken("▁" * n, normalized=False) for n in range(2, 8)])
    tokenizer.post_processor = template(tokenizer, "<bos> $A <eos>")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def unigram(normalizer, pre_tokenizer, byte_fallback=False):
    tokenizer = Tokenizer(models.Unigram())
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    special = ROBERTA + (BYTES if byte_fallback else [])
    tokenizer.train_from_iterator(corpus(), trainers.UnigramTrainer(vocab_size=N_ENTRIES, special_tokens=special, unk_token="<unk>", show_progress=False))
    vocab = [tuple(entry) for entry in json.loads(tokenizer.to_str())["model"]["vocab"]]
    tokenizer.model = models.Unigram(vocab, 3, byte_fallback)
    tokenizer.post_processor = template(tokenizer, "<s> $A </s>")
    return add(tokenizer, AddedToken("<mask>", lstrip=True, special=True))


def metaspace(scheme="always", split=True):
    return pre_tokenizers.Metaspace("▁", scheme, split)


def precompiled(*more):
    return normalizers.Sequence([normalizers.Precompiled(charsmap()), *more])


KINDS = {
    "wordpiece": lambda: wordpiece(lowercase=True),
    "wordpiece-cased": lambda: wordpiece(lowercase=False),
    "gpt2": gpt2,
    "gpt2-prefix": lambda: gpt2(prefix=True, trim=False),
    "modernbert": modernbert,
    "qwen2": lambda: split_bytes(QWEN2, normalizers.NFC()),
    "llama3": lambda: split_bytes(LLAMA3, ignore_merges=True),
    "gemma": gemma,
    "xlm-roberta": lambda: unigram(normalizers.Precompiled(charsmap()), pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace()])),
    "bge-m3": lambda: unigram(precompiled(normalizers.Replace(Regex(" {2,}"), " ")), metaspace()),
    "camembert": lambda: unigram(
        normalizers.Sequence([normalizers.Replace("\n", " "), normalizers.Precompiled(charsmap()), normalizers.Strip(False, True),
                              normalizers.Replace(Regex(" {2,}"), "▁")]), metaspace()),
    "unigram-bytes": lambda: unigram(normalizers.NFKC(), metaspace("first"), byte_fallback=True),
    "unigram-words": lambda: unigram(None, pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), metaspace("never")])),
}
