# SPDX-License-Identifier: Apache-2.0
"""What the server does with a request before and after its dialect: routes, methods, media types, limits, ids, headers."""
import http.client
import json
import re
import socket
import threading
import time

import pytest


def test_every_dialect_answers(server):
    vector = server.ask("POST", "/embed", {"inputs": "hello"}).json[0]
    assert len(vector) == 384
    assert server.embed().json["embeddings"] == [vector]
    assert server.ask("POST", "/v1/embeddings", {"model": "m", "input": "hello"}).json["data"][0]["embedding"] == vector
    assert server.ask("POST", "/api/embed", {"model": "m", "input": "hello"}).json["embeddings"] == [vector]


@pytest.mark.parametrize("path, code", [
    ("/nothing", lambda e: e["error"]["code"]),
    ("/v1/nothing", lambda e: e["error"]["type"]),
    ("/api/nothing", lambda e: e["error"]),
    ("/api/v1/nothing", lambda e: e["error"]["code"]),
])
def test_unknown_paths_are_404_in_the_form_of_their_dialect(server, path, code):
    reply = server.get(path)
    assert reply.status == 404 and code(reply.json)


@pytest.mark.parametrize("method, path, allow", [
    ("GET", "/api/v1/embed", "POST"),
    ("PUT", "/api/v1/embed", "POST"),
    ("GET", "/v1/embeddings", "POST"),
    ("DELETE", "/embed", "POST"),
    ("GET", "/api/embed", "POST"),
    ("POST", "/health", "GET, HEAD"),
    ("POST", "/metrics", "GET, HEAD"),
])
def test_other_methods_are_405_and_say_which_there_are(server, method, path, allow):
    reply = server.ask(method, path, b"{}" if method != "GET" else None)
    assert reply.status == 405 and reply.headers["Allow"] == allow
    assert reply.json["error"]


@pytest.mark.parametrize("path", ["/api/v1/embed", "/v1/embeddings", "/embed"])
@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
def test_a_body_that_is_not_json_is_415(server, path, media):
    reply = server.ask("POST", path, b'{"inputs": "a", "input": "a"}', {"Content-Type": media})
    assert reply.status == 415 and reply.json["error"]


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_ollama_s_examples_name_no_type_but_pages_must(server, media):
    body = b'{"model": "mock", "input": "a"}'
    assert server.ask("POST", "/api/embed", body, {"Content-Type": media}).status in (200, 404)
    reply = server.ask("POST", "/api/embed", body, {"Content-Type": media, "Origin": "https://elsewhere.example"})
    assert reply.status == 415 and reply.json["error"]


def test_json_with_a_charset_is_json(server):
    assert server.embed(headers={"Content-Type": "Application/JSON; charset=utf-8"}).status == 200


@pytest.mark.parametrize("body", [b"", b"   ", b"[]", b"{", b'{"inputs": "a"} x', b'{"inputs": "a", "inputs": "b"}', b'{"inputs": "\\ud800"}',
                                  b'{"inputs": "\xff"}', b'{"inputs": 1e999}', b"[" * 5000, b'{"inputs":' * 3000])
def test_bad_json_is_400_and_names_no_text(server, body):
    reply = server.ask("POST", "/api/v1/embed", body)
    assert reply.status == 400 and reply.json["error"]["code"] == "invalid_input"


def test_limits_are_413(server):
    assert server.embed(["a"] * 50).status == 200
    assert server.embed(["a"] * 51).status == 413
    reply = server.embed("a" * 100001)
    assert reply.status == 413 and reply.json["error"]["code"] == "payload_too_large"
    reply = server.ask("POST", "/v1/embeddings", {"input": "a" * 100001})
    assert reply.status == 413 and reply.json["error"]["message"]
    # A client that does not wait for the answer before it has sent all of it still gets it.
    reply = server.raw(b"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900000)
    assert reply.startswith(b"HTTP/1.1 413 ") and b'"error_type"' in reply


def test_a_head_that_is_too_long_is_431(server):
    reply = server.raw(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * 20000 + b"\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 431 ")
    assert json.loads(reply.split(b"\r\n\r\n", 1)[1])["error"]["code"] == "invalid_input"


@pytest.mark.parametrize("head", [
    b"Content-Length: 13\r\nContent-Length: 13", b"Content-Length: 13\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nContent-Length: 13",
    b"Content-Length: +13", b"Content-Length: 18446744073709551629", b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding : chunked",
    b"Content-Length: 13\r\n folded", b"Content-Length: 13\nX: y",
])
def test_ambiguous_framing_is_refused_once(server, head):
    reply = server.raw(b"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + head +
                       b'\r\n\r\n{"inputs":"a"}GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
    assert re.match(rb"HTTP/1\.1 (400|501) ", reply), reply
    assert reply.count(b"HTTP/1.1 ") == 1 and b"Connection: close" in reply


def test_chunked_bodies_and_pipelining(server):
    body = b'{"inputs":"hello","dimensions":2}'
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 5]), body[i:i + 5]) for i in range(0, len(body), 5)) + b"0\r\n\r\n"
    one = b"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    reply = server.raw(one * 50 + b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert reply.count(b"HTTP/1.1 200 OK") == 51
    assert reply.endswith(b'{"status":"ok"}')
    assert len(set(re.findall(rb"\[\[.*?\]\]", reply))) == 1


