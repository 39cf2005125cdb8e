#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/fixtures/models: a tiny random-weight model of each family that transformers ships, and what sentence-transformers gives for it.

In: nothing but the seed and the texts below. Out: for each NAME a sentence-transformers folder, and golden.json in it (tests/fixtures/README.md).
Run by hand when a family is added (NAMES: only those); the result is committed. The vectors depend on the packages in their last bits only:

    pip install sentence-transformers==6.2.0 transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0 torch==2.15.0
    python tools/make_family_models.py [NAMES]

JinaBERT v2 (ALiBi) comes with code of its own on the hub and is not in transformers: it needs a reference of its own here, later.
"""

import os

os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1", HF_HUB_OFFLINE="1")  # training is the same in every run

import collections
import json
import pathlib
import shutil
import struct
import sys
import tempfile

import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules.dense import Dense
from sentence_transformers.base.modules.normalize import Normalize
from sentence_transformers.base.modules.transformer import Transformer
from sentence_transformers.sentence_transformer.modules.pooling import Pooling
from sentence_transformers.sentence_transformer.modules.static_embedding import StaticEmbedding
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

MODELS = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "models"
SEED = 20261126
HIDDEN, HEADS, INNER, POSITIONS, MAX_SEQ_LENGTH = 24, 4, 40, 64, 40

# What the tokenizers are trained on.
CORPUS = """A small engine turns each sentence into a vector, and near vectors mean near sentences.
The reader opens the file, checks the header and maps the weights; nothing is copied.
She can't say what they've done, but we're sure it's fine and I'll go on.
Rain fell on the harbour while 27 boats waited for the morning of 1 March 2024.
Der Fluss trägt Schiffe übers Land, und größere Städte wachsen am Ufer.
Le garçon a mangé une crème brûlée près de la fenêtre, où le café était déjà froid.
El niño soñó con montañas, pingüinos y el corazón de una ciudad pequeña.
数据库里的向量很多。今天的天气很好。
猫が窓のそばで眠っている。
Кошка спит у окна, а собака бежит по улице.
def add(a, b):\n    return a + b  # two numbers
The windows of the attention slide along the text, a few tokens to the left and to the right.
Searching, searched, search: the searcher searches for the best of all results.
An unusual, unbelievable, uncomfortable and unwritten rule is an exception.""".split("\n")

TEXTS = [
    "",
    " ",
    "Hello",
    "The quick engine reads a small file.",
    "  leading, trailing   and  many spaces  ",
    "It's 123.45 dollars, isn't it? WE'LL see; they've 1000000 tokens!",
    "Café crème, naïve Größe, pingu\u0308ino",
    "Hello! @#$% 世界 🌍 猫が眠る",
    "Ｆｕｌｌ ｗｉｄｔｈ, the ﬁle, ½ and ① ™",
    "tab\tnew\nline\r\n\n  indented\u00a0space\u200b",
    "</s> <mask> [CLS] [MASK] <unk> <bos> are not only text",
    "The windows of the attention slide along the text, a few tokens to the left and to the right, while the reader opens "
    "the file, checks the header and maps the weights, and nothing is copied until the very last sentence is read.",
    "word " * 200,
    "x" * 120,
    "Кошка спит у окна",
]


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


def camembert_tokenizer():
    steps = [normalizers.Replace("\n", " "), normalizers.Precompiled(CHARSMAP), normalizers.Strip(False, True), normalizers.Replace(Regex(" {2,}"), "▁")]
    return unigram(normalizers.Sequence(steps), pre_tokenizers.Metaspace("▁", "always"), ("<s>", "<pad>", "</s>", "<unk>", "<mask>"))


def sizes(**more):
    return dict(
        hidden_size=HIDDEN, num_hidden_layers=2, num_attention_heads=HEADS, intermediate_size=INNER, max_position_embeddings=POSITIONS, **more
    )


def dense(n_in, n_out, activation, bias=True):
    return Dense(n_in, n_out, bias=bias, activation_function=activation)


QWEN_PROMPTS = {"query": "Instruct: find the sentence\nQuery:", "document": ""}
GEMMA_PROMPTS = {"query": "task: search result | query: ", "document": "title: none | text: "}
BERT = dict(type_vocab_size=2, pad_token_id=0)
SLIDING = ["full_attention", "sliding_attention", "sliding_attention", "full_attention"]


def bert(**more):
    return transformers.BertConfig(**sizes(**BERT, **more))


def decoder(kind, **more):
    return kind(**sizes(num_key_value_heads=2, **more))


def gemma():
    config = transformers.Gemma3TextConfig(**dict(sizes(num_key_value_heads=1, head_dim=8, query_pre_attn_scalar=12, sliding_window=10), num_hidden_layers=3))
    config = config.to_dict() | dict(use_bidirectional_attention=True, layer_types=["sliding_attention", "sliding_attention", "full_attention"])
    return transformers.Gemma3TextConfig(**config)


# NAME: configuration, tokenizer, pooling, modules behind it, prompts, default prompt.
FAMILIES = {
    "bert-cls": (bert, wordpiece, "cls", lambda: [Normalize()], {"query": "find: "}, None),
    "bert-cased": (lambda: bert(hidden_act="gelu_new"), lambda: wordpiece(False), "mean", list, {}, None),
    "bert-prompt": (bert, wordpiece, "mean", lambda: [Normalize()], {"query": "query: ", "passage": "passage: "}, "query"),
    "bert-left": (bert, lambda: wordpiece(truncation_side="left"), "mean", list, {}, None),
    "roberta": (lambda: transformers.RobertaConfig(**sizes(type_vocab_size=1)), roberta_tokenizer, "mean", lambda: [Normalize()], {}, None),
    "xlm-roberta": (lambda: transformers.XLMRobertaConfig(**sizes(type_vocab_size=1)), xlm_roberta_tokenizer, "cls", lambda: [Normalize()], {}, None),
    "camembert": (lambda: transformers.CamembertConfig(**sizes(type_vocab_size=1)), camembert_tokenizer, "mean", list, {}, None),
    "distilbert": (
        lambda: transformers.DistilBertConfig(dim=HIDDEN, n_layers=2, n_heads=HEADS, hidden_dim=INNER, max_position_embeddings=POSITIONS),
        wordpiece,
        "mean",
        lambda: [dense(HIDDEN, 16, torch.nn.Tanh())],
        {},
        None,
    ),
    "mpnet": (lambda: transformers.MPNetConfig(**sizes(relative_attention_num_buckets=32)), mpnet_tokenizer, "mean", lambda: [Normalize()], {}, None),
    "modernbert": (
        lambda: transformers.ModernBertConfig(**dict(sizes(local_attention=8, layer_types=SLIDING), num_hidden_layers=4)),
        modernbert_tokenizer,
        "cls",
        list,
        {"query": "search_query: "},
        None,
    ),
    "nomic-bert": (lambda: transformers.NomicBertConfig(**sizes()), wordpiece, "mean", list, {"query": "search_query: "}, None),
    "gte": (lambda: transformers.GteConfig(**sizes(type_vocab_size=1)), xlm_roberta_tokenizer, "cls", lambda: [Normalize()], {}, None),
    "qwen2": (lambda: decoder(transformers.Qwen2Config), lambda: qwen_tokenizer(True, truncation_side="left"), "lasttoken", lambda: [Normalize()], {}, None),
    "qwen3": (
        lambda: decoder(transformers.Qwen3Config, head_dim=8, tie_word_embeddings=True),
        lambda: qwen_tokenizer(True, padding_side="left"),
        "lasttoken",
        lambda: [Normalize()],
        QWEN_PROMPTS,
        None,
    ),
    "gemma3": (
        gemma,
        gemma_tokenizer,
        "mean",
        lambda: [dense(HIDDEN, 48, torch.nn.Identity(), False), dense(48, HIDDEN, torch.nn.Identity(), False), Normalize()],
        GEMMA_PROMPTS,
        None,
    ),
    "static": (None, wordpiece, None, lambda: [Normalize()], {}, None),
}


def randomize(model):
    """Far wider than an initialised model, so that softmax and activations leave their linear parts."""
    torch.manual_seed(SEED)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            parameter.normal_(0.0, 0.25)
            if "norm" in name.lower() and name.endswith("weight") and "gemma" not in type(model).__name__.lower():
                parameter.add_(1.0)


def build(name, work):
    config_of, tokenizer_of, pooling, behind, prompts, default = FAMILIES[name]
    tokenizer = tokenizer_of()
    torch.manual_seed(SEED + 1)
    if config_of is None:
        weights = torch.nn.init.normal_(torch.empty(len(tokenizer), HIDDEN), 0, 0.5)
        return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights), *behind()], device="cpu")
    config = config_of()
    config.vocab_size = len(tokenizer)
    for kind in ("pad", "bos", "eos", "cls", "sep"):  # ids of this tokenizer, not of the published ones
        if hasattr(config, f"{kind}_token_id"):
            setattr(config, f"{kind}_token_id", getattr(tokenizer, f"{kind}_token_id"))
    model = transformers.AutoModel.from_config(config, dtype=torch.float32).eval()
    randomize(model)
    model.save_pretrained(work)
    tokenizer.save_pretrained(work)
    transformer = Transformer(str(work), model_kwargs={"dtype": torch.float32})
    transformer.max_seq_length = MAX_SEQ_LENGTH
    return SentenceTransformer(modules=[transformer, Pooling(HIDDEN, pooling_mode=pooling), *behind()], device="cpu", prompts=prompts or None, default_prompt_name=default)


def ids_of(model, text):
    """The ids as the model reads them, and which of them are special."""
    ids = model.preprocess([text])["input_ids"].flatten().tolist()
    if isinstance(model[0], StaticEmbedding):
        return ids, [0] * len(ids)
    tokenizer = model[0].tokenizer
    encoded = tokenizer(text, truncation=True, max_length=model.max_seq_length, return_special_tokens_mask=True)
    assert encoded["input_ids"] == ids and set(encoded["attention_mask"]) <= {1}, text
    return ids, encoded["special_tokens_mask"]


def golden(model):
    cases = []
    for prompt_name, prompt in {None: "", **{name: text for name, text in (model.prompts or {}).items() if text}}.items():
        ids, special = zip(*(ids_of(model, prompt + text) for text in TEXTS))
        empty = [not one for one in ids]  # a decoder without special tokens has nothing to pool of ""
        vectors = [model.encode(text, prompt=prompt) for text in TEXTS]
        rows = [None if is_empty else [float(f"{x:.9g}") for x in vector] for is_empty, vector in zip(empty, vectors)]
        assert all(row is None or all(abs(x) < 1e6 for x in row) for row in rows)
        cases.append({"prompt_name": prompt_name, "prompt": prompt, "ids": ids, "special": special, "vectors": rows})
    length = model.max_seq_length
    return {
        "max_seq_length": length if isinstance(length, int) else None,
        "default_prompt_name": model.default_prompt_name,
        "dimension": len(vectors[0]),
        "texts": TEXTS,
        "cases": cases,
    }


def write_golden(path, document):
    """One list of numbers a line."""
    heads = [f'"{key}": {json.dumps(value, ensure_ascii=False)}' for key, value in document.items() if key != "cases"]
    cases = []
    for case in document["cases"]:
        parts = [f'"{key}": {json.dumps(case[key])}' for key in ("prompt_name", "prompt")]
        for key in ("ids", "special", "vectors"):
            parts.append(f'"{key}": [\n' + ",\n".join(json.dumps(row, separators=(",", ":")) for row in case[key]) + "]")
        cases.append("{" + ",\n".join(parts) + "}")
    path.write_text("{" + ",\n".join(heads) + ',\n"cases": [' + ",\n".join(cases) + "]}\n", encoding="utf-8")


def main(names):
    torch.set_num_threads(1)
    for name in names or FAMILIES:
        folder = MODELS / name
        shutil.rmtree(folder, ignore_errors=True)
        with tempfile.TemporaryDirectory() as work:
            build(name, pathlib.Path(work)).save(str(folder), create_model_card=False)
        model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})  # as anybody would
        write_golden(folder / "golden.json", golden(model))
        for path in folder.glob("tokenizer.json"):  # without the blanks
            path.write_text(json.dumps(json.loads(path.read_text()), ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
        n_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(f"{name}: {n_bytes // 1024} KiB")


if __name__ == "__main__":
    main(sys.argv[1:])
