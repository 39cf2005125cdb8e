# SPDX-License-Identifier: Apache-2.0
"""Who may ask: keys, origins, Host headers, public addresses; and what stands in the log."""
import json
import os
import signal
import time

import pytest

ONE, TWO, THREE, FOUR = "key-number-one-1111", "key-number-two-2222", "key-number-three-33", "key-number-four-444"
SECRET_TEXT = "the-text-of-a-user-that-nobody-else-may-read"


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def keyed(start, tmp_path):
    (tmp_path / "keys").write_text(f"# ours\n{ONE}\n\n{TWO}\r\n")
    (tmp_path / "config.toml").write_text(f'[server]\napi_keys = ["{FOUR}"]\n')
    return start("--api-key-file", "keys", env={"WICK_API_KEYS": THREE})


def test_each_key_opens_and_nothing_else(keyed):
    for key in (ONE, TWO, THREE, FOUR):
        assert keyed.embed(headers=bearer(key)).status == 200
        assert keyed.embed(headers={"Authorization": f"bearer  {key}"}).status == 200
    for wrong in (ONE[:-1], ONE + "1", ONE.upper(), "", "x" * 600, ONE + " " + TWO, f"{ONE},{TWO}"):
        assert keyed.embed(headers=bearer(wrong)).status == 401, wrong
    for value in (ONE, f"Basic {ONE}", f"Bearer{ONE}", "Bearer"):
        assert keyed.embed(headers={"Authorization": value}).status == 401
    reply = keyed.embed()
    assert reply.status == 401 and reply.headers["WWW-Authenticate"] == "Bearer"
    assert reply.json["error"]["code"] == "unauthorized"


@pytest.mark.parametrize("path, member", [("/v1/embeddings", "type"), ("/embed", None), ("/api/embed", None)])
def test_401_in_the_form_of_the_dialect(keyed, path, member):
    reply = keyed.ask("POST", path, {"input": "a", "inputs": "a"})
    assert reply.status == 401 and (reply.json["error"][member] if member else reply.json["error"])


def test_what_is_public_and_what_is_not(keyed):
    for path in ("/health", "/health/live", "/health/ready", "/openapi.json"):
        assert keyed.get(path).status == 200, path
    for path in ("/metrics", "/api/v1/models", "/v1/models", "/info", "/api/tags"):
        assert keyed.get(path).status == 401, path
        assert keyed.get(path, **bearer(TWO)).status == 200, path
    assert keyed.get("/nothing").status == 404


def test_an_unauthorized_large_body_is_not_read(keyed):
    with keyed.connect() as sock:
        sock.sendall(b"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000000\r\n\r\n")
        assert b"HTTP/1.1 401 " in keyed.read_all(sock)
    line = next(line for line in keyed.wait_for_log("status=401").splitlines() if "status=401" in line)
    assert 0 <= float(line.split(" ms=")[1].split()[0]) < 5000


def test_public_metrics(start):
    server = start("--public-metrics", env={"WICK_API_KEYS": ONE})
    assert server.get("/metrics").status == 200 and server.embed().status == 401


def test_sighup_reads_keys_again(keyed, tmp_path):
    (tmp_path / "keys").write_text("a-new-key-of-today\n")
    keyed.signal(signal.SIGHUP)
    keyed.wait_for_log("SIGHUP: log level and 3 API keys read again")
    assert keyed.embed(headers=bearer("a-new-key-of-today")).status == 200
    assert keyed.embed(headers=bearer(ONE)).status == 401
    assert keyed.embed(headers=bearer(THREE)).status == 200
    # A file that went wrong leaves the keys as they are.
    (tmp_path / "keys").write_text("short\n")
    keyed.signal(signal.SIGHUP)
    log = keyed.wait_for_log("the API keys stay as they were")
    assert "short" not in log
    assert keyed.embed(headers=bearer("a-new-key-of-today")).status == 200


