# SPDX-License-Identifier: Apache-2.0
"""`wick pull`: what it prints, on a terminal and in a pipe, for people and for programs; stopping it; what goes wrong."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest
from hub_server import Repository
from loopback_repo import Generated
from machine import NAME, find_binary, tiny_files


def on_terminal(wick, *arguments, columns=80, env=None, until=None):
    """Runs the command with stderr on a terminal; returns (exit code, stdout, what the terminal got). until(text): send SIGINT once it is true."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([wick.binary, *arguments], cwd=wick.folder, env={**wick.env, "TERM": "xterm", **(env or {})}, stdout=subprocess.PIPE, stderr=slave,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    os.close(slave)
    text, deadline, sent = b"", time.monotonic() + 30, False
    while time.monotonic() < deadline:
        ready, _, _ = select.select([master], [], [], 0.2)
        if ready:
            try:
                part = os.read(master, 65536)
            except OSError:
                break
            if not part:
                break
            text += part
        if until and not sent and until(text):
            process.send_signal(signal.SIGINT)
            sent = True
    out = process.communicate(timeout=30)[0]
    os.close(master)
    return process.returncode, out, text.decode()


def slow(loopback, size=3_000_000, rate=2_000_000):
    """A model whose weights take a second and a half."""
    files = {**{path: data for path, data in tiny_files().items() if path != "model.safetensors"}, "model.safetensors": Generated(size)}
    repo = loopback.add("org/slow", files)
    loopback.fault("*", slow=rate, port="store")
    return repo


def test_the_folder_is_the_result(wick, hub):
    done = wick("pull", NAME)
    assert done.out.decode() == f"{wick.snapshot()}\n"
    lines = done.err.splitlines()
    assert lines[0].startswith(f"wick: downloading {NAME} from {hub.url}: ")
    assert all(re.fullmatch(r"wick: \d of 8 files: [\w./]+, [\d.]+ k?B", line) for line in lines[1:-1]), done.err
    assert "8 of 8 files" in done.err and lines[-1].startswith(f"wick: {NAME} is complete, ")
    assert "\r" not in done.err and "\033" not in done.err
    again = wick("pull", NAME)
    assert again.out == done.out and again.err == ""
    assert wick("pull", "--quiet", NAME + "@main").err == ""


def test_json(wick, hub):
    commit = hub.repositories[NAME].commit
    first = json.loads(wick("pull", "--json", "--quiet", NAME).out)
    assert first == {"model": NAME, "revision": "main", "commit": commit, "folder": str(wick.snapshot()), "downloaded_bytes": first["downloaded_bytes"], "from_cache": False}
    assert first["downloaded_bytes"] == sum(p.stat().st_size for p in (wick.repo / "blobs").iterdir())
    again = json.loads(wick("pull", "--json", NAME).out)
    assert again == {**first, "downloaded_bytes": 0, "from_cache": True}
    folder = json.loads(wick("pull", "--json", str(wick.snapshot())).out)
    assert folder["commit"] is None and folder["folder"] == str(wick.snapshot())


def test_quiet_says_errors(wick):
    assert wick("pull", "--quiet", NAME).err == ""
    done = wick("pull", "--quiet", "org/absent", check=1)
    assert done.out == b"" and done.err.startswith("wick: ") and done.err.count("\n") == 1


def test_refresh(wick, hub):
    wick("pull", NAME)
    moved = hub.add(NAME, Repository({**tiny_files(), "README.md": b"# moved\n"}))
    assert wick("pull", NAME).out.decode().strip() != str(wick.snapshot(moved))
    assert wick("pull", "--refresh", NAME).out.decode().strip() == str(wick.snapshot(moved))


def test_cache_dir_by_flag_and_by_config(wick):
    wick("pull", "--cache-dir", "elsewhere", NAME)
    assert (wick.folder / "elsewhere/models--org--tiny/refs/main").exists() and not wick.cache.exists()
    (wick.folder / "config.toml").write_text('[embedding]\ncache_dir = "third"\n')
    env = {name: value for name, value in wick.env.items() if name != "HF_HUB_CACHE"}
    subprocess.run([wick.binary, "pull", "--quiet", NAME], cwd=wick.folder, env=env, check=True, stdout=subprocess.DEVNULL)
    assert (wick.folder / "third/models--org--tiny/refs/main").exists()


