# SPDX-License-Identifier: Apache-2.0
"""`wick pack`, models in one file, and the command with a model inside (build/tests/wick_tiny, made with tests/fixtures/tiny-bert)."""
import json
import pathlib
import re
import stat
import subprocess

import pytest
from test_families import MODELS, RUN

TINY = pathlib.Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "tiny-bert"
TEXTS = ["the ferry leaves at dawn", "", "Ünïcode 世界 and more"]
DTYPES = ["f32", "bf16", "int8"]


def vectors(wick, *arguments, env=None):
    return wick("embed", *arguments, "--format", "f32", *TEXTS, env=env).stdout


@pytest.fixture
def packed(wick, tmp_path):
    path = tmp_path / "model.wick"
    wick("pack", str(TINY), "--dtype", "int8", "-o", str(path), "--quiet")
    return path


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_packed_model_gives_the_bits_of_its_folder(wick, tmp_path, dtype):
    path = tmp_path / f"{dtype}.wick"
    done = wick("pack", str(TINY), "--dtype", dtype, "-o", str(path))
    assert dtype in done.stderr.decode() and re.search(r", [1-9]\d*\.\d kB\n", done.stderr.decode()) and not done.stdout
    assert vectors(wick, "-m", str(path)) == vectors(wick, "-m", str(TINY), "--dtype", dtype)
    assert vectors(wick, "-m", str(path), "--dtype", dtype) == vectors(wick, "-m", str(path))
    assert stat.S_IMODE(path.stat().st_mode) & 0o111 == 0


@pytest.mark.parametrize("name", RUN)
def test_a_packed_family_gives_the_bits_of_its_folder(wick, tmp_path, name):
    folder, path, env = str(MODELS / name), str(tmp_path / "model.wick"), {"WICK_PREPARED_DIR": "off"}
    for dtype in DTYPES if name != "static" else ["f32"]:  # static embeddings have no products to compute in another
        wick("pack", folder, "--dtype", dtype, "-o", path, "--force", "--quiet")
        assert vectors(wick, "-m", path, env=env) == vectors(wick, "-m", folder, "--dtype", dtype, env=env)
    keys = ("architecture", "dimension", "max_seq_length", "max_tokens", "n_kv_heads", "head_dim", "norm", "norm_place", "positions", "window", "is_gated", "is_causal")
    one, other = (json.loads(wick("info", model, "--json", env=env).stdout) for model in (path, folder))
    assert [one[key] for key in keys] == [other[key] for key in keys]


def test_it_serves_wherever_a_model_is_named(wick, packed, tmp_path):
    config = tmp_path / "own.toml"
    config.write_text(f'[embedding]\nmodel = "{packed}"\n')
    expected = vectors(wick, "-m", str(packed))
    assert vectors(wick, "--config", str(config)) == expected
    info = json.loads(wick("info", "-m", str(packed), "--json").stdout)
    assert info["path"] == str(packed) and info["dtype"] == "int8" and info["dimension"] == 32
    tokens = [json.loads(wick("tokenize", "--json", "-m", m, TEXTS[0]).stdout) for m in (str(packed), str(TINY))]
    assert tokens[0] == tokens[1]
    assert wick("similarity", "-m", str(packed), "a", "a").stdout.startswith(b"1.0000")


def test_a_second_start_finds_its_tokenizer_kept(wick, packed, tmp_path):
    env = {"WICK_PREPARED_DIR": str(tmp_path / "kept")}
    first = vectors(wick, "-m", str(packed), env=env)
    assert len(list((tmp_path / "kept").iterdir())) == 1
    assert vectors(wick, "-m", str(packed), env=env) == first
    # Another model under the same name: what was kept is not its.
    other = tmp_path / "other"
    subprocess.run(["cp", "-r", str(TINY), str(other)], check=True)
    text = (other / "tokenizer.json").read_text()
    (other / "tokenizer.json").write_text(text.replace('"lowercase": true', '"lowercase": false').replace('"lowercase":true', '"lowercase":false'))
    wick("pack", str(other), "--dtype", "int8", "-o", str(packed), "--force", "--quiet")
    assert wick("embed", "-m", str(packed), "--format", "f32", "THE FERRY", env=env).stdout == wick(
        "embed", "-m", str(other), "--dtype", "int8", "--format", "f32", "THE FERRY", env={"WICK_PREPARED_DIR": "off"}).stdout