def test_sighup_reads_the_log_level_again(start, tmp_path):
    (tmp_path / "config.toml").write_text('[server]\nlog_level = "error"\n')
    server = start()
    server.embed(headers={"X-Request-Id": "quiet-one"})
    (tmp_path / "config.toml").write_text('[server]\nlog_level = "info"\n')
    server.signal(signal.SIGHUP)
    server.wait_for_log("SIGHUP")
    server.embed(headers={"X-Request-Id": "loud-one"})
    log = server.wait_for_log("loud-one")
    assert "quiet-one" not in log


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_the_log_has_no_text_and_no_key(start, log_format):
    server = start("--log-format", log_format, "--log-level", "debug", env={"WICK_API_KEYS": ONE})
    server.embed(SECRET_TEXT, headers={**bearer(ONE), "X-Request-Id": "id-one"})
    server.embed([SECRET_TEXT, 5], headers=bearer(ONE))
    server.embed(SECRET_TEXT, headers=bearer(TWO))
    server.ask("POST", "/api/v1/embed", b'{"inputs": "' + SECRET_TEXT.encode(), bearer(ONE))
    server.ask("POST", "/v1/embeddings", {SECRET_TEXT: SECRET_TEXT, "input": SECRET_TEXT, "model": SECRET_TEXT}, bearer(ONE))
    server.get("/" + SECRET_TEXT + "?q=" + SECRET_TEXT)
    server.raw(SECRET_TEXT.encode() + b"\r\n\r\n")
    metrics = server.get("/metrics", **bearer(ONE)).body.decode()
    server.wait_for_log("route=/metrics" if log_format == "logfmt" else '"route":"/metrics"')
    log = server.stop()
    for secret in (SECRET_TEXT, ONE, TWO):
        assert secret not in log and secret not in metrics
    requests = [line for line in log.splitlines() if "id-one" in line]
    assert len(requests) == 1
    if log_format == "json":
        for line in log.splitlines():
            json.loads(line)
        one = json.loads(requests[0])
        assert (one["level"], one["msg"], one["method"], one["route"], one["status"]) == ("info", "request", "POST", "/api/v1/embed", 200)
        assert one["texts"] == 1 and one["tokens"] > 0 and one["peer"] == "127.0.0.1" and one["ms"] >= 0
    else:
        assert " method=POST route=/api/v1/embed status=200 ms=" in requests[0] and " texts=1 " in requests[0] and requests[0].endswith("peer=127.0.0.1")
    assert all(word in log for word in ("401", "400", "404"))


def test_a_log_that_nobody_reads_does_not_stop_the_server(launch, tmp_path):
    os.mkfifo(tmp_path / "log")
    reader = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
    piped = launch(tmp_path, ())
    try:
        for _ in range(2000):
            assert piped.get("/health/live").status == 200
    finally:
        piped.signal(signal.SIGTERM)
        assert piped.process.wait(timeout=10) == 0
        piped.log.close()
        assert os.read(reader, 100).startswith(b"time=")  # what fitted is there
        os.close(reader)


# ---- origins ----

def test_no_cors_headers_unless_set(server):
    reply = server.get("/health/live", Origin="https://app.example")
    assert reply.status == 200 and "Access-Control-Allow-Origin" not in reply.headers


def test_allowed_origins(start):
    server = start("--cors-origin", "https://app.example", "--cors-origin", "http://localhost:3000")
    for origin in ("https://app.example", "http://localhost:3000"):
        reply = server.embed(headers={"Origin": origin})
        assert reply.headers.get_all("Access-Control-Allow-Origin") == [origin] and "Origin" in reply.headers["Vary"]
        assert "x-request-id" in reply.headers["Access-Control-Expose-Headers"]
    for origin in ("https://evil.example", "https://app.example.evil.example", "null"):
        assert "Access-Control-Allow-Origin" not in server.embed(headers={"Origin": origin}).headers
    # Errors carry them too, or a page could not read them; so do large bodies, which are looked at twice.
    assert server.get("/nothing", Origin="https://app.example").headers["Access-Control-Allow-Origin"] == "https://app.example"
    reply = server.embed("x" * 200000, headers={"Origin": "https://app.example"})
    assert reply.status == 200 and reply.headers.get_all("Access-Control-Allow-Origin") == ["https://app.example"]


