# SPDX-License-Identifier: Apache-2.0
"""A hub on loopback: repositories from dictionaries, the routes that huggingface_hub and Wick ask, a second host that large files are redirected to, a log of requests, and faults. Used by conftest.py."""
import hashlib
import http.server
import json
import socket
import threading
import time
import urllib.parse


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Repository:
    """Files at one commit; large ones (over `large` bytes) as the hub keeps them: LFS, with their SHA-256."""

    def __init__(self, files, large=10000, revisions=("main",)):
        self.files, self.large, self.revisions = dict(files), large, list(revisions)
        self.commit = hashlib.sha1(repr(sorted((k, hashlib.sha1(v).hexdigest()) for k, v in self.files.items())).encode()).hexdigest()

    def is_large(self, path):
        return len(self.files[path]) > self.large

    def digest(self, path):
        data = self.files[path]
        return hashlib.sha256(data).hexdigest() if self.is_large(path) else git_sha1(data)

    def tree(self):
        entries = []
        for path, data in self.files.items():
            entry = {"type": "file", "oid": git_sha1(data), "size": len(data), "path": path}
            if self.is_large(path):
                entry["lfs"] = {"oid": self.digest(path), "size": len(data), "pointerSize": 134}
            entries.append(entry)
        return entries


class Hub:
    """`fault(request) -> bool | None` may answer in the hub's place: request has .path, .answer(status, headers, body), .raw(bytes), .host ("hub" or "store")."""

    def __init__(self):
        self.repositories, self.log, self.fault, self.page_size, self.token = {}, [], None, 1000, None
        self.bytes_sent = 0
        self.lock = threading.Lock()
        self.servers = [self._serve("hub"), self._serve("store")]
        self.url, self.store_url = (f"http://127.0.0.1:{s.server_address[1]}" for s in self.servers)

    def _serve(self, host):
        hub = self

        class Handler(Request):
            pass

        Handler.hub, Handler.host = hub, host
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    def add(self, name, repository):
        self.repositories[name] = repository
        return repository

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def requests(self, part="", method=None):
        return [r for r in self.log if part in r["path"] and (method is None or r["method"] == method)]


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            pass

    def answer(self, status, headers=None, body=b""):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name in headers or {}):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
            with self.hub.lock:
                self.hub.bytes_sent += len(body)
        return True

    def raw(self, data):
        self.wfile.write(data)
        self.wfile.flush()
        self.cut()
        return True

    def cut(self):
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        return True

    def json(self, value, headers=None):
        return self.answer(200, {"Content-Type": "application/json", **(headers or {})}, json.dumps(value).encode())

    def missing(self, code, status=404):
        return self.answer(status, {"X-Error-Code": code, "X-Error-Message": "not found"}, b'{"error":"not found"}')

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        entry = {"method": self.command, "path": self.path, "host": self.host, "range": self.headers.get("Range"),
                 "authorization": self.headers.get("Authorization"), "time": time.monotonic()}
        with self.hub.lock:
            self.hub.log.append(entry)
        if self.hub.fault and self.hub.fault(self):
            return
        path = urllib.parse.urlsplit(self.path)
        parts = path.path.strip("/").split("/")
        if self.host == "store":
            self.blob(parts)
        elif self.hub.token and self.headers.get("Authorization") != "Bearer " + self.hub.token:
            self.missing("GatedRepo", 401)
        elif parts[:2] == ["api", "models"]:
            self.api("/".join(parts[2:4]), parts[4:], urllib.parse.parse_qs(path.query))
        elif len(parts) > 4 and parts[2] == "resolve":
            self.resolve("/".join(parts[:2]), urllib.parse.unquote(parts[3]), urllib.parse.unquote("/".join(parts[4:])))
        else:
            self.missing("EntryNotFound")

    def find(self, name, revision):
        repository = self.hub.repositories.get(name)
        if not repository:
            self.missing("RepoNotFound")
        elif revision not in (*repository.revisions, repository.commit):
            self.missing("RevisionNotFound")
        else:
            return repository
        return None

    def api(self, name, parts, query):
        revision = urllib.parse.unquote(parts[1]) if len(parts) > 1 else "main"
        repository = self.find(name, revision)
        if not repository:
            return
        if parts[:1] == ["tree"]:
            entries, first = repository.tree(), int(query.get("cursor", ["0"])[0])
            last = first + self.hub.page_size
            headers = {}
            if last < len(entries):
                headers["Link"] = f'<{self.hub.url}{urllib.parse.urlsplit(self.path).path}?recursive=true&cursor={last}>; rel="next"'
            self.json(entries[first:last], headers)
        else:
            self.json({"id": name, "modelId": name, "sha": repository.commit, "private": False, "gated": False, "tags": [], "downloads": 0,
                       "likes": 0, "siblings": [{"rfilename": p} for p in repository.files]})

    def resolve(self, name, revision, path):
        repository = self.find(name, revision)
        if not repository:
            return
        headers = {"X-Repo-Commit": repository.commit}
        if path not in repository.files:
            self.answer(404, {**headers, "X-Error-Code": "EntryNotFound"}, b"")
            return
        data = repository.files[path]
        if repository.is_large(path):
            digest = repository.digest(path)
            self.answer(302, {**headers, "X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data)), "ETag": '"pointer"',
                              "Location": f"{self.hub.store_url}/blobs/{digest}?signature=x"})
        else:
            self.content(data, {**headers, "ETag": f'"{git_sha1(data)}"'})

    def blob(self, parts):
        for repository in list(self.hub.repositories.values()):
            for path, data in repository.files.items():
                if parts[-1] == repository.digest(path):
                    self.content(data, {"ETag": f'"{parts[-1]}"'})
                    return
        self.missing("EntryNotFound")

    def content(self, data, headers):
        asked = self.headers.get("Range")
        headers = {"Accept-Ranges": "bytes", **headers}
        if asked:
            first = int(asked[len("bytes="):].split("-")[0])
            if first >= len(data):
                self.answer(416, {**headers, "Content-Range": f"bytes */{len(data)}"})
                return
            self.answer(206, {**headers, "Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"}, data[first:])
        else:
            self.answer(200, headers, data)
