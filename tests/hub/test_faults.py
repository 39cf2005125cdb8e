# SPDX-License-Identifier: Apache-2.0
"""Every fault of a hub, a disk or a process: an error that says so or a model that is whole, and never anything partial under a final name."""
import os
import random
import resource
import subprocess
import threading
import time

import faults
import pytest
from machine import NAME
from faults import Times
from hub_server import Repository
from test_pull import WANTED, paths

WEIGHTS = "model.safetensors"


def nothing_partial(wick):
    wick.check_blobs()
    assert not (wick.repo / "refs").exists()
    assert not (wick.snapshot() / WEIGHTS).exists()


def test_a_download_is_resumed_where_it_broke(wick, hub, vector):
    hub.fault = Times(faults.cut(0.6), host="store", n=1)
    wick.embed()
    size = len(hub.repositories[NAME].files[WEIGHTS])
    ranges = [r["range"] for r in hub.log if r["host"] == "store"]
    assert ranges == [None, f"bytes={int(size * 0.6)}-"]
    assert wick.embed().out == vector


def test_what_an_earlier_process_left_is_not_sent_again(wick, hub, vector):
    hub.fault = Times(lambda request: faults.cut(0.5)(request) if not request.headers.get("Range") else request.answer(404), host="store")
    assert "404" in wick.embed(check=1).err
    nothing_partial(wick)
    assert [name for name in wick.blobs() if "incomplete" in name] == [hub.repositories[NAME].digest(WEIGHTS) + ".incomplete"]
    hub.fault, hub.bytes_sent = None, 0
    hub.log.clear()
    assert wick.embed().out == vector
    size = len(hub.repositories[NAME].files[WEIGHTS])
    store = [r for r in hub.log if r["host"] == "store"]
    assert [r["range"] for r in store] == [f"bytes={size // 2}-"]
    assert len(hub.requests("/resolve/")) == 1


def test_a_store_that_knows_no_ranges(wick, hub, vector):
    broken = Times(faults.cut(0.5), host="store", n=1)
    hub.fault = lambda request: broken(request) or (faults.no_range(request) if request.host == "store" else None)
    assert wick.embed().out == vector


@pytest.mark.parametrize("fault, words", [(faults.other_bytes, "SHA-256"), (faults.too_long, "another size"), (faults.too_short, "another size")])
def test_wrong_bytes(wick, hub, fault, words):
    hub.fault = Times(fault, host="store")
    assert words in wick.embed(check=1).err
    nothing_partial(wick)
    assert hub.repositories[NAME].digest(WEIGHTS) + ".incomplete" not in wick.blobs()  # others may be kept half-way
    hub.fault = None
    wick.embed()


def test_another_range_than_was_asked_for(wick, hub, vector):
    broken = Times(faults.cut(0.5), host="store", n=1)
    hub.fault = lambda request: broken(request) or (faults.wrong_range(request) if request.host == "store" else None)
    wick.embed(check=1)
    nothing_partial(wick)
    hub.fault = None
    assert wick.embed().out == vector


def test_wrong_small_files(wick, hub):
    hub.fault = Times(lambda request: request.answer(200, {}, b"{" + b" " * (len(hub.repositories[NAME].files["config.json"]) - 2) + b"}"), part="/config.json")
    assert "git SHA-1" in wick.embed(check=1).err
    assert not (wick.repo / "snapshots").exists()


def test_a_wrong_etag_is_no_matter(wick, hub, vector):
    """What the list says counts."""
    hub.fault = Times(lambda request: request.answer(200, {"ETag": '"../../../etc/passwd"', "X-Linked-Etag": '"' + "0" * 64 + '"'},
                                                     hub.repositories[NAME].files["config.json"]), part="/resolve/" + hub.repositories[NAME].commit + "/config.json")
    assert wick.embed().out == vector


def test_an_incomplete_file_of_other_bytes_is_begun_anew(wick, hub, vector):
    name = hub.repositories[NAME].digest(WEIGHTS)
    (wick.repo / "blobs").mkdir(parents=True)
    (wick.repo / "blobs" / (name + ".incomplete")).write_bytes(b"x" * 1000)
    assert wick.embed().out == vector


