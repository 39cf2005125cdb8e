# SPDX-License-Identifier: Apache-2.0
"""src/hub/fetch.h against every fault that the loopback hub knows, through tests/c/tool_fetch.c: the right bytes, or a typed error that says what, where and the mend; the token at the endpoint
alone; only what is missing is asked for again."""
import email.utils
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

import loopback_hub
from loopback_hub import Generated

BUILD = pathlib.Path(__file__).resolve().parents[2] / os.environ.get("WICK_BUILD", "build")
NOT_FOUND, INVALID, UNAVAILABLE, INTERNAL, CORRUPT, IO, TIMEOUT = -1, -2, -3, -4, -5, -7, -9
SIZE = 3_000_000
BIG = "/org/name/resolve/main/model.safetensors"
CONFIG = "/org/name/resolve/main/config.json"
INFO = "/api/models/org/name/revision/main"
QUICK = ("tries=3", "connect=300", "stall=400", "pause=10")


@pytest.fixture
def repo(loopback):
    return loopback.add("org/name", {"config.json": b'{"model_type": "bert"}' * 20, "model.safetensors": Generated(SIZE), "empty.txt": b""})


class Fetch:
    def __init__(self, folder, loopback, env):
        self.folder, self.loopback, self.env = folder, loopback, env
        self.file = folder / "out"

    def run(self, *words, settings=QUICK, **env):
        done = subprocess.run([BUILD / "tests/tool_fetch", *settings, *map(str, words)], env=self.env(**env), capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        assert not done.stderr, done.stderr.decode()
        results = [json.loads(line) for line in done.stdout.splitlines()]
        for result in results:
            if result["rc"]:
                assert result["message"] and result["where"] and result["mend"], result
        return results

    def get(self, path=INFO, max_bytes=100_000, **more):
        self.file.unlink(missing_ok=True)
        result = self.run("get", path, max_bytes, self.file, **more)[-1]
        result["body"] = self.file.read_bytes() if self.file.exists() else None
        return result

    def head(self, path=BIG, **more):
        return self.run("head", path, **more)[-1]

    def download(self, path=BIG, size=SIZE, **more):
        return self.run("download", path, self.file, size, **more)[-1]

    def digest(self):
        return hashlib.sha256(self.file.read_bytes()).hexdigest()

    def ranges(self, port="store"):
        return [note.headers.get("range") for note in self.loopback.requests(port=port)]

    def tokens(self):
        """On which ports a token was seen."""
        return {note.port for note in self.loopback.log if "authorization" in note.headers}


@pytest.fixture
def fetch(tmp_path, loopback, loopback_env):
    return Fetch(tmp_path, loopback, loopback_env)


def test_small_replies(fetch, loopback, repo):
    got = fetch.get()
    assert json.loads(got["body"])["sha"] == repo.sha and got["status"] == 200 and got["next"] == ""
    note = loopback.log[0]
    assert note.headers["user-agent"].startswith("wick/") and note.headers["accept-encoding"] == "gzip" and "authorization" not in note.headers
    assert fetch.get(CONFIG)["body"] == b'{"model_type": "bert"}' * 20
    assert fetch.get("/org/name/resolve/main/empty.txt")["body"] == b""


def test_head(fetch, loopback, repo):
    got = fetch.head()
    assert (got["rc"], got["status"], got["commit"], got["size"], got["etag"]) == (0, 302, repo.sha, SIZE, repo.files["model.safetensors"].etag)
    assert not loopback.requests(port="store")
    got = fetch.head(CONFIG)
    assert (got["status"], got["size"], got["etag"]) == (200, 440, repo.files["config.json"].etag)
    assert fetch.head("/org/name/resolve/main/absent")["rc"] == NOT_FOUND


def test_download(fetch, loopback, repo):
    done = fetch.download(HF_TOKEN=loopback.token("hf_abc"))
    assert done["rc"] == 0 and done["told"] == SIZE and fetch.digest() == repo.files["model.safetensors"].etag
    assert fetch.tokens() == {"hub"}
    assert loopback.requests("*.safetensors", port="hub")[0].headers["authorization"] == "Bearer hf_abc"
    assert loopback.requests(port="store")[0].headers["accept-encoding"] == "identity"
    n = len(loopback.log)
    assert fetch.download()["rc"] == 0 and len(loopback.log) == n  # nothing is missing
    assert fetch.download("/org/name/resolve/main/empty.txt", 0)["rc"] == CORRUPT or not fetch.file.read_bytes()


def test_connections_are_used_again(fetch, loopback, repo):
    fetch.run("get", INFO, 99999, fetch.file, "get", CONFIG, 99999, fetch.file, "head", CONFIG, "get", "/org/name/resolve/main/absent", 9999, fetch.file, "head", CONFIG)
    assert len({note.client for note in loopback.requests(port="hub")}) == 1


# ---- errors by status

@pytest.mark.parametrize("status, rc, tries, retriable", [(404, NOT_FOUND, 1, False), (401, INVALID, 1, False), (403, INVALID, 1, False), (429, INTERNAL, 3, True), (500, INTERNAL, 3, True),
                                                          (503, INTERNAL, 3, True), (408, TIMEOUT, 3, True), (504, TIMEOUT, 3, True), (400, INTERNAL, 1, False), (418, INTERNAL, 1, False),
                                                          (416, INTERNAL, 1, False), (410, INTERNAL, 1, False), (304, INTERNAL, 1, False), (204, INTERNAL, 1, False)])
def test_statuses(fetch, loopback, repo, status, rc, tries, retriable):
    loopback.fault("*", status=status)
    got = fetch.get()
    assert (got["rc"], got["retriable"], got["status"], len(loopback.log)) == (rc, retriable, status, tries)
    assert str(status) in got["message"] and got["where"] == loopback.endpoint + INFO


def test_a_status_that_passes(fetch, loopback, repo):
    loopback.fault("*", status=503, count=2)
    assert fetch.get()["rc"] == 0
    loopback.heal()
    fetch.file.unlink()
    loopback.fault("*", status=500, count=2, port="store")
    assert fetch.download()["rc"] == 0 and fetch.digest() == repo.files["model.safetensors"].etag


def test_access(fetch, loopback):
    loopback.add("org/secret", {"config.json": b"{}"}, private=True)
    loopback.add("org/gated", {"config.json": b"{}"}, gated=True)
    loopback.token("hf_good", "org/secret", "org/gated")
    loopback.token("hf_stranger")
    secret, gated = "/org/secret/resolve/main/config.json", "/org/gated/resolve/main/config.json"
    got = fetch.get(secret)
    assert (got["rc"], got["status"], got["error_code"]) == (INVALID, 401, "RepoNotFound") and "HF_TOKEN" in got["mend"]
    got = fetch.get(gated)
    assert (got["rc"], got["error_code"]) == (INVALID, "GatedRepo") and "HF_TOKEN" in got["mend"]
    got = fetch.get(gated, HF_TOKEN="hf_stranger")
    assert (got["rc"], got["status"]) == (INVALID, 403) and "account of this token" in got["mend"]
    got = fetch.get(gated, HF_TOKEN="hf_wrong")
    assert got["rc"] == INVALID and "does not know the token" in got["message"] and "hf_wrong" not in str(got)
    assert fetch.get(gated, HF_TOKEN="hf_good")["body"] == fetch.get(secret, HF_TOKEN="hf_good")["body"] == b"{}"


@pytest.mark.parametrize("form", ["seconds", "date", "ratelimit"])
def test_retry_after_is_obeyed(fetch, loopback, repo, form):
    later = {"seconds": "1", "date": email.utils.formatdate(time.time() + 2, usegmt=True), "ratelimit": ""}[form]
    loopback.fault("*", status=429, count=1, retry_after=later)
    headers = {"RateLimit": '"api";r=0;t=1'} if form == "ratelimit" else {}
    loopback.faults[0].headers = headers
    got = fetch.get()
    assert got["rc"] == 0 and got["ms"] >= 900


@pytest.mark.parametrize("later", ["-5", "soon", "1e9", "99999999999999999999", "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 31 Nob 2099 08:49:37 GMT", ""])
def test_retry_after_that_says_nothing(fetch, loopback, repo, later):
    loopback.fault("*", status=503, count=1, headers={"Retry-After": later})
    got = fetch.get()
    assert got["rc"] == 0 and got["ms"] < 900


def test_retry_after_of_an_hour_is_not_waited_for(fetch, loopback, repo):
    loopback.fault("*", status=429, retry_after="3600")
    got = fetch.get()
    assert got["rc"] == INTERNAL and got["retriable"] and "3600 s" in got["message"] and len(loopback.log) == 1


def test_pauses_double(fetch, loopback, repo):
    loopback.fault("*", status=500)
    got = fetch.get(settings=("tries=4", "pause=100"))
    assert 500 <= got["ms"] < 2500 and len(loopback.log) == 4  # 100 + 200 + 400, less a quarter at most


# ---- connections

@pytest.mark.parametrize("kinds", [{"drop": True}, {"reset": True}, {"stall": -2}, {"raw": b"nonsense\r\n\r\n"}, {"truncate": 10}, {"stall": 10}, {"raw": b"HTTP/1.1 200 OK\r\nContent-Len"}])
def test_broken_connections(fetch, loopback, repo, kinds):
    loopback.fault("*", **kinds)
    got = fetch.get(CONFIG)
    assert got["rc"] in (INTERNAL, TIMEOUT, CORRUPT) and got["body"] is None
    assert got["retriable"] == (got["rc"] != CORRUPT)
    loopback.heal()
    loopback.fault("*", count=1, **kinds)
    if "raw" not in kinds or b"OK" in kinds["raw"]:
        assert fetch.get(CONFIG)["rc"] == 0


def test_nobody_listens(fetch):
    got = fetch.get(HF_ENDPOINT="http://127.0.0.1:1")
    assert got["rc"] == INTERNAL and got["retriable"] and "127.0.0.1" in got["message"]
    got = fetch.get(HF_ENDPOINT="http://no-such-host.invalid")
    assert got["rc"] == INTERNAL and got["retriable"]


def test_cancelling(fetch, loopback, repo):
    for kinds in ({"stall": -2}, {"slow": 20000}, {"status": 503, "retry_after": "30"}):
        loopback.heal()
        loopback.fault("*", **kinds)
        got = fetch.download(settings=("stop=400", "stall=20000", "pause=20000"))
        assert got["rc"] == UNAVAILABLE and "cancelled" in got["message"] and got["ms"] < 1500
        fetch.file.unlink()


def test_a_drip_is_ended(fetch, loopback, repo):
    loopback.fault("*", slow=20)  # a byte every 50 ms
    assert fetch.get(CONFIG, settings=("tries=1", "stall=100", "connect=300"))["rc"] == TIMEOUT
    assert fetch.download(settings=("tries=1", "stall=100", "connect=300"))["rc"] == TIMEOUT


def test_slow_is_not_stalled(fetch, loopback, repo):
    loopback.fault("*", slow=1500)
    assert fetch.download(CONFIG, 440, settings=("tries=1", "stall=250"))["rc"] == 0


# ---- resuming

def test_resume_asks_for_the_rest_alone(fetch, loopback, repo):
    loopback.fault("*", truncate=1_000_000, count=1, port="store")
    loopback.fault("*", truncate=500_000, count=1, skip=1, port="store")
    assert fetch.download()["rc"] == 0 and fetch.digest() == repo.files["model.safetensors"].etag
    assert fetch.ranges() == [None, "bytes=1000000-", "bytes=1500000-"]
    assert loopback.sent("*.safetensors") < SIZE + 2000
    assert [note.sent for note in loopback.requests(port="store")] == [1_000_000, 500_000, 1_500_000]


def test_resume_of_an_earlier_try(fetch, loopback, repo):
    fetch.file.write_bytes(b"".join(Generated(SIZE).chunks(0, 2_999_999)))
    assert fetch.download()["rc"] == 0 and fetch.digest() == repo.files["model.safetensors"].etag
    assert fetch.ranges() == ["bytes=2999999-"]


def test_more_than_the_file_is_thrown_away(fetch, loopback, repo):
    fetch.file.write_bytes(bytes(SIZE + 1))
    assert fetch.download()["rc"] == 0 and fetch.digest() == repo.files["model.safetensors"].etag


def test_many_breaks_with_progress(fetch, loopback, repo):
    loopback.fault("*", truncate=300_000, port="store")
    assert fetch.download(settings=("tries=2", "pause=1"))["rc"] == 0 and fetch.digest() == repo.files["model.safetensors"].etag


def test_a_byte_a_connection_is_no_progress(fetch, loopback, repo):
    loopback.fault("*", truncate=1, port="store")
    got = fetch.download()
    assert got["rc"] == INTERNAL and got["retriable"] and len(loopback.requests(port="store")) == 3 and fetch.file.stat().st_size == 3


def test_range_ignored(fetch, loopback, repo):
    loopback.fault("*", truncate=1_000_000, count=1, port="store")
    loopback.fault("*", ignore_range=True, port="store")
    assert fetch.download()["rc"] == 0 and fetch.digest() == repo.files["model.safetensors"].etag


@pytest.mark.parametrize("content_range", ["bytes 0-2999999/3000000", "bytes 999999-2999999/3000000", "bytes 1000001-2999999/3000000", "items 1000000-2999999/3000000", "bytes 1000000-", "nonsense",
                                           "bytes 18446744073709551616-2/3", "bytes 1000000-999999/3000000", "bytes */3000000"])
def test_wrong_content_range_starts_over(fetch, loopback, repo, content_range):
    loopback.fault("*", truncate=1_000_000, count=1, port="store")
    loopback.fault("*", content_range=content_range, port="store")
    assert fetch.download()["rc"] == 0 and fetch.digest() == repo.files["model.safetensors"].etag
    assert fetch.ranges() == [None, "bytes=1000000-", None]


@pytest.mark.parametrize("content_range", ["bytes 1000000-2999999/3000001", "bytes 1000000-3000000/*"])
def test_range_of_another_file(fetch, loopback, repo, content_range):
    loopback.fault("*", truncate=1_000_000, count=1, port="store")
    loopback.fault("*", content_range=content_range, port="store")
    got = fetch.download()
    assert got["rc"] == CORRUPT and "another size" in got["message"] and not got["retriable"]


def test_416_starts_over_once(fetch, loopback, repo):
    fetch.file.write_bytes(bytes(1000))
    loopback.fault("*", status=416, count=1, port="store")
    assert fetch.download()["rc"] == 0 and fetch.digest() == repo.files["model.safetensors"].etag
    fetch.file.write_bytes(bytes(1000))
    loopback.fault("*", status=416, port="store")
    got = fetch.download()
    assert got["rc"] == CORRUPT and not got["retriable"] and len(loopback.requests(port="store")) == 4


def test_206_that_nobody_asked_for(fetch, loopback, repo):
    raw = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-24/440\r\nContent-Length: 20\r\nConnection: close\r\n\r\n" + b"x" * 20
    loopback.fault("*", raw=raw)
    assert fetch.download(CONFIG, 440)["rc"] == CORRUPT
    assert fetch.get(CONFIG)["rc"] != 0


# ---- wrong sizes, caps, encodings

@pytest.mark.parametrize("size", [SIZE - 1, SIZE + 1, 0, 10**15])
def test_wrong_size(fetch, loopback, repo, size):
    loopback.fault("*", size=size, port="store")
    got = fetch.download()
    assert got["rc"] == (CORRUPT if size else INTERNAL) and not fetch.file.read_bytes()


def test_more_bytes_than_told(fetch, loopback, repo):
    loopback.fault("*", raw=b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 1000)
    got = fetch.download(CONFIG, 440)
    assert got["rc"] == CORRUPT and "more than the 440 bytes" in got["message"] and fetch.file.stat().st_size <= 440


def test_caps(fetch, loopback, repo):
    loopback.fault("*", json_bytes=200_000)
    got = fetch.get(max_bytes=100_000)
    assert got["rc"] == CORRUPT and "more than 100000 bytes" in got["message"] and len(loopback.log) == 1
    assert fetch.get(CONFIG, max_bytes=440) and fetch.get(max_bytes=0)["rc"] == CORRUPT


def test_bombs(fetch, loopback, repo):
    loopback_hub.bomb(100_000_000)  # while nobody waits for it
    loopback.fault("*", bomb=100_000_000)
    got = fetch.get()
    assert got["rc"] == CORRUPT and "more than 100000 bytes" in got["message"] and got["ms"] < 2000
    got = fetch.download()
    assert got["rc"] == CORRUPT and "not asked for" in got["message"]
    loopback.heal()
    loopback.fault("*", body=gzip.compress(gzip.compress(bytes(1000))), headers={"Content-Encoding": "gzip, gzip"})
    got = fetch.get()
    assert got["rc"] == CORRUPT and got["body"] is None


def test_gzip_that_is_none(fetch, loopback, repo):
    loopback.fault("*", body=b"x" * 100, headers={"Content-Encoding": "gzip"})
    assert fetch.get()["rc"] == CORRUPT


@pytest.mark.parametrize("status", [b"200 OK", b"100 Continue"])
def test_endless_heads(fetch, loopback, repo, status):
    lines = b"HTTP/1.1 " + status + b"\r\n" + b"X-More: 0123456789\r\n" * 10 + b"\r\n"
    loopback.fault("*", raw=(lines if status.startswith(b"1") else lines[:-2]) * 3000)
    got = fetch.get()
    assert got["rc"] in (CORRUPT, INTERNAL) and len(loopback.log) <= 3


def test_errors_with_endless_pages(fetch, loopback, repo):
    loopback.fault("*", status=404, body=bytes(50_000_000))
    got = fetch.get()
    assert got["rc"] == NOT_FOUND and loopback.sent() < 20_000_000


def test_trailers_say_nothing(fetch, loopback, repo):
    raw = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Link, X-Repo-Commit\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n"
           b'X-Repo-Commit: abc\r\nLink: </api/evil>; rel="next"\r\n\r\n')
    loopback.fault("*", raw=raw)
    got = fetch.get()
    assert (got["rc"], got["body"], got["commit"], got["next"]) == (0, b"{}", "", "")


