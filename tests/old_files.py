# SPDX-License-Identifier: Apache-2.0
"""The fixtures of tests/fixtures/models as older or other programs would have written them: other weight names, other keys in the JSON files,
several weight files. The weights stay what they are, so the golden vectors hold for each.

In: the name of a variant of VARIANTS and a folder to write. By hand, to look at one:  python tests/old_files.py NAME FOLDER
The names and keys are those of transformers 4 (its classes' key names), or marked "remote code": of files whose code came with the model; those
are from memory and from public ports, no published file was at hand.
"""
import json
import pathlib
import re
import shutil
import struct
import sys

MODELS = pathlib.Path(__file__).resolve().parent / "fixtures" / "models"


# ---- weights: {name: (dtype, shape, bytes)} ----------------------------------------------------------------------------------------

def read_tensors(path):
    data = path.read_bytes()
    end = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:end])
    header.pop("__metadata__", None)
    return {name: (t["dtype"], t["shape"], data[end + t["data_offsets"][0]:end + t["data_offsets"][1]]) for name, t in header.items()}


def write_tensors(path, tensors):
    header, parts, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def rename(folder, change):
    """change: a function of a weight's name."""
    path = folder / "model.safetensors"
    write_tensors(path, {change(name): tensor for name, tensor in read_tensors(path).items()})


def prefix(word):
    return lambda folder: rename(folder, lambda name: word + name)


def gamma_beta(folder):
    """The names of LayerNorm's weights in files converted from TensorFlow."""
    rename(folder, lambda name: re.sub(r"LayerNorm\.weight$", "LayerNorm.gamma", re.sub(r"LayerNorm\.bias$", "LayerNorm.beta", name)))


def shard(n):
    """n weight files and their index, as save_pretrained(max_shard_size=...) writes them."""
    def write(folder):
        path = folder / "model.safetensors"
        tensors = read_tensors(path)
        names = list(tensors)
        path.unlink()
        index = {"metadata": {"total_size": sum(len(data) for _, _, data in tensors.values())}, "weight_map": {}}
        for i in range(n):
            file = f"model-{i + 1:05d}-of-{n:05d}.safetensors"
            part = names[i * len(names) // n:(i + 1) * len(names) // n]
            write_tensors(folder / file, {name: tensors[name] for name in part})
            index["weight_map"] |= dict.fromkeys(part, file)
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    return write


# ---- JSON files --------------------------------------------------------------------------------------------------------------------

def edit(file, drop=(), **more):
    def write(folder):
        document = json.loads((folder / file).read_text())
        for key in drop:
            del document[key]
        (folder / file).write_text(json.dumps(document | more, indent=2) + "\n")
    return write


def config(drop=(), **more):
    return edit("config.json", drop, **more)


def move(file, names):
    """Renames keys: {new: old}."""
    def write(folder):
        document = json.loads((folder / file).read_text())
        document |= {new: document.pop(old) for new, old in names.items()}
        (folder / file).write_text(json.dumps(document, indent=2) + "\n")
    return write


def old_module_names(folder):
    """modules.json of sentence-transformers before 6."""
    path = folder / "modules.json"
    modules = json.loads(path.read_text())
    for module in modules:
        module["type"] = "sentence_transformers.models." + module["type"].rsplit(".", 1)[1]
    path.write_text(json.dumps(modules, indent=2) + "\n")


def old_pooling(folder):
    """1_Pooling/config.json of sentence-transformers before 6: a flag for each mode."""
    path = folder / "1_Pooling" / "config.json"
    document = json.loads(path.read_text())
    modes = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens", "mean_sqrt_len_tokens": "mean_sqrt_len_tokens", "weightedmean": "weightedmean_tokens",
             "lasttoken": "lasttoken"}
    flags = {f"pooling_mode_{word}": mode == document["pooling_mode"] for mode, word in modes.items()}
    path.write_text(json.dumps({"word_embedding_dimension": document["embedding_dimension"], **flags, "include_prompt": True}, indent=2) + "\n")


def model2vec(folder):
    """Model2Vec's files behind a StaticEmbedding: rows in another order and halved, `mapping` and `weights` that undo both."""
    path = folder / "model.safetensors"
    dtype, (n, width), data = read_tensors(path)["embedding.weight"]
    row_bytes = width * 4
    halved = [struct.pack(f"<{width}f", *(x / 2 for x in struct.unpack(f"<{width}f", data[i * row_bytes:(i + 1) * row_bytes]))) for i in range(n)]
    mapping = [(7 * i + 3) % n for i in range(n)]  # n is not a multiple of 7
    rows = [b""] * n
    for token, row in enumerate(mapping):
        rows[row] = halved[token]
    write_tensors(path, {"embeddings": (dtype, [n, width], b"".join(rows)), "mapping": ("I64", [n], struct.pack(f"<{n}q", *mapping)),
                         "weights": ("F32", [n], struct.pack(f"<{n}f", *[2.0] * n))})
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec", "architectures": ["StaticModel"], "normalize": True}, indent=2) + "\n")


