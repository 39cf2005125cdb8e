# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of the house: where the repository and the build are."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def build():
    """The build folder under test; tools/run-tests.sh names it in WICK_BUILD."""
    folder = pathlib.Path(os.environ.get("WICK_BUILD", ROOT / "build"))
    assert (folder / "CMakeCache.txt").is_file(), f"{folder} is no build folder: run make"
    return folder


@pytest.fixture(scope="session")
def cache_of(build):
    """Reads a variable of the build's CMake cache."""

    def read(name):
        for line in (build / "CMakeCache.txt").read_text().splitlines():
            if line.startswith(name + ":"):
                return line.split("=", 1)[1]
        return ""

    return read


@pytest.fixture
def run():
    """Runs a command; fails the test, with the output, unless it exits with `status`."""

    def call(*command, status=0, **options):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, **options)
        assert done.returncode == status, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return call