# ---- redirects and the token

def test_a_redirect_loop(fetch, loopback, repo):
    loopback.fault("*", redirect="loop")
    got = fetch.get()
    assert got["rc"] == INTERNAL and "more than 5 redirects" in got["message"] and len(loopback.log) == 6 and not got["retriable"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_goes_to_no_other_port(fetch, loopback, repo, status):
    loopback.token("hf_abc")
    loopback.fault("*", redirect="other", status=status, port="hub")
    got = fetch.get(HF_TOKEN="hf_abc")
    assert got["rc"] == 0 and json.loads(got["body"])["sha"] == repo.sha
    assert fetch.tokens() == {"hub"} and loopback.requests(port="other")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "LOCALHOST", "127.1", "[::ffff:127.0.0.1]"])
def test_the_token_goes_to_no_other_name(fetch, loopback, repo, host):
    """The same machine and port under another name is another origin."""
    loopback.token("hf_abc")
    port = loopback.endpoint.rsplit(":", 1)[1]
    loopback.fault(INFO, redirect=f"http://{host}:{port}{CONFIG}")
    fetch.get(HF_TOKEN="hf_abc")
    assert all("authorization" not in note.headers for note in loopback.requests(CONFIG))


def test_there_and_back_again(fetch, loopback, repo):
    """Who was redirected to chooses where it goes on: it must not have the endpoint asked in the user's name, nor have what it chose taken for the endpoint's reply."""
    loopback.token("hf_abc")
    loopback.fault(INFO, redirect="other", port="hub")
    loopback.fault(INFO, redirect=loopback.endpoint + CONFIG, port="other")
    got = fetch.get(HF_TOKEN="hf_abc")
    assert [(note.port, "authorization" in note.headers) for note in loopback.log] == [("hub", True), ("other", False), ("hub", False)]
    assert got["commit"] == "" and got["status"] == 302


