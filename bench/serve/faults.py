# SPDX-License-Identifier: Apache-2.0
"""The parts of the load harness about clients and operators that behave badly: idle, slow, hangups, sigterm. See parts.py for what a part is."""
import json
import selectors
import signal
import socket
import struct
import threading
import time

import generators
from parts import Settings
from server import Server, total

HEAD = b"POST /api/v1/embed HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def lines(settings: Settings):
    with open(settings.texts, encoding="utf-8") as file:
        return file.read().splitlines()


def request(text):
    body = json.dumps({"inputs": text}).encode()
    return HEAD % len(body) + body


def settled(look, wanted, seconds=10):
    """Waits until look() is at most `wanted`; the last value."""
    end = time.monotonic() + seconds
    while (value := look()) > wanted and time.monotonic() < end:
        time.sleep(0.05)
    return value


def idle(settings):
    """Connections without a request, and again after each of them had one request answered and went on waiting."""
    n = min(10000, settings.count * 100)
    rows = []
    with Server(provider="mock", log_level="warn") as server:
        before = server.rss_kib()
        sockets = []
        for _ in range(n):
            sockets.append(server.connect())
        settled(lambda: n - total(server.metrics(), "wick_connections"), 0)
        fresh = server.rss_kib()
        for sock in sockets:
            sock.sendall(request("hello"))
        for sock in sockets:
            answer = b""
            while not answer.endswith(b"}}"):
                more = sock.recv(65536)
                if not more:
                    raise RuntimeError(f"an idle connection was closed: {answer!r}")
                answer += more
        used = server.rss_kib()
        with generators.Quiet(server):
            cpu = server.cpu()
            time.sleep(2)
            cpu = (server.cpu() - cpu) / 2
        rows.append({"connections": n, "RSS MB before": round(before / 1024, 1), "KiB each, fresh": round((fresh - before) / n, 2),
                     "KiB each, after one request": round((used - before) / n, 2), "CPU of a core while idle": round(cpu, 4)})
        for sock in sockets:
            sock.close()
        left = settled(server.fds, 60)
        rows[0]["descriptors after"] = left
        rows[0]["RSS MB after"] = round(server.rss_kib() / 1024, 1)
    return {"title": "Idle connections", "notes": "The server's own memory; the kernel's socket buffers come on top.", "rows": rows}


class SlowClients:
    """n clients that send a request a byte a second, in a thread of its own; notes when the server closed them and with what."""

    def __init__(self, server, n):
        self.server, self.n, self.closed, self.answers = server, n, [], {}
        self._over = threading.Event()

    def _send_bytes(self, payload):
        for sock, state in self.open.items():
            try:
                sock.send(payload[state["sent"]:state["sent"] + 1])
                state["sent"] += 1
            except OSError:
                pass  # the end is read below

    def _read(self, selector, timeout):
        for key, _ in selector.select(timeout):
            sock = key.fileobj
            try:
                data = sock.recv(4096)
            except OSError:
                data = b""
            state = self.open[sock]
            state["in"] += data
            if not data:
                status = state["in"][9:12].decode() or "none"
                self.answers[status] = self.answers.get(status, 0) + 1
                self.closed.append(time.monotonic() - state["begin"])
                selector.unregister(sock)
                sock.close()
                del self.open[sock]

    def _run(self):
        payload = request("x" * 400)
        selector = selectors.DefaultSelector()
        next_byte = time.monotonic()
        while self.open and not self._over.is_set():
            if not selector.get_map():
                for sock in self.open:
                    selector.register(sock, selectors.EVENT_READ)
            if time.monotonic() >= next_byte:
                self._send_bytes(payload)
                next_byte += 1
            self._read(selector, max(0.01, next_byte - time.monotonic()))

    def __enter__(self):
        self.open = {}
        for _ in range(self.n):
            sock = self.server.connect()
            sock.setblocking(False)
            self.open[sock] = {"sent": 0, "in": b"", "begin": time.monotonic()}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()
        for sock in self.open:
            sock.close()


def slow(settings):
    n, deadline = min(2000, settings.count * 20), max(5, settings.seconds + 2)
    rows = []
    for dtype in settings.dtypes:
        with Server("--read-timeout", int(deadline * 1000), model=settings.model, dtype=dtype) as server:
            generators.wrk(server, settings.texts, 16, 1)
            peak = generators.wrk(server, settings.texts, 16, 2)
            rate = 0.5 * peak["rate"]
            without = generators.paced(server, settings.texts, rate, settings.seconds, 256)
            fds = server.fds()
            with SlowClients(server, n) as clients:
                meanwhile = generators.paced(server, settings.texts, rate, settings.seconds, 256)
                open_meanwhile = len(clients.open)
                end = time.monotonic() + deadline + 5
                while clients.open and time.monotonic() < end:
                    time.sleep(0.1)
                left = len(clients.open)
            a, b = (result["statuses"]["200"]["from_due_ms"] for result in (without, meanwhile))
            rows.append({"dtype": dtype, "slow clients": n, "open during the load": open_meanwhile, "deadline s": deadline,
                         "closed by it": len(clients.closed), "left open": left, "answers": clients.answers,
                         "closed after s": f"{min(clients.closed, default=0):.1f} to {max(clients.closed, default=0):.1f}",
                         "p50 ms without": a["p50"], "p50 ms with": b["p50"], "p99 ms without": a["p99"], "p99 ms with": b["p99"],
                         "p99 growth": round(b["p99"] / a["p99"] - 1, 3), "descriptors before, after": f"{fds}, {settled(server.fds, fds)}",
                         "other cores": f'{without["others_cores"]}, {meanwhile["others_cores"]}'})
    return {"title": "Clients that send a byte a second, beside normal load",
            "notes": "Normal load: half of the capacity, open loop. The harness's own work for the slow clients takes CPU time too.", "rows": rows}


