# SPDX-License-Identifier: Apache-2.0
"""Encoders of every family in sizes that no fixture has, with random weights, for test_random_configs.py: CASES, and make(), which writes one.

A case: the configuration, the pooling, the longest sequence, and what else the tokenizer or the modules have. The tokenizer is a small WordPiece for
almost all: ids are not what is tested here."""
import dataclasses
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

import torch  # noqa: E402
import transformers as t  # noqa: E402
from families import encoders, jina  # noqa: E402
from families.tokenizer_kinds import ROBERTA_SPECIAL, qwen_tokenizer, wordpiece  # noqa: E402
from sentence_transformers import SentenceTransformer  # noqa: E402
from sentence_transformers.base.modules.transformer import Transformer  # noqa: E402
from sentence_transformers.sentence_transformer.modules.pooling import Pooling  # noqa: E402

FULL, SLIDING = "full_attention", "sliding_attention"


@dataclasses.dataclass
class Case:
    kind: type
    keys: dict
    pooling: str = "mean"
    longest: int = 70
    padding_first: bool = False  # RoBERTa's special tokens: <s> 0, <pad> 1

    def tokenizer(self):
        if self.kind is t.Qwen2Config:  # transformers makes a Qwen2Tokenizer of whatever tokenizer.json there is
            return qwen_tokenizer(True)
        if self.padding_first:
            return wordpiece(special=dict(ROBERTA_SPECIAL, unk_token="[UNK]"), first=("<s>", "<pad>", "</s>", "[UNK]", "<mask>"))
        return wordpiece()


def sizes(hidden, heads, inner, layers=2, positions=128, **more):
    return dict(hidden_size=hidden, num_attention_heads=heads, intermediate_size=inner, num_hidden_layers=layers, max_position_embeddings=positions, **more)


def decoder(hidden, heads, kv_heads, inner, **more):
    return sizes(hidden, heads, inner, num_key_value_heads=kv_heads, **more)


def theta(full, local=None):
    rope = {"rope_type": "default", "rope_theta": full}
    return {"rope_parameters": {FULL: rope, SLIDING: {**rope, "rope_theta": local}} if local else rope}


def rope(value):
    return theta(value)