@pytest.mark.parametrize("target", ["file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/x", "http://user:pass@127.0.0.1/", "http://127.0.0.1:80@127.0.0.1/", "javascript:1", "http://", "http:/x",
                                    "http://a b/", "http://127.0.0.1\\@evil/", "http://127.0.0.1:99999/", "http://127.0.0.1:0/", "http://%31/", "//user@host/", "http://[::1/", "relative", "http://" + "a" * 9000])
def test_redirects_to_where_they_may_not(fetch, loopback, repo, target):
    loopback.fault(INFO, redirect=target)
    got = fetch.get(HF_TOKEN="hf_abc")
    assert got["rc"] == INTERNAL and not got["retriable"] and len(loopback.log) == 1 and "hf_abc" not in str(got)


def test_a_redirect_below_the_endpoint(fetch, loopback, repo):
    loopback.fault("/old", redirect=CONFIG, status=307)
    assert fetch.get("/old")["rc"] == 0
    assert fetch.head("/old")["size"] == 440


def test_errors_of_the_second_host_name_it_without_the_signature(fetch, loopback, repo):
    loopback.fault("*", status=403, port="store")
    got = fetch.download(HF_TOKEN=loopback.token("hf_abc"))
    assert got["rc"] == INTERNAL and got["retriable"] and loopback.store_endpoint in got["message"] and "X-Signature" not in str(got)
    assert fetch.tokens() == {"hub"}
    loopback.fault("*", status=404, count=2, port="store")


