# SPDX-License-Identifier: Apache-2.0
"""Black-box tests of `wick serve` with the mock provider. WICK_BIN names the binary; else WICK_BUILD's folder, else build/, holds it."""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Variables that would change what the server does.
FOREIGN = ("WICK_CONFIG", "WICK_DEVICE", "CANDLE_DEVICE", "WICK_LOG", "RUST_LOG", "HF_HUB_OFFLINE", "WICK_API_KEYS")


def find_binary():
    named = os.environ.get("WICK_BIN")
    return pathlib.Path(named) if named else ROOT / os.environ.get("WICK_BUILD", "build") / "wick"


def build_option(name):
    """A value of the build's CMakeCache.txt; "" where there is none."""
    cache = find_binary().parent / "CMakeCache.txt"
    lines = cache.read_text().splitlines() if cache.exists() else []
    return next((line.split("=", 1)[1] for line in lines if line.startswith(name + ":")), "")


def default_signals():
    """What a terminal's shell starts commands with, even where the tests run in the background."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    """A server process in a folder of its own."""

    def __init__(self, folder, arguments, env=None):
        self.folder = folder
        self.log_path = folder / "log"
        port_file = folder / "port"
        port_file.unlink(missing_ok=True)
        base = {**{name: value for name, value in os.environ.items() if name not in FOREIGN}, "HF_HUB_OFFLINE": "1"}
        base["XDG_CONFIG_HOME"] = str(folder / "no-config")
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [str(find_binary().resolve()), "serve", "--provider", "mock", "--port", "0", "--port-file", str(port_file), *arguments],
            cwd=folder, env={**base, **(env or {})}, stderr=self.log, stdout=self.log, preexec_fn=default_signals)
        deadline = time.monotonic() + 30
        while not (port_file.exists() and port_file.read_text().endswith("\n")):
            assert self.process.poll() is None, self.log_path.read_text()
            assert time.monotonic() < deadline, self.log_path.read_text()
            time.sleep(0.01)
        self.port = int(port_file.read_text())

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, method, path, body=None, headers=None, connection=None):
        """body: bytes as they are; anything else as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        own.request(method, path, body=body, headers=headers)
        answer = own.getresponse()
        reply = Reply(answer.status, answer.headers, answer.read())
        if not connection:
            own.close()
        return reply

    def get(self, path, **headers):
        return self.ask("GET", path, headers=headers)

    def embed(self, inputs="hello", **more):
        return self.ask("POST", "/api/v1/embed", {"inputs": inputs}, **more)

    def raw(self, request):
        """Sends bytes, reads to the end."""
        with self.connect() as sock:
            sock.sendall(request)
            return self.read_all(sock)

    @staticmethod
    def read_all(sock):
        parts = []
        try:
            while part := sock.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)

    def signal(self, number):
        self.process.send_signal(number)

    def wait_for(self, look, seconds=30):
        """Until look() is true; what it was then. For states that come by themselves, and not for as long as they usually take."""
        deadline = time.monotonic() + seconds
        while not (value := look()):
            assert time.monotonic() < deadline, self.log_path.read_text()
            time.sleep(0.01)
        return value

    def wait_for_log(self, word, times=1):
        self.wait_for(lambda: self.log_path.read_text().count(word) >= times)
        return self.log_path.read_text()

    def wait_for_connections(self, n):
        """Until the server has accepted so many, the one that asks left out."""
        self.wait_for(lambda: re.search(rb"^wick_connections (\d+)", self.get("/metrics").body, re.MULTILINE)[1] == b"%d" % (n + 1))

    def stop(self, code=0, seconds=30):
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        done = self.process.wait(timeout=seconds)
        self.log.close()
        text = self.log_path.read_text()
        assert done == code, text
        assert "ERROR: " not in text and "WARNING: ThreadSanitizer" not in text, text  # of a sanitizer
        return text


@pytest.fixture(scope="session")
def launch():
    """launch(folder, arguments): a server that the test stops itself."""
    return Server


@pytest.fixture(scope="session")
def launch_candle():
    """launch_candle(folder, *arguments): a server with the native engine, which the caller stops."""
    if build_option("WICK_CANDLE") == "OFF":
        pytest.skip("the native engine is not built in")
    servers = []

    def begin(folder, *arguments):
        servers.append(Server(folder, ("--provider", "candle", *arguments)))
        return servers[-1]

    yield begin
    for server in servers:
        if server.process.poll() is None:  # its test failed
            server.process.kill()
            server.process.wait()


@pytest.fixture(scope="session")
def sanitized():
    """Whether the build carries sanitizers, which take memory of their own."""
    return build_option("WICK_SANITIZE") != ""


@pytest.fixture(scope="session")
def binary_path():
    return str(find_binary().resolve())


@pytest.fixture
def binary():
    return str(find_binary().resolve())


@pytest.fixture(scope="session", autouse=True)
def built_in():
    if build_option("WICK_SERVER") == "OFF":
        pytest.skip("the server is not built in")


@pytest.fixture
def start(tmp_path):
    """start("--flag", ...) starts a server that the test's end stops, cleanly."""
    servers = []

    def begin(*arguments, env=None):
        server = Server(tmp_path, arguments, env)
        servers.append(server)
        return server

    yield begin
    for server in servers:
        if server.process.returncode is None:
            try:
                server.stop()
            finally:
                if server.process.poll() is None:
                    server.process.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for all tests of a module that leave it as it is."""
    own = Server(tmp_path_factory.mktemp("server"), ("--model", "m", "--max-body", "100000", "--max-texts", "50"))
    yield own
    own.stop()


@pytest.fixture
def fails(tmp_path):
    """Runs the server with arguments that it must refuse; returns its one line."""

    def run(*arguments, env=None, code=1):
        base = {**{name: value for name, value in os.environ.items() if name not in FOREIGN}, "HF_HUB_OFFLINE": "1"}
        base["XDG_CONFIG_HOME"] = str(tmp_path / "no-config")
        done = subprocess.run([str(find_binary().resolve()), "serve", "--provider", "mock", *arguments], cwd=tmp_path, env={**base, **(env or {})},
                              capture_output=True, timeout=30)
        assert done.returncode == code, done.stderr
        lines = [line for line in done.stderr.decode().splitlines() if line.startswith("wick: ")]
        assert len(lines) == 1, done.stderr
        return lines[0]

    return run
