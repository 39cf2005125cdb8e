# SPDX-License-Identifier: Apache-2.0
"""A small tokenizer of each kind, with the components of the published ones, trained on texts.CORPUS; the same in every run."""

import collections
import json
import struct

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from .texts import CORPUS

MAX_SEQ_LENGTH = 40

def charsmap(pairs):
    """sentencepiece's precompiled map: the size of a double array, the double array over UTF-8 bytes, the NUL-terminated replacements."""
    children, leaves, blob = [{}], {}, b""
    for source, target in pairs.items():
        node = 0
        for byte in source.encode():
            if byte not in children[node]:
                children[node][byte] = len(children)
                children.append({})
            node = children[node][byte]
        leaves[node] = len(blob)
        blob += target.encode() + b"\0"
    units, used = [0] * 4096, {0}
    queue = [(0, 0)]
    while queue:
        node, place = queue.pop(0)
        labels = sorted(children[node]) + ([0] if node in leaves else [])
        base = next(b for b in range(1, 4096) if all((b ^ label) not in used and (b ^ label) < 4096 for label in labels))
        used.update(base ^ label for label in labels)
        units[place] |= (place ^ base) << 10 | (1 << 8 if node in leaves else 0)
        if node in leaves:
            units[base] = 1 << 31 | leaves[node]
        for label, child in children[node].items():
            units[base ^ label] = label
            queue.append((child, base ^ label))
    n = (max(used) | 255) + 1
    return struct.pack(f"<I{n}I", 4 * n, *units[:n]) + blob


CHARSMAP = charsmap(
    {chr(0xFEE0 + c): chr(c) for c in range(0x21, 0x7F)}
    | {"ﬁ": "fi", "½": "1⁄2", "①": "1", "™": "TM", "\u00a0": " ", "\t": " ", "\n": " ", "\r": " ", "\u200b": "", "u\u0308": "ü", "\u3000": " "}
)


def wrap(tokenizer, special, **options):
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=MAX_SEQ_LENGTH, **special, **options)


BERT_SPECIAL = dict(unk_token="[UNK]", sep_token="[SEP]", pad_token="[PAD]", cls_token="[CLS]", mask_token="[MASK]")
ROBERTA_SPECIAL = dict(bos_token="<s>", eos_token="</s>", sep_token="</s>", cls_token="<s>", unk_token="<unk>", pad_token="<pad>", mask_token="<mask>")


def template(tokenizer, before, after):
    names = [(name, tokenizer.token_to_id(name)) for name in {*before, *after}]
    single = [*before, "$A", *after]
    return processors.TemplateProcessing(single=single, pair=[*single, *(f"{p}:1" for p in ["$B", *after])], special_tokens=sorted(names))


def wordpiece(lowercase=True, special=None, first=("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), **options):
    normalizer, pre_tokenizer = normalizers.BertNormalizer(lowercase=lowercase), pre_tokenizers.BertPreTokenizer()
    words = [word for line in CORPUS for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(line))]
    pieces = collections.Counter(("##" if at else "") + word[at:end] for word in words for at in range(len(word)) for end in range(at + 1, len(word) + 1))
    singles = sorted(piece for piece in pieces if len(piece.removeprefix("##")) == 1)  # WordPieceTrainer's order is another in every run
    common = sorted(pieces, key=lambda piece: (-pieces[piece] * len(piece.removeprefix("##")), piece))
    vocab = list(dict.fromkeys([*first, *singles, *common]))[:320]
    tokenizer = Tokenizer(models.WordPiece({piece: index for index, piece in enumerate(vocab)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.add_special_tokens(list(first))
    if special:  # MPNet: RoBERTa's special tokens around BERT's pieces
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>")), True, False)
    else:
        tokenizer.post_processor = template(tokenizer, ["[CLS]"], ["[SEP]"])
    return wrap(tokenizer, special or BERT_SPECIAL, **options)


def mpnet_tokenizer():
    special = dict(ROBERTA_SPECIAL, unk_token="[UNK]", mask_token=AddedToken("<mask>", lstrip=True, special=True))
    return wordpiece(special=special, first=("<s>", "<pad>", "</s>", "[UNK]", "<mask>"))


def train_bytes(tokenizer, first, n_merges=48):
    trainer = trainers.BpeTrainer(
        vocab_size=len(first) + 256 + n_merges, special_tokens=list(first), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)


def roberta_tokenizer():
    tokenizer = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix=""))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    train_bytes(tokenizer, ("<s>", "<pad>", "</s>", "<unk>", "<mask>"))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), True, False)
    return wrap(tokenizer, dict(ROBERTA_SPECIAL, mask_token=AddedToken("<mask>", lstrip=True, special=True)))