def test_what_the_second_host_says_of_a_commit_is_not_believed(fetch, loopback, repo):
    loopback.fault("*", redirect="other", port="hub", headers={"X-Repo-Commit": "a" * 40})
    loopback.fault("*", port="other", headers={"X-Repo-Commit": "b" * 40, "Link": '</api/x>; rel="next"'})
    got = fetch.get()
    assert got["rc"] == CORRUPT or (got["commit"] == "a" * 40 and got["next"] == "")


# ---- pages

def test_pages(fetch, loopback):
    loopback.page_size = 2
    loopback.add("org/many", {f"f{i}": b"x" for i in range(5)})
    path, names = "/api/models/org/many/tree/main?recursive=true", []
    while path:
        got = fetch.get(path)
        assert got["rc"] == 0
        names += [entry["path"] for entry in json.loads(got["body"])]
        path = got["next"]
    assert names == [f"f{i}" for i in range(5)]


@pytest.mark.parametrize("link, path", [('</api/x?cursor=2>; rel="next"', "/api/x?cursor=2"), ('<https://huggingface.co/api/x>; rel="next"', "/api/x"), ('</a>; rel="prev", </b>;rel=next', "/b"),
                                        ('</a>; title="x, y"; REL="last next"', "/a"), ('</a>; rel="prev"', ""), ('</a>; rel="nextish"', ""), ("nonsense", "")])
