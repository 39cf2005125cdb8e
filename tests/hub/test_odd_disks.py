# SPDX-License-Identifier: Apache-2.0
"""Caches on file systems that lack something: symbolic links, hard links, fsync of folders, a known size, locks. odd_disk.c plays them."""
import pathlib
import shutil
import subprocess
import sys

import pytest
from hub_server import Repository
from machine import NAME, tiny_files
from test_faults import wick_cache
from test_pull import WANTED, paths

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture
def disk(wick, tmp_path):
    """disk("symlink dirsync"...): the command's environment on a disk without these."""
    if sys.platform != "linux" or not shutil.which("cc") or "WICK_SANITIZE:STRING=\n" not in wick_cache(wick):
        pytest.skip("nothing can be loaded before the command here")
    library = tmp_path / "odd_disk.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, HERE / "odd_disk.c", "-ldl"], check=True)
    return lambda lacks: {"LD_PRELOAD": str(library), "ODD_DISK": lacks}


@pytest.mark.parametrize("lacks", ["dirsync", "size", "locks", "symlink", "symlink hardlink", "symlink hardlink dirsync size locks"])
def test_a_model_comes_and_stays(wick, hub, vector, disk, lacks):
    env = disk(lacks)
    assert wick.embed(env=env).out == vector
    assert paths(wick.snapshot()) == WANTED
    assert any(p.is_symlink() for p in wick.snapshot().rglob("*")) == ("symlink" not in lacks)
    wick.check_blobs()
    assert not [p for p in wick.repo.iterdir() if p.name.startswith(".wick")]
    hub.log.clear()
    assert wick.embed(env=env).out == vector and hub.log == []
    assert wick.embed(env={"HF_HUB_OFFLINE": "1"}).out == vector
    assert "0 broken" in wick("models", "verify").err


@pytest.mark.parametrize("lacks", ["symlink", "symlink hardlink"])
def test_a_new_revision_without_links(wick, hub, disk, lacks):
    wick("pull", NAME, env=disk(lacks))
    files = tiny_files()
    hub.add(NAME, Repository({**files, "config_sentence_transformers.json": b'{"a": 1}'}))
    hub.log.clear()
    wick("pull", "--refresh", NAME, env=disk(lacks))
    assert len(hub.requests("/resolve/")) == 1  # what did not change is a blob still
    assert (wick.snapshot() / "config_sentence_transformers.json").read_bytes() == b'{"a": 1}'
    wick("models", "rm", "--yes", NAME)
    assert not wick.repo.exists()


def test_python_uses_what_came_without_links(wick, hub, disk):
    hub_of_python = pytest.importorskip("huggingface_hub")
    wick("pull", NAME, env=disk("symlink hardlink"))
    folder = hub_of_python.snapshot_download(NAME, cache_dir=wick.cache, local_files_only=True)
    assert pathlib.Path(folder) == wick.snapshot()
    assert hub_of_python.try_to_load_from_cache(NAME, "1_Pooling/config.json", cache_dir=wick.cache) == str(wick.snapshot() / "1_Pooling/config.json")
