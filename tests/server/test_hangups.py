# SPDX-License-Identifier: Apache-2.0
"""Clients that leave while they wait: their work is skipped, counted as what it was (499), and nothing of them is left."""
import json
import os
import pathlib
import socket
import struct
import time

import pytest

import raw

ROOT = pathlib.Path(__file__).resolve().parents[2]


def metrics(server):
    lines = server.get("/metrics").body.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")}


def descriptors(server):
    """What they are, without the processes' numbers."""
    folder = pathlib.Path(f"/proc/{server.process.pid}/fd")
    return sorted(os.readlink(one).split(":")[0] for one in folder.iterdir())


def wait_for(look, wanted, seconds=20):
    end = time.monotonic() + seconds
    while (value := look()) != wanted:
        assert time.monotonic() < end, (value, wanted)
        time.sleep(0.05)


def leave(server, text, how):
    """Asks, and is gone."""
    sock = server.connect()
    sock.sendall(raw.post("/embed", json.dumps({"inputs": text}).encode()))
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("how", ["close", "reset"])
def test_who_leaves_the_queue_is_counted_and_leaves_nothing(launch_candle, tmp_path, how):
    server = launch_candle(tmp_path, "--model", str(ROOT / "tests/fixtures/tiny-bert"))
    try:
        raw.assert_well(server)
        wait_for(lambda: metrics(server)["wick_connections"], 1)
        before = metrics(server)
        wait_for(lambda: descriptors(server).count("socket"), 1)  # the one that listens
        n_open = descriptors(server)
        n_rounds = n_sent = gone = 0
        while gone <= 100:  # how many are gone before their turn comes is the engine's and the scheduler's
            assert n_rounds < 20, statuses
            n_rounds += 1
            with server.connect() as busy:  # keeps the engine busy for a while
                busy.sendall(raw.post("/embed", json.dumps({"inputs": [f"{i} " * 40 for i in range(200)]}).encode()))
                for i in range(500):
                    leave(server, f"text number {i}", how)
                assert b"HTTP/1.1 200" in server.read_all(busy)
            n_sent += 500
            wait_for(lambda: metrics(server)["wick_connections"], 1)
            after = metrics(server)
            statuses = {name: value - before.get(name, 0) for name, value in after.items()
                        if name.startswith('wick_requests_total{route="/embed"') and value != before.get(name, 0)}
            gone = statuses.get('wick_requests_total{route="/embed",status="499"}', 0)
        # A reset takes with it what the server has not read yet: such a request never was.
        total = sum(statuses.values())
        assert total <= n_sent + n_rounds if how == "reset" else total == n_sent + n_rounds, statuses
        assert not any('status="5' in name for name in statuses), statuses
        assert {name: value for name, value in after.items() if name.startswith("wick_errors_total") and value} == {}
        assert after['wick_texts_total{model="tiny-bert"}'] - before['wick_texts_total{model="tiny-bert"}'] == 199 * n_rounds + total - gone
        wait_for(lambda: descriptors(server), n_open)
        raw.assert_well(server)
    finally:
        text = server.stop()
    assert "level=error" not in text
