# SPDX-License-Identifier: Apache-2.0
"""Tests of models by name: the command against a hub on loopback. Each test has a cache of its own; nothing leaves this machine."""
import pathlib
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
