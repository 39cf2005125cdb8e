# SPDX-License-Identifier: Apache-2.0
"""Black-box tests of the wick command. WICK_BIN names the binary; else WICK_BUILD's folder, else build/, holds it.

Most tests run the mock provider, which needs no model; those that need the real one take the fixture `model`."""
import os
import pathlib
import signal
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = "sentence-transformers/all-MiniLM-L6-v2"
# Variables that would change what the command does.
FOREIGN = ("WICK_CONFIG", "WICK_DEVICE", "CANDLE_DEVICE", "WICK_LOG", "RUST_LOG", "HF_HUB_OFFLINE")


def find_binary():
    named = os.environ.get("WICK_BIN")
    return pathlib.Path(named) if named else ROOT / os.environ.get("WICK_BUILD", "build") / "wick"


class Wick:
    """Runs the command in a folder of its own, so that no config.toml is found by accident."""

    def __init__(self, folder):
        self.binary = str(find_binary().resolve())
        self.folder = folder
        self.env = {**{name: value for name, value in os.environ.items() if name not in FOREIGN}, "HF_HUB_OFFLINE": "1"}
        self.env["XDG_CONFIG_HOME"] = str(folder / "no-config")

    def __call__(self, *arguments, stdin=b"", env=None, check=0, **more):
        """Returns the finished process; its exit code must be `check` (None: any)."""
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        if "stdin_file" in more:
            more["stdin"] = more.pop("stdin_file")
        else:
            more["input"] = stdin
        done = subprocess.run([self.binary, *arguments], cwd=self.folder, env={**self.env, **(env or {})}, timeout=120, **more)
        if check is not None:
            assert done.returncode == check, done.stderr
        if done.returncode in (1, 2) and done.stderr:
            assert done.stderr.startswith(b"wick: ") or arguments == (), done.stderr
            assert done.stderr.count(b"\n") == 1 or arguments == (), done.stderr
        return done

    @staticmethod
    def default_signals():
        """What a terminal's shell starts commands with, even where the tests run in the background."""
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)

    def start(self, *arguments, env=None, **more):
        more.setdefault("preexec_fn", self.default_signals)
        return subprocess.Popen([self.binary, *arguments], cwd=self.folder, env={**self.env, **(env or {})}, **more)

    def mock(self, *arguments, **more):
        """embed with the mock provider"""
        return self("embed", "--provider", "mock", *arguments, **more)


@pytest.fixture
def wick(tmp_path):
    return Wick(tmp_path)


def build_option(name):
    """A value of the build's CMakeCache.txt; "" where there is none."""
    cache = find_binary().parent / "CMakeCache.txt"
    lines = cache.read_text().splitlines() if cache.exists() else []
    return next((line.split("=", 1)[1] for line in lines if line.startswith(name + ":")), "")


@pytest.fixture
def sanitized():
    """Whether the build carries sanitizers, whose shadow memory no limit on memory fits."""
    return build_option("WICK_SANITIZE") != ""


@pytest.fixture
def candle():
    """Whether the native engine is built in."""
    return build_option("WICK_CANDLE") != "OFF"


@pytest.fixture
def tiny(candle):
    """A model folder small enough for the repository."""
    if not candle:
        pytest.skip("the native engine is not built in")
    return str(ROOT / "tests/fixtures/tiny-bert")


@pytest.fixture
def model(candle):
    """The real model, which `make model` puts into the cache."""
    if not candle:
        pytest.skip("the native engine is not built in")
    return MODEL
