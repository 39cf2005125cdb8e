# SPDX-License-Identifier: Apache-2.0
"""Wrong and unsupported configurations of every family, and of sentence-transformers' own files: each is one line that names the file, the field and its value."""
import json
import pathlib
import shutil

import pytest

MODELS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models"
CONFIG, POOLING, DENSE, MODULES = "config.json", "1_Pooling/config.json", "2_Dense/config.json", "modules.json"
SENTENCE_BERT, TOKENIZER, SENTENCE_TRANSFORMERS = "sentence_bert_config.json", "tokenizer_config.json", "config_sentence_transformers.json"
ONLY = "is not supported, only: "
# The fixture, its file, what is set in it ("a.b": in the object a; a list: the whole file), and what the message says.
CASES = [
    # sizes, of every family
    ("bert-cls", CONFIG, {"hidden_size": 25}, "hidden_size 25 is no multiple of num_attention_heads 4"),
    ("bert-cls", CONFIG, {"hidden_size": 24.0}, "hidden_size is a number, expected an integer"),
    ("bert-cls", CONFIG, {"num_hidden_layers": 0}, "num_hidden_layers is 0, expected 1 to 1024"),
    ("bert-cls", CONFIG, {"vocab_size": None}, "vocab_size is null, expected an integer"),
    ("bert-cls", CONFIG, {"type_vocab_size": -1}, "type_vocab_size is -1, expected 1 to 65536"),
    ("roberta", CONFIG, {"max_position_embeddings": 2}, "max_position_embeddings is 2, which leaves no position behind pad_token_id 1"),
    ("roberta", CONFIG, {"pad_token_id": None}, "pad_token_id is null, expected an integer"),
    ("xlm-roberta", CONFIG, {"pad_token_id": -1}, "pad_token_id is -1, expected 0 to"),
    ("camembert", CONFIG, {"pad_token_id": 220}, "pad_token_id is 220, but vocab_size is 220"),
    ("xlm-roberta", CONFIG, {"num_attention_heads": 2**62}, "num_attention_heads is 4611686018427387904, expected 1 to 65536"),
    ("distilbert", CONFIG, {"dim": "24"}, "dim is a string, expected an integer"),
    ("distilbert", CONFIG, {"hidden_size": 32}, "dim is 24, but hidden_size, which means the same, is 32"),
    ("distilbert", CONFIG, {"num_hidden_layers": 3}, "n_layers is 2, but num_hidden_layers, which means the same, is 3"),
    ("distilbert", CONFIG, {"n_heads": 7}, "hidden_size 24 is no multiple of num_attention_heads 7"),
    ("mpnet", CONFIG, {"max_position_embeddings": 1}, "max_position_embeddings is 1, which leaves no position"),
    ("nomic-bert", CONFIG, {"n_embd": 32}, "hidden_size is 24, but n_embd, which means the same, is 32"),
    ("nomic-bert", CONFIG, {"n_positions": 0}, "n_positions is 0, expected 1 to"),
    ("nomic-bert", CONFIG, {"n_inner": 0}, "n_inner is 0, expected 1 to 1048576"),
    ("nomic-bert", CONFIG, {"head_dim": 5}, "head_dim 5 (hidden_size / num_attention_heads) is odd"),
    ("nomic-bert", CONFIG, {"pad_vocab_size_multiple": 0}, "pad_vocab_size_multiple is 0, expected 1 to 65536"),
    ("gte", CONFIG, {"num_attention_heads": 8}, "head_dim 3 (hidden_size / num_attention_heads) is odd"),
    ("gte", CONFIG, {"intermediate_size": 2**20 + 1}, "intermediate_size is 1048577, expected 1 to 1048576"),
    ("modernbert", CONFIG, {"local_attention": 0}, "local_attention is 0, expected 1 to"),
    ("modernbert", CONFIG, {"local_attention": [128, 128]}, "local_attention is an array, expected an integer"),
    ("modernbert", CONFIG, {"num_attention_heads": 5}, "hidden_size 24 is no multiple of num_attention_heads 5"),
    ("qwen2", CONFIG, {"num_key_value_heads": 3}, "num_attention_heads 4 is no multiple of num_key_value_heads 3"),
    ("qwen2", CONFIG, {"num_key_value_heads": 8}, "num_attention_heads 4 is no multiple of num_key_value_heads 8"),
    ("qwen3", CONFIG, {"head_dim": 65536, "num_attention_heads": 65536}, "num_attention_heads 65536 times head_dim 65536 is more than 262144"),
    ("qwen3", CONFIG, {"head_dim": 7}, "head_dim 7 (hidden_size / num_attention_heads) is odd"),
    ("qwen3", CONFIG, {"num_key_value_heads": 0}, "num_key_value_heads is 0, expected 1 to 65536"),
    ("eurobert", CONFIG, {"num_key_value_heads": True}, "num_key_value_heads is a boolean, expected an integer"),
    ("gemma3", CONFIG, {"head_dim": None}, "head_dim is null, expected an integer"),
    ("gemma3", CONFIG, {"query_pre_attn_scalar": 0}, "query_pre_attn_scalar is 0, expected above 0"),
    ("jina-v2", CONFIG, {"hidden_size": 20}, "hidden_size 20 is no multiple of num_attention_heads 6"),
    # sizes that the weights contradict
    ("bert-cls", CONFIG, {"vocab_size": 321}, "tensor embeddings.word_embeddings.weight: shape [320, 24], expected [321, 24]"),
    ("gte", CONFIG, {"intermediate_size": 41}, "tensor encoder.layer.0.mlp.up_gate_proj.weight: shape [80, 24], expected [82, 24]"),
    ("qwen3", CONFIG, {"num_key_value_heads": 4}, "tensor layers.0.self_attn.k_proj.weight: shape [16, 24], expected [32, 24]"),
    ("qwen3", CONFIG, {"attention_bias": True}, "tensor layers.0.self_attn.q_proj.bias is missing"),
    ("modernbert", CONFIG, {"norm_bias": True}, "tensor embeddings.norm.bias is missing"),
    ("modernbert", CONFIG, {"num_hidden_layers": 5, "layer_types": None}, "tensor layers.4.attn_norm.weight is missing"),
    ("mpnet", CONFIG, {"num_attention_heads": 6}, "tensor encoder.relative_attention_bias.weight: shape [32, 4], expected [32, 6]"),
    # settings
    ("bert-cls", CONFIG, {"position_embedding_type": "relative_key"}, f"position_embedding_type relative_key {ONLY}absolute"),
    ("bert-cls", CONFIG, {"is_decoder": True}, f"is_decoder true {ONLY}false"),
    ("bert-cls", CONFIG, {"hidden_act": "xielu"}, f"hidden_act xielu {ONLY}gelu"),
    ("bert-cls", CONFIG, {"layer_norm_eps": 1}, "layer_norm_eps is 1, expected above 0 and below 1"),
    ("bert-cls", CONFIG, {"quantization_config": {"bits": 4}}, "quantization_config: quantised weights are not read"),
    ("bert-cls", CONFIG, {"model_type": "albert"}, f"model_type albert {ONLY}bert, roberta"),
    ("bert-cls", CONFIG, {"model_type": None}, "model_type is absent"),
    ("roberta", CONFIG, {"add_cross_attention": True}, f"add_cross_attention true {ONLY}false"),
    ("roberta", CONFIG, {"position_embedding_type": "relative_key_query"}, f"position_embedding_type relative_key_query {ONLY}absolute"),
    ("xlm-roberta", CONFIG, {"model_type": "xlm-roberta-xl"}, "model_type xlm-roberta-xl is not supported"),
    ("distilbert", CONFIG, {"activation": "mish"}, f"activation mish {ONLY}gelu"),
    ("mpnet", CONFIG, {"relative_attention_num_buckets": 64}, f"relative_attention_num_buckets 64 {ONLY}32"),
    ("mpnet", CONFIG, {"layer_norm_eps": -1e-5}, "layer_norm_eps is -1e-05, expected above 0"),
    ("nomic-bert", CONFIG, {"rotary_scaling_factor": 2}, f"rotary_scaling_factor 2 {ONLY}null"),
    ("nomic-bert", CONFIG, {"rotary_emb_fraction": 0.5}, f"rotary_emb_fraction 0.5 {ONLY}1"),
    ("nomic-bert", CONFIG, {"rotary_emb_interleaved": True}, f"rotary_emb_interleaved true {ONLY}false"),
    ("nomic-bert", CONFIG, {"rotary_emb_base": 10000}, "rotary_emb_base is 10000, but rope_parameters.rope_theta, which means the same, is 1000"),
    ("nomic-bert", CONFIG, {"prenorm": True}, f"prenorm true {ONLY}false"),
    ("nomic-bert", CONFIG, {"causal": True}, f"causal true {ONLY}false"),
    ("nomic-bert", CONFIG, {"moe_every_n_layers": 2}, f"moe_every_n_layers 2 {ONLY}0"),
    ("nomic-bert", CONFIG, {"activation_function": "gelu"}, f"activation_function gelu {ONLY}swiglu, geglu"),
    ("nomic-bert", CONFIG, {"activation_function": "geglu"}, "activation_function is geglu, which hidden_act contradicts"),
    ("nomic-bert", CONFIG, {"layer_norm_epsilon": 1e-5}, "layer_norm_eps is 1e-12, but layer_norm_epsilon, which means the same, is 1e-05"),
    ("gte", CONFIG, {"rope_scaling": {"type": "ntk", "factor": 0.5}}, "factor is 0.5, expected at least 1"),
    ("gte", CONFIG, {"rope_scaling": {"type": "ntk", "factor": 8.0, "mixed_b": 0.6}}, f"mixed_b 0.6 {ONLY}null"),
    ("gte", CONFIG, {"rope_scaling": {"type": "linear", "factor": 8.0}}, f"type linear {ONLY}default"),
    ("gte", CONFIG, {"rope_parameters.rope_type": "dynamic"}, f"rope_type dynamic {ONLY}default"),
    ("gte", CONFIG, {"rope_theta": 10000.0}, "rope_theta is 10000, but rope_parameters.rope_theta, which means the same, is 160000"),
    ("gte", CONFIG, {"position_embedding_type": "absolute"}, f"position_embedding_type absolute {ONLY}rope"),
    ("gte", CONFIG, {"layer_norm_type": "rms_norm"}, f"layer_norm_type rms_norm {ONLY}layer_norm"),
    ("gte", CONFIG, {"pack_qkv": False}, f"pack_qkv false {ONLY}true"),
    ("gte", CONFIG, {"model_type": "new", "logn_attention_scale": True}, f"logn_attention_scale true {ONLY}false"),
    ("modernbert", CONFIG, {"rope_parameters.full_attention": {"rope_type": "yarn"}}, f"rope_type yarn {ONLY}default"),
    ("modernbert", CONFIG, {"rope_parameters.rope_theta": 7.0}, f"rope_theta 7 {ONLY}null"),
    ("modernbert", CONFIG, {"global_rope_theta": 7.0}, "global_rope_theta is 7, but rope_parameters.full_attention.rope_theta, which means the same, is 160000"),
    ("modernbert", CONFIG, {"local_rope_theta": 0}, "local_rope_theta is 0, expected above 0"),
    ("modernbert", CONFIG, {"layer_types": ["full_attention"]}, "layer_types has 1 entries, but there are 4 layers"),
    ("modernbert", CONFIG, {"layer_types": ["chunked_attention"] * 4}, f"layer_types of layer 0 chunked_attention {ONLY}full_attention"),
    ("modernbert", CONFIG, {"layer_types": [1] * 4}, "layer_types of layer 0 is an integer, expected a string"),
    ("modernbert", CONFIG, {"layer_types": "full_attention"}, "layer_types is a string, expected an array"),
    ("modernbert", CONFIG, {"global_attn_every_n_layers": 2}, "layer_types and global_attn_every_n_layers 2 differ in layer 2"),
    ("modernbert", CONFIG, {"mlp_bias": "no"}, "mlp_bias is a string, expected a boolean"),
    ("qwen2", CONFIG, {"rope_parameters.rope_type": "llama3"}, f"rope_type llama3 {ONLY}default"),
    ("qwen2", CONFIG, {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}, f"rope_type linear {ONLY}default"),
    ("qwen2", CONFIG, {"rope_scaling": [2.0]}, "rope_scaling is an array, expected an object"),
    ("qwen2", CONFIG, {"rope_parameters": {"full_attention": {"rope_theta": 1e4}}}, f"full_attention (a value) {ONLY}null"),
    ("qwen2", CONFIG, {"rms_norm_eps": "1e-6"}, "rms_norm_eps is a string"),
    ("qwen2", CONFIG, {"layer_types": ["full_attention", "sliding_attention"]}, "layer_types holds sliding_attention, but use_sliding_window is false"),
    ("qwen2", CONFIG, {"use_sliding_window": True, "sliding_window": 0, "max_window_layers": 0}, "sliding_window is 0, expected 1 to"),
    ("qwen2", CONFIG, {"is_causal": "no"}, "is_causal is a string, expected a boolean"),
    ("qwen3", CONFIG, {"partial_rotary_factor": 0.5}, f"partial_rotary_factor 0.5 {ONLY}1"),
    ("qwen3", CONFIG, {"rope_parameters.rope_theta": 1e300}, "rope_theta is 1e+300, expected above 0 and at most 1e+12"),
    ("qwen3", CONFIG, {"hidden_act": 7}, "hidden_act is an integer, expected a string"),
    ("qwen3", CONFIG, {"model_type": "qwen3_moe"}, "model_type qwen3_moe is not supported"),
    ("qwen2", CONFIG, {"model_type": "mistral", "rope_parameters.rope_type": "longrope"}, f"rope_type longrope {ONLY}default"),
    ("qwen2", CONFIG, {"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, f"rope_type llama3 {ONLY}default"),
    ("eurobert", CONFIG, {"mlp_bias": True}, "tensor layers.0.mlp.gate_proj.bias is missing"),
    ("gemma3", CONFIG, {"attn_logit_softcapping": 50.0}, f"attn_logit_softcapping 50 {ONLY}null"),
    ("gemma3", CONFIG, {"is_causal": False}, f"is_causal false {ONLY}true"),
    ("gemma3", CONFIG, {"sliding_window": None}, "sliding_window is null, but there are layers with sliding_attention"),
    ("gemma3", CONFIG, {"sliding_window_pattern": 2}, "layer_types and sliding_window_pattern 2 differ in layer 1"),
    ("gemma3", CONFIG, {"rope_local_base_freq": 5.0}, "rope_local_base_freq is 5, but rope_parameters.sliding_attention.rope_theta"),
    ("gemma3", CONFIG, {"rope_scaling": {"rope_type": "linear", "factor": 8.0}}, f"rope_type linear {ONLY}default"),
    ("gemma3", CONFIG, {"use_bidirectional_attention": "all"}, "use_bidirectional_attention is a string, expected a boolean"),
    ("gemma3", CONFIG, {"model_type": "gemma3"}, "model_type gemma3 is not supported"),
    ("jina-v2", CONFIG, {"feed_forward_type": "original"}, f"feed_forward_type original {ONLY}geglu, reglu"),
    ("jina-v2", CONFIG, {"is_decoder": True}, f"is_decoder true {ONLY}false"),
    # sentence-transformers' files
    ("bert-cls", MODULES, [], "modules other than"),
    ("bert-cls", MODULES, [{"type": "sentence_transformers.models.CNN", "path": ""}], "type sentence_transformers.models.CNN is not supported"),
    ("bert-cls", MODULES, [{"type": "sentence_transformers.models.Transformer", "path": "../x"}], "path ../x leads out of the model's folder"),
    ("qwen3", POOLING, {"pooling_mode": "median"}, "pooling_mode median is not supported"),
    ("qwen3", POOLING, {"embedding_dimension": 25}, "embedding_dimension is 25, but config.json's hidden_size is 24"),
    ("distilbert", DENSE, {"in_features": 25}, "in_features is 25"),
    ("distilbert", DENSE, {"activation_function": "os.system"}, "activation_function os.system is not supported"),
    ("gemma3", DENSE, {"bias": 1}, "bias is an integer, expected a boolean"),
    ("roberta", SENTENCE_BERT, {"max_seq_length": 0}, "max_seq_length is 0, expected at least 1"),
    ("roberta", SENTENCE_BERT, {"do_lower_case": "yes"}, "do_lower_case is a string, expected a boolean"),
    ("modernbert", SENTENCE_BERT, {"tokenizer_name_or_path": "other"}, "tokenizer_name_or_path (another model's tokenizer) is not supported"),
    ("xlm-roberta", TOKENIZER, {"truncation_side": "middle"}, "truncation_side middle is not supported"),
    ("xlm-roberta", TOKENIZER, {"model_max_length": -5}, "model_max_length is -5, expected at least 1"),
    ("nomic-bert", SENTENCE_TRANSFORMERS, {"model_type": "ImageEncoder"}, "model_type ImageEncoder is not supported"),
]


@pytest.fixture(autouse=True)
def needs_candle(candle):
    if not candle:
        pytest.skip("the native engine is not built in")


def change(path, changes):
    document = json.loads(path.read_text())
    if isinstance(changes, list):
        document = changes
    else:
        for key, value in changes.items():
            *outer, last = key.split(".")
            target = document
            for name in outer:
                target = target[name]
            target[last] = value
    path.write_text(json.dumps(document))


def test_there_are_a_hundred():
    assert len(CASES) >= 100 and len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{str(case[2])[:60]}")
def test_it_is_named(wick, tmp_path, case):
    fixture, file, changes, message = case
    folder = tmp_path / "model"
    shutil.copytree(MODELS / fixture, folder)
    change(folder / file, changes)
    done = wick("info", str(folder), "--json", env={"WICK_PREPARED_DIR": "off"}, check=None)
    if done.returncode == 0:  # nothing is wrong with the files, but Wick does not carry it out
        known = json.loads(done.stdout)
        assert known["runs"] is False and not done.stderr
        said = known["reason"]
    else:
        said = done.stderr.decode()
        assert done.returncode == 1 and not done.stdout and said.count("\n") == 1
    assert (done.returncode == 0) == any(word in message for word in ("not supported", "not read", "modules other"))
    assert message in said
    assert f"({folder}/" in said
    assert f"/{file})" in said or "tensor " in message


@pytest.mark.parametrize("file, content, said", [
    ("tokenizer.json", None, "tokenizer.json is not there ({folder}/tokenizer.json); download"),
    ("tokenizer.json", "{", "({folder}/tokenizer.json); correct the file, or get it again"),
    ("config.json", "{", "({folder}/config.json); correct the file, or get it again"),
    ("config.json", None, "config.json is not there ({folder}/config.json); download"),
])
def test_the_mend_is_told(wick, tmp_path, file, content, said):
    folder = tmp_path / "model"
    shutil.copytree(MODELS / "bert-cls", folder)
    (folder / file).unlink()
    if content:
        (folder / file).write_text(content)
    assert said.format(folder=folder) in wick("embed", "-m", str(folder), "a", check=1).stderr.decode()


@pytest.mark.parametrize("fixture, changes, pooling", [
    ("bert-cls", {}, "mean"),
    ("qwen3", {"architectures": ["Qwen3Model"]}, "mean"),
    ("qwen3", {"architectures": ["Qwen3ForCausalLM"]}, "lasttoken"),
    ("qwen3", {"architectures": ["Qwen3ForCausalLM"], "is_causal": True}, "lasttoken"),
    ("qwen2-bidirectional", {"architectures": ["Qwen2ForCausalLM"]}, "mean"),
])
def test_a_folder_without_modules_is_pooled_as_by_sentence_transformers(wick, tmp_path, fixture, changes, pooling):
    """And it is told, once and at level info, as there: what is in 1_Pooling does not count then."""
    folder, env = tmp_path / "model", {"WICK_PREPARED_DIR": "off"}
    shutil.copytree(MODELS / fixture, folder)
    change(folder / "config.json", changes)
    size = json.loads((folder / "config.json").read_text())["hidden_size"]
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": pooling, "word_embedding_dimension": size}))
    said = wick("embed", "-m", str(folder), "the ferry", "--format", "f32", env=env).stdout
    (folder / "modules.json").unlink()
    done = wick("embed", "-m", str(folder), "the ferry", "--format", "f32", env=env)
    assert done.stdout == said and not done.stderr
    done = wick("info", str(folder), "--json", env=env | {"WICK_LOG": "info"})
    known = json.loads(done.stdout)
    assert (known["pooling"], known["pooling_source"]) == (pooling, "default")
    message = f"wick: info: {folder} has no modules.json: {pooling} pooling is taken, as by sentence-transformers\n"
    assert done.stderr.decode().count(message) == done.stderr.decode().count("modules.json") == 1
    done = wick("info", str(MODELS / fixture), "--json", env=env | {"WICK_LOG": "info"})
    assert json.loads(done.stdout)["pooling_source"] == "modules.json" and b"modules.json" not in done.stderr


def test_a_folder_that_cannot_be_looked_into(wick, tmp_path):
    """Its files are not "not there": a download would not help. The link to itself stands for a folder without permission, which does not stop root."""
    folder = tmp_path / "model"
    shutil.copytree(MODELS / "bert-cls", folder)
    shutil.rmtree(folder / "1_Pooling")
    (folder / "1_Pooling").symlink_to("1_Pooling")
    said = wick("info", str(folder), check=1).stderr.decode()
    assert f"cannot open the file: Too many levels of symbolic links ({folder}/1_Pooling/config.json)" in said and "download" not in said