def modernbert_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    train_bytes(tokenizer, ())
    tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in (4, 3, 2)])
    tokenizer.add_special_tokens(["[UNK]", "[CLS]", "[SEP]", "[PAD]", AddedToken("[MASK]", lstrip=True, special=True)])
    tokenizer.post_processor = template(tokenizer, ["[CLS]"], ["[SEP]"])
    return wrap(tokenizer, BERT_SPECIAL)


def qwen_tokenizer(after, **options):
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    train_bytes(tokenizer, ())
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    steps = [processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)]
    tokenizer.post_processor = processors.Sequence([*steps, template(tokenizer, [], ["<|endoftext|>"])]) if after else steps[0]
    return wrap(tokenizer, dict(eos_token="<|endoftext|>", pad_token="<|endoftext|>"), **options)


# Llama 3's, as transformers' convert_slow_tokenizer.py has it (its converter from tiktoken).
LLAMA3_REGEX = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def llama3_tokenizer():
    """EuroBERT's."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    split = pre_tokenizers.Split(Regex(LLAMA3_REGEX), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    train_bytes(tokenizer, ())
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>", AddedToken("<|mask|>", lstrip=True, special=True), "<|pad|>"])
    steps = [processors.ByteLevel(add_prefix_space=True, trim_offsets=True, use_regex=False)]
    tokenizer.post_processor = processors.Sequence([*steps, template(tokenizer, ["<|begin_of_text|>"], ["<|end_of_text|>"])])
    return wrap(tokenizer, dict(bos_token="<|begin_of_text|>", eos_token="<|end_of_text|>", mask_token="<|mask|>", pad_token="<|pad|>"))


def gemma_tokenizer():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    first = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    counts = collections.Counter("".join(CORPUS).replace(" ", "▁"))
    alphabet = sorted(counts, key=lambda character: (-counts[character], character))[:64]  # the rest falls back to bytes
    trainer = trainers.BpeTrainer(
        vocab_size=len(first) + 96, special_tokens=first, initial_alphabet=alphabet, limit_alphabet=64, max_token_length=12, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    document = json.loads(tokenizer.to_str())  # the byte tokens are plain tokens of the model in Gemma's file
    document["added_tokens"] = document["added_tokens"][:5]
    tokenizer = Tokenizer.from_str(json.dumps(document))
    tokenizer.post_processor = template(tokenizer, ["<bos>"], ["<eos>"])
    return wrap(tokenizer, dict(bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<pad>", mask_token="<mask>"))


def in_order(vocab, n_special):
    """The trainer's order of equals and its last digits are others in every run."""
    pieces = sorted((-round(score, 2), piece) for piece, score in vocab[n_special:])
    return [tuple(entry) for entry in vocab[:n_special]] + [(piece, round(-cost - rank * 1e-5, 5)) for rank, (cost, piece) in enumerate(pieces)]


def unigram(normalizer, pre_tokenizer, first):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    trainer = trainers.UnigramTrainer(vocab_size=260, special_tokens=list(first), unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.model = models.Unigram(in_order(json.loads(tokenizer.to_str())["model"]["vocab"], len(first)), first.index("<unk>"), False)
    tokenizer.post_processor = template(tokenizer, ["<s>"], ["</s>"])
    return wrap(tokenizer, dict(ROBERTA_SPECIAL, mask_token=AddedToken("<mask>", lstrip=True, special=True)))


def xlm_roberta_tokenizer():
    steps = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("▁", "always")]
    return unigram(normalizers.Precompiled(CHARSMAP), pre_tokenizers.Sequence(steps), ("<s>", "<pad>", "</s>", "<unk>", "<mask>"))


def xlm_roberta_pair_tokenizer():
    """With the pair of the published tokenizer.json: two separators between the texts."""
    wrapped = xlm_roberta_tokenizer()
    special = [(name, wrapped.convert_tokens_to_ids(name)) for name in ("<s>", "</s>")]
    wrapped.backend_tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", "<s> $A </s> </s> $B </s>", special)
    return wrapped


def camembert_tokenizer():
    steps = [normalizers.Replace("\n", " "), normalizers.Precompiled(CHARSMAP), normalizers.Strip(False, True), normalizers.Replace(Regex(" {2,}"), "▁")]
    return unigram(normalizers.Sequence(steps), pre_tokenizers.Metaspace("▁", "always"), ("<s>", "<pad>", "</s>", "<unk>", "<mask>"))
