# SPDX-License-Identifier: Apache-2.0
"""A tiny model of each family that embeds: configuration, tokenizer, pooling, modules behind it, prompts."""

import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules.dense import Dense
from sentence_transformers.base.modules.normalize import Normalize
from sentence_transformers.base.modules.transformer import Transformer
from sentence_transformers.sentence_transformer.modules.pooling import Pooling
from sentence_transformers.sentence_transformer.modules.static_embedding import StaticEmbedding

from .tokenizer_kinds import (
    MAX_SEQ_LENGTH,
    camembert_tokenizer,
    gemma_tokenizer,
    llama3_tokenizer,
    modernbert_tokenizer,
    mpnet_tokenizer,
    qwen_tokenizer,
    roberta_tokenizer,
    wordpiece,
    xlm_roberta_tokenizer,
)

SEED = 20261126
HIDDEN, HEADS, INNER, POSITIONS = 24, 4, 40, 64


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
    "eurobert": (lambda: decoder(transformers.EuroBertConfig), llama3_tokenizer, "mean", list, {}, None),
    "qwen2-bidirectional": (
        lambda: decoder(transformers.Qwen2Config, is_causal=False), lambda: qwen_tokenizer(True), "lasttoken", lambda: [Normalize()], {}, None
    ),
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


def fitted(config, tokenizer):
    """The configuration with the vocabulary and the ids of this tokenizer, not of the published ones."""
    config.vocab_size = len(tokenizer)
    for kind in ("pad", "bos", "eos", "cls", "sep", "mask"):
        if hasattr(config, f"{kind}_token_id"):
            setattr(config, f"{kind}_token_id", getattr(tokenizer, f"{kind}_token_id"))
    return config


def build(name, work):
    """The model of FAMILIES[name], as sentence-transformers saves it; `work` is a folder for the parts."""
    config_of, tokenizer_of, pooling, behind, prompts, default = FAMILIES[name]
    tokenizer = tokenizer_of()
    torch.manual_seed(SEED + 1)
    if config_of is None:
        weights = torch.nn.init.normal_(torch.empty(len(tokenizer), HIDDEN), 0, 0.5)
        return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights), *behind()], device="cpu")
    config = fitted(config_of(), tokenizer)
    model = transformers.AutoModel.from_config(config, dtype=torch.float32).eval()
    randomize(model)
    model.save_pretrained(work)
    tokenizer.save_pretrained(work)
    transformer = Transformer(str(work), model_kwargs={"dtype": torch.float32})
    transformer.max_seq_length = MAX_SEQ_LENGTH
    return SentenceTransformer(modules=[transformer, Pooling(HIDDEN, pooling_mode=pooling), *behind()], device="cpu", prompts=prompts or None, default_prompt_name=default)
