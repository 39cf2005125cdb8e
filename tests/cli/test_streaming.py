# SPDX-License-Identifier: Apache-2.0
"""Long inputs: bounded memory, and the progress bar."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

import numpy
import pytest


# A process's peak counts what it was forked from, so that a small one stands between this one and the command.
LAUNCHER = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak_mb(wick, *arguments):
    """Runs embed with the mock provider to its end; its peak resident size."""
    # AddressSanitizer would keep 256 MB of freed memory to watch it.
    env = {**wick.env, "ASAN_OPTIONS": wick.env.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}
    done = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER, wick.binary, "embed", "--provider", "mock", *arguments],
                          cwd=wick.folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return int(done.stdout) / (1 << 20 if sys.platform == "darwin" else 1 << 10)


@pytest.mark.parametrize("file_format", ["npy", "jsonl"])
def test_memory_does_not_grow_with_the_input(wick, sanitized, file_format):
    for name, n in (("short.txt", 5_000), ("long.txt", 200_000)):
        with open(wick.folder / name, "w") as file:
            for i in range(n):
                file.write(f"Line {i} of a file that does not fit in memory, as far as this test is concerned.\n")
    # All values go to /dev/null: 200,000 vectors would fill a small disk.
    out = ["--output", "out.npy", "--dimensions", "16"] if file_format == "npy" else ["--output", "/dev/null", "--format", "jsonl"]
    short, long = peak_mb(wick, "--input", "short.txt", *out), peak_mb(wick, "--input", "long.txt", *out)
    assert long < short + 10, (short, long)
    assert sanitized or long < 100
    if file_format == "npy":
        assert numpy.load(wick.folder / "out.npy", mmap_mode="r").shape == (200_000, 16)


def on_terminal(wick, *arguments, feed=None, env=None, stdout=subprocess.DEVNULL):
    """Runs the command with stderr on a terminal of 80 columns; returns what it showed there until it had gone, and its exit code."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = wick.start(*arguments, stdin=subprocess.PIPE, stdout=stdout, stderr=terminal,
                         env={"TERM": "xterm", **(env or {})})
    os.close(terminal)
    if feed:
        feed(process)
    process.stdin.close()
    shown = b""
    while True:
        ready, _, _ = select.select([controller], [], [], 20)
        assert ready, "the command hangs"
        try:
            piece = os.read(controller, 4096)
        except OSError:  # Linux says EIO when the last holder of the terminal has gone
            piece = b""
        if not piece:
            break
        shown += piece
    os.close(controller)
    return shown.decode(), process.wait(20)


def slowly(process):
    for i in range(8):
        process.stdin.write(b"a\n" * 200)
        process.stdin.flush()
        time.sleep(0.12)


def test_progress_of_a_pipe(wick):
    shown, code = on_terminal(wick, "embed", "--provider", "mock", feed=slowly)
    assert code == 0
    assert re.search(r"\r[\d,]+ texts  [\d,]+ texts/s  0:0\d\x1b\[K", shown)
    assert "1,000 texts" in shown or "1,200 texts" in shown
    assert shown.endswith("\r\x1b[K"), "the bar is cleared"


@pytest.mark.parametrize("more, env", [(["--quiet"], {}), ([], {"TERM": "dumb"})])
def test_no_progress_where_it_is_not_wanted(wick, more, env):
    assert on_terminal(wick, "embed", "--provider", "mock", *more, feed=slowly, env=env) == ("", 0)


def test_no_progress_on_short_work(wick):
    assert on_terminal(wick, "embed", "--provider", "mock", "a", "b") == ("", 0)


def test_progress_of_a_file(wick):
    """A file large enough to be watched: share done, rate and time left, within the terminal's width, cleared at the end."""
    with open(wick.folder / "in.txt", "w") as file:
        file.write("some words that make a line\n" * 300_000)
    shown, code = on_terminal(wick, "embed", "--provider", "mock", "--input", "in.txt", "--format", "csv")
    assert code == 0
    bars = re.findall(r"\r(\[[#.]{24}\] +(\d+) %  [\d,]+ texts  [\d,]+ texts/s  \d+:\d\d left)\x1b\[K", shown)
    assert bars and all(len(bar) < 80 for bar, _ in bars)
    shares = [int(share) for _, share in bars]
    assert shares == sorted(shares) and shares[0] < shares[-1] <= 100
    assert shown.endswith("\r\x1b[K")