def test_links(fetch, loopback, repo, link, path):
    loopback.fault("*", headers={"Link": link})
    got = fetch.get()
    assert (got["rc"], got["next"]) == (0, path)


@pytest.mark.parametrize("link", ['<OTHER/api/x>; rel="next"', '<http://127.0.0.1:1/x>; rel="next"', '<//evil/x>; rel="next"', '<file:///x>; rel="next"', '<x>; rel="next"', '<>; rel="next"',
                                  '</a/../../b>; rel="next"', f'</{"a" * 1100}>; rel="next"', f'</{"a" * 3000}>; rel="next"', '</a>; rel="next", </b>; rel="prev"\r\nLink: </c>; rel="next"'])
def test_links_that_lead_elsewhere(fetch, loopback, repo, link):
    loopback.fault("*", headers={"Link": link.replace("OTHER", loopback.other_endpoint)})
    got = fetch.get(HF_TOKEN=loopback.token("hf_abc"))
    assert got["rc"] == CORRUPT and got["next"] == "" and fetch.tokens() == {"hub"}


def test_an_endpoint_with_a_path(fetch, loopback, repo):
    loopback.fault("/mirror/api/*", body=b"[]", headers={"Link": f'<{loopback.endpoint}/mirror/api/x>; rel="next"'})
    assert fetch.get("/api/y", HF_ENDPOINT=loopback.endpoint + "/mirror/")["next"] == "/api/x"
    loopback.faults[0].headers = {"Link": f'<{loopback.endpoint}/api/x>; rel="next"'}
    assert fetch.get("/api/y", HF_ENDPOINT=loopback.endpoint + "/mirror")["rc"] == CORRUPT