@pytest.mark.parametrize("arguments", [[], ["a/b", "c/d"], ["--tries", "x", "a/b"], ["--nonsense", "a/b"]])
def test_usage(wick, arguments):
    done = wick("pull", *arguments, check=2)
    assert done.out == b"" and done.err.startswith("wick: ") and done.err.count("\n") == 1


def test_help(wick):
    page = wick("pull", "--help").out.decode()
    assert page.startswith("Usage: wick pull [OPTION...] MODEL\n")
    for option in ("--refresh", "--json", "--quiet", "--cache-dir", "--tries", "HF_TOKEN"):
        assert option in page
    assert max(len(line) for line in page.splitlines()) <= 120
    assert "  pull " in wick("--help").out.decode()


@pytest.mark.parametrize("columns", [20, 50, 65, 100])
def test_a_bar_that_fits(wick, loopback, columns):
    slow(loopback)
    code, out, text = on_terminal(wick, "pull", "org/slow", columns=columns, env={"HF_ENDPOINT": loopback.endpoint})
    assert code == 0, text
    assert out.decode().startswith(str(wick.cache / "models--org--slow/snapshots/"))
    bars = [line.split("\033[K")[0] for line in text.split("\r") if " %" in line]
    assert bars and all(len(bar) < columns for bar in bars), bars
    assert all(" of 3." in bar for bar in bars if columns > 30)
    assert any("/s  0:0" in bar for bar in bars) == (columns >= 45)
    assert any("model.safetensors" in bar for bar in bars) == (columns >= 72)
    assert text.split("\r")[-1].count("\n") <= 1 and " %" not in text.rsplit("\033[K", 1)[-1]


def test_ctrl_c_keeps_what_came(wick, loopback):
    slow(loopback, size=6_000_000, rate=1_500_000)
    env = {"HF_ENDPOINT": loopback.endpoint}
    code, out, text = on_terminal(wick, "pull", "org/slow", env=env, until=lambda text: b" %" in text)
    assert code == -signal.SIGINT and out == b""
    assert text.rstrip().endswith("wick: stopped; what came is kept, the next pull goes on from there")
    left = [p for p in (wick.cache / "models--org--slow/blobs").iterdir() if p.name.endswith(".incomplete")]
    assert left and max(p.stat().st_size for p in left) > 0
    assert not (wick.cache / "models--org--slow/refs").exists()
    had = max(p.stat().st_size for p in left)
    loopback.heal()
    before = loopback.sent("*")
    done = wick("pull", "--json", "org/slow", env=env)
    assert loopback.sent("*") - before < 6_000_000 - had + 1_000_000
    assert json.loads(done.out)["downloaded_bytes"] > 0


def test_no_hub_fails_soon_where_asked(wick):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        env = {"HF_ENDPOINT": f"http://127.0.0.1:{closed.getsockname()[1]}"}
        begin = time.monotonic()
        done = wick("pull", "--tries", "1", "--connect-timeout", "2", NAME, env=env, check=1)
        assert time.monotonic() - begin < 3
    assert done.err.startswith("wick: ") and done.err.count("\n") == 1


def test_no_home(wick):
    env = {name: value for name, value in wick.env.items() if name not in ("HOME", "HF_HUB_CACHE")}
    done = subprocess.run([wick.binary, "pull", NAME], cwd=wick.folder, env=env, capture_output=True)
    assert done.returncode == 1 and b"HF_HUB_CACHE" in done.stderr and done.stderr.count(b"\n") == 1


def test_a_closed_pipe_and_a_full_output(wick):
    wick("pull", NAME)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([find_binary(), "pull", NAME], cwd=wick.folder, env=wick.env, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"standard output" in done.stderr
