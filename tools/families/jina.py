# SPDX-License-Identifier: Apache-2.0
"""JinaBERT v2 in numpy and float64: the reference for a family that transformers does not ship (its code comes with the model, on the hub).

Two layouts are published under model_type bert with position_embedding_type alibi. What is the same: BERT without position embeddings; ALiBi in
its symmetric form (https://arxiv.org/abs/2310.19923, https://arxiv.org/abs/2108.12409): score(i, j) - slope(head) * |i - j|; norms after the
residual; an MLP of one matrix up, without a bias, whose halves are multiplied, one of them behind gelu; a bias on the way down.
jina-embeddings-v2-small-en and -base-en: mlp.gated_layers (the half behind gelu first), mlp.wo, mlp.layernorm.
jina-embeddings-v2-base-code, -de, -es, -zh: mlp.up_gated_layer (the half behind gelu second), mlp.down_layer; a layer norm over all heads of q and
of k (attention.self.layer_norm_q, _k); two more norms, layer_norm_1 behind attention.output.LayerNorm (the layer's input is added once more) and
layer_norm_2 behind the MLP.
The names and the order are from public ports of the models (text-embeddings-inference, candle) and from memory; no published file was at hand.
"""

import json
import math

import numpy
from safetensors.numpy import load_file, save_file

from .encoders import HEADS, HIDDEN, INNER, MAX_SEQ_LENGTH, SEED
from .tokenizer_kinds import wordpiece

# NAME: layout, heads (6: no power of two, where ALiBi's slopes are of two series).
JINAS = {"jina-v2": ("small", 6), "jina-v2-code": ("code", HEADS)}
N_LAYERS = 2


def slopes(n_heads):
    """ALiBi's, one a head; for n no power of two the paper's code takes those of the power below and every other one of the power above."""
    below = 2 ** math.floor(math.log2(n_heads))
    first = [2 ** (-8 * (i + 1) / below) for i in range(below)]
    return first + [2 ** (-4 * (2 * i + 1) / below) for i in range(n_heads - below)]


def config(layout, n_heads, n_vocabulary, hidden=HIDDEN, inner=INNER, n_layers=N_LAYERS):
    code = "jina-bert-v2-qk-post-norm" if layout == "code" else "jina-bert-implementation"
    return {
        "architectures": ["JinaBertForMaskedLM"],
        "attention_probs_dropout_prob": 0.0,
        "attn_implementation": "torch",
        "auto_map": {
            "AutoConfig": f"jinaai/{code}--configuration_bert.JinaBertConfig",
            "AutoModel": f"jinaai/{code}--modeling_bert.JinaBertModel",
        },
        "classifier_dropout": None,
        "emb_pooler": "mean",
        "feed_forward_type": "geglu",
        "gradient_checkpointing": False,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": hidden,
        "initializer_range": 0.02,
        "intermediate_size": inner,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 8192,
        "model_max_length": 8192,
        "model_type": "bert",
        "num_attention_heads": n_heads,
        "num_hidden_layers": n_layers,
        "pad_token_id": 0,
        "position_embedding_type": "alibi",
        "torch_dtype": "float32",
        "type_vocab_size": 2,
        "use_cache": True,
        "vocab_size": n_vocabulary,
    }


