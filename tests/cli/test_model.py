# SPDX-License-Identifier: Apache-2.0
"""The commands with the native engine: the tiny model of tests/fixtures, and the real one from the cache."""
import json
import shutil

import numpy
import pytest
import tokenizers

TEXTS = ["Hello world", "", "Größe 世界 🌍", " tab\tand\nline ", 'say "hi"', "a\0b"]


def expected(tokenizer, text):
    encoding = tokenizer.encode(text)
    return {"ids": encoding.ids, "tokens": encoding.tokens, "offsets": [list(pair) for pair in encoding.offsets]}


def test_tokenize_json_as_the_tokenizers_package(wick, tiny):
    tokenizer = tokenizers.Tokenizer.from_file(tiny + "/tokenizer.json")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    (wick.folder / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    lines = wick("tokenize", "--model", tiny, "--json", "--input", "in.jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [expected(tokenizer, text) for text in TEXTS]
    lines = wick("tokenize", "--model", tiny, "--json", *TEXTS[:5]).stdout.splitlines()
    assert [json.loads(line) for line in lines] == [expected(tokenizer, text) for text in TEXTS[:5]]


def test_tokenize_for_people(wick, model):
    assert wick("tokenize", "Hello world").stdout == b"[CLS](101) hello(7592) world(2088) [SEP](102)\n"
    assert wick("tokenize", "Hello world", "--no-special").stdout == b"hello(7592) world(2088)\n"
    assert wick("tokenize", "Hello world", "--max-tokens", "3").stdout == b"[CLS](101) hello(7592) [SEP](102)\n"
    assert wick("tokenize", "", "", "--no-special").stdout == b"\n\n"
    assert wick("tokenize", stdin=b"").stdout == b""


def test_tokenize_invalid_utf8(wick, tiny):
    done = wick("tokenize", "--model", tiny, check=1, stdin=b"a\nb \xff\n")
    assert b"invalid UTF-8 at byte 3 of the text (standard input, line 2)" in done.stderr


def test_tokenize_closed_pipe_and_full_disk(wick, tiny):
    with open("/dev/full", "wb") as full:
        assert b"No space left" in wick("tokenize", "--model", tiny, "a", check=1, stdout=full).stderr


def test_too_long_names_the_line(wick, tiny):
    limit = json.loads(wick("info", "--json", "--model", tiny).stdout)["max_seq_length"]
    (wick.folder / "in.txt").write_text("a\n" * 99 + "a " * 3000 + "\na\n")
    assert len(wick("embed", "--model", tiny, "--input", "in.txt").stdout.splitlines()) == 101
    done = wick("embed", "--model", tiny, "--input", "in.txt", "--no-truncate", "--output", "out.npy", check=1)
    assert f"wick: 3002 tokens, the limit is {limit} (in.txt, line 100); ".encode() in done.stderr
    assert not (wick.folder / "out.npy").exists()
    short = ["--max-seq-length", "3"]
    done = wick("embed", "--model", tiny, "a a", *short, "--no-truncate", check=1)
    assert b"4 tokens, the limit is 3 (argument 1)" in done.stderr
    assert wick("embed", "--model", tiny, "a a", "--format", "f32", *short).stdout == \
        wick("embed", "--model", tiny, "a", "--format", "f32", *short).stdout


def test_info(wick, model):
    known = json.loads(wick("info", "--json").stdout)
    assert known["model"] == model and known["architecture"] == "bert" and known["pooling"] == "mean"
    assert (known["dimension"], known["n_layers"], known["hidden_size"], known["n_heads"]) == (384, 6, 384, 12)
    assert (known["max_tokens"], known["max_seq_length"], known["vocab_size"]) == (512, 256, 30522)
    assert known["dtype"] == "f32" and known["device"] == "cpu" and known["n_threads"] >= 1
    assert json.loads(wick("info", "--json", "--threads", "1").stdout)["n_threads"] == 1
    page = wick("info").stdout.decode()
    assert "layers          6\n" in page and "instructions    " in page and "runs            yes\n" in page
    assert known["runs"] is True and known["reason"] is None
    assert (known["n_kv_heads"], known["head_dim"], known["window"]) == (12, 32, None)
    assert (known["norm"], known["norm_place"], known["positions"], known["activation"]) == ("layer", "after", "learned", "gelu")
    assert known["is_gated"] is False and known["is_causal"] is False
    assert wick("info", model).stdout == wick("info", "--model", model).stdout


def test_info_says_why_not(wick, tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "other")
    (folder / "config.json").write_text('{"model_type": "t5"}')
    page = wick("info", str(folder)).stdout.decode()
    assert "runs            no\n" in page and "because         model_type t5 is not supported, only: bert" in page and "layers" not in page
    known = json.loads(wick("info", str(folder), "--json").stdout)
    assert known["runs"] is False and known["reason"].startswith("model_type t5") and known["is_gated"] is None


def test_similarity(wick, model):
    texts = ["Machine learning", "Deep learning", "The weather is nice today"]
    matrix = numpy.array(json.loads(wick("similarity", "--json", *texts).stdout)["similarity"])
    assert abs(matrix[0, 1] - 0.6887) < 1e-4 and abs(matrix[0, 2] - 0.0734) < 1e-4
    assert wick("similarity", *texts[:2]).stdout == b"0.6887\n"
    assert b"Nearest to each other: 1 and 2 (0.6887)" in wick("similarity", *texts).stdout


def test_a_file_gives_the_bits_of_its_lines(wick, tiny):
    """Whatever the batches, threads and formats."""
    texts = [f"a text with {i} words " + "and more " * (i % 40) for i in range(300)]
    (wick.folder / "in.txt").write_text("\n".join(texts) + "\n")
    wick("embed", "--model", tiny, "--input", "in.txt", "--output", "out.npy")
    vectors = numpy.load(wick.folder / "out.npy")
    assert len(vectors) == 300
    assert numpy.allclose(numpy.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for i in (0, 64, 299):
        alone = wick("embed", "--model", tiny, "--threads", "1", "--format", "f32", texts[i]).stdout
        assert numpy.array_equal(numpy.frombuffer(alone, "<f4"), vectors[i])


def test_environment_names_the_device(wick, tiny):
    """WICK_DEVICE beats the config file; --device beats both."""
    (wick.folder / "config.toml").write_text('[embedding]\ndevice = "cpu"\n')
    strict = ["info", "--model", tiny, "--strict-device"]
    wick(*strict)
    assert b"CUDA" in wick(*strict, env={"WICK_DEVICE": "cuda"}, check=1).stderr
    assert b"CUDA" in wick(*strict, env={"CANDLE_DEVICE": "cuda"}, check=1).stderr
    wick(*strict, env={"WICK_DEVICE": "cpu", "CANDLE_DEVICE": "cuda"})
    wick(*strict, "--device", "cpu", env={"WICK_DEVICE": "cuda"})
    assert b"CUDA" in wick(*strict, "--device", "cuda", check=1).stderr


def test_cache_dir_of_the_config_file(wick, tiny):
    """cache_dir is looked in, unless the environment or the flag says otherwise."""
    snapshot = wick.folder / "hub/models--some--tiny/snapshots/0123456789012345678901234567890123456789"
    snapshot.parent.mkdir(parents=True)
    snapshot.symlink_to(tiny)
    (wick.folder / "hub/models--some--tiny/refs").mkdir()
    (wick.folder / "hub/models--some--tiny/refs/main").write_text(snapshot.name)
    (wick.folder / "config.toml").write_text('[embedding]\nmodel = "some/tiny"\ncache_dir = "hub"\n')
    unset = {"HF_HUB_CACHE": "", "HF_HOME": "", "HUGGINGFACE_HUB_CACHE": ""}
    assert json.loads(wick("info", "--json", env=unset).stdout)["model"] == "some/tiny"
    assert wick("tokenize", "a", env=unset).stdout
    for command in (["info"], ["tokenize", "a"]):
        assert b"not found" in wick(*command, env={**unset, "HF_HUB_CACHE": str(wick.folder / "none")}, check=1).stderr
        wick(*command, "--cache-dir", "hub", env={**unset, "HF_HUB_CACHE": str(wick.folder / "none")})


@pytest.mark.parametrize("name, spoil", [("config.json", b"{"), ("tokenizer.json", b"{}"), ("model.safetensors", b"\xff" * 16)])
def test_spoiled_files_are_named(wick, tiny, name, spoil):
    import shutil
    shutil.copytree(tiny, wick.folder / "spoiled")
    (wick.folder / "spoiled" / name).write_bytes(spoil)
    assert name.encode() in wick("embed", "--model", "./spoiled", "a", check=1).stderr
