#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/fixtures/tiny-bert*: a two-layer BERT with random weights, and the vectors that sentence-transformers gives for it.

In: nothing but the seeds below. Out: the folders that tests/fixtures/README.md describes. Run by hand when a fixture is added; the result
is committed. The vectors depend on the versions of the packages in their last bits only:

    pip install sentence-transformers==6.2.0 transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0 torch==2.15.0
    python tools/make_tiny_models.py
"""

import json
import pathlib
import shutil
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules.dense import Dense
from sentence_transformers.base.modules.normalize import Normalize
from sentence_transformers.base.modules.transformer import Transformer
from sentence_transformers.sentence_transformer.modules.pooling import Pooling
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel, BertTokenizerFast

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures"
SEED = 20261123
HIDDEN, OUT = 32, 16
MAX_POSITIONS, MAX_SEQ_LENGTH = 64, 48
POOLING = {
    "mean": "mean",
    "cls": "cls",
    "max": "max",
    "mean_sqrt_len": "mean_sqrt_len_tokens",
    "weightedmean": "weightedmean",
    "lasttoken": "lasttoken",
}
DENSE = {"tanh": torch.nn.Tanh(), "identity": torch.nn.Identity(), "relu": torch.nn.ReLU(), "gelu": torch.nn.GELU(), "silu": torch.nn.SiLU()}

WORDS = """the a an and or of to in is was are be it that this for on with as at by from not but have has had they you we he she his her
one two three all there which when what who will would can could more no up out so if about time into than then some other new people
day year way man world life hand part child eye woman place work week case point group number fact machine learning deep data model
text vector sentence token layer weather nice today city river house water fire light dark run walk read write small large quick brown
fox jump lazy dog price dollar rain snow sun moon star hello""".split()
PIECES = "s ed ing er est ly tion ment ness able ful less ize ized al ive y es en".split()
CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
SYMBOLS = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + list("世界你好中文日本語éß")

TEXTS = [
    "",
    " ",
    "Hello",
    "hello world",
    "The quick brown fox jumps over the lazy dog.",
    "Machine learning",
    "Deep learning",
    "The weather is nice today",
    "  leading, trailing   and multiple spaces  ",
    "Hello! @#$% 世界 🌍",
    "The price is 123.45 dollars",
    "MACHINE LEARNING",
    "Café naïve résumé Straße",
    "unbelievablenesslessly jumping, running; walked",
    "你好,世界。中文日本語",
    "One sentence. Two sentences! Three sentences? All of them in one text.",
    "a",
    "[CLS] [SEP] [MASK] not special",
    "word " * 1000,
    "It was a dark night and the people of the city walked by the river, and the light of the moon was on the water, and "
    "there was no rain and no snow, but a child had read that the world was new.",
    "x" * 101,
    "tab\tnewline\nzero\u200bwidth \u0007 control",
]


def make_tokenizer():
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + SYMBOLS + list(CHARACTERS) + ["##" + c for c in CHARACTERS]
    vocab += ["##" + p for p in PIECES] + WORDS
    vocab = list(dict.fromkeys(vocab))
    ids = {token: index for index, token in enumerate(vocab)}
    tokenizer = Tokenizer(WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    special = [("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=special)
    return BertTokenizerFast(tokenizer_object=tokenizer, do_lower_case=True, model_max_length=MAX_SEQ_LENGTH), len(vocab)


def make_transformer(folder):
    torch.manual_seed(SEED)
    tokenizer, vocab_size = make_tokenizer()
    config = BertConfig(
        vocab_size=vocab_size,
        hidden_size=HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=MAX_POSITIONS,
        type_vocab_size=2,
    )
    model = BertModel(config, add_pooling_layer=True).eval()
    with torch.no_grad():  # far wider than an initialised BERT, so that softmax and GELU leave their linear parts
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, 0.25)
            if "LayerNorm.weight" in name:
                parameter.add_(1.0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_dense(activation):
    torch.manual_seed(SEED + 1)
    return Dense(HIDDEN, OUT, activation_function=activation)


def build(folder, *modules):
    transformer = Transformer(str(folder), model_kwargs={"dtype": torch.float32})
    return SentenceTransformer(modules=[transformer, *modules], device="cpu")


def pool(mode="mean"):
    return Pooling(HIDDEN, pooling_mode=mode)


def save_golden(name, model):
    vectors = np.stack([model.encode(text, convert_to_numpy=True) for text in TEXTS]).astype("<f4")
    assert np.isfinite(vectors).all()
    vectors.tofile(FIXTURES / "tiny-bert-golden" / f"{name}.f32")
    print(f"{name}: {vectors.shape[0]} x {vectors.shape[1]}")


def with_config(source, folder, **changes):
    """A copy of the transformer whose config.json says something else."""
    shutil.copytree(source, folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}, indent=2))
    return folder


def with_dtype(source, folder, dtype):
    shutil.copytree(source, folder)
    tensors = {name: tensor.to(dtype) for name, tensor in load_file(source / "model.safetensors").items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def save_base(source):
    base = FIXTURES / "tiny-bert"
    shutil.rmtree(base, ignore_errors=True)
    build(source, pool()).save(str(base), create_model_card=False)
    with tempfile.TemporaryDirectory() as temporary:
        build(source, pool(), make_dense(torch.nn.Tanh())).save(temporary, create_model_card=False)
        shutil.copytree(pathlib.Path(temporary) / "2_Dense", base / "2_Dense")


def main():
    golden = FIXTURES / "tiny-bert-golden"
    shutil.rmtree(golden, ignore_errors=True)
    golden.mkdir(parents=True)
    golden.joinpath("texts.json").write_text(json.dumps(TEXTS, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        source = work / "source"
        make_transformer(source)
        save_base(source)
        for name, mode in POOLING.items():
            save_golden(f"pool_{name}", build(source, pool(mode)))
        for name, activation in DENSE.items():
            save_golden(f"dense_{name}", build(source, pool(), make_dense(activation)))
        save_golden("normalize", build(source, pool(), Normalize()))
        save_golden("dense_normalize", build(source, pool(), make_dense(torch.nn.Tanh()), Normalize()))
        for act in ("gelu_new", "relu", "silu", "tanh"):
            save_golden(f"act_{act}", build(with_config(source, work / act, hidden_act=act), pool()))
        for name, dtype in (("f16", torch.float16), ("bf16", torch.bfloat16)):
            folder = with_dtype(source, work / name, dtype)
            save_golden(name, build(folder, pool()))
            target = FIXTURES / f"tiny-bert-{name}"
            target.mkdir(exist_ok=True)
            shutil.copyfile(folder / "model.safetensors", target / "model.safetensors")
        # The folder as committed gives the same vectors as the modules that it was saved from.
        model = SentenceTransformer(str(FIXTURES / "tiny-bert"), device="cpu", model_kwargs={"dtype": torch.float32})
        vectors = np.stack([model.encode(text) for text in TEXTS])
        expected = np.fromfile(golden / "pool_mean.f32", "<f4").reshape(vectors.shape)
        assert np.array_equal(vectors, expected), np.abs(vectors - expected).max()
        assert model.max_seq_length == MAX_SEQ_LENGTH


if __name__ == "__main__":
    main()