def test_preflight(start):
    server = start("--cors-origin", "*", env={"WICK_API_KEYS": ONE})
    asked = {"Origin": "https://any.example", "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os"}
    reply = server.ask("OPTIONS", "/v1/embeddings", headers=asked)  # a browser sends no key with it
    assert reply.status == 204 and reply.body == b""
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in reply.headers["Access-Control-Allow-Methods"]
    assert {"authorization", "content-type", "x-stainless-os"} <= set(reply.headers["Access-Control-Allow-Headers"].lower().replace(" ", "").split(","))
    plain = server.ask("OPTIONS", "/v1/embeddings")
    assert plain.status == 204 and plain.headers["Allow"] == "POST"


# ---- Host ----

@pytest.mark.parametrize("host, status", [
    ("localhost", 200), ("localhost:8080", 200), ("LOCALHOST", 200), ("127.0.0.1:1", 200), ("[::1]:8080", 200), ("localhost.", 200),
    ("evil.example", 403), ("127.0.0.1.evil.example", 403), ("localhost.evil.example:8080", 403), ("[::2]", 403), ("", 403), ("192.0.2.7", 403),
])
def test_on_loopback_the_host_header_must_name_this_machine(server, host, status):
    reply = server.raw(f"GET /health/live HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert reply.startswith(f"HTTP/1.1 {status} ".encode()), reply


def test_allowed_hosts(start):
    server = start("--allowed-host", "wick.internal")
    for host, status in (("wick.internal:80", 200), ("localhost", 200), ("other.internal", 403)):
        reply = server.raw(f"GET /health/live HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert reply.startswith(f"HTTP/1.1 {status} ".encode()), reply


# ---- public addresses, and other ways to start wrong ----

def test_a_public_address_needs_a_key(fails, start):
    line = fails("--host", "0.0.0.0", "--port", "0")
    assert "no API key is set" in line and "--api-key-file" in line and "--allow-public" in line
    for host in ("999.1.1.1", "nohost.invalid"):
        line = fails("--host", host, "--port", "0")
        assert f"no such address" in line and f"({host}); give an address of this machine" in line and "API key" not in line
    for arguments, env in ((("--allow-public",), {}), ((), {"WICK_API_KEYS": ONE})):
        server = start("--host", "0.0.0.0", *arguments, env=env)
        reply = server.raw(b"GET /health/live HTTP/1.1\r\nHost: pod-7.example\r\nConnection: close\r\n\r\n")
        assert reply.startswith(b"HTTP/1.1 200 ")
        server.stop()


def test_keys_that_are_none(fails, tmp_path):
    assert "cannot open" in fails("--api-key-file", "absent").lower()
    (tmp_path / "empty").write_text("# nothing\n")
    assert "holds none" in fails("--api-key-file", "empty")
    (tmp_path / "bad").write_text("with a blank in it\n")
    line = fails("--api-key-file", "bad")
    assert "blank" in line and "with a" not in line and "(bad, line 1); one key a line" in line
    (tmp_path / "third").write_text(f"{ONE}\n  # and\n\t{TWO}  \n\nshort-3\n{ONE}\n")
    line = fails("--api-key-file", "third")
    assert "(third, line 5); " in line and "short-3" not in line and "8 to 512" in line
    assert "; name a file" in fails("--api-key-file", "absent")
    line = fails(env={"WICK_API_KEYS": "short12"})
    assert "short12" not in line and "8 to 512" in line


def test_blanks_around_keys_are_none_of_theirs(start, tmp_path):
    (tmp_path / "indented").write_text(f"  {ONE}\t\r\n\t{TWO}\n   # no key\n")
    server = start("--api-key-file", "indented")
    for key in (ONE, TWO):
        assert server.ask("POST", "/embed", {"inputs": "a"}, {"Authorization": f"Bearer {key}"}).status == 200
    assert server.ask("POST", "/embed", {"inputs": "a"}, {"Authorization": "Bearer # no key"}).status == 401


def test_a_taken_port(start, fails):
    server = start()
    line = fails("--port", str(server.port))
    assert f"127.0.0.1:{server.port}" in line and "already in use" in line.lower() and "another process" in line


def test_a_port_file_that_cannot_be_written(fails):
    assert "(no/such/file); --port-file names a file that can be written" in fails("--port", "0", "--port-file", "no/such/file")


def test_settings_that_are_wrong(fails, tmp_path):
    assert "address of this machine" in fails("--host", "192.0.2.1", "--port", "0", "--allow-public")
    assert "--log-level" in fails("--log-level", "loud", code=2)
    assert "no text" in fails("hello", code=2)
    (tmp_path / "config.toml").write_text("[server]\nmax_text = 5\n")
    line = fails()
    assert "config.toml:2" in line and "max_texts" in line
    (tmp_path / "config.toml").write_text('[server]\ncors_origins = "https://a.example"\n')
    assert "an array of strings" in fails()
    (tmp_path / "config.toml").write_text("[server]\nqueue_tokens = 0\n")
    assert "out of range" in fails()


def test_settings_of_the_config_file(start, tmp_path):
    (tmp_path / "config.toml").write_text(
        '[embedding]\nprovider = "mock"\nmodel = "main"\n[server]\nmodels = ["second"]\nserved_model_names = ["one=main", "two=second"]\n'
        'max_texts = 2\ncors_origins = ["https://a.example"]\nlog_format = "json"\n')
    server = start()
    for name in ("main", "second", "one", "two"):
        assert server.ask("POST", "/v1/embeddings", {"model": name, "input": "a"}).status == 200, name
    reply = server.ask("POST", "/v1/embeddings", {"model": "three", "input": "a"})
    assert reply.status == 404 and "main" in reply.body.decode()
    assert server.ask("POST", "/v1/embeddings", {"input": "a"}).status == 404  # which of the two?
    assert server.ask("POST", "/v1/embeddings", {"model": "one", "input": ["a"] * 3}).status == 413
    assert server.get("/health/live", Origin="https://a.example").headers["Access-Control-Allow-Origin"] == "https://a.example"
    json.loads(server.wait_for_log('"route":"/health/live"').splitlines()[-1])


def test_served_model_names(start):
    server = start("--model", "m", "--served-model-name", "text-embedding-3-small", "--served-model-name", "default")
    for name in ("m", "text-embedding-3-small", "default"):
        reply = server.ask("POST", "/v1/embeddings", {"model": name, "input": "a"})
        assert reply.status == 200 and reply.json["model"] == name


def test_names_of_models_that_are_not_served(start, fails, tmp_path):
    line = fails("--model", "m", "--served-model-name", "ada=mm")
    assert "ada=mm" in line and "not served" in line and "NAME=MODEL" in line
    assert "not served" in fails("--model", "m", "--model", "n", "--served-model-name", "one=m", "--served-model-name", "two=folder/n")
    assert "whose it is" in fails("--model", "m", "--model", "n", "--served-model-name", "plain")
    config = tmp_path / "config.toml"
    config.write_text('[embedding]\nmodel = "m"\n[server]\nserved_model_names = ["ada=mm"]\n')
    assert "not served" in fails()
    # The file's names belong to the file's models; flags that name another one leave them alone.
    config.write_text('[embedding]\nmodel = "m"\n[server]\nserved_model_names = ["ada=m"]\n')
    server = start("--model", "other")
    assert server.ask("POST", "/v1/embeddings", {"model": "other", "input": "a"}).status == 200
    assert server.ask("POST", "/v1/embeddings", {"model": "ada", "input": "a"}).status == 404


@pytest.mark.parametrize("origin", ["https://app.example/", "https://app.example/page", "app.example", "://app.example", "https://", "https://*.example", "https:// x"])
def test_an_origin_that_no_browser_sends(fails, origin):
    line = fails("--cors-origin", "https://right.example", "--cors-origin", origin)
    assert origin in line and "origin" in line and "https://app.example" in line


@pytest.mark.parametrize("name", ["http://wick.internal", "wick.internal:8080", "[::1]", "wick/", "a b"])
def test_a_host_that_no_header_names(fails, name):
    line = fails("--allowed-host", "right", "--allowed-host", name)
    assert name in line and "without https://, port or brackets" in line


def test_origins_and_hosts_that_are_right(start):
    origins = ("https://a.example:8443", "http://[::1]:3000", "null", "chrome-extension://abc")
    server = start(*[word for origin in origins for word in ("--cors-origin", origin)], "--allowed-host", "fe80::1", "--allowed-host", "wick.internal")
    for origin in origins:
        assert server.get("/health/live", Origin=origin).headers["Access-Control-Allow-Origin"] == origin
    for host in ("[fe80::1]:80", "wick.internal:80"):
        assert server.get("/health/live", Host=host).status == 200