NOMIC = {
    "activation_function": "swiglu", "attn_pdrop": 0.0, "causal": False, "dense_seq_output": True, "embd_pdrop": 0.0, "fused_bias_fc": True,
    "fused_dropout_add_ln": True, "layer_norm_epsilon": 1e-12, "max_trained_positions": 64, "mlp_fc1_bias": False, "mlp_fc2_bias": False, "n_embd": 24,
    "n_head": 4, "n_inner": 40, "n_layer": 2, "n_positions": 64, "pad_vocab_size_multiple": 64, "parallel_block": False, "parallel_block_tied_norm": False,
    "prenorm": False, "qkv_proj_bias": False, "reorder_and_upcast_attn": False, "resid_pdrop": 0.0, "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0,
    "rotary_emb_interleaved": False, "rotary_emb_scale_base": None, "rotary_scaling_factor": None, "scale_attn_by_inverse_layer_idx": False,
    "scale_attn_weights": True, "summary_activation": None, "summary_first_dropout": 0.0, "summary_proj_to_labels": True, "summary_type": "cls_index",
    "summary_use_proj": True, "use_flash_attn": True, "use_rms_norm": False, "use_xentropy": True,
}
NOMIC_NEW = ("attention_probs_dropout_prob", "classifier_dropout", "head_dim", "hidden_act", "hidden_dropout_prob", "hidden_size", "intermediate_size",
             "layer_norm_eps", "max_position_embeddings", "num_attention_heads", "num_hidden_layers", "rope_parameters")
GTE_NEW = dict(model_type="new", architectures=["NewModel"], auto_map={"AutoModel": "Alibaba-NLP/new-impl--modeling.NewModel"}, rope_theta=160000.0,
               rope_scaling=None, layer_norm_type="layer_norm", logn_attention_clip1=False, logn_attention_scale=False, pack_qkv=True,
               position_embedding_type="rope", unpad_inputs=False, use_memory_efficient_attention=False, torch_dtype="float32")

# NAME: the fixture, what is done to its copy.
VARIANTS = {
    "bert-prefix": ("bert-cls", prefix("bert.")),
    "bert-gamma-beta": ("bert-cls", gamma_beta),
    "bert-prefix-gamma-beta": ("bert-cls", gamma_beta, prefix("bert.")),
    "bert-absolute": ("bert-cls", config(position_embedding_type="absolute")),
    "bert-2-shards": ("bert-cls", shard(2)),
    "bert-5-shards-prefix": ("bert-cls", prefix("bert."), shard(5)),
    "bert-old-modules": ("bert-cls", old_module_names, old_pooling),
    "roberta-prefix": ("roberta", prefix("roberta.")),
    "xlm-roberta-prefix": ("xlm-roberta", prefix("roberta."), config(position_embedding_type="absolute")),
    "camembert-prefix": ("camembert", prefix("roberta.")),
    "distilbert-prefix": ("distilbert", prefix("distilbert.")),
    "mpnet-prefix": ("mpnet", prefix("mpnet."), old_module_names, old_pooling),
    "modernbert-prefix": ("modernbert", prefix("model.")),
    # transformers 4.48
    "modernbert-old-keys": ("modernbert", prefix("model."), config(
        drop=("layer_types", "rope_parameters"), global_attn_every_n_layers=3, global_rope_theta=160000.0, local_rope_theta=10000.0, layer_norm_eps=1e-05,
        position_embedding_type="absolute", reference_compile=None, repad_logits_with_grad=False)),
    "qwen2-old-keys": ("qwen2", prefix("model."), config(
        drop=("layer_types", "rope_parameters"), rope_theta=10000.0, rope_scaling=None, sliding_window=131072, max_window_layers=2, torch_dtype="float32")),
    "qwen3-old-keys": ("qwen3", prefix("model."), config(drop=("layer_types", "rope_parameters"), rope_theta=10000.0, rope_scaling=None), shard(2)),
    "gemma3-old-keys": ("gemma3", config(
        drop=("layer_types", "rope_parameters", "_sliding_window_pattern"), rope_theta=1000000.0, rope_local_base_freq=10000.0, rope_scaling=None,
        sliding_window_pattern=3)),
    "gemma3-prefix": ("gemma3", prefix("model."), config(drop=("rope_parameters",), rope_theta=1000000.0, rope_local_base_freq=10000.0)),
    "static-old-modules": ("static", old_module_names),
    "static-model2vec": ("static", model2vec),
    # remote code
    "nomic-old-keys": ("nomic-bert", config(drop=NOMIC_NEW, **NOMIC)),
    "nomic-both-keys": ("nomic-bert", config(**NOMIC)),
    "gte-new": ("gte", prefix("new."), config(drop=("rope_parameters",), **GTE_NEW)),
    "gte-new-no-prefix": ("gte", config(drop=("rope_parameters",), **GTE_NEW)),
}
# transformers does not read these without the model's own code; the reference is the fixture they are made from.
REMOTE_CODE = ("nomic-old-keys", "gte-new", "gte-new-no-prefix")


def make(name, folder):
    """Writes the variant into the folder, which must not be there. Returns the folder."""
    source, *changes = VARIANTS[name]
    shutil.copytree(MODELS / source, folder)
    for change in changes:
        change(folder)
    return folder


if __name__ == "__main__":
    make(sys.argv[1], pathlib.Path(sys.argv[2]))