# ---- the breaker

def test_the_breaker_opens(fetch, loopback, repo):
    """That it closes again: tests/c/test_hub_fetch.c, whose clock runs faster."""
    loopback.fault("*", status=503, count=4)
    results = fetch.run(*("get", INFO, 99999, fetch.file) * 6, settings=("tries=1", "pause=1"))
    assert [result["rc"] for result in results] == [INTERNAL] * 4 + [UNAVAILABLE] * 2
    assert len(loopback.log) == 4 and results[4]["retriable"] and results[4]["ms"] < 50


def test_what_the_hub_answers_opens_no_breaker(fetch, loopback, repo):
    loopback.fault("*", status=404, count=10)
    results = fetch.run(*("get", INFO, 99999, fetch.file) * 11, settings=("tries=1",))
    assert [result["rc"] for result in results] == [NOT_FOUND] * 10 + [0]
    loopback.fault("*", drop=True, port="store")  # the second host's troubles are not the hub's
    results = fetch.run(*("download", BIG, fetch.folder / "x", SIZE) * 6, "get", INFO, 99999, fetch.file, settings=("tries=1", "pause=1"))
    assert [result["rc"] for result in results] == [INTERNAL] * 6 + [0]


# ---- the environment

def test_the_disk_is_full(fetch, loopback, repo):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    got = fetch.run("download", BIG, "/dev/full", SIZE)[0]
    assert got["rc"] == IO and "space" in got["mend"]


