# SPDX-License-Identifier: Apache-2.0
"""A hub on loopback that speaks the protocol of the Hugging Face hub, for tests: no test needs the network.

    with LoopbackHub() as hub:
        repo = hub.add("org/name", folder_or_dict)
        hub.fault("*/model.safetensors", truncate=1000, count=1, port="store")
        ... HF_ENDPOINT=hub.endpoint ...
        hub.log                                         # what was asked: list of Request

Three ports: "hub" (the endpoint), "store" (where LFS files are redirected to, as to the hub's storage), "other" (a stranger, to which only faults lead).
From a shell: python tests/hub/loopback_hub.py --repo ORG/NAME=FOLDER [--fault 'PATTERN key=value...'] prints the endpoint and serves until it is stopped."""
import argparse
import contextlib
import dataclasses
import fnmatch
import functools
import gzip
import http.server
import json
import os
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse

from loopback_repo import Bytes, Generated, OnDisk, Repo  # noqa: F401  (for the tests)

ROLES = ("hub", "store", "other")


@dataclasses.dataclass
class Fault:
    """What goes wrong with the requests that match. Several kinds at once are possible."""
    pattern: str              # fnmatch of the path, without the query
    count: int = -1           # so many times; -1: always
    skip: int = 0             # not the first so many that match
    method: str = ""          # "GET" or "HEAD"; "": both
    port: str = ""            # "hub", "store" or "other"; "": any
    status: int = 0           # answers with this status, `headers` and `body`
    headers: dict = dataclasses.field(default_factory=dict)  # beside or in place of those of the reply; None: left out
    body: bytes | None = None  # in place of the body; of a status, or with 200
    error_code: str = ""      # X-Error-Code of a status
    retry_after: str = ""     # Retry-After of a status
    truncate: int = -1        # closes the connection after so many bytes of the body
    stall: int = -1           # sends so many bytes of the body, then nothing; -2: not even a head
    slow: int = 0             # bytes a second
    flip: bool = False        # the body's first byte is another
    size: int = -1            # the size the head tells (Content-Length and X-Linked-Size), the body being of that length
    etag: str = ""            # the ETag and X-Linked-Etag
    redirect: str = ""        # "loop" (to itself), "store", "other" (to that port, same path) or a URL; with `status`, else 302
    bomb: int = 0             # a gzip'ed body of so many zero bytes, served in a few
    drop: bool = False        # closes without a reply
    reset: bool = False       # the same with RST
    ignore_range: bool = False  # 200 and the whole file
    content_range: str = ""   # the Content-Range of a 206
    json_bytes: int = 0       # a JSON array of so many bytes
    raw: bytes = b""          # these bytes as the whole reply, then closes
    seen: int = 0

    def take(self, method, path, port):
        if not fnmatch.fnmatchcase(path, self.pattern) or (self.method and method != self.method) or (self.port and port != self.port):
            return False
        self.seen += 1
        return self.seen > self.skip and (self.count < 0 or self.seen <= self.skip + self.count)


@dataclasses.dataclass
class Request:
    """A line of the log."""
    port: str
    method: str
    path: str       # without the query
    query: str
    headers: dict   # names in lower case
    client: tuple   # the peer's address: equal for requests over one connection
    status: int = 0
    sent: int = 0   # bytes of the body


