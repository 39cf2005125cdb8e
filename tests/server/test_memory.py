# SPDX-License-Identifier: Apache-2.0
"""Clients that ask for much and take nothing: their answers wait in the server's memory, which must stay bounded, and comes free when they leave."""
import json
import pathlib
import re
import socket
import time

import pytest

import raw

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOUND_MB = 256  # of bodies and answers that wait (max_buffered_bytes)


def rss_mb(server):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{server.process.pid}/status").read_text()).group(1)) / 1024


def stubborn(server, request, n):
    """n connections that send the request and read nothing."""
    sockets = []
    for _ in range(n):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", server.port))
        try:
            sock.sendall(request)
        except OSError:
            pass  # refused
        sockets.append(sock)
    return sockets


def settle(look, seconds=20):
    """Until look() has not changed for a second."""
    last, since, end = look(), time.monotonic(), time.monotonic() + seconds
    while time.monotonic() - since < 1 and time.monotonic() < end:
        time.sleep(0.1)
        if abs(look() - last) > 1:
            last, since = look(), time.monotonic()
    return last


@pytest.fixture(autouse=True)
def measurable(sanitized):
    if sanitized or not pathlib.Path("/proc/self/status").exists():
        pytest.skip("memory is not to be measured here")


def test_answers_that_nobody_takes(start):
    """9 MB each, for equal texts cost the engine nothing."""
    server = start("--model", "m")
    request = raw.post("/embed", json.dumps({"inputs": ["a"] * 2048}).encode(), close=False)
    sockets = stubborn(server, request, 100)
    assert settle(lambda: rss_mb(server)) < BOUND_MB + 150
    assert raw.ask(server.port, "/embed", b'{"inputs":"a"}').status == 200  # others are served meanwhile
    for sock in sockets:
        sock.close()
    assert settle(lambda: rss_mb(server)) < BOUND_MB


def test_tokens_that_nobody_takes(launch_candle, tmp_path):
    """Some 30 bytes for each byte that came; and no answer is longer than 64 MB."""
    server = launch_candle(tmp_path, "--model", str(ROOT / "tests/fixtures/tiny-bert"))
    try:
        request = raw.post("/tokenize", json.dumps({"inputs": "a " * 300000}).encode(), close=False)
        sockets = stubborn(server, request, 20)
        assert settle(lambda: rss_mb(server)) < BOUND_MB + 250
        for sock in sockets:
            sock.close()
        assert settle(lambda: rss_mb(server)) < BOUND_MB
        assert raw.ask(server.port, "/tokenize", json.dumps({"inputs": "a " * 3000000}).encode()).status == 413
    finally:
        server.stop()


@pytest.mark.parametrize("model", ["roberta", "xlm-roberta"])
def test_what_long_texts_took_goes_back(launch_candle, tmp_path, model):
    """BPE and Unigram take up to a hundred bytes for each byte of a word. Afterwards neither a worker, nor the engine, nor the allocator keeps them."""
    server = launch_candle(tmp_path, "--model", str(ROOT / "tests/fixtures/models" / model), "--threads", "2", "--workers", "2")
    text = "ab" * 500000
    try:
        before = settle(lambda: rss_mb(server))
        for texts in ([text], [text, text + "!"], [text[1:], text[2:], text[3:]], [text[: 200000 + i] for i in range(4)]):
            assert raw.ask(server.port, "/embed", json.dumps({"inputs": texts}).encode()).status == 200
        assert settle(lambda: rss_mb(server)) < before + 25
    finally:
        server.stop()