@pytest.mark.parametrize("code, words", [(401, "gated or private"), (403, "gated or private"), (404, "404"), (410, "410")])
def test_refusals_of_a_file(wick, hub, code, words):
    hub.fault = Times(faults.status(code, X_Error_Code="GatedRepo"), part="/resolve/")
    began = time.monotonic()
    assert words in wick.embed(check=1).err
    assert time.monotonic() - began < 5  # no use in trying again
    assert not (wick.repo / "refs").exists()


def test_passing_errors_are_tried_again(wick, hub, vector):
    passing = {"/revision/": 408, "/tree/": 429, "/modules.json": 500, "/tokenizer.json": 502, "/tokenizer_config.json": 503, "/blobs/": 504}
    each = [Times(faults.status(code), part=part, n=1) for part, code in passing.items()]
    hub.fault = lambda request: any(fault(request) for fault in each)
    assert wick.embed().out == vector
    assert all(fault.seen == 2 for fault in each)


def test_retry_after_is_obeyed(wick, hub, vector):
    hub.fault = Times(faults.status(429, Retry_After="1"), part="/revision/", n=1)
    wick.embed()
    first, second = hub.requests("/revision/")
    assert 0.95 < second["time"] - first["time"] < 10


def test_a_hub_that_stalls(wick, hub, vector):
    release = threading.Event()
    hub.fault = Times(faults.stall(release), host="store", n=1)
    try:
        assert wick.embed(env={"HF_HUB_DOWNLOAD_TIMEOUT": "1"}).out == vector
    finally:
        release.set()
    assert [r["range"] is None for r in hub.log if r["host"] == "store"] == [True, False]


def test_redirects_without_end(wick, hub):
    hub.fault = Times(faults.loop, part="/resolve/")
    assert "redirects" in wick.embed(check=1).err
    assert len(hub.requests("/resolve/")) < 20


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://user@127.0.0.1/x", "http://", "javascript:1", "x" * 100000])
def test_redirects_to_nowhere(wick, hub, target):
    hub.fault = Times(faults.redirect(target), host="hub", part="/model.safetensors")
    wick.embed(check=1)
    nothing_partial(wick)


@pytest.mark.parametrize("part", ["/revision/", "/tree/"])
def test_a_gzip_bomb(wick, hub, part):
    hub.fault = Times(faults.gzip_bomb, part=part)
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))  # noqa: E731
    sanitized = "WICK_SANITIZE:STRING=\n" not in (wick_cache(wick))
    assert "bytes" in wick.embed(check=1, preexec_fn=None if sanitized else limit).err


