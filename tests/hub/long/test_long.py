# SPDX-License-Identifier: Apache-2.0
"""What takes too long for every run: `make hub-long`."""

import faults
import hostile
import pytest
from machine import NAME
from faults import Times
from test_faults import kill_some


@pytest.mark.parametrize("seed", range(10))
def test_kills(wick, hub, vector, seed):
    assert kill_some(wick, hub, vector, 20, 100 + seed) > 5


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_a_hub_that_stays_down(wick, hub, vector, code):
    hub.fault = Times(faults.status(code), part="/revision/")
    assert str(code) in wick.embed(check=1).err
    assert len(hub.requests("/revision/")) == 5
    hub.fault = None
    wick.embed()
    (wick.snapshot() / "modules.json").unlink()
    hub.fault = faults.status(code)
    assert "the cached files serve" in wick.embed().err


def test_hostile_names(wick, hub):
    hostile.try_names(wick, hub, hostile.names())


def test_hostile_listings(wick, hub):
    hostile.try_listings(wick, hub, hostile.listings(hub.repositories[NAME]))


def test_two_gigabytes(wick, hub, vector):
    """A large file comes whole, in little memory. Its zeros are sent from one buffer."""
    import hashlib
    import resource
    size, chunk = 2 << 30, bytes(1 << 20)
    digest = hashlib.sha256()
    for _ in range(size >> 20):
        digest.update(chunk)
    repository = hub.repositories[NAME]
    entries = [{**e, "size": size, "lfs": {"oid": digest.hexdigest(), "size": size}} if e["path"] == "model.safetensors" else e for e in repository.tree()]

    def send(request):
        request.wfile.write(faults.head(200, size))
        for _ in range(size >> 20):
            request.wfile.write(chunk)
        return request.cut()
    hub.fault = lambda request: (request.json(entries) if "/tree/" in request.path else
                                 request.answer(302, {"Location": f"{hub.store_url}/blobs/{digest.hexdigest()}"}) if request.path.endswith("/model.safetensors") else
                                 send(request) if request.host == "store" else None)
    wick.embed(check=1, timeout=300)  # zeros are no weights
    blob = wick.repo / "blobs" / digest.hexdigest()
    assert blob.stat().st_size == size
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 300_000
    blob.unlink()