def test_offline_makes_no_socket(fetch, loopback, repo):
    for env in ({"HF_HUB_OFFLINE": "1"}, {"TRANSFORMERS_OFFLINE": "yes"}):
        got = fetch.get(**env)
        assert got["rc"] == UNAVAILABLE and "HF_HUB_OFFLINE" in got["message"] + got["mend"]
    assert not loopback.log
    assert fetch.get(HF_HUB_OFFLINE="0", TRANSFORMERS_OFFLINE="1")["rc"] == 0


def test_a_proxy_of_the_environment(fetch, loopback, repo):
    got = fetch.get(HF_ENDPOINT="http://hub.invalid", http_proxy=loopback.other_endpoint)
    assert [(note.port, note.headers["host"]) for note in loopback.log][0] == ("other", "hub.invalid") and got["status"] in (200, 404)
    assert fetch.get(http_proxy="http://127.0.0.1:1")["rc"] == INTERNAL
    assert fetch.get(http_proxy="http://127.0.0.1:1", no_proxy="127.0.0.1")["rc"] == 0


def test_a_connect_proxy_does_not_see_the_token(fetch, tmp_path):
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            connection, _ = server.accept()
            with connection:
                seen.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        thread = threading.Thread(target=serve)
        thread.start()
        got = fetch.get(HF_ENDPOINT="https://hub.invalid", HF_TOKEN="hf_abc", https_proxy=f"http://127.0.0.1:{server.getsockname()[1]}", settings=("tries=1",))
        thread.join(10)
    assert got["rc"] == INTERNAL and "407" in got["message"]
    assert seen[0].startswith(b"CONNECT hub.invalid:443") and b"hf_abc" not in seen[0]


