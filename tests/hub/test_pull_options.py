# SPDX-License-Identifier: Apache-2.0
"""What a caller of wick_model_pull can ask for and is told: refresh, progress, stopping; through tool_pull."""
import json
import pathlib
import subprocess
import time

import faults
import pytest
from faults import Times
from hub_server import Repository
from machine import NAME
from test_pull import WANTED, paths


@pytest.fixture
def pull(wick):
    tool = next(iter(sorted(pathlib.Path(wick.binary).parent.rglob("tool_pull"))), None)
    if not tool:
        pytest.skip("built without its tests")

    def run(*arguments, check=0, env=None):
        done = subprocess.run([str(tool), *arguments], env={**wick.env, **(env or {})}, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == check, done.stderr
        return json.loads(done.stdout) if check == 0 else done.stderr
    return run


def size_of(hub):
    return sum(len(hub.repositories[NAME].files[path]) for path in WANTED)


def test_what_is_told(wick, hub, pull):
    hub.fault = Times(faults.slowly(8192, lambda sent: time.sleep(0.03)), host="store")
    told = pull(NAME)
    assert told["folder"] == str(wick.snapshot()) and told["commit"] == hub.repositories[NAME].commit
    assert not told["from_cache"] and told["downloaded"] == told["have"] == told["size"] == size_of(hub)
    assert told["files"] == told["done"] == len(WANTED)
    assert told["calls"] >= len(WANTED) + 1 and not told["went_back"] and not told["went_over"]
    again = pull(NAME)
    assert again["from_cache"] and again["downloaded"] == 0 and again["folder"] == told["folder"] and again["commit"] == told["commit"]


def test_a_resumed_download_counts_what_was_there(wick, hub, pull):
    hub.fault = Times(lambda request: request.answer(404) if request.headers.get("Range") else faults.cut(0.5)(request), host="store")
    pull(NAME, check=1)
    hub.fault = None
    told = pull(NAME)
    assert told["have"] == told["size"] == size_of(hub) and told["downloaded"] < size_of(hub)
    assert not told["went_back"] and not told["went_over"]


def test_refresh(wick, hub, pull):
    old = pull(NAME)
    hub.log.clear()
    same = pull(NAME, "--refresh")
    assert same["from_cache"] and same["folder"] == old["folder"] and len(hub.log) == 1
    files = dict(hub.repositories[NAME].files)
    hub.add(NAME, Repository({**files, "tokenizer_config.json": files["tokenizer_config.json"] + b"\n"}))
    assert pull(NAME)["folder"] == old["folder"]
    hub.log.clear()
    new = pull(NAME, "--refresh")
    assert new["folder"] != old["folder"] and new["downloaded"] == len(files["tokenizer_config.json"]) + 1
    assert len(hub.requests("/resolve/")) == 1
    assert pull(NAME)["folder"] == new["folder"] and paths(pathlib.Path(old["folder"])) == WANTED
    hub.fault = lambda request: request.answer(503)
    kept = pull(NAME, "--refresh")
    assert kept["from_cache"] and kept["folder"] == new["folder"]
    hub.fault = None
    del hub.repositories[NAME]
    assert "model not found" in pull(NAME, "--refresh", check=1)
    assert pull(NAME, "--refresh", env={"HF_HUB_OFFLINE": "1"})["folder"] == new["folder"]


def test_stopping(wick, hub, pull):
    hub.fault = Times(faults.slowly(4096, lambda sent: time.sleep(0.05)), host="store")
    began = time.monotonic()
    assert "cancelled" in pull(NAME, "--stop-at", "30000", check=1)
    assert time.monotonic() - began < 10
    assert not (wick.repo / "refs").exists()
    hub.fault = None
    assert pull(NAME)["downloaded"] < size_of(hub)


def test_a_broken_reference_is_mended(wick, hub, pull, vector):
    wick.embed()
    for content in ("", "../../../etc", "x" * 1000, "0" * 40):
        (wick.repo / "refs/main").write_text(content)
        wick.embed(check=1, env={"HF_HUB_OFFLINE": "1"})
        assert wick.embed().out == vector
        assert (wick.repo / "refs/main").read_text() == hub.repositories[NAME].commit


def test_a_model_that_is_removed_while_it_comes(wick, hub, pull, vector):
    """Between the last file and the names nobody holds a lock: whoever removes the model then, or a blob of it, makes an error, not a folder that is not there."""
    blob = wick.repo / "blobs" / hub.repositories[NAME].digest("1_Pooling/config.json")
    for command in (f"mv '{wick.repo}' '{wick.repo}.aside'", f"rm -r '{wick.repo}'", f"rm '{blob}'", f"'{wick.binary}' models rm --yes {NAME}"):
        assert "retriable" in pull(NAME, "--when-there", command, check=1)
        assert pull(NAME)["folder"] == str(wick.snapshot()) and wick.embed().out == vector
        subprocess.run(["rm", "-rf", wick.repo, f"{wick.repo}.aside"], check=True)


def test_nothing_answers(wick, hub, pull):
    hub.close()
    error = pull(NAME, check=1)
    assert "retriable" in error and "HF_ENDPOINT" in error
    assert not wick.cache.exists()