def wick_cache(wick):
    path = os.path.join(os.path.dirname(wick.binary), "CMakeCache.txt")
    return open(path).read() if os.path.exists(path) else "WICK_SANITIZE:STRING=\n"


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"[{}]", b'{"sha": "main"}', b"\xff\xfe", b"<html>", b"[" * 100000])
@pytest.mark.parametrize("part", ["/revision/", "/tree/"])
def test_replies_that_are_none(wick, hub, part, body):
    hub.fault = Times(lambda request: request.answer(200, {}, body), part=part)
    wick.embed(check=1)
    assert not (wick.repo / "snapshots").exists()


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], capture_output=True, check=False).returncode != 0:
        pytest.skip("no small disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_is_too_small(wick, hub, small_disk):
    wick.cache = small_disk
    wick.env["HF_HUB_CACHE"] = str(small_disk)
    files = dict(hub.repositories[NAME].files)
    hub.add(NAME, Repository({**files, WEIGHTS: files[WEIGHTS] * 30}))
    error = wick.embed(check=1).err
    assert "too full" in error and "HF_HUB_CACHE" in error
    assert not [r for r in hub.log if r["host"] == "store"]


def test_a_disk_that_becomes_full(wick, hub, small_disk, vector):
    wick.cache = small_disk
    wick.env["HF_HUB_CACHE"] = str(small_disk)

    def fill(request):
        if request.host == "store":
            (small_disk / "others").write_bytes(b"x" * (free(small_disk) - 40000))
    hub.fault = fill
    error = wick.embed(check=1).err
    assert "No space left" in error and "HF_HUB_CACHE" in error
    assert not (wick.repo / "refs").exists()
    hub.fault = None
    (small_disk / "others").unlink()
    assert wick.embed().out == vector
    wick.check_blobs()


def free(folder):
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def test_a_cache_that_is_read_only(wick, hub, small_disk, vector):
    wick.cache = small_disk
    wick.env["HF_HUB_CACHE"] = str(small_disk)
    wick.embed()
    hub.add("org/other", hub.repositories[NAME])
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert wick.embed().out == vector
    error = wick.embed("org/other", check=1).err
    assert "Read-only file system" in error and "HF_HUB_CACHE" in error


def test_no_permission(wick, hub, vector, someone):
    wick.embed()
    os.chmod(wick.cache, 0o555)
    hub.add("org/other", hub.repositories[NAME])
    error = wick.embed("org/other", check=1, before=someone).err
    assert "Permission denied" in error and "HF_HUB_CACHE" in error
    assert wick.embed(before=someone).out == vector  # another user's cache serves all the same
    (wick.snapshot() / "modules.json").unlink()
    warned = wick.embed(before=someone, check=None)  # the link cannot be put back
    assert warned.returncode == 1 and "Permission denied" in warned.err
    os.chmod(wick.cache, 0o755)


def test_a_cache_that_cannot_be_read(wick, hub, someone):
    """The hub is not asked, whose fault it is not; nor does a refusal of its own hide the reason."""
    wick.embed()
    os.chmod(wick.cache, 0o700 if someone else 0)
    hub.log.clear()
    for more in ({}, {"env": {"HF_HUB_OFFLINE": "1"}}):
        error = wick.embed(check=1, before=someone, **more).err
        assert "cannot look into the hub cache: Permission denied" in error and "HF_HUB_CACHE" in error
    assert not hub.log
    os.chmod(wick.cache, 0o755)


def test_a_cache_that_is_a_file(wick, hub):
    wick.cache.write_bytes(b"")
    error = wick.embed(check=1).err
    assert f"cannot look into the hub cache: Not a directory ({wick.cache})" in error and "HF_HUB_CACHE" in error
    assert not hub.log


def test_a_slip_for_a_folder(wick, hub):
    """Without a slash it may have been meant as a folder; with one it was not."""
    closed = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    for env in ({}, {"HF_HUB_OFFLINE": "1"}):
        assert "a folder here is written ./mmm" in wick.embed("mmm", check=1, env=env).err
        assert "./org" not in wick.embed("org/mmm", check=1, env=env).err
    done = wick("pull", "--tries", "1", "mmm", env=closed, check=1)
    assert "cannot be reached" in done.err and "a folder here is written ./mmm" in done.err
    (wick.folder / "big.txt").write_text("text")
    hub.log.clear()
    for name in ("big.txt", "./big.txt", str(wick.folder / "big.txt")):
        error = wick.embed(name, check=1).err
        assert f"{name} is a file, not a model's folder" in error and "config.json" in error
    assert not hub.log


def kill_some(wick, hub, vector, n, seed):
    """Kills n downloads at random moments; after each, nothing partial has a final name; the next one goes on. How many left something half-way."""
    dice, n_partial = random.Random(seed), 0
    for i in range(n):
        moment, reached = dice.randrange(0, 118000), threading.Event()

        def pause(sent):
            if sent >= moment:
                reached.set()
            time.sleep(0.05 if reached.is_set() else 0)
        hub.fault = Times(faults.slowly(8192, pause), host="store")
        process = wick.start("embed", "--model", NAME, "x")
        if i % 2:  # somewhere in the weights; else somewhere in all of it
            while not reached.wait(0.005) and process.poll() is None:
                pass
        time.sleep(dice.random() * 0.05)
        process.kill()
        process.communicate()
        wick.check_blobs()
        n_partial += any(name.endswith(".incomplete") for name in wick.blobs())
        is_named = (wick.repo / "refs/main").exists()
        assert not is_named or paths(wick.snapshot()) == WANTED
        for path in paths(wick.snapshot()) if wick.snapshot().exists() else ():
            assert (wick.snapshot() / path).read_bytes() == hub.repositories[NAME].files[path]
        if is_named:
            subprocess.run(["rm", "-rf", wick.cache], check=True)
    hub.fault = None
    assert wick.embed().out == vector
    wick.check_blobs()
    return n_partial


def test_kills(wick, hub, vector):
    assert kill_some(wick, hub, vector, 8, 1) > 0


def test_eight_processes_download_once(wick, hub, vector):
    hub.fault = Times(faults.slowly(8192, lambda sent: time.sleep(0.02)), host="store")
    processes = [wick.start("embed", "--model", NAME, "--format", "f32", "hello world") for _ in range(8)]
    told = 0
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0 and out == vector, err
        n = err.count(b"waiting for another process")
        assert n <= 1, err
        told += n
    assert told >= 1  # all eight may: one file comes from one process, the next from another
    resolved = [r["path"] for r in hub.requests("/resolve/")]
    assert len(resolved) == len(set(resolved)) == len(WANTED)
    assert len([r for r in hub.log if r["host"] == "store"]) == 1


def test_someone_else_in_the_parent_folder(wick, hub, vector):
    """Links that another user put where the cache will write: refused or replaced, never followed."""
    outside = wick.folder / "outside"
    outside.mkdir()
    (outside / "victim").write_bytes(b"precious")
    digest = hub.repositories[NAME].digest(WEIGHTS)
    (wick.repo / "blobs").mkdir(parents=True)
    (wick.repo / "blobs" / (digest + ".incomplete")).symlink_to(outside / "victim")
    (wick.repo / "refs").symlink_to(outside)
    assert "link" in wick.embed(check=1).err
    (wick.repo / "refs").unlink()
    commit = hub.repositories[NAME].commit
    subprocess.run(["rm", "-rf", wick.repo / "snapshots"], check=True)
    (wick.repo / "snapshots").mkdir()
    (wick.repo / "snapshots" / commit).symlink_to(outside)
    assert "link" in wick.embed(check=1).err
    (wick.repo / "snapshots" / commit).unlink()
    (wick.cache / ".locks/models--org--tiny" / (digest + ".lock")).unlink(missing_ok=True)
    (wick.cache / ".locks/models--org--tiny" / (digest + ".lock")).symlink_to(outside / "lock")
    assert wick.embed().out == vector
    assert paths(outside) == {"victim"} and (outside / "victim").read_bytes() == b"precious"


def test_links_that_come_and_go(wick, hub, vector):
    """The same, while Wick writes: folders and files are swapped for links as fast as can be."""
    outside = wick.folder / "outside"
    (outside / "1_Pooling").mkdir(parents=True)
    before = {p: p.stat().st_mtime_ns for p in [outside, *outside.rglob("*")]}
    commit, over = hub.repositories[NAME].commit, threading.Event()
    places = [wick.repo / "snapshots", wick.repo / "snapshots" / commit, wick.repo / "blobs", wick.repo / "refs", wick.repo / ".no_exist",
              wick.repo / "blobs" / (hub.repositories[NAME].digest(WEIGHTS) + ".incomplete")]

    def swap():
        dice = random.Random(3)
        while not over.is_set():
            place = dice.choice(places)
            aside = place.with_name(place.name + ".aside")
            try:
                os.rename(place, aside)
                os.symlink(outside, place)
                os.unlink(place)
                os.rename(aside, place)
            except OSError:
                pass
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(8):
            wick.embed(check=None)
            subprocess.run(["rm", "-rf", wick.repo], check=False)
    finally:
        over.set()
        thread.join()
    assert {p: p.stat().st_mtime_ns for p in [outside, *outside.rglob("*")]} == before
    subprocess.run(["rm", "-rf", wick.repo], check=True)
    assert wick.embed().out == vector


@pytest.mark.parametrize("library, mend", [("libcurl", "libcurl4"), ("libcrypto", "lib")])
def test_a_machine_without_the_libraries(wick, library, mend):
    listed = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False).stdout if os.geteuid() == 0 else ""
    found = {os.path.realpath(line.split("=> ")[1]) for line in listed.splitlines() if line.strip().startswith(library) and "=> " in line}
    hide = ["unshare", "-m", "sh", "-c", "".join(f"mount --bind /dev/null {path} && " for path in sorted(found)) + 'exec "$0" "$@"']
    if not found or subprocess.run([*hide, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("nothing can be hidden here")
    error = wick.embed(check=1, before=hide).err
    assert "install" in error and mend in error
