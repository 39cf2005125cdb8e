# SPDX-License-Identifier: Apache-2.0
"""The command with a cache of its own, and the model that the tests' hub has."""
import hashlib
import os
import pathlib
import subprocess

from hub_server import git_sha1

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = "org/tiny"
FOREIGN = ("WICK_", "HF_", "HUGGING", "XDG_", "TRANSFORMERS_", "RUST_LOG", "CANDLE_DEVICE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")


def find_binary():
    named = os.environ.get("WICK_BIN")
    return pathlib.Path(named) if named else ROOT / os.environ.get("WICK_BUILD", "build") / "wick"


def tiny_files():
    """A model small enough for the repository, and what Wick has no use for."""
    folder = ROOT / "tests/fixtures/tiny-bert"
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and "2_Dense" not in p.parts}
    return {**files, "README.md": b"# tiny\n", "onnx/model.onnx": b"o" * 50000, "pytorch_model.bin": b"p" * 50000}


class Machine:
    """The command, with a cache of its own and the hub for HF_ENDPOINT."""

    def __init__(self, folder, hub):
        self.folder, self.hub, self.cache = folder, hub, folder / "cache"
        self.binary = str(find_binary().resolve())
        base = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        self.env = {**base, "HOME": str(folder), "HF_HUB_CACHE": str(self.cache), "HF_ENDPOINT": hub.url, "WICK_PREPARED_DIR": "off"}

    def start(self, *arguments, env=None, before=(), **more):
        return subprocess.Popen([*before, self.binary, *arguments], cwd=self.folder, env={**self.env, **(env or {})},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)

    def __call__(self, *arguments, check=0, env=None, before=(), timeout=60, **more):
        process = self.start(*arguments, env=env, before=before, **more)
        out, err = process.communicate(timeout=timeout)
        process.out, process.err = out, err.decode()
        if check is not None:
            assert process.returncode == check, process.err
        return process

    def embed(self, model=NAME, **more):
        """Embeds one text; its bytes are in .out."""
        return self("embed", "--model", model, "--format", "f32", "hello world", **more)

    @property
    def repo(self):
        return self.cache / "models--org--tiny"

    def snapshot(self, repository=None):
        return self.repo / "snapshots" / (repository or self.hub.repositories[NAME]).commit

    def blobs(self):
        folder = self.repo / "blobs"
        return sorted(p.name for p in folder.iterdir()) if folder.exists() else []

    def check_blobs(self):
        """Every blob under a final name has the digest that it is called by."""
        for name in self.blobs():
            if name.endswith(".incomplete"):
                continue
            data = (self.repo / "blobs" / name).read_bytes()
            assert name in (git_sha1(data), hashlib.sha256(data).hexdigest())