def _hang_up(server, payload, how):
    sock = server.connect()
    sock.sendall(payload)
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def hangups(settings):
    """Clients that leave: amid the head, amid the body, while they wait, while they are being answered; with FIN and with RST."""
    n = settings.count * 10
    texts = lines(settings)
    rows = []
    with Server(model=settings.model, dtype=settings.dtypes[0]) as server:
        server.ask("POST", "/embed", b'{"inputs":"warm"}')
        many = json.dumps({"inputs": texts[:200]}).encode()
        whole = [request(text) for text in texts]
        kinds = {
            "amid the head": lambda i: whole[i % len(whole)][:40],
            "amid the body": lambda i: whole[i % len(whole)][:-5],
            "waiting for an answer": lambda i: whole[i % len(whole)],
            "waiting, 200 texts": lambda i: HEAD % len(many) + many,
        }
        for how in ("close", "reset"):
            for kind, payload in kinds.items():
                count = n if "200" not in kind else max(20, n // 20)
                for _ in range(max(1, count // 10)):  # warm: the same kind before the first look
                    _hang_up(server, payload(0), how)
                settled(lambda: total(server.metrics(), "wick_queue_tokens"), 0, 30)
                rss, fds, before = server.rss_kib(), server.fds(), server.metrics()
                begin = time.monotonic()
                for i in range(count):
                    _hang_up(server, payload(i), how)
                seconds = time.monotonic() - begin
                settled(lambda: total(server.metrics(), "wick_queue_tokens"), 0, 30)
                settled(lambda: total(server.metrics(), "wick_connections"), 1)
                after = server.metrics()
                statuses = {}
                for series, value in after.items():
                    if series.startswith("wick_requests_total") and "/metrics" not in series and value > before.get(series, 0):
                        status = series.split('status="')[1].split('"')[0]
                        statuses[status] = statuses.get(status, 0) + int(value - before.get(series, 0))
                embedded = total(after, "wick_batch_texts_sum") - total(before, "wick_batch_texts_sum")
                rows.append({"leaves": kind, "with": "FIN" if how == "close" else "RST", "clients": count, "a second": round(count / seconds),
                             "counted as": statuses, "texts embedded all the same": int(embedded),
                             "descriptors before, after": f"{fds}, {settled(server.fds, fds)}",
                             "RSS KiB grew": server.rss_kib() - rss,
                             "connections left": int(total(server.metrics(), "wick_connections")) - 1,
                             "good request after": server.ask("POST", "/embed", b'{"inputs":"hello"}')[0]})
    return {"title": "Clients that hang up", "notes": "", "rows": rows}


class Asker:
    """A client that asks again and again on one connection. lost: requests sent whole on an open connection and not answered whole."""

    def __init__(self, server, texts, offset):
        self.server, self.texts, self.offset = server, texts, offset
        self.answered, self.lost, self.refused, self.bad = 0, [], 0, []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @staticmethod
    def _answer(sock):
        data = b""
        while b"\r\n\r\n" not in data:
            more = sock.recv(65536)
            if not more:
                return data, False
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            more = sock.recv(65536)
            if not more:
                return data, False
            body += more
        return head, True

    def _run(self):
        sock = None
        i = self.offset
        while not self.over.is_set():
            try:
                sock = sock or self.server.connect()
            except OSError:
                self.refused += 1  # it listens no longer: nothing was accepted
                return
            i += 1
            try:
                sock.sendall(request(self.texts[i % len(self.texts)]))
                head, whole = self._answer(sock)
            except OSError as error:
                head, whole = repr(error).encode(), False
            if not whole:
                self.lost.append((time.monotonic(), head[:60]))
            elif b" 200 " in head.split(b"\r\n")[0]:
                self.answered += 1
            else:
                self.bad.append(head[:15])
            if not whole or b"connection: close" in head.lower():
                sock.close()
                sock = None


def _sigterms(settings, name, **arguments):
    """A connection kept alive on which the server has said "Connection: close" is not used again, as HTTP wants it."""
    texts = lines(settings)
    exits, lost, bad, answered, longest, times = [], [], [], 0, 0.0, settings.count
    for round_number in range(times):
        server = Server(log_level="info", **arguments)
        askers = [Asker(server, texts, 97 * k) for k in range(16)]
        time.sleep(0.1 + 0.003 * round_number % 0.1)
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        exits.append(server.process.wait(timeout=60))
        longest = max(longest, time.monotonic() - begin)
        for asker in askers:
            asker.over.set()
        for asker in askers:
            asker.thread.join()
            answered += asker.answered
            lost += [(round((when - begin) * 1e3, 1), what) for when, what in asker.lost]
            bad += asker.bad
        server.close()
    row = {"provider": name, "SIGTERMs": times, "exit 0": exits.count(0), "requests answered": answered, "lost": len(lost),
           "lost (ms after SIGTERM)": [f"{ms}: {what.decode(errors='replace')}" for ms, what in lost[:5]],
           "other answers": {what.decode(): bad.count(what) for what in set(bad)}, "longest until exit s": round(longest, 2)}
    return {"title": f"SIGTERM under load, 16 connections ({name})", "notes": "", "rows": [row]}


def sigterm(settings):
    """SIGTERM amid load, the mock provider."""
    return _sigterms(settings, "mock", provider="mock")


def sigterm_model(settings):
    """SIGTERM amid load, the model in the last of the dtypes."""
    dtype = settings.dtypes[-1]
    return _sigterms(settings, dtype, model=settings.model, dtype=dtype)
