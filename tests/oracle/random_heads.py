# SPDX-License-Identifier: Apache-2.0
"""Rerankers, classifiers and sparse models of every family in sizes that no fixture has, with random weights, for test_random_heads.py: LABELS, TERMS, and what writes one.

The tokenizer is a small WordPiece for almost all; the vocabulary is larger than the tokenizer's, by a number that no block divides."""
import random_models
import torch
import transformers as t
from families import encoders
from random_models import FULL, SLIDING, Case, decoder, sizes
from sentence_transformers import CrossEncoder, SparseEncoder
from sentence_transformers.base.modules.transformer import Transformer
from sentence_transformers.sparse_encoder.modules import SpladePooling

WINDOWS = dict(local_attention=6, layer_types=[FULL, SLIDING, FULL])


def distil(hidden, heads, inner, **more):
    return dict(dim=hidden, n_heads=heads, hidden_dim=inner, n_layers=2, max_position_embeddings=128, **more)


def first(kind, keys):
    return Case(kind, keys, padding_first=True)


# Case, number of labels.
LABELS = {
    "bert": (Case(t.BertConfig, sizes(60, 5, 44)), 1),
    "bert-7": (Case(t.BertConfig, sizes(36, 3, 80, layers=1, hidden_act="gelu_new")), 7),
    "bert-no-types": (Case(t.BertConfig, sizes(24, 2, 32, type_vocab_size=1)), 2),
    "bert-3-types": (Case(t.BertConfig, sizes(32, 4, 32, type_vocab_size=3)), 33),
    "distilbert": (Case(t.DistilBertConfig, distil(40, 5, 28)), 3),
    "roberta": (first(t.RobertaConfig, sizes(44, 4, 60, type_vocab_size=1)), 1),
    "xlm-roberta": (first(t.XLMRobertaConfig, sizes(52, 2, 36, type_vocab_size=1)), 5),
    "camembert": (first(t.CamembertConfig, sizes(28, 7, 36, type_vocab_size=1)), 2),
    "mpnet": (first(t.MPNetConfig, sizes(36, 3, 44)), 1),
    "modernbert": (Case(t.ModernBertConfig, sizes(40, 4, 28, layers=3, classifier_pooling="mean", **WINDOWS)), 1),
    "modernbert-cls": (Case(t.ModernBertConfig, sizes(24, 2, 40, layers=3, classifier_pooling="cls", classifier_bias=True, classifier_activation="relu", norm_bias=True, **WINDOWS)), 4),
    "nomic-bert": (Case(t.NomicBertConfig, sizes(40, 4, 36)), 1),
    "gte": (Case(t.GteConfig, sizes(20, 5, 36, type_vocab_size=1)), 1),
    "gte-types": (Case(t.GteConfig, sizes(40, 4, 44, type_vocab_size=2)), 2),
    "qwen3": (Case(t.Qwen3Config, decoder(48, 6, 2, 36, head_dim=8)), 1),
    "llama": (Case(t.LlamaConfig, decoder(32, 4, 4, 36)), 3),
}

# Case, pooling, activation.
TERMS = {
    "bert": (Case(t.BertConfig, sizes(60, 5, 44)), "max", "relu"),
    "bert-untied": (Case(t.BertConfig, sizes(36, 3, 44, tie_word_embeddings=False)), "max", "log1p_relu"),
    "distilbert": (Case(t.DistilBertConfig, distil(40, 5, 28)), "sum", "relu"),
    "roberta": (first(t.RobertaConfig, sizes(44, 4, 60, type_vocab_size=1)), "sum", "log1p_relu"),
    "xlm-roberta": (first(t.XLMRobertaConfig, sizes(52, 2, 36, type_vocab_size=1)), "max", "relu"),
    "gte": (Case(t.GteConfig, sizes(40, 4, 44, type_vocab_size=0)), "sum", "relu"),
    "modernbert": (Case(t.ModernBertConfig, sizes(40, 4, 28, layers=3, **WINDOWS)), "max", "relu"),
}
VOCABULARY_MORE = 37
LONGEST = 70


def save_parts(kind, case, folder, **more):
    tokenizer = case.tokenizer()
    config = encoders.fitted(case.kind(**case.keys, **more), tokenizer)
    config.vocab_size += VOCABULARY_MORE
    model = kind.from_config(config, dtype=torch.float32).eval()
    random_models.randomize(model, getattr(config, "hidden_size", 24))
    model.save_pretrained(folder)
    tokenizer.model_max_length = LONGEST
    tokenizer.save_pretrained(folder)


def make_labels(name, folder):
    """A function of a pair that gives the logits."""
    case, n_labels = LABELS[name]
    save_parts(t.AutoModelForSequenceClassification, case, folder, num_labels=n_labels)
    model = CrossEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    return lambda pair: model.predict([pair], activation_fn=torch.nn.Identity())[0]


def make_terms(name, folder):
    """A function of a text that gives the vector."""
    case, pooling, activation = TERMS[name]
    parts = folder.parent / "parts"
    save_parts(t.AutoModelForMaskedLM, case, parts)
    transformer = Transformer(str(parts), transformer_task="fill-mask", model_kwargs={"dtype": torch.float32})
    transformer.max_seq_length = LONGEST
    SparseEncoder(modules=[transformer, SpladePooling(pooling, activation)], device="cpu").save_pretrained(str(folder), create_model_card=False)
    model = SparseEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    return lambda text: model.encode(text, convert_to_sparse_tensor=False)