CASES = {
    "bert-5-heads": Case(t.BertConfig, sizes(20, 5, 36)),
    "bert-1-layer": Case(t.BertConfig, sizes(36, 3, 20, layers=1, hidden_act="relu"), "max"),
    "bert-1-head": Case(t.BertConfig, sizes(40, 1, 24, hidden_act="silu", layer_norm_eps=1e-5), "weightedmean"),
    "bert-head-10": Case(t.BertConfig, sizes(30, 3, 50, layers=3, hidden_act="gelu_new", type_vocab_size=1), "cls"),
    "bert-long": Case(t.BertConfig, sizes(48, 4, 64, positions=700), longest=700),
    "roberta-pad-0": Case(t.RobertaConfig, sizes(20, 5, 36, positions=71, type_vocab_size=1)),
    "roberta-pad-1": Case(t.RobertaConfig, sizes(36, 6, 40, positions=72, type_vocab_size=1, layer_norm_eps=1e-5), "cls", padding_first=True),
    "xlm-roberta-long": Case(t.XLMRobertaConfig, sizes(40, 4, 36, positions=602, type_vocab_size=1), longest=600, padding_first=True),
    "camembert": Case(t.CamembertConfig, sizes(20, 2, 44, layers=1, positions=72, type_vocab_size=1), padding_first=True),
    "distilbert": Case(t.DistilBertConfig, dict(dim=20, n_heads=5, hidden_dim=36, n_layers=3, max_position_embeddings=128)),
    "distilbert-relu": Case(t.DistilBertConfig, dict(dim=36, n_heads=3, hidden_dim=20, n_layers=1, max_position_embeddings=620, activation="relu"), "max", 620),
    "mpnet": Case(t.MPNetConfig, sizes(20, 5, 36, positions=72), padding_first=True),
    "mpnet-long": Case(t.MPNetConfig, sizes(36, 6, 44, layers=3, positions=650), "cls", 640, True),
    "mpnet-eps": Case(t.MPNetConfig, sizes(40, 4, 20, layers=1, positions=132, layer_norm_eps=1e-5), longest=130, padding_first=True),
    "nomic": Case(t.NomicBertConfig, sizes(20, 5, 36)),
    "nomic-gelu": Case(t.NomicBertConfig, sizes(40, 4, 44, layers=1, hidden_act="gelu", **rope(500.0))),
    "nomic-long": Case(t.NomicBertConfig, sizes(36, 3, 20, layers=3, positions=640), longest=640),
    "gte": Case(t.GteConfig, sizes(20, 5, 36, type_vocab_size=1), "cls"),
    "gte-no-types": Case(t.GteConfig, sizes(40, 4, 44, layers=1, type_vocab_size=0, hidden_act="silu", **rope(500000.0))),
    "gte-long": Case(t.GteConfig, sizes(36, 3, 20, layers=3, positions=610, type_vocab_size=2, layer_norm_eps=1e-5), longest=610),
    "modernbert": Case(t.ModernBertConfig, sizes(20, 5, 36, layers=4, local_attention=8, pad_token_id=0)),
    "modernbert-odd-window": Case(t.ModernBertConfig, sizes(36, 3, 20, layers=5, local_attention=7)),
    "modernbert-window-2": Case(t.ModernBertConfig, sizes(40, 4, 44, layers=3, local_attention=2, hidden_activation="silu"), "cls"),
    "modernbert-window-1": Case(t.ModernBertConfig, sizes(24, 4, 44, layers=3, local_attention=1), "cls"),
    "modernbert-wide-window": Case(t.ModernBertConfig, sizes(24, 2, 36, layers=3, local_attention=4096)),
    "modernbert-biases": Case(t.ModernBertConfig, sizes(24, 4, 36, layers=3, local_attention=10, norm_bias=True, attention_bias=True, mlp_bias=True)),
    "modernbert-1-layer": Case(t.ModernBertConfig, sizes(20, 2, 44, layers=1, local_attention=6, norm_eps=1e-3)),
    "modernbert-all-slide": Case(t.ModernBertConfig, sizes(24, 3, 40, layers=3, local_attention=6, layer_types=[SLIDING] * 3, **theta(1000.0, 50.0))),
    "modernbert-long": Case(t.ModernBertConfig, sizes(40, 4, 36, layers=4, positions=660, local_attention=128), longest=660),
    "qwen2-group-1": Case(t.Qwen2Config, decoder(20, 5, 5, 36), "lasttoken"),
    "qwen2-group-3": Case(t.Qwen2Config, decoder(36, 6, 2, 20, layers=3, **rope(1e6)), "lasttoken"),
    "qwen2-group-4": Case(t.Qwen2Config, decoder(40, 4, 1, 44, layers=1, rms_norm_eps=1e-3), "mean"),
    "qwen2-window": Case(t.Qwen2Config, decoder(24, 4, 2, 40, layers=4, use_sliding_window=True, sliding_window=8, max_window_layers=2), "lasttoken"),
    "qwen2-window-1": Case(t.Qwen2Config, decoder(24, 4, 2, 40, layers=2, use_sliding_window=True, sliding_window=1, max_window_layers=0), "mean"),
    "qwen2-both-ways": Case(t.Qwen2Config, decoder(24, 4, 2, 40, is_causal=False), "mean"),
    "qwen2-both-ways-window": Case(t.Qwen2Config, decoder(24, 4, 2, 40, is_causal=False, use_sliding_window=True, sliding_window=6, max_window_layers=1), "mean"),
    "qwen2-long": Case(t.Qwen2Config, decoder(36, 6, 3, 44, positions=650), "lasttoken", 650),
    "qwen2-long-window": Case(
        t.Qwen2Config, decoder(36, 6, 3, 44, layers=3, positions=650, use_sliding_window=True, sliding_window=100, max_window_layers=1), "weightedmean", 650),
    "qwen3-head-10": Case(t.Qwen3Config, decoder(20, 3, 1, 36, head_dim=10), "lasttoken"),
    "qwen3-wide-heads": Case(t.Qwen3Config, decoder(24, 4, 4, 44, layers=1, head_dim=32, attention_bias=True), "lasttoken"),
    "qwen3-narrow-heads": Case(t.Qwen3Config, decoder(48, 4, 2, 20, layers=3, head_dim=4, rms_norm_eps=1e-5, **rope(1e6)), "mean"),
    "qwen3-head-128": Case(t.Qwen3Config, decoder(64, 4, 2, 96, head_dim=128, positions=620), "lasttoken", 620),
    "qwen3-window": Case(t.Qwen3Config, decoder(24, 4, 1, 40, layers=3, head_dim=8, use_sliding_window=True, sliding_window=16, max_window_layers=1), "mean"),
    "gemma3": Case(t.Gemma3TextConfig, decoder(20, 4, 1, 36, layers=3, head_dim=10, sliding_window=9, query_pre_attn_scalar=12, use_bidirectional_attention=True)),
    "gemma3-pattern": Case(
        t.Gemma3TextConfig, decoder(36, 6, 2, 20, layers=7, head_dim=6, sliding_window=16, query_pre_attn_scalar=6, use_bidirectional_attention=True)),
    "gemma3-causal": Case(t.Gemma3TextConfig, decoder(24, 4, 4, 40, layers=6, head_dim=8, sliding_window=5, query_pre_attn_scalar=256), "lasttoken"),
    "gemma3-bias": Case(
        t.Gemma3TextConfig, decoder(40, 2, 2, 44, layers=1, head_dim=4, sliding_window=2, attention_bias=True, use_bidirectional_attention=True), "cls"),
    "gemma3-long": Case(
        t.Gemma3TextConfig, decoder(24, 3, 1, 36, layers=6, head_dim=12, positions=640, sliding_window=100, query_pre_attn_scalar=12,
                                    use_bidirectional_attention=True, **theta(5000.0, 100.0)), "mean", 640),
    "eurobert": Case(t.EuroBertConfig, decoder(20, 5, 5, 36)),
    "eurobert-group-3": Case(t.EuroBertConfig, decoder(36, 6, 2, 20, layers=1, rms_norm_eps=1e-6, **rope(250000.0)), "cls"),
    "mistral": Case(t.MistralConfig, decoder(24, 4, 2, 40, sliding_window=None), "lasttoken"),
    "mistral-window": Case(t.MistralConfig, decoder(36, 6, 2, 20, layers=3, head_dim=10, sliding_window=7, rms_norm_eps=1e-5), "lasttoken"),
    "llama": Case(t.LlamaConfig, decoder(40, 4, 1, 44, layers=1), "lasttoken"),
    "llama-biases": Case(t.LlamaConfig, decoder(20, 2, 2, 36, head_dim=6, attention_bias=True, mlp_bias=True, positions=640), "mean", 640),
}
# NAME: layout, heads, hidden size, inner size, layers, longest sequence.
JINAS = {
    "jina-3-heads": ("small", 3, 36, 20, 2, 70),
    "jina-12-heads": ("small", 12, 48, 44, 1, 70),
    "jina-long": ("small", 5, 40, 36, 3, 640),
    "jina-code-6-heads": ("code", 6, 24, 36, 2, 70),
    "jina-code-long": ("code", 4, 40, 20, 2, 640),
}


