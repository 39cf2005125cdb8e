# SPDX-License-Identifier: Apache-2.0
"""Tiny models with a head: rerankers and classifiers (pairs -> logits), SPLADE (text -> sparse vector), ColBERT (text -> a vector a token)."""

import json
import pathlib
import string

import torch
import transformers
from sentence_transformers import CrossEncoder, MultiVectorEncoder, SparseEncoder
from sentence_transformers.base.modules.dense import Dense
from sentence_transformers.base.modules.normalize import Normalize
from sentence_transformers.base.modules.transformer import Transformer
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
from sentence_transformers.sparse_encoder.modules import SpladePooling
from tokenizers import Tokenizer

from .encoders import HIDDEN, MAX_SEQ_LENGTH, SLIDING, bert, fitted, randomize, sizes
from .texts import PAIRS, TEXTS
from .tokenizer_kinds import modernbert_tokenizer, roberta_tokenizer, wordpiece, xlm_roberta_pair_tokenizer

IDENTITY, SIGMOID = "torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Sigmoid"
TOKEN_TEXTS = [TEXTS[0], TEXTS[2], TEXTS[3], TEXTS[5], TEXTS[7], TEXTS[11]]


def distilbert(**more):
    return transformers.DistilBertConfig(dim=HIDDEN, n_layers=2, n_heads=4, hidden_dim=40, max_position_embeddings=64, **more)


def modernbert(**more):
    return transformers.ModernBertConfig(**dict(sizes(local_attention=8, layer_types=SLIDING), num_hidden_layers=4), **more)


# NAME: configuration, tokenizer, its class as published files name it, keys added to config.json (None: saved by sentence-transformers).
RERANKERS = {
    # as cross-encoder/ms-marco-MiniLM-L6-v2: one label, the logit itself is the score
    "rerank-bert": (lambda: bert(num_labels=1), wordpiece, "BertTokenizer", {"sentence_transformers": {"activation_fn": IDENTITY, "version": "4.1.0"}}),
    # as cross-encoder/stsb-roberta-base: the key of sentence-transformers before 4.0
    "rerank-roberta": (
        lambda: transformers.RobertaConfig(**sizes(type_vocab_size=1, num_labels=1)), roberta_tokenizer, None,
        {"sbert_ce_default_activation_function": SIGMOID},
    ),
    # as BAAI/bge-reranker-v2-m3: nothing is said about the activation, so one label takes the sigmoid
    "rerank-xlm-roberta": (lambda: transformers.XLMRobertaConfig(**sizes(type_vocab_size=1, num_labels=1)), xlm_roberta_pair_tokenizer, None, {}),
    # as Alibaba-NLP/gte-reranker-modernbert-base
    "rerank-modernbert": (lambda: modernbert(num_labels=1, classifier_pooling="mean"), modernbert_tokenizer, None, {}),
    "rerank-modernbert-cls": (
        lambda: modernbert(num_labels=1, classifier_pooling="cls", classifier_bias=True, norm_bias=True), modernbert_tokenizer, None, None
    ),
    "rerank-distilbert": (lambda: distilbert(num_labels=1), wordpiece, "DistilBertTokenizer", {}),
    # three labels by name; the scores are the logits; the tokenizer's class (TokenizersBackend) gives the model no token types
    "classify-bert": (
        lambda: bert(id2label={0: "contradiction", 1: "entailment", 2: "neutral"}, label2id={"contradiction": 0, "entailment": 1, "neutral": 2}),
        wordpiece, None, None,
    ),
}


def save_parts(kind, config_of, tokenizer_of, folder):
    """Weights of a head and the encoder under it, and the tokenizer, as transformers saves them."""
    tokenizer = tokenizer_of()
    config = fitted(config_of(), tokenizer)
    torch.manual_seed(0)
    model = kind.from_config(config, dtype=torch.float32).eval()
    randomize(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def edit(path, **more):
    path.write_text(json.dumps(json.loads(path.read_text()) | more, indent=2) + "\n")


def make_reranker(name, folder):
    """Where RERANKERS has None instead of keys, sentence-transformers saves the folder, with modules.json; else transformers."""
    config_of, tokenizer_of, tokenizer_class, keys = RERANKERS[name]
    save_parts(transformers.AutoModelForSequenceClassification, config_of, tokenizer_of, folder)
    if tokenizer_class:
        edit(folder / "tokenizer_config.json", tokenizer_class=tokenizer_class)
    if keys is None:
        CrossEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32}).save_pretrained(str(folder), create_model_card=False)
    else:
        edit(folder / "config.json", **keys)
    return pairs_golden(folder)