def test_head_is_get_without_a_body(server):
    reply = server.ask("HEAD", "/health/live")
    assert reply.status == 200 and reply.body == b"" and int(reply.headers["Content-Length"]) == 15


def test_keep_alive_serves_many(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    local = None
    for _ in range(100):
        assert server.embed(connection=connection).status == 200
        local = local or connection.sock.getsockname()
        assert connection.sock.getsockname() == local
    connection.close()


def test_request_ids(server):
    given = server.get("/health/live", **{"X-Request-Id": "abc-1.2_3:/+=@"})
    assert given.headers["x-request-id"] == "abc-1.2_3:/+=@"
    made = [server.get("/health/live", **headers).headers["x-request-id"]
            for headers in ({}, {}, {"X-Request-Id": "a b"}, {"X-Request-Id": 'a"b'}, {"X-Request-Id": "x" * 129}, {"X-Request-Id": ""})]
    assert len(set(made)) == 6 and all(re.fullmatch("[0-9a-f]{16}", one) for one in made)
    assert server.get("/nothing", **{"X-Request-Id": "x" * 128}).headers["x-request-id"] == "x" * 128


def test_times_in_headers(server):
    reply = server.embed(["a", "b"])
    for name in ("x-queue-time", "x-tokenization-time", "x-inference-time"):
        assert 0 <= float(reply.headers[name]) < 10000


def test_large_batches_come_back_in_order(start):
    server = start()
    texts = [f"text {i} " + "x" * (i % 200) for i in range(2048)]
    reply = server.ask("POST", "/embed", {"inputs": texts, "dimensions": 8})
    assert reply.status == 200
    vectors = reply.json
    assert len(vectors) == 2048
    for i in (0, 1, 1000, 2047):
        assert server.ask("POST", "/embed", {"inputs": texts[i], "dimensions": 8}).json[0] == vectors[i]


def test_many_clients_at_once(server):
    failures = []

    def work(number):
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        for i in range(30):
            text = f"{number} {i}"
            inputs = [text] * (1 + i % 40)
            reply = server.embed(inputs, connection=connection)
            if reply.status != 200 or len(reply.json["embeddings"]) != len(inputs) or reply.json["embeddings"][0] != reply.json["embeddings"][-1]:
                failures.append((number, i, reply.status, reply.body[:200]))
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_clients_that_hang_up_leave_nothing_behind(server):
    body = json.dumps({"inputs": ["x" * 100] * 40}).encode()
    request = (b"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
    for i in range(500):
        sock = server.connect()
        sock.sendall(request[: len(request) if i % 3 else i % len(request)])
        if i % 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
    deadline = time.monotonic() + 10
    while True:
        metrics = server.get("/metrics").body.decode()
        connections = float(re.search(r"^wick_connections (\S+)", metrics, re.MULTILINE).group(1))
        depth = re.findall(r"^wick_queue_depth\S* (\S+)", metrics, re.MULTILINE)
        if connections <= 1 and all(float(one) == 0 for one in depth):
            break
        assert time.monotonic() < deadline, (connections, depth)
        time.sleep(0.05)
    assert server.embed().status == 200


def test_slow_clients_meet_the_deadline(start):
    server = start("--read-timeout", "500")
    socks = [server.connect() for _ in range(20)]
    begin = time.monotonic()
    request = b"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    alive = set(range(20))
    at = 0
    while alive and time.monotonic() - begin < 5:
        for i in list(alive):
            try:
                socks[i].sendall(request[at % len(request):][:1])
            except OSError:
                alive.discard(i)
        at += 1
        time.sleep(0.05)
        assert server.embed().status == 200
    assert not alive and time.monotonic() - begin < 4


def test_idle_connections_are_closed(start):
    server = start("--idle-timeout", "400")
    with server.connect() as sock:
        sock.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        begin = time.monotonic()
        assert b"200 OK" in server.read_all(sock)
        assert 0.3 < time.monotonic() - begin < 3


def test_a_full_queue_is_429_with_retry_after(start):
    server = start("--queue-tokens", "4000", "--batch-tokens", "64")
    statuses, waits = [], []
    body = {"inputs": ["x" * 400] * 50, "dimensions": 1}

    def work():
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        for _ in range(20):
            begin = time.monotonic()
            reply = server.ask("POST", "/api/v1/embed", body, connection=connection)
            statuses.append(reply.status)
            if reply.status == 429:
                waits.append(time.monotonic() - begin)
                assert reply.json["error"]["code"] == "overloaded"
                assert int(reply.headers["Retry-After"]) >= 1
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200, 429}, set(statuses)


def test_every_answer_is_counted(server):
    server.embed()
    server.get("/nothing")
    text = server.get("/metrics").body.decode()
    assert re.search(r'^wick_requests_total\{route="/api/v1/embed",status="200"\} [1-9]', text, re.MULTILINE)
    assert re.search(r'^wick_requests_total\{route="other",status="404"\} [1-9]', text, re.MULTILINE)
    assert re.search(r'^wick_texts_total\{model="m"\} [1-9]', text, re.MULTILINE)
