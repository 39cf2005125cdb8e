# SPDX-License-Identifier: Apache-2.0
"""One `wick serve` on loopback for the load parts: started, watched (memory, descriptors, CPU time, metrics) and ended by its process id.

The server is $WICK_BIN, else `wick` in $WICK_BUILD, else in build/. Called by parts.py and faults.py."""
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
FOREIGN = ("WICK_CONFIG", "WICK_DEVICE", "CANDLE_DEVICE", "WICK_LOG", "RUST_LOG", "WICK_API_KEYS")


def build_folder():
    return pathlib.Path(os.environ.get("WICK_BUILD") or ROOT / "build").resolve()


def binary():
    return str(pathlib.Path(os.environ.get("WICK_BIN") or build_folder() / "wick").resolve())


def cpu_seconds(pid):
    """User and system time of a process, with those of its children that have ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


class Server:
    """cpus: a set of cores it is bound to. Its log goes to a file, as in production; log_level "off" switches it off."""

    def __init__(self, *arguments, provider=None, model=None, dtype=None, cpus=None, log_level="info", env=None):
        self.folder = tempfile.TemporaryDirectory(prefix="wick-load-")
        folder = pathlib.Path(self.folder.name)
        port_file = folder / "port"
        command = [binary(), "serve", "--port", "0", "--port-file", str(port_file), "--log-level", log_level]
        command += ["--provider", provider] if provider else []
        command += ["--model", model] if model and provider != "mock" else []
        command += ["--dtype", dtype] if dtype else []
        base = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        self.log_path = folder / "log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*command, *map(str, arguments)], cwd=folder, env={**base, "XDG_CONFIG_HOME": str(folder), **(env or {})},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=lambda: cpus and os.sched_setaffinity(0, cpus))
        self.pid = self.process.pid
        deadline = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text().endswith("\n")):
            if self.process.poll() is not None or time.monotonic() > deadline:
                message = self.log_path.read_text()
                self.close()
                raise RuntimeError(f"the server did not start: {message}")
            time.sleep(0.01)
        self.port = int(port_file.read_text())

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.folder.cleanup()

    # ---- asking ----

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text

    def connect(self, timeout=20):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def metrics(self):
        """{'wick_texts_total{model="m"}': 3.0, ...}"""
        _, text = self.ask("GET", "/metrics")
        pairs = (line.rsplit(" ", 1) for line in text.decode().splitlines() if line and line[0] != "#")
        return {name: float(value) for name, value in pairs}

    # ---- watching ----

    def rss_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.pid}/status").read_text()).group(1))

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu(self):
        return cpu_seconds(self.pid)


def total(metrics, name, **labels):
    """The sum over all series of a metric that carry these labels."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(value for series, value in metrics.items()
               if series.partition("{")[0] == name and all(label in series for label in wanted))
