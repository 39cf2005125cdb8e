# SPDX-License-Identifier: Apache-2.0
"""What can go wrong at a hub: functions for Hub.fault. Each answers in the hub's place, or returns None to let it answer."""
import gzip
import threading


class Times:
    """Applies a fault to the first n requests whose path holds `part` (on `host`), and counts them."""

    def __init__(self, fault, part="", host=None, n=10**9, method="GET"):
        self.fault, self.part, self.host, self.n, self.method, self.seen, self.lock = fault, part, host, n, method, 0, threading.Lock()

    def __call__(self, request):
        if self.part not in request.path or (self.host and request.host != self.host) or request.command != self.method:
            return None
        with self.lock:
            self.seen += 1
            if self.seen > self.n:
                return None
        return self.fault(request)


def status(code, **headers):
    return lambda request: request.answer(code, {name.replace("_", "-"): value for name, value in headers.items()}, b"<html>no</html>")


def data_of(request):
    """The bytes that a request for a large file is for."""
    digest = request.path.split("/")[-1].split("?")[0]
    return next(data for repository in request.hub.repositories.values() for path, data in repository.files.items()
                if repository.digest(path) == digest)


def head(status, length, extra=b""):
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n%sConnection: close\r\n\r\n" % (status, length, extra)


def first_byte(request):
    asked = request.headers.get("Range")
    return int(asked[6:].split("-")[0]) if asked else 0


def piece(request):
    """What is to be sent, and the head that belongs to it."""
    data, first = data_of(request), first_byte(request)
    extra = b"Content-Range: bytes %d-%d/%d\r\n" % (first, len(data) - 1, len(data)) if first else b""
    return data[first:], head(206 if first else 200, len(data) - first, extra)


def cut(share):
    def fault(request):
        data, top = piece(request)
        data = data[:max(1, int(len(data) * share))]
        with request.hub.lock:
            request.hub.bytes_sent += len(data)
        return request.raw(top + data)
    return fault


def stall(release):
    """Half of the file, then nothing until release is set."""
    def fault(request):
        data, top = piece(request)
        request.wfile.write(top + data[:len(data) // 2])
        request.wfile.flush()
        release.wait(30)
        return request.cut()
    return fault


def slowly(chunk, pause):
    """The file in chunks with pauses, so that there is a middle to be killed in."""
    def fault(request):
        data, top = piece(request)
        request.wfile.write(top)
        for i in range(0, len(data), chunk):
            request.wfile.write(data[i:i + chunk])
            request.wfile.flush()
            pause(i)
        return request.cut()
    return fault


def other_bytes(request):
    data, top = piece(request)
    return request.raw(top + bytes(b ^ 1 for b in data))


def too_long(request):
    data = data_of(request)
    return request.raw(head(200, len(data) + 1000) + data + b"x" * 1000)


def too_short(request):
    data = data_of(request)[:-1000]
    if first_byte(request) >= len(data):
        return request.answer(416)
    return request.raw(head(200, len(data)) + data)


def no_range(request):
    return request.raw(head(200, len(data_of(request))) + data_of(request))


def wrong_range(request):
    """Another part than was asked for."""
    data = data_of(request)
    return request.raw(head(206, len(data), b"Content-Range: bytes 0-%d/%d\r\n" % (len(data) - 1, len(data))) + data)


def loop(request):
    return request.answer(302, {"Location": request.path})


def redirect(target):
    return lambda request: request.answer(302, {"Location": target})


def gzip_bomb(request):
    body = gzip.compress(b" " * (256 << 20), 1)
    return request.answer(200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, body)
