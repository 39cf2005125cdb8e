# SPDX-License-Identifier: Apache-2.0
"""Wick and huggingface_hub use each other's cache: neither gets again what the other has. Runs where huggingface_hub can be imported."""
import json
import subprocess
import sys

import pytest
from machine import NAME
from test_pull import WANTED, paths

pytest.importorskip("huggingface_hub")


def python(wick, code, offline=False, check=0):
    env = {**wick.env, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", **({"HF_HUB_OFFLINE": "1"} if offline else {})}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=wick.folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == check, done.stderr
    return done.stdout


SNAPSHOT = f"from huggingface_hub import snapshot_download as d; print(d({NAME!r}))"


def one_by_one(names):
    return "from huggingface_hub import hf_hub_download as d, utils\n" + "".join(
        f"try: print(d({NAME!r}, {name!r}))\nexcept utils.EntryNotFoundError: print('none')\n" for name in names)


def test_what_python_got_is_used_without_a_question(wick, hub, vector):
    python(wick, SNAPSHOT)
    hub.log.clear()
    done = wick.embed()
    assert done.out == vector and done.err == "" and hub.log == []


def test_what_python_got_file_by_file_is_used(wick, hub, vector):
    python(wick, one_by_one(sorted(WANTED)))
    hub.log.clear()
    assert wick.embed().out == vector and hub.log == []


def test_that_python_found_no_modules_is_believed(wick, hub):
    """A plain transformers repository, got file by file: that there is no modules.json is noted in .no_exist."""
    for path in ("modules.json", "1_Pooling/config.json", "sentence_bert_config.json", "config_sentence_transformers.json"):
        del hub.repositories[NAME].files[path]
    python(wick, one_by_one(["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]))
    hub.log.clear()
    wick.embed()
    assert hub.log  # not known yet
    hub.log.clear()
    wick.embed()
    assert hub.log == []  # now it is: Wick noted it
    subprocess.run(["rm", "-rf", wick.cache], check=True)
    python(wick, one_by_one(["modules.json", "config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]))
    hub.log.clear()
    wick.embed()
    assert hub.log == []
    subprocess.run(["rm", "-rf", wick.cache], check=True)
    python(wick, SNAPSHOT)
    hub.log.clear()
    wick.embed()
    assert hub.log == []


def test_what_wick_got_is_used_offline(wick, hub):
    wick.embed()
    hub.log.clear()
    folder = python(wick, SNAPSHOT, offline=True).strip()
    assert folder == str(wick.snapshot())
    found = python(wick, one_by_one(sorted(WANTED)), offline=True).split()
    assert found == [f"{folder}/{path}" for path in sorted(WANTED)] and hub.log == []


def test_what_wick_got_is_not_got_again(wick, hub):
    wick.embed()
    hub.log.clear()
    python(wick, one_by_one([*sorted(WANTED), "vocab.txt"]))
    assert {r["method"] for r in hub.log} == {"HEAD"}
    hub.log.clear()
    python(wick, SNAPSHOT)  # the whole repository: README and the rest come, ours do not
    got = {r["path"].split("/resolve/")[1].split("/", 1)[1] for r in hub.requests("/resolve/", "GET")}
    large = {"onnx/model.onnx", "pytorch_model.bin"}
    assert got == {"README.md"}
    assert {r["path"].split("?")[0] for r in hub.log if r["host"] == "store"} == {"/blobs/" + hub.repositories[NAME].digest(path) for path in large}
    assert paths(wick.snapshot()) == WANTED | got | large


def test_python_sees_a_well_formed_cache(wick, hub):
    wick.embed()
    told = json.loads(python(wick, """
import json
from huggingface_hub import scan_cache_dir, try_to_load_from_cache, _CACHED_NO_EXIST
info = scan_cache_dir()
print(json.dumps({"warnings": [str(w) for w in info.warnings], "repos": [(r.repo_id, sorted(r.refs), r.nb_files) for r in info.repos],
                  "absent": try_to_load_from_cache("org/tiny", "vocab.txt") is _CACHED_NO_EXIST}))""", offline=True))
    assert told == {"warnings": [], "repos": [["org/tiny", ["main"], len(WANTED)]], "absent": True}


def test_side_by_side(wick, hub, vector):
    """Both at once on one cache: both end well, and what is there is whole."""
    env = {**wick.env, "HF_HUB_DISABLE_XET": "1"}
    others = [subprocess.Popen([sys.executable, "-c", SNAPSHOT], env=env, cwd=wick.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for _ in range(10):
        assert wick.embed().out == vector
    for other in others:
        assert other.wait(60) == 0, other.stderr.read()
        other.communicate()
    assert wick.embed().out == vector
    wick.check_blobs()
