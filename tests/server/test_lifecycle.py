# SPDX-License-Identifier: Apache-2.0
"""Starting, stopping, health: accepted requests are answered, ready turns 503 at once, the process ends with 0."""
import http.client
import os
import signal
import subprocess
import threading
import time

import pytest


def test_health_and_ready(server):
    for path in ("/health", "/health/live", "/health/ready"):
        reply = server.get(path)
        assert reply.status == 200 and reply.json == {"status": "ok"}


def test_health_is_cached_for_a_second(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    begin = time.monotonic()
    for _ in range(300):
        assert server.ask("GET", "/health", connection=connection).status == 200
    assert time.monotonic() - begin < 5


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="niceness is a thread's own on Linux alone")
def test_who_computes_stands_back_for_who_replies(server):
    """The lane's thread has a lower priority than the loop's, and workers that tokenize have the loop's."""
    server.embed()
    own = os.getpriority(os.PRIO_PROCESS, 0)
    pid = server.process.pid
    nice = {int(task): int(open(f"/proc/{pid}/task/{task}/stat").read().rpartition(")")[2].split()[16]) for task in os.listdir(f"/proc/{pid}/task")}
    assert nice[pid] == own
    assert sorted(nice.values()).count(min(own + 8, 19)) == 1
    assert set(nice.values()) == {own, min(own + 8, 19)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(start, number):
    server = start()
    server.embed()
    begin = time.monotonic()
    server.signal(number)
    assert server.process.wait(timeout=10) == 0
    assert time.monotonic() - begin < 3
    assert "every accepted request was answered" in server.log_path.read_text()


def refuses(server):
    try:
        server.connect().close()
    except OSError:
        return True
    return False


def test_ready_turns_503_at_once_and_what_was_accepted_is_answered(start):
    server = start()
    body = b'{"inputs":["slow"]}'
    head = b"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    with server.connect() as half, server.connect() as probe:
        half.sendall(head + body[:5])  # accepted: its first bytes are there
        probe.sendall(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in probe.recv(65536)
        server.signal(signal.SIGTERM)
        server.wait_for_log("stopping")
        probe.sendall(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = server.read_all(probe)
        assert b"503" in answer and b"Connection: close" in answer
        server.wait_for(lambda: refuses(server))  # new connections are taken for a while
        half.sendall(body[5:])
        answer = server.read_all(half)
        assert b"200 OK" in answer and b"[[" in answer
    assert server.process.wait(timeout=10) == 0


def test_a_second_signal_ends_it_at_once(start):
    server = start()
    with server.connect() as half:
        half.sendall(b"POST /embed HTTP/1.1\r\nHost: localhost\r\n")
        server.wait_for_connections(1)
        server.signal(signal.SIGTERM)
        server.wait_for_log("stopping")
        assert server.process.poll() is None
        server.signal(signal.SIGTERM)
        assert server.process.wait(timeout=5) == -signal.SIGTERM


def test_no_accepted_request_is_lost(tmp_path, launch):
    """A few rounds of SIGTERM under load: whoever got a connection and sent a request on a fresh or a kept-alive one gets its answer."""
    lost, answered = [], []
    rounds = int(os.environ.get("WICK_TEST_SIGTERMS", "5"))
    for number in range(rounds):
        server = launch(tmp_path, ())
        over = threading.Event()

        def work():
            while not over.is_set():
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
                try:
                    connection.connect()
                except OSError:
                    return  # no longer listening: not accepted
                for i in range(20):
                    try:
                        reply = server.embed("x", connection=connection)
                    except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, http.client.CannotSendRequest) as error:
                        lost.append((number, i, repr(error)))
                        break
                    answered.append(number)
                    if reply.status != 200:
                        lost.append((number, reply.status))
                    if reply.headers.get("Connection") == "close":
                        break
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        server.wait_for(lambda: answered.count(number) >= 200)
        server.signal(signal.SIGTERM)
        assert server.process.wait(timeout=30) == 0, server.log_path.read_text()
        over.set()
        for thread in threads:
            thread.join()
        server.log.close()
    assert not lost


def test_help_names_every_option(tmp_path, binary):
    out = subprocess.run([binary, "serve", "--help"], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    for word in ("--host", "--port", "--port-file", "--model", "--served-model-name", "--allow-load", "--api-key-file", "--allow-public", "--cors-origin",
                 "--allowed-host", "--batch-tokens", "--queue-tokens", "--max-body", "--max-texts", "--max-connections", "--read-timeout",
                 "--request-timeout", "--log-format", "--log-level", "--dtype", "--threads", "--config"):
        assert word in out
    assert max(len(line) for line in out.splitlines()) <= 100