@functools.lru_cache
def bomb(n_bytes):
    return gzip.compress(bytes(n_bytes))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "loopback-hub"
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        pass

    @property
    def hub(self):
        return self.server.hub

    def do_HEAD(self):
        self.handle_one()

    def do_GET(self):
        self.handle_one()

    def handle_one(self):
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        self.query = urllib.parse.parse_qs(url.query)
        self.note = Request(self.server.role, self.command, path, url.query, {name.lower(): value for name, value in self.headers.items()},
                            self.client_address)
        with self.hub.lock:
            self.hub.log.append(self.note)
            self.faults = [fault for fault in self.hub.faults if fault.take(self.command, path, self.server.role)]
        try:
            if not self.misbehave():
                self.route(path)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True

    def fault(self, name):
        """The value of the first fault in force that has one."""
        default = Fault.__dataclass_fields__[name].default
        return next((value for fault in self.faults if (value := getattr(fault, name)) != default), default)

    def misbehave(self):
        """Faults that take the place of a reply. True: done."""
        if self.fault("drop") or self.fault("reset") or self.fault("raw"):
            if self.fault("raw"):
                self.wfile.write(self.fault("raw"))
            if self.fault("reset"):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            self.close_connection = True
            return True
        if self.fault("stall") == -2:
            self.wait_for_ever()
            return True
        if target := self.fault("redirect"):
            target = self.path if target == "loop" else getattr(self.hub, target + "_endpoint") + self.path if target in ROLES else target
            self.reply(self.fault("status") or 302, b"", {"Location": target})
            return True
        if status := self.fault("status"):
            self.fail(status, self.fault("error_code"), "as asked for", self.fault("body"))
            return True
        if self.fault("bomb"):
            self.reply(200, bomb(self.fault("bomb")), {"Content-Encoding": "gzip", "Content-Type": "application/json"})
            return True
        if self.fault("json_bytes"):
            self.reply(200, b"[" + b"1," * (self.fault("json_bytes") // 2 - 1) + b"1]", {"Content-Type": "application/json"})
            return True
        if self.fault("body") is not None:
            self.reply(200, self.fault("body"))
            return True
        return False

    # ---- what the hub answers

    def route(self, path):
        if self.server.role == "store":
            return self.serve_stored(path)
        if path == "/api/models":
            return self.search()
        if found := re.fullmatch(r"/api/models/((?:[^/]+/)?[^/]+?)(?:/(revision)/(.+)|/(tree)/([^/]+|refs/pr/\d+)(?:/(.+))?)?", path):
            name, _, revision, tree, tree_revision, under = found.groups()
            return self.in_repo(name, tree_revision or revision or "main", lambda repo, sha: self.tree(repo, sha, under) if tree else
                                self.reply_json(repo.info(sha)))
        if found := re.fullmatch(r"/((?:[^/]+/)?[^/]+)/resolve/(refs/(?:pr|convert)/[^/]+|[^/]+)/(.+)", path):
            name, revision, file = found.groups()
            return self.in_repo(name, revision, lambda repo, sha: self.resolve(repo, sha, file))
        return self.fail(404, "", "Sorry, we can't find the page you are looking for.")

    def token(self):
        """The token sent; raises Refused for one that the hub does not know."""
        value = self.headers.get("Authorization", "")
        token = value[len("Bearer "):] if value.startswith("Bearer ") else ""
        return token

    def in_repo(self, name, revision, then):
        repo, token = self.hub.repos.get(name), self.token()
        if token and token not in self.hub.tokens and self.server.role != "other":
            return self.fail(401, "", "Invalid credentials in Authorization header")
        access = self.hub.tokens.get(token, ())
        if not repo or (repo.private and name not in access):
            # The hub tells nobody which private repositories there are; without a token it says 401 to both.
            return self.fail(404 if token else 401, "RepoNotFound", "Repository not found" if token else "Invalid username or password.")
        if repo.gated and name not in access and not self.path.startswith("/api/"):
            return self.fail(403 if token else 401, "GatedRepo", f"Access to model {name} is restricted.")
        sha = repo.resolve(revision)
        if not sha:
            return self.fail(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return then(repo, sha)

    def search(self):
        wanted = self.query.get("search", [""])[0].lower()
        limit = int(self.query.get("limit", ["1000"])[0])
        found = [repo for repo in self.hub.repos.values() if wanted in repo.name.lower() and not repo.private]
        self.reply_json([repo.info(repo.sha) for repo in found][:limit])

    def tree(self, repo, sha, under):
        recursive = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        entries = repo.tree(sha, under or "", recursive)
        if under and not entries:
            return self.fail(404, "EntryNotFound", f"{under} does not exist on {sha}")
        start = int(self.query.get("cursor", ["0"])[0])
        end = start + self.hub.page_size
        more = {}
        if end < len(entries):
            query = urllib.parse.urlencode({"recursive": str(recursive).lower(), "limit": self.hub.page_size, "cursor": end})
            more["Link"] = f'<{self.hub.endpoint}{urllib.parse.urlsplit(self.path).path}?{query}>; rel="next"'
        return self.reply_json(entries[start:end], more)

    def resolve(self, repo, sha, path):
        file = repo.commits[sha].get(path)
        if not file:
            return self.fail(404, "EntryNotFound", "Entry not found", headers={"X-Repo-Commit": sha})
        etag, size = self.fault("etag") or file.etag, self.fault("size") if self.fault("size") >= 0 else file.size
        headers = {"X-Repo-Commit": sha, "Accept-Ranges": "bytes"}
        if not file.lfs:
            return self.send(file.content, size, {**headers, "ETag": f'"{etag}"', "Content-Type": "text/plain; charset=utf-8",
                                                  "Content-Disposition": f'inline; filename="{path.split("/")[-1]}";'})
        location = f"{self.hub.store_endpoint}/{repo.name}/{file.etag}/{urllib.parse.quote(path)}?X-Signature=loopback&expires=3600"
        return self.reply(302, f"Found. Redirecting to {location}".encode(),
                          {**headers, "Location": location, "X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(size), "ETag": f'"{file.oid}"'})

    def serve_stored(self, path):
        """A signed URL: a token is neither needed nor welcome (the real store answers 400 to one)."""
        if self.headers.get("Authorization"):
            return self.fail(400, "", "Only one auth mechanism allowed")
        digest = next((part for part in path.split("/") if re.fullmatch("[0-9a-f]{64}", part)), None)
        file = self.hub.stored(digest)
        if not file:
            return self.fail(403, "", "AccessDenied")
        size = self.fault("size") if self.fault("size") >= 0 else file.size
        return self.send(file.content, size, {"ETag": f'"{self.fault("etag") or digest}"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"})

    # ---- how it is sent

    def send(self, content, size, headers):
        """size bytes of content (zeros where it has fewer), or the range asked for."""
        start, end, status = 0, size, 200
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "").replace(" ", ""))
        if asked and any(asked.groups()) and not self.fault("ignore_range"):
            first, last = asked.groups()
            start = int(first) if first else max(size - int(last), 0)
            end = min(int(last) + 1, size) if first and last else size
            if start >= size or end <= start:
                return self.reply(416, b"", {"Content-Range": f"bytes */{size}"})
            status = 206
            headers["Content-Range"] = self.fault("content_range") or f"bytes {start}-{end - 1}/{size}"
        self.begin(status, {**headers, "Content-Length": str(end - start)})
        if self.command == "HEAD":
            return None
        direct = isinstance(content, OnDisk) and size == content.size and not self.faults
        if direct:
            with open(content.path, "rb") as file:
                self.note.sent += self.connection.sendfile(file, start, end - start)
        else:
            self.send_parts(content, start, end)
        return None

    def send_parts(self, content, start, end):
        cut, stall, slow = self.fault("truncate"), self.fault("stall"), self.fault("slow")
        limit = min([end - start] + [n for n in (cut, stall) if n >= 0])
        step = max(slow // 20, 1) if slow else 1 << 20
        flip = self.fault("flip")

        def body():
            had = min(end, content.size)
            yield from content.chunks(start, had)
            for at in range(max(start, had), end, 1 << 20):
                yield bytes(min(1 << 20, end - at))

        for chunk in body():
            if flip:
                chunk, flip = bytes([chunk[0] ^ 1]) + chunk[1:], False
            for at in range(0, len(chunk), step):
                part = chunk[at:at + step][:limit - self.note.sent]
                self.wfile.write(part)
                self.note.sent += len(part)
                if slow:
                    time.sleep(len(part) / slow)
                if self.note.sent == limit and limit < end - start:
                    if limit == stall:
                        self.wait_for_ever()
                    self.close_connection = True
                    return

    def wait_for_ever(self):
        """Until the client goes or the hub closes."""
        self.wfile.flush()
        self.connection.settimeout(0.1)
        while not self.hub.closing.is_set():
            try:
                if not self.connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        self.close_connection = True

    def begin(self, status, headers):
        self.note.status = status
        for fault in self.faults:
            headers.update(fault.headers)
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()

    def reply(self, status, body, headers=None):
        headers = {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}
        if self.fault("size") >= 0 and status == 200:
            headers["Content-Length"] = str(self.fault("size"))
        compress = status == 200 and "Content-Encoding" not in headers and "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > 200
        if compress:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        self.begin(status, {"Content-Length": str(len(body)), **headers})
        if self.command != "HEAD":
            self.send_parts(Bytes(body), 0, len(body))

    def reply_json(self, value, headers=None):
        self.reply(200, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8", **(headers or {})})

    def fail(self, status, code, message, body=None, headers=None):
        headers = dict(headers or {})
        if code:
            headers["X-Error-Code"] = code
        headers["X-Error-Message"] = message
        if self.fault("retry_after"):
            headers["Retry-After"] = self.fault("retry_after")
        self.reply(status, json.dumps({"error": message}).encode() if body is None else body, headers)


class Port(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, hub, role, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.hub, self.role = hub, role
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ValueError)):  # clients may go when they like
            self.hub.broken.append(repr(sys.exc_info()[1]))


class LoopbackHub:
    def __init__(self, page_size=1000, port=0):
        self.repos, self.tokens, self.faults, self.log, self.broken = {}, {}, [], [], []
        self.page_size = page_size
        self.lock, self.closing = threading.Lock(), threading.Event()
        self.ports = {role: Port(self, role, port if role == "hub" else 0) for role in ROLES}
        for role, server in self.ports.items():
            setattr(self, role + "_endpoint", f"http://127.0.0.1:{server.server_port}")
        self.endpoint = self.hub_endpoint

    def add(self, name, files, **more):
        """files: a folder, or {path: bytes | path of a file | Generated(size)}. private, gated: needs a token that was let in (hub.token). Returns the Repo."""
        self.repos[name] = Repo(name, files, **more)
        return self.repos[name]

    def token(self, token, *names):
        """A token that the hub knows, let into the private and gated repositories named."""
        self.tokens[token] = names
        return token

    def fault(self, pattern, **kinds):
        fault = Fault(pattern, **kinds)
        with self.lock:
            self.faults.append(fault)
        return fault

    def heal(self):
        with self.lock:
            self.faults.clear()

    def requests(self, pattern="*", method="", port=""):
        with self.lock:
            return [note for note in self.log if fnmatch.fnmatchcase(note.path, pattern) and method in ("", note.method) and port in ("", note.port)]

    def sent(self, pattern="*"):
        """Bytes of bodies."""
        return sum(note.sent for note in self.requests(pattern))

    def stored(self, digest):
        return next((file for repo in self.repos.values() for files in repo.commits.values() for file in files.values() if file.lfs and file.etag == digest), None)

    def close(self):
        self.closing.set()
        for server in self.ports.values():
            server.shutdown()
            server.server_close()
        assert not self.broken, self.broken

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def clean_environment(**more):
    """The environment without what would lead a client to another hub, cache, token or proxy; values of None are left out."""
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(("HF_", "HUGGING", "TRANSFORMERS_", "XDG_")) and not name.lower().endswith("_proxy") and
           name not in ("WICK_CONFIG", "WICK_LOG", "RUST_LOG")}
    return {**env, **{name: str(value) for name, value in more.items() if value is not None}}


def parse_fault(text):
    """'PATTERN key=value...': '*/model.safetensors truncate=1000 count=1 port=store'."""
    pattern, *settings = text.split()
    kinds = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        kind = type(Fault.__dataclass_fields__[key].default)
        kinds[key] = value != "0" if kind is bool else value.encode() if key in ("raw", "body") else kind(value)
    return pattern, kinds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repo", action="append", default=[], metavar="ORG/NAME=FOLDER")
    parser.add_argument("--private", action="append", default=[], metavar="ORG/NAME")
    parser.add_argument("--gated", action="append", default=[], metavar="ORG/NAME")
    parser.add_argument("--token", action="append", default=[], metavar="TOKEN=ORG/NAME,...", help="known, and let into these")
    parser.add_argument("--fault", action="append", default=[], metavar="'PATTERN KEY=VALUE...'")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", action="store_true", help="print each request when it is stopped")
    wanted = parser.parse_args()
    with LoopbackHub(port=wanted.port) as hub:
        for item in wanted.repo:
            name, _, folder = item.partition("=")
            hub.add(name, folder, private=name in wanted.private, gated=name in wanted.gated)
        for item in wanted.token:
            token, _, names = item.partition("=")
            hub.token(token, *filter(None, names.split(",")))
        for item in wanted.fault:
            pattern, kinds = parse_fault(item)
            hub.fault(pattern, **kinds)
        print(hub.endpoint, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)
        if wanted.log:
            for note in hub.log:
                print(note.port, note.method, note.path, note.status, note.sent, flush=True)


if __name__ == "__main__":
    main()