class Tls:
    """A hub of one reply behind a certificate of our own."""

    def __init__(self, folder):
        self.certificate = folder / "cert.pem"
        self.folder = folder
        self.make(self.certificate, folder / "key.pem", "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, folder / "key.pem")
        self.reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self.listener.getsockname()[1]}"
        self.context, self.seen = context, []
        threading.Thread(target=self.serve, daemon=True).start()

    @staticmethod
    def make(certificate, key, name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)

    def stranger(self):
        """Certificate and key that nobody trusts."""
        pair = self.folder / "stranger.pem", self.folder / "stranger-key.pem"
        self.make(*pair, "stranger")
        return pair

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(connection, server_side=True) as secure:
                    self.seen.append(secure.recv(65536))
                    secure.sendall(self.reply)
            except OSError:
                connection.close()


@pytest.fixture
def tls(tmp_path):
    own = Tls(tmp_path)
    yield own
    own.listener.close()


def test_certificates(fetch, tls, loopback, tmp_path):
    without = {"SSL_CERT_FILE": None, "SSL_CERT_DIR": None, "REQUESTS_CA_BUNDLE": None, "CURL_CA_BUNDLE": None}
    clean = {name: "" for name in without}
    got = fetch.get(HF_ENDPOINT=tls.url, **clean)
    assert got["rc"] == INTERNAL and not got["retriable"] and "certificate" in got["message"] and "SSL_CERT_FILE" in got["mend"] and not tls.seen
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        assert fetch.get(HF_ENDPOINT=tls.url, **{**clean, variable: tls.certificate})["body"] == b"{}", variable
    assert fetch.get(HF_ENDPOINT=tls.url, **{**clean, "SSL_CERT_FILE": tmp_path / "absent"})["rc"] == INTERNAL
    name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", tls.certificate], check=True, capture_output=True, text=True).stdout.strip()
    folder = tmp_path / "certificates"
    folder.mkdir()
    shutil.copy(tls.certificate, folder / (name + ".0"))
    assert fetch.get(HF_ENDPOINT=tls.url, **{**clean, "SSL_CERT_DIR": folder})["body"] == b"{}"


def test_a_certificate_file_takes_the_place_of_the_system_s(fetch, tls, tmp_path):
    """As with requests and httpx: the folder that libcurl knows by itself counts no more. strace shows what is opened."""
    if not shutil.which("strace"):
        pytest.skip("no strace")
    log = tmp_path / "trace"
    env = fetch.env(HF_ENDPOINT=tls.url, SSL_CERT_FILE=tls.certificate, SSL_CERT_DIR="", REQUESTS_CA_BUNDLE="", CURL_CA_BUNDLE="", ASAN_OPTIONS="detect_leaks=0")
    tls.context.load_cert_chain(*tls.stranger())
    done = subprocess.run(["strace", "-f", "-o", log, BUILD / "tests/tool_fetch", "tries=1", "get", INFO, "99", fetch.file], env=env, capture_output=True, timeout=60)
    if done.returncode:
        pytest.skip("strace may not trace here")
    assert json.loads(done.stdout)["rc"] == INTERNAL
    assert "/etc/ssl/certs" not in log.read_text()


def test_no_way_from_https_to_http(fetch, tls, loopback, repo):
    tls.reply = f"HTTP/1.1 302 Found\r\nLocation: {loopback.endpoint}{CONFIG}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    got = fetch.get(HF_ENDPOINT=tls.url, SSL_CERT_FILE=tls.certificate, REQUESTS_CA_BUNDLE="", CURL_CA_BUNDLE="", HF_TOKEN="hf_abc")
    assert got["rc"] == INTERNAL and not loopback.log
