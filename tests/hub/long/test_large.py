# SPDX-License-Identifier: Apache-2.0
"""A file of 2 GB through fetch.h from the loopback hub: whole, in flat memory, resumed in its middle; and as fast as huggingface_hub on the same loopback. `make hub-long`; the speed is printed (pytest -s)
and is no test."""
import hashlib
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

from loopback_hub import Generated

BUILD = pathlib.Path(__file__).resolve().parents[3] / os.environ.get("WICK_BUILD", "build")
PATH = "/org/large/resolve/main/model.safetensors"
SIZE = 2_000_000_000


def digest_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def download(env, out, size):
    """Seconds, and the peak of resident memory in KB."""
    begun = time.monotonic()
    done = subprocess.run([BUILD / "tests/tool_fetch", "download", PATH, out, str(size)], env=env, capture_output=True, timeout=300)
    answer = json.loads(done.stdout)
    assert done.returncode == 0 and answer["rc"] == 0, answer
    return time.monotonic() - begun, answer["peak_kb"]


@pytest.fixture
def room(tmp_path):
    if shutil.disk_usage(tmp_path).free < 3 * SIZE:
        pytest.skip("too little room on the disk")


def test_two_gigabytes_in_flat_memory(loopback, loopback_env, tmp_path, room):
    repo = loopback.add("org/large", {"model.safetensors": Generated(SIZE)})
    loopback.fault("*", truncate=SIZE // 2, count=1, port="store")
    out = tmp_path / "out"
    seconds, peak_kb = download(loopback_env(), out, SIZE)
    assert digest_of(out) == repo.files["model.safetensors"].etag
    assert [note.headers.get("range") for note in loopback.requests(port="store")] == [None, f"bytes={SIZE // 2}-"]
    print(f"\n2 GB in {seconds:.1f} s, {peak_kb / 1000:.1f} MB")
    assert peak_kb < 24_000  # libcurl and OpenSSL alone take some 12 MB
    out.unlink()


PYTHON = """
import sys, time, huggingface_hub
from huggingface_hub import file_download
begun = time.monotonic()
with open(sys.argv[1], 'wb') as file:
    file_download.http_get(sys.argv[2], file, headers={'Accept-Encoding': 'identity'}, expected_size=int(sys.argv[3]))
print(time.monotonic() - begun)
"""


def test_speed_beside_huggingface_hub(loopback, loopback_env, tmp_path, room):
    """Its plain HTTP download, which begins when Python and the package are loaded; Wick's includes its start. In turns."""
    if importlib.util.find_spec("huggingface_hub") is None:
        pytest.skip("huggingface_hub is not installed here")
    size = 500_000_000
    source = tmp_path / "source"
    with open(source, "wb") as file:
        for part in Generated(size).chunks(0, size):
            file.write(part)
    loopback.add("org/large", {"model.safetensors": source})
    ours, theirs, out = [], [], tmp_path / "out"
    env = loopback_env(HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_DISABLE_XET="1")
    for _ in range(5):
        ours.append(download(env, out, size)[0])
        out.unlink()
        done = subprocess.run([sys.executable, "-c", PYTHON, out, loopback.endpoint + PATH, str(size)], env=env, capture_output=True, timeout=300)
        assert done.returncode == 0, done.stderr
        theirs.append(float(done.stdout))
        out.unlink()
    rates = [size / 1e6 / sorted(times)[2] for times in (ours, theirs)]
    print(f"\nMB/s, median of 5 in turns, 500 MB on loopback: Wick {rates[0]:.0f}, huggingface_hub {rates[1]:.0f}")