def test_nothing_is_overwritten_unless_forced(wick, tmp_path):
    path = tmp_path / "there.wick"
    path.write_text("mine")
    done = wick("pack", str(TINY), "-o", str(path), check=1)
    assert b"there already" in done.stderr and b"--force" in done.stderr and path.read_text() == "mine"
    wick("pack", str(TINY), "-o", str(path), "--force")
    assert path.stat().st_size > 10000
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []


def test_what_cannot_be_packed(wick, packed, tmp_path):
    out = str(tmp_path / "out.wick")
    assert b"packed already" in wick("pack", str(packed), "-o", out, check=1).stderr
    assert b"model not found" in wick("pack", str(tmp_path / "nowhere"), "-o", out, check=1).stderr
    assert b"-o FILE" in wick("pack", str(TINY), check=2).stderr
    wick("pack", str(TINY), "-o", out, "--dtype", "int4", check=2)
    wick("pack", str(TINY), str(TINY), "-o", out, check=2)
    wick("pack", str(TINY), "-o", str(tmp_path / "no" / "folder.wick"), check=1)
    assert not pathlib.Path(out).exists()


@pytest.mark.parametrize("change, message", [
    (lambda b: b[:1000], "cut"),
    (lambda b: b[:-64], "cut"),
    (lambda b: b[:30], "not a packed model"),
    (lambda b: b"PK" + b[2:], "not a packed model"),
    (lambda b: b[:20] + b"\x02" + b[21:], "newer Wick"),
    (lambda b: b[:16] + b[16:20][::-1] + b[20:], "byte order"),
    (lambda b: b[:len(b) // 2] + bytes([b[len(b) // 2] ^ 1]) + b[len(b) // 2 + 1:], "damaged"),
])
def test_a_damaged_file_says_so_and_what_to_do(wick, packed, change, message):
    packed.write_bytes(change(packed.read_bytes()))
    error = wick("embed", "-m", str(packed), "x", check=1).stderr.decode()
    assert message in error and str(packed) in error and "; " in error and error.count("\n") == 1


def test_another_dtype_is_refused(wick, packed):
    error = wick("embed", "-m", str(packed), "--dtype", "f32", "x", check=1).stderr.decode()
    assert "packed in int8" in error and "--dtype f32" in error


def test_a_name_that_is_no_file(wick):
    assert b"no such packed model" in wick("embed", "-m", "absent.wick", "x", check=1).stderr


# ---- inside the command ----

@pytest.fixture
def inside(wick, tmp_path):
    binary = pathlib.Path(wick.binary).parent / "tests" / "wick_tiny"
    if not binary.exists():
        pytest.fail(f"{binary} is not built")
    folder = tmp_path / "empty"
    folder.mkdir()

    def run(*arguments, check=0, env=None):
        done = subprocess.run([str(binary), *arguments], cwd=folder, env=env or {}, capture_output=True, timeout=60)
        assert done.returncode == check, done.stderr.decode()
        assert list(folder.iterdir()) == []
        return done
    return run


def test_the_command_with_a_model_inside_needs_nothing(wick, inside):
    expected = vectors(wick, "-m", str(TINY), "--dtype", "int8")
    assert inside("embed", "--format", "f32", *TEXTS).stdout == expected
    assert inside("embed", "--format", "f32", "-m", "tiny-bert", *TEXTS).stdout == expected
    assert inside("embed", "--format", "f32", "--dtype", "int8", *TEXTS).stdout == expected
    info = json.loads(inside("info", "--json").stdout)
    assert info["model"] == "tiny-bert" and info["path"] == "(inside the program)" and info["dtype"] == "int8"
    assert json.loads(inside("tokenize", "--json", "hello").stdout)["ids"]


def test_a_model_that_is_named_is_taken_instead(wick, inside, packed):
    assert inside("embed", "--format", "f32", "-m", str(TINY), *TEXTS).stdout == vectors(wick, "-m", str(TINY))
    info = json.loads(inside("info", "--json", "-m", str(packed)).stdout)
    assert info["path"] == str(packed)
    # In another dtype another model is meant, which is not there.
    inside("embed", "--dtype", "f32", "x", check=1, env={"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": "/nonexistent"})


def test_nothing_is_kept_of_the_one_inside(wick, inside, tmp_path):
    kept = tmp_path / "kept"
    inside("embed", "x", env={"WICK_PREPARED_DIR": str(kept)})
    assert not kept.exists()