def pairs_golden(folder):
    model = CrossEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
    plain.no_padding()
    plain.enable_truncation(model.max_seq_length)  # longest_first
    ids, types, logits, scores = [], [], [], []
    for pair in PAIRS:
        features = model.preprocess([pair])
        encoded = plain.encode(*pair)
        assert features["input_ids"][0].tolist() == encoded.ids, pair  # the class of tokenizer_config.json reads tokenizer.json
        ids.append(encoded.ids)
        types.append(features["token_type_ids"][0].tolist() if "token_type_ids" in features else None)
        assert types[-1] in (None, encoded.type_ids)
        logits.append(model.predict([pair], activation_fn=torch.nn.Identity())[0])
        scores.append(model.predict([pair])[0])
    return {
        "max_seq_length": model.max_seq_length,
        "labels": [model.config.id2label[i] for i in range(model.num_labels)],
        "activation": type(model.activation_fn).__name__,
        "pairs": PAIRS,
        "ids": ids,
        "types": types,
        "logits": [numbers(row) for row in logits],
        "scores": [numbers(row) for row in scores],
    }


def numbers(row):
    """f32 values that read back the same; one label gives a list of one."""
    values = [float(f"{x:.9g}") for x in torch.as_tensor(row).flatten().tolist()]
    assert all(abs(x) < 1e6 for x in values)
    return values


# NAME: configuration, tokenizer's class, pooling over the tokens, activation.
SPLADES = {
    "splade-bert": (bert, "BertTokenizer", "max", "relu"),
    "splade-distilbert": (distilbert, "DistilBertTokenizer", "sum", "log1p_relu"),
}


def make_splade(name, folder):
    config_of, tokenizer_class, pooling, activation = SPLADES[name]
    save_parts(transformers.AutoModelForMaskedLM, config_of, wordpiece, folder)
    transformer = Transformer(str(folder), transformer_task="fill-mask", model_kwargs={"dtype": torch.float32})
    transformer.max_seq_length = MAX_SEQ_LENGTH
    SparseEncoder(modules=[transformer, SpladePooling(pooling, activation)], device="cpu").save_pretrained(str(folder), create_model_card=False)
    model = SparseEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    vectors = [model.encode(text, convert_to_sparse_tensor=False) for text in TEXTS]
    return {
        "max_seq_length": model.max_seq_length,
        "dimension": len(vectors[0]),
        "texts": TEXTS,
        "ids": [model.preprocess([text])["input_ids"][0].tolist() for text in TEXTS],
        "indices": [vector.nonzero().flatten().tolist() for vector in vectors],
        "values": [numbers(vector[vector != 0]) for vector in vectors],
    }


# NAME: configuration, tokenizer, words that a document's vectors leave out.
COLBERTS = {
    "colbert-bert": (bert, wordpiece, list(string.punctuation)),
    "colbert-modernbert": (modernbert, modernbert_tokenizer, []),
}


def make_colbert(name, folder):
    config_of, tokenizer_of, skipped = COLBERTS[name]
    save_parts(transformers.AutoModel, config_of, tokenizer_of, folder)
    transformer = Transformer(str(folder), model_kwargs={"dtype": torch.float32})
    transformer.max_seq_length = MAX_SEQ_LENGTH
    torch.manual_seed(1)
    dense = Dense(HIDDEN, 16, bias=False, activation_function=torch.nn.Identity(), module_input_name="token_embeddings")
    modules = [transformer, dense, MultiVectorMask(skiplist_words=skipped), Normalize(module_input_name="token_embeddings")]
    MultiVectorEncoder(modules=modules, device="cpu").save_pretrained(str(folder), create_model_card=False)
    model = MultiVectorEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    return {
        "max_seq_length": model.max_seq_length,
        "dimension": 16,
        "texts": TOKEN_TEXTS,
        "ids": [model.preprocess([text])["input_ids"][0].tolist() for text in TOKEN_TEXTS],
        "hidden": [rows(hidden_states(model[0], text)) for text in TOKEN_TEXTS],
        "query": [rows(model.encode_query(text)) for text in TOKEN_TEXTS],
        "document": [rows(model.encode_document(text)) for text in TOKEN_TEXTS],
    }


def hidden_states(transformer, text):
    """[n_tokens, hidden size]: what the last layer gives, before any module."""
    with torch.inference_mode():
        return transformer(transformer.preprocess([text]))["token_embeddings"][0]


def rows(matrix):
    return [numbers(row) for row in torch.as_tensor(matrix)]


HEADS = {**dict.fromkeys(RERANKERS, make_reranker), **dict.fromkeys(SPLADES, make_splade), **dict.fromkeys(COLBERTS, make_colbert)}


def write_golden(path: pathlib.Path, document):
    """One list of numbers a line."""
    parts = []
    for key, value in document.items():
        if isinstance(value, list) and key != "labels":
            parts.append(f'"{key}": [\n' + ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in value) + "]")
        else:
            parts.append(f'"{key}": {json.dumps(value, ensure_ascii=False)}')
    path.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")
