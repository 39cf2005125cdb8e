# SPDX-License-Identifier: Apache-2.0
"""The loopback hub is like the real one as far as its own client can tell: huggingface_hub, where it is installed (`make clients` does), downloads from it."""
import hashlib
import importlib.util
import json
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from loopback_hub import Generated, clean_environment, parse_fault

FILES = {"config.json": b'{"model_type": "bert"}', "1_Pooling/config.json": b"{}", "empty.txt": b"", "model.safetensors": bytes(range(256)) * 5000}
needs_client = pytest.mark.skipif(importlib.util.find_spec("huggingface_hub") is None, reason="huggingface_hub is not installed here")


def client(loopback_env, code, **env):
    """Runs code in a process of its own, with huggingface_hub reading loopback_env; returns its last expression printed as JSON."""
    done = subprocess.run([sys.executable, "-c", "import json\nimport huggingface_hub as h\nfrom huggingface_hub.errors import *\n" + code],
                          env=loopback_env(HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_DISABLE_TELEMETRY="1", **env), capture_output=True, timeout=100)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@needs_client
def test_huggingface_hub_downloads_a_snapshot(loopback, loopback_env, tmp_path):
    loopback.page_size = 2
    repo = loopback.add("org/name", FILES)
    folder = client(loopback_env, "print(json.dumps(h.snapshot_download('org/name')))")
    assert folder.endswith(f"/models--org--name/snapshots/{repo.sha}")
    for path, data in FILES.items():
        assert (tmp_path / folder / path).read_bytes() == data
    blobs = {path.name for path in (tmp_path / "hf/hub/models--org--name/blobs").iterdir()}
    assert blobs == {file.etag for file in repo.files.values()}
    assert len(loopback.requests("*/tree/*")) == 3  # pages
    stored = loopback.requests(port="store")
    assert stored and not any("authorization" in note.headers for note in stored)


@needs_client
def test_huggingface_hub_downloads_one_file_and_asks_for_information(loopback, loopback_env):
    repo = loopback.add("org/name", FILES)
    got = client(loopback_env, """
path = h.hf_hub_download('org/name', 'model.safetensors')
info = h.model_info('org/name')
print(json.dumps([open(path, 'rb').read()[:4].hex(), info.sha, sorted(s.rfilename for s in info.siblings), [m.id for m in h.list_models(search='NAM')],
                  h.get_hf_file_metadata(h.hf_hub_url('org/name', 'model.safetensors')).etag]))""")
    assert got == ["00010203", repo.sha, sorted(FILES), ["org/name"], repo.files["model.safetensors"].etag]


@needs_client
def test_huggingface_hub_knows_the_errors(loopback, loopback_env):
    loopback.add("org/name", FILES)
    loopback.add("org/secret", FILES, private=True)
    loopback.add("org/gated", FILES, gated=True)
    loopback.token("hf_good", "org/secret", "org/gated")
    loopback.token("hf_stranger")
    code = """
names = []
for repo, file, revision in (('org/absent', 'config.json', 'main'), ('org/name', 'absent', 'main'), ('org/name', 'config.json', 'v9'),
                             ('org/secret', 'config.json', 'main'), ('org/gated', 'config.json', 'main')):
    try:
        h.hf_hub_download(repo, file, revision=revision)
        names.append('')
    except Exception as error:
        names.append(type(error).__name__)
print(json.dumps(names))"""
    same = ["RepositoryNotFoundError", "RemoteEntryNotFoundError", "RevisionNotFoundError"]
    assert client(loopback_env, code) == same + ["RepositoryNotFoundError", "GatedRepoError"]
    assert client(loopback_env, code, HF_TOKEN="hf_stranger") == same + ["RepositoryNotFoundError", "GatedRepoError"]
    assert client(loopback_env, code, HF_TOKEN="hf_good") == same + ["", ""]


@needs_client
def test_huggingface_hub_resumes_from_it(loopback, loopback_env):
    repo = loopback.add("org/name", {"model.safetensors": Generated(12_000_000)})
    loopback.fault("*/model.safetensors", truncate=11_000_000, count=1, port="store")
    path = client(loopback_env, "print(json.dumps(h.hf_hub_download('org/name', 'model.safetensors')))")
    assert hashlib.sha256(open(path, "rb").read()).hexdigest() == repo.files["model.safetensors"].etag
    assert [note.headers.get("range") for note in loopback.requests(method="GET", port="store")] == [None, "bytes=10485760-"]  # it writes 10 MiB at a time


def get(url, **headers):
    """Status, headers, body; redirects not followed."""
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments):
            return None

    try:
        reply = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay).open(urllib.request.Request(url, headers=headers), timeout=10)
    except urllib.error.HTTPError as error:
        reply = error
    return reply.status, reply.headers, reply.read()


def test_ranges(loopback):
    repo = loopback.add("org/name", {"big.bin": Generated(3_000_000)})
    status, headers, _ = get(loopback.endpoint + "/org/name/resolve/main/big.bin")
    assert status == 302 and headers["X-Linked-Size"] == "3000000" and headers["X-Repo-Commit"] == repo.sha
    url = headers["Location"]
    whole = get(url)[2]
    assert hashlib.sha256(whole).hexdigest() == repo.files["big.bin"].etag == headers["X-Linked-Etag"].strip('"')
    status, headers, part = get(url, Range="bytes=1048570-")
    assert (status, headers["Content-Range"], part) == (206, "bytes 1048570-2999999/3000000", whole[1048570:])
    status, headers, part = get(url, Range="bytes=5-9")
    assert (status, headers["Content-Range"], part) == (206, "bytes 5-9/3000000", whole[5:10])
    status, headers, _ = get(url, Range="bytes=3000000-")
    assert (status, headers["Content-Range"]) == (416, "bytes */3000000")
    assert get(url, Authorization="Bearer x")[0] == 400


def test_faults_are_taken_as_often_as_asked(loopback):
    loopback.add("org/name", FILES)
    loopback.fault("*/config.json", status=503, retry_after="7", count=2, skip=1)
    loopback.fault("*/empty.txt", redirect="other")
    url = loopback.endpoint + "/org/name/resolve/main/config.json"
    assert [get(url)[0] for _ in range(4)] == [200, 503, 503, 200]
    assert get(loopback.endpoint + "/org/name/resolve/main/empty.txt")[1]["Location"].startswith(loopback.other_endpoint)
    assert [note.status for note in loopback.requests("*/config.json")][:3] == [200, 503, 503]
    assert parse_fault("*/a truncate=10 drop=1 count=2") == ("*/a", {"truncate": 10, "drop": True, "count": 2})


def test_it_runs_from_a_shell(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    script = __file__.replace("test_loopback_hub.py", "loopback_hub.py")
    process = subprocess.Popen([sys.executable, script, "--repo", f"a/b={tmp_path}", "--fault", "*/nothing status=500"], stdout=subprocess.PIPE,
                               env=clean_environment())
    try:
        endpoint = process.stdout.readline().decode().strip()
        assert get(endpoint + "/a/b/resolve/main/config.json")[2] == b"{}"
        assert get(endpoint + "/a/b/resolve/main/nothing")[0] == 500
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
