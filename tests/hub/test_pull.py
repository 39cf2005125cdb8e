# SPDX-License-Identifier: Apache-2.0
"""Opening a model by name: it is got once, completely, and served from the cache after that."""
import json
import os
import shutil
import subprocess

import pytest
from machine import NAME
from hub_server import Repository

WANTED = {"1_Pooling/config.json", "config.json", "config_sentence_transformers.json", "model.safetensors", "modules.json",
          "sentence_bert_config.json", "tokenizer.json", "tokenizer_config.json"}


def paths(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_a_name_is_got_once(wick, hub, vector):
    done = wick.embed()
    assert done.out == vector
    assert "downloading org/tiny from " + hub.url in done.err
    assert paths(wick.snapshot()) == WANTED
    assert (wick.repo / "refs/main").read_text() == hub.repositories[NAME].commit
    for path in WANTED:
        link = wick.snapshot() / path
        assert os.readlink(link) == "../" * (2 + path.count("/")) + "blobs/" + hub.repositories[NAME].digest(path)
    wick.check_blobs()
    assert len(wick.blobs()) == len(WANTED) and not any("incomplete" in name for name in wick.blobs())
    assert (wick.repo / ".no_exist" / hub.repositories[NAME].commit / "vocab.txt").read_bytes() == b""
    hub.log.clear()
    again = wick.embed()
    assert again.out == vector and again.err == "" and hub.log == []


def test_only_what_is_needed_is_asked_for(wick, hub):
    wick.embed()
    resolved = {r["path"].split("/resolve/")[1].split("/", 1)[1] for r in hub.requests("/resolve/")}
    assert resolved == WANTED
    assert len(hub.requests("/resolve/")) == len(WANTED)


@pytest.mark.parametrize("revision", ["v1", "refs/pr/12", "a-branch"])
def test_revisions(wick, hub, vector, revision):
    hub.repositories[NAME].revisions.append(revision)
    assert wick.embed(f"{NAME}@{revision}").out == vector
    assert (wick.repo / "refs" / revision).read_text() == hub.repositories[NAME].commit
    assert not (wick.repo / "refs/main").exists()
    hub.log.clear()
    assert wick.embed(f"{NAME}@{revision}").out == vector and hub.log == []


def test_a_commit(wick, hub, vector):
    commit = hub.repositories[NAME].commit
    assert wick.embed(f"{NAME}@{commit}").out == vector
    assert not (wick.repo / "refs").exists()
    assert not hub.requests("/revision/")
    hub.log.clear()
    wick.embed(f"{NAME}@{commit}")
    wick.embed()  # the same commit under a name: one question, nothing to get
    assert [r["path"] for r in hub.log] == [f"/api/models/{NAME}/revision/main"]
    assert (wick.repo / "refs/main").read_text() == commit


def test_the_tokenizer_alone(wick, hub):
    tokens = json.loads(wick("tokenize", "--model", NAME, "--json", "hello").out)
    assert len(tokens["ids"]) > 2


def test_a_listing_in_pages(wick, hub, vector):
    hub.page_size = 3
    assert wick.embed().out == vector
    assert len(hub.requests("/tree/")) > 3


def test_shards_and_folders(wick, hub, vector):
    """An old layout: the transformer in a folder of its own."""
    files = dict(hub.repositories[NAME].files)
    for path in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json"):
        files["0_Transformer/" + path] = files.pop(path)
    modules = json.loads(files["modules.json"])
    modules[0]["path"] = "0_Transformer"
    files["modules.json"] = json.dumps(modules).encode()
    names = sorted(json.loads(files["0_Transformer/model.safetensors"][8:8 + int.from_bytes(files["0_Transformer/model.safetensors"][:8], "little")]))
    files["0_Transformer/model-00001-of-00001.safetensors"] = files.pop("0_Transformer/model.safetensors")
    files["0_Transformer/model.safetensors.index.json"] = json.dumps(
        {"weight_map": {name: "model-00001-of-00001.safetensors" for name in names if name != "__metadata__"}}).encode()
    hub.add(NAME, Repository(files))
    assert wick.embed().out == vector
    hub.log.clear()
    assert wick.embed().out == vector and hub.log == []


def split(weights, n):
    """A safetensors file as n of them, every n-th tensor in each: {name of the file: bytes}, {tensor: name of its file}."""
    n_head = int.from_bytes(weights[:8], "little")
    head, data, shards, places = json.loads(weights[8:8 + n_head]), weights[8 + n_head:], {}, {}
    names = sorted(name for name in head if name != "__metadata__")
    for i in range(n):
        file, own, body = f"model-{i + 1:05}-of-{n:05}.safetensors", {}, b""
        for name in names[i::n]:
            begin, end = head[name]["data_offsets"]
            own[name] = {**head[name], "data_offsets": [len(body), len(body) + end - begin]}
            body += data[begin:end]
            places[name] = file
        text = json.dumps(own).encode()
        text += b" " * (-len(text) % 8)
        shards[file] = len(text).to_bytes(8, "little") + text + body
    return shards, places


def test_several_shards(wick, hub, vector):
    files = dict(hub.repositories[NAME].files)
    shards, places = split(files.pop("model.safetensors"), 3)
    files["model.safetensors.index.json"] = json.dumps({"weight_map": places}).encode()
    hub.add(NAME, Repository({**files, **shards}))
    assert wick.embed().out == vector
    lost = wick.snapshot() / "model-00002-of-00003.safetensors"
    lost.unlink()
    assert "has no model-00002-of-00003.safetensors" in wick.embed(check=1, env={"HF_HUB_OFFLINE": "1"}).err
    assert wick.embed().out == vector and lost.exists()
    del shards["model-00003-of-00003.safetensors"]
    hub.add("org/lacks", Repository({**files, **shards}))
    hub.log.clear()
    assert "has no model-00003-of-00003.safetensors" in wick.embed("org/lacks", check=1).err
    assert not [r for r in hub.log if r["host"] == "store"]  # told before its weights come


def test_a_token_goes_to_the_hub_alone(wick, hub, vector):
    hub.token = "hf_secret_0123456789"
    refused = wick.embed(check=1)
    assert "HF_TOKEN" in refused.err and "gated or private" in refused.err
    hub.log.clear()
    done = wick.embed(env={"HF_TOKEN": hub.token, "WICK_LOG": "debug"})
    assert done.out == vector and hub.token not in done.err
    assert all((r["authorization"] == f"Bearer {hub.token}") == (r["host"] == "hub") for r in hub.log)
    assert {r["host"] for r in hub.log} == {"hub", "store"}
    assert subprocess.run(["grep", "-rq", hub.token, str(wick.folder)], check=False).returncode == 1


def test_not_found_names_what_is_near(wick, hub):
    wick.embed()
    done = wick.embed("org/tiyn", check=1)
    assert "model not found: org/tiyn" in done.err and "did you mean org/tiny?" in done.err
    assert "nothing-like" not in done.err
    assert not (wick.cache / "models--org--tiyn").exists()
    done = wick.embed(f"{NAME}@v9", check=1)
    assert f"model not found: {NAME}@v9" in done.err and "no revision v9" in done.err
    done = wick.embed("org/tiyn", check=1, env={"HF_HUB_OFFLINE": "1"})
    assert "model not found: org/tiyn" in done.err and "org/tiny" in done.err and "HF_HUB_OFFLINE" in done.err


def test_what_does_not_run_is_told_before_its_weights_come(wick, hub):
    files = dict(hub.repositories[NAME].files)
    config = {**json.loads(files["config.json"]), "model_type": "gpt2"}
    hub.add("org/gpt", Repository({**files, "config.json": json.dumps(config).encode()}))
    hub.add("org/torch", Repository({k: v for k, v in files.items() if k != "model.safetensors"}))
    hub.add("org/data", Repository({"README.md": b"x", "data.csv": b"y" * 100000}))
    for name, words in (("org/gpt", "model_type gpt2 is not supported"), ("org/torch", "no model.safetensors"), ("org/data", "no config.json")):
        hub.log.clear()
        assert words in wick.embed(name, check=1).err
        assert not [r for r in hub.log if r["host"] == "store"]
        assert not (wick.cache / name.replace("org/", "models--org--") / "snapshots").exists()


def test_cached_files_that_are_damaged_name_the_mend(wick, hub, vector):
    wick.embed()
    blob = (wick.snapshot() / "model.safetensors").resolve()
    for damage in (lambda data: data[:5000], lambda data: b"\xff" * 8 + data[8:]):
        blob.write_bytes(damage(blob.read_bytes()))
        error = wick.embed(check=1).err
        assert f"wick models verify --remove-broken {NAME}" in error and f"wick pull {NAME}" in error
        wick("models", "verify", "--remove-broken", NAME, check=1)
        assert wick("pull", NAME).out.decode().strip() == str(wick.snapshot())
        assert wick.embed().out == vector
    folder = wick.folder / "copy"
    shutil.copytree(wick.snapshot(), folder)
    (folder / "model.safetensors").write_bytes(b"x" * 100)
    assert "wick models" not in wick.embed(str(folder), check=1).err


UNDER_STRACE = {"ASAN_OPTIONS": "detect_leaks=0"}  # LeakSanitizer cannot be traced


def test_offline_makes_no_socket(wick, hub, vector):
    wick.embed()
    hub.log.clear()
    if not shutil.which("strace"):
        pytest.skip("no strace")
    for model, code in ((NAME, 0), ("org/unknown", 1), (NAME + "@v2", 1)):
        trace = wick.folder / "trace"
        done = wick.embed(model, check=code, env={"HF_HUB_OFFLINE": "1", **UNDER_STRACE}, before=["strace", "-f", "-e", "trace=network,openat", "-o", str(trace)])
        calls = trace.read_text()
        assert "socket(" not in calls and "connect(" not in calls
        assert "libcurl" not in calls and "libcrypto" not in calls
    assert hub.log == []
    assert done.out == b""


def test_a_cached_model_loads_no_library(wick):
    wick.embed()
    if not shutil.which("strace"):
        pytest.skip("no strace")
    trace = wick.folder / "trace"
    wick.embed(env=UNDER_STRACE, before=["strace", "-f", "-e", "trace=network,openat", "-o", str(trace)])
    calls = trace.read_text()
    assert "libcurl" not in calls and "libcrypto" not in calls and "socket(" not in calls


def test_a_partial_snapshot_is_completed(wick, hub, vector):
    """As huggingface_hub leaves it when it was asked for one file, or stopped: the reference first, files one by one."""
    wick.embed()
    for path in ("model.safetensors", "1_Pooling/config.json", "modules.json"):
        (wick.snapshot() / path).unlink()
    hub.log.clear()
    offline = wick.embed(check=1, env={"HF_HUB_OFFLINE": "1"})
    assert "not whole" in offline.err
    assert wick.embed().out == vector
    assert not hub.requests("/resolve/")  # the blobs are there


def test_what_only_seems_whole_is_asked_for(wick, hub, vector):
    """Config, tokenizer and weights alone, as transformers gets them: the pooling of modules.json would be missed silently."""
    wick.embed()
    for path in ("modules.json", "1_Pooling/config.json", "sentence_bert_config.json", "config_sentence_transformers.json"):
        target = (wick.snapshot() / path).resolve()
        (wick.snapshot() / path).unlink()
        target.unlink()
    offline = wick.embed(env={"HF_HUB_OFFLINE": "1"})
    assert "modules.json is not in the cache" in offline.err
    for name, value in (("HF_ENDPOINT", "no url"), ("HF_TOKEN", "no token")):  # who is offline needs neither
        assert wick.embed(env={"HF_HUB_OFFLINE": "1", name: value}).out == offline.out
    hub.log.clear()
    assert wick.embed().out == vector
    assert len(hub.requests("/resolve/")) == 4


def test_a_hub_that_is_broken(wick, hub, vector):
    wick.embed()
    (wick.snapshot() / "modules.json").unlink()  # no longer surely whole
    hub.fault = lambda request: request.answer(410)
    done = wick.embed()
    assert "the cached files serve" in done.err
    (wick.snapshot() / "config.json").unlink()  # surely not
    assert "410" in wick.embed(check=1).err
    hub.fault = None
    assert wick.embed().out == vector


def test_a_server_gets_its_model(wick, hub, vector):
    import struct
    import time
    import urllib.request
    port_file = wick.folder / "port"
    server = wick.start("serve", "--model", NAME, "--port", "0", "--port-file", str(port_file))
    try:
        end = time.monotonic() + 30
        while not (port_file.exists() and port_file.read_text().strip()) and server.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        assert server.poll() is None, server.communicate()[1]
        request = urllib.request.Request(f"http://127.0.0.1:{port_file.read_text().strip()}/api/v1/embed", headers={"Content-Type": "application/json"},
                                         data=json.dumps({"model": NAME, "inputs": ["hello world"]}).encode())
        reply = json.loads(urllib.request.urlopen(request, timeout=30).read())
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert struct.pack("<32f", *reply["embeddings"][0]) == vector
