# SPDX-License-Identifier: Apache-2.0
"""Tests of models by name: the command against a hub on loopback. Each test has a cache of its own; nothing leaves this machine."""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from hub_server import Hub, Repository  # noqa: E402
from loopback_hub import LoopbackHub, clean_environment  # noqa: E402
from machine import NAME, ROOT, Machine, find_binary, tiny_files  # noqa: E402


@pytest.fixture
def hub():
    cache = find_binary().parent / "CMakeCache.txt"
    if cache.exists() and "WICK_CANDLE:BOOL=OFF" in cache.read_text():
        pytest.skip("the native engine is not built in")
    hub = Hub()
    hub.add(NAME, Repository(tiny_files()))
    yield hub
    hub.close()


@pytest.fixture
def wick(tmp_path, hub):
    return Machine(tmp_path, hub)


@pytest.fixture
def vector(wick):
    """What the folder itself gives."""
    return wick.embed(str(ROOT / "tests/fixtures/tiny-bert")).out


@pytest.fixture
def loopback():
    """A hub that speaks the whole protocol, with faults (loopback_hub.py)."""
    with LoopbackHub() as own:
        yield own


@pytest.fixture
def loopback_env(loopback, tmp_path):
    """loopback_env(NAME=value...): the environment of a client of `loopback`, with a cache and a home of the test's own."""
    def make(**more):
        return clean_environment(**{"HF_ENDPOINT": loopback.endpoint, "HF_HOME": tmp_path / "hf", "HOME": tmp_path, **more})
    return make


@pytest.fixture
def someone(tmp_path):
    """Runs a command as a user whom permissions bind: this one, or, of root, nobody."""
    if os.geteuid() != 0:
        return []
    before = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    opened = [p for p in (tmp_path, *tmp_path.parents) if p.stat().st_uid == 0 and not p.stat().st_mode & 0o001]
    for folder in opened:
        folder.chmod(0o711)
    if not shutil.which("setpriv") or subprocess.run([*before, find_binary(), "--version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("nobody else can run the command here")
    return before