def randomize(model, width):
    """As wide as the fixtures' weights, whatever the width: rows of a linear layer keep the length of what they read."""
    torch.manual_seed(encoders.SEED)
    spread = 1.2 / width**0.5
    plus_one = "gemma" in type(model).__name__.lower()
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            parameter.normal_(0.0, spread)
            if "norm" in name.lower() and name.endswith("weight") and not plus_one:
                parameter.add_(1.0)


def make(name, folder):
    """Writes the case into the folder, and returns its reference: a function of a text that gives the vector, not normalised."""
    if name in JINAS:
        return make_jina(name, folder)
    case = CASES[name]
    tokenizer = case.tokenizer()
    config = encoders.fitted(case.kind(**case.keys), tokenizer)
    parts = folder.parent / "parts"
    model = t.AutoModel.from_config(config, dtype=torch.float32).eval()
    randomize(model, getattr(config, "hidden_size", 24))
    model.save_pretrained(parts)
    tokenizer.save_pretrained(parts)
    transformer = Transformer(str(parts), model_kwargs={"dtype": torch.float32})
    transformer.max_seq_length = case.longest
    hidden = config.hidden_size
    SentenceTransformer(modules=[transformer, Pooling(hidden, pooling_mode=case.pooling)], device="cpu").save(str(folder), create_model_card=False)
    loaded = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    return loaded.encode


def make_jina(name, folder):
    layout, n_heads, hidden, inner, n_layers, longest = JINAS[name]
    tokenizer = wordpiece()
    config = jina.config(layout, n_heads, len(tokenizer), hidden, inner, n_layers)
    jina.save(folder, layout, config, tokenizer, longest, 1.2 / hidden**0.5)
    reference = jina.Reference(folder)
    return lambda text: reference.hidden(tokenizer(text, truncation=True, max_length=longest)["input_ids"]).mean(0)