def shapes(layout, config):
    """Weight name -> shape; "norm" stands for a weight and a bias of the hidden size."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    table = {"embeddings.word_embeddings.weight": (config["vocab_size"], hidden), "embeddings.token_type_embeddings.weight": (2, hidden),
             "embeddings.LayerNorm": "norm"}
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            table |= {f"{layer}attention.{part}.weight": (hidden, hidden), f"{layer}attention.{part}.bias": (hidden,)}
        table[layer + "attention.output.LayerNorm"] = "norm"
        up, down, norms = ("up_gated_layer", "down_layer", ("attention.self.layer_norm_q", "attention.self.layer_norm_k", "layer_norm_1", "layer_norm_2"))
        if layout != "code":
            up, down, norms = "gated_layers", "wo", ("mlp.layernorm",)
        table |= {f"{layer}mlp.{up}.weight": (2 * inner, hidden), f"{layer}mlp.{down}.weight": (hidden, inner), f"{layer}mlp.{down}.bias": (hidden,)}
        table |= dict.fromkeys((layer + norm for norm in norms), "norm")
    table |= {"pooler.dense.weight": (hidden, hidden), "pooler.dense.bias": (hidden,)}
    return table


def weights(layout, config, spread=0.25):
    rng = numpy.random.default_rng(SEED)
    made = {}
    for name, shape in shapes(layout, config).items():
        if shape == "norm":
            made[name + ".weight"] = 1 + spread * rng.standard_normal(config["hidden_size"])
            made[name + ".bias"] = spread * rng.standard_normal(config["hidden_size"])
        else:
            made[name] = spread * rng.standard_normal(shape)
    return {name: value.astype(numpy.float32) for name, value in made.items()}


class Reference:
    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text())
        self.tensors = {name: value.astype(numpy.float64) for name, value in load_file(folder / "model.safetensors").items()}

    def linear(self, name, x):
        return x @ self.tensors[name + ".weight"].T + self.tensors.get(name + ".bias", 0.0)

    def norm(self, name, x):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / numpy.sqrt((centred**2).mean(-1, keepdims=True) + self.config["layer_norm_eps"])
        return scaled * self.tensors[name + ".weight"] + self.tensors[name + ".bias"]

    def attention(self, layer, x):
        """x [tokens, hidden] -> the context [tokens, hidden]."""
        n_heads, (n_tokens, width) = self.config["num_attention_heads"], x.shape
        q, k, v = (self.linear(f"{layer}attention.self.{part}", x) for part in ("query", "key", "value"))
        if f"{layer}attention.self.layer_norm_q.weight" in self.tensors:
            q, k = self.norm(f"{layer}attention.self.layer_norm_q", q), self.norm(f"{layer}attention.self.layer_norm_k", k)
        q, k, v = (each.reshape(n_tokens, n_heads, -1).swapaxes(0, 1) for each in (q, k, v))
        distances = numpy.abs(numpy.arange(n_tokens)[:, None] - numpy.arange(n_tokens))
        scores = q @ k.swapaxes(1, 2) / math.sqrt(width // n_heads) - numpy.array(slopes(n_heads))[:, None, None] * distances
        shares = numpy.exp(scores - scores.max(-1, keepdims=True))
        return (shares / shares.sum(-1, keepdims=True) @ v).swapaxes(0, 1).reshape(n_tokens, width)

    def layer(self, layer, x):
        attended = self.norm(f"{layer}attention.output.LayerNorm", self.linear(f"{layer}attention.output.dense", self.attention(layer, x)) + x)
        if f"{layer}layer_norm_1.weight" in self.tensors:
            attended = self.norm(f"{layer}layer_norm_1", attended + x)
            up, gate = numpy.split(self.linear(f"{layer}mlp.up_gated_layer", attended), 2, axis=-1)
            return self.norm(f"{layer}layer_norm_2", self.linear(f"{layer}mlp.down_layer", up * gelu(gate)) + attended)
        gate, up = numpy.split(self.linear(f"{layer}mlp.gated_layers", attended), 2, axis=-1)
        return self.norm(f"{layer}mlp.layernorm", self.linear(f"{layer}mlp.wo", gelu(gate) * up) + attended)

    def hidden(self, ids):
        """[tokens, hidden] of one text's ids."""
        x = self.tensors["embeddings.word_embeddings.weight"][ids] + self.tensors["embeddings.token_type_embeddings.weight"][0]
        x = self.norm("embeddings.LayerNorm", x)
        for i in range(self.config["num_hidden_layers"]):
            x = self.layer(f"encoder.layer.{i}.", x)
        return x


def gelu(x):
    return x * 0.5 * (1 + numpy.vectorize(math.erf)(x / math.sqrt(2)))


def save(folder, layout, config, tokenizer, max_seq_length=MAX_SEQ_LENGTH, spread=0.25):
    """Writes the folder as the published ones are (older sentence-transformers), with mean pooling."""
    folder.mkdir(parents=True)
    tokenizer.save_pretrained(folder)
    save_file(weights(layout, config, spread), folder / "model.safetensors", {"format": "pt"})
    pooling = {f"pooling_mode_{mode}": mode == "mean_tokens" for mode in ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")}
    modules = [("0", "", "Transformer"), ("1", "1_Pooling", "Pooling")]
    for path, content in {
        "config.json": config,
        "sentence_bert_config.json": {"max_seq_length": max_seq_length, "do_lower_case": False},
        "modules.json": [{"idx": int(n), "name": n, "path": at, "type": f"sentence_transformers.models.{kind}"} for n, at, kind in modules],
        "1_Pooling/config.json": {"word_embedding_dimension": config["hidden_size"], **pooling},
    }.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(json.dumps(content, indent=2) + "\n")


def make(name, folder, texts):
    """Writes the fixture and returns golden.json's content."""
    layout, n_heads = JINAS[name]
    tokenizer = wordpiece()
    save(folder, layout, config(layout, n_heads, len(tokenizer)), tokenizer)
    model, ids, special, vectors = Reference(folder), [], [], []
    for text in texts:
        encoded = tokenizer(text, truncation=True, max_length=MAX_SEQ_LENGTH, return_special_tokens_mask=True)
        ids.append(encoded["input_ids"])
        special.append(encoded["special_tokens_mask"])
        vectors.append([float(f"{x:.9g}") for x in model.hidden(encoded["input_ids"]).mean(0)])
    case = {"prompt_name": None, "prompt": "", "ids": ids, "special": special, "vectors": vectors}
    return {"max_seq_length": MAX_SEQ_LENGTH, "default_prompt_name": None, "dimension": HIDDEN, "texts": texts, "cases": [case]}
