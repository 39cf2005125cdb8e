# SPDX-License-Identifier: Apache-2.0
"""`wick models`: the list, removing, verifying; and a cache into which somebody has put what does not belong there."""
import fcntl
import json
import os
import pty
import shutil
import subprocess

import pytest
from hub_server import Repository
from machine import NAME, tiny_files


@pytest.fixture
def filled(wick, hub):
    """org/tiny at main and, moved on by one file, at v2; org/other."""
    wick("pull", "--quiet", NAME)
    wick.first = hub.repositories[NAME].commit
    hub.add(NAME, Repository({**tiny_files(), "config_sentence_transformers.json": b'{"a": 1}'}, revisions=("v2",)))
    wick("pull", "--quiet", NAME + "@v2")
    wick.second = hub.repositories[NAME].commit
    hub.add("org/other", Repository(tiny_files()))
    wick("pull", "--quiet", "org/other")
    return wick


def listed(wick):
    return {model["model"]: model for model in json.loads(wick("models", "--json").out)["models"]}


def disk_bytes(folder):
    return sum(p.stat().st_size for p in (folder / "blobs").iterdir())


def tree(folder):
    return sorted((str(p.relative_to(folder)), p.is_symlink() and os.readlink(p)) for p in folder.rglob("*"))


def test_an_empty_cache(wick):
    done = wick("models")
    assert done.out == b"" and f"wick: no models in {wick.cache}; wick pull org/name gets one\n" == done.err
    assert json.loads(wick("models", "--json").out) == {"cache": str(wick.cache), "models": []}
    assert wick("models", "verify").returncode == 0


def test_the_table(filled):
    lines = filled("models").out.decode().splitlines()
    assert lines[0].split() == ["model", "revision", "size", "files", "last", "used"]
    assert sorted(line.split()[:2] for line in lines[1:]) == [["org/other", "main"], [NAME, "main"], [NAME, "v2"]]
    assert all(line.endswith("8  today") for line in lines[1:])


def test_the_list_counts_blobs_once(filled):
    models = listed(filled)
    tiny = models[NAME]
    assert tiny["size_bytes"] == disk_bytes(filled.repo) and tiny["incomplete_bytes"] == 0
    revisions = {r["commit"]: r for r in tiny["revisions"]}
    assert revisions[filled.first]["refs"] == ["main"] and revisions[filled.second]["refs"] == ["v2"]
    assert all(r["complete"] and r["missing"] == "" and r["n_files"] == 8 for r in revisions.values())
    assert sum(r["size_bytes"] for r in revisions.values()) > tiny["size_bytes"]
    assert models["org/other"]["last_used"] > 1.7e9


def test_as_huggingface_hub_counts(filled):
    scan = pytest.importorskip("huggingface_hub").scan_cache_dir(filled.cache)
    own = listed(filled)
    assert {repo.repo_id for repo in scan.repos} == set(own)
    for repo in scan.repos:
        assert repo.size_on_disk == own[repo.repo_id]["size_bytes"]
        assert {r.commit_hash: (r.size_on_disk, set(r.refs), r.nb_files) for r in repo.revisions} == {
            r["commit"]: (r["size_bytes"], set(r["refs"]), r["n_files"]) for r in own[repo.repo_id]["revisions"]}


def test_what_is_incomplete_says_so(filled):
    (filled.snapshot() / "tokenizer.json").unlink()
    (filled.cache / "models--org--half/blobs").mkdir(parents=True)
    (filled.cache / "models--org--half/blobs" / ("a" * 64 + ".incomplete")).write_bytes(b"x" * 1000)
    page = filled("models").out.decode()
    assert "incomplete: no tokenizer.json" in page
    assert [line.split() for line in page.splitlines() if "org/half" in line] == [["org/half", "-", "1.0", "kB", "0", "incomplete"]]
    assert listed(filled)["org/half"]["incomplete_bytes"] == 1000


def test_remove_a_model(filled):
    other = tree(filled.cache / "models--org--other")
    size = disk_bytes(filled.repo)
    done = filled("models", "rm", "--yes", NAME)
    assert done.err == f"wick: removed {NAME}, {size / 1000:.1f} kB freed\n"
    assert not filled.repo.exists() and not (filled.cache / ".locks/models--org--tiny").exists()
    assert tree(filled.cache / "models--org--other") == other
    assert set(listed(filled)) == {"org/other"}
    assert not [p for p in filled.cache.iterdir() if "removed" in p.name]
    assert f"not in the cache: {NAME}" in filled("models", "rm", "--yes", NAME, check=1).err


@pytest.mark.parametrize("by_commit", [True, False])
def test_remove_a_revision(filled, vector, by_commit):
    blobs = set(filled.blobs())
    filled("models", "rm", "--yes", f"{NAME}@{filled.second if by_commit else 'v2'}")
    assert len(blobs - set(filled.blobs())) == 1  # the one file that only v2 had
    assert [p.name for p in (filled.repo / "snapshots").iterdir()] == [filled.first]
    assert [p.name for p in (filled.repo / "refs").iterdir()] == ["main"]
    assert not (filled.repo / ".no_exist" / filled.second).exists()
    assert filled.embed(env={"HF_HUB_OFFLINE": "1"}).out == vector
    assert filled("models", "verify").returncode == 0
    assert "not in the cache" in filled("models", "rm", "--yes", NAME + "@v2", check=1).err
    filled("models", "rm", "--yes", NAME + "@main")  # the last one: nothing is left
    assert not filled.repo.exists()


def test_nobody_to_ask(filled):
    assert "add --yes" in filled("models", "rm", NAME, check=1, stdin=subprocess.DEVNULL).err
    assert filled.repo.exists()


@pytest.mark.parametrize("answer, goes", [(b"y\n", True), (b"n\n", False), (b"\n", False), (b"\x04", False)])
def test_asking(filled, answer, goes):
    master, slave = pty.openpty()
    process = subprocess.Popen([filled.binary, "models", "rm", NAME], cwd=filled.folder, env=filled.env, stdin=slave, stdout=subprocess.PIPE, stderr=slave)
    os.close(slave)
    text = b""
    while b"[y/N] " not in text:
        text += os.read(master, 4096)
    assert f"Remove {NAME}, 2 revisions, ".encode() in text
    os.write(master, answer)
    assert process.wait(timeout=20) == 0
    process.stdout.close()
    os.close(master)
    assert filled.repo.exists() != goes


def test_a_download_under_way_is_not_broken(filled):
    """A snapshot that a pull is filling lacks files. Without a pull that is told."""
    (filled.snapshot() / "tokenizer.json").unlink()
    assert "has no tokenizer.json" in filled("models", "verify", NAME, check=1).out.decode()
    with open(next((filled.cache / ".locks/models--org--tiny").iterdir())) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert filled("models", "verify", NAME).out == b""
    assert "has no tokenizer.json" in filled("models", "verify", NAME, check=1).out.decode()


def test_a_download_under_way_is_not_removed(filled):
    locks = filled.cache / ".locks/models--org--tiny"
    with open(next(locks.iterdir())) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "is being downloaded" in filled("models", "rm", "--yes", NAME, check=1).err
    assert filled.repo.exists()
    filled("models", "rm", "--yes", NAME)


def test_nothing_outside_the_cache_goes(filled, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("keep me")
    (outside / "deep").mkdir()
    (outside / "deep/file").write_text("keep me too")
    (filled.repo / "blobs/link").symlink_to(outside / "precious")
    (filled.repo / "blobs/folder").symlink_to(outside)
    (filled.snapshot() / "out").symlink_to(outside)
    (filled.snapshot() / "deep").symlink_to("../../../../outside/deep")
    (filled.repo / "snapshots" / ("c" * 40)).symlink_to(outside)
    (filled.repo / "refs/loop").symlink_to(".")
    (filled.repo / "refs/evil").write_text("../../../outside")
    (filled.cache / "models--org--link").symlink_to(outside)
    size = listed(filled)[NAME]["size_bytes"]
    assert size == sum(p.stat().st_size for p in (filled.repo / "blobs").iterdir() if p.is_file() and not p.is_symlink())
    assert "org/link" not in listed(filled)
    assert "no folder of the cache's" in filled("models", "rm", "--yes", "org/link", check=1).err
    done = filled("models", "verify", check=1).out.decode()
    assert done.count("leads out of the model's blobs") == 2 and "refs/evil  names a snapshot that is not there" in done
    filled("models", "rm", "--yes", f"{NAME}@{filled.first}")
    filled("models", "rm", "--yes", NAME)
    assert (outside / "precious").read_text() == "keep me" and (outside / "deep/file").exists()
    assert not filled.repo.exists()


@pytest.mark.parametrize("name", ["../outside", "/etc", "org/..", "models--org--tiny", "org/tiny@../..", "", ".", "org/tiny/x", "a" * 300])
def test_names_that_are_none(filled, name):
    before = tree(filled.cache)
    done = filled("models", "rm", "--yes", name, check=1)
    assert done.err.startswith("wick: ") and done.err.count("\n") == 1
    assert tree(filled.cache) == before


def test_strange_folders(filled):
    deep = filled.snapshot() / "/".join(["d"] * 60)
    deep.mkdir(parents=True)
    (filled.cache / "models--").mkdir()
    (filled.cache / "models--org--a\nb").mkdir()
    (filled.cache / "models--org--fine/snapshots").mkdir(parents=True)
    (filled.cache / "models--org--fine/blobs").write_text("a file")
    os.mkfifo(filled.repo / "blobs" / ("b" * 64))
    os.mkfifo(filled.repo / "refs/fifo")
    (filled.repo / "blobs" / "name\033[2Jwith\nbreaks").write_text("x")
    assert NAME in listed(filled)
    out = filled("models", "verify", check=1).out
    assert b"\033" not in out and b"no file of the cache's" in out
    done = filled("models", "rm", "--yes", NAME, check=None)  # deeper than any model: it says so, or does it
    assert done.returncode == 0 or done.err.startswith("wick: ")


def test_verify_finds_what_is_broken_and_pull_mends_it(filled, vector):
    assert filled("models", "verify").err == "wick: 2 models, 17 files hashed, " + filled("models", "verify").err.split(", ", 2)[2]
    weights = (filled.snapshot() / "../" / filled.first / "model.safetensors").resolve()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.chmod(0o644)
    weights.write_bytes(data)
    (filled.repo / "refs/dangling").write_text("d" * 40)
    done = filled("models", "verify", NAME, check=1)
    lines = done.out.decode().splitlines()
    assert f"{NAME}  blobs/{weights.name}  its content is not what its name says" in lines
    assert f"{NAME}  refs/dangling  names a snapshot that is not there" in lines and len(lines) == 2
    assert "2 broken" in done.err and "wick pull" in done.err
    assert filled("models", "verify", "org/other").returncode == 0
    done = filled("models", "verify", "--remove-broken", NAME, check=1)
    assert not weights.exists() and "1 removed" in done.err
    again = filled("models", "verify", NAME, check=1).out.decode()
    assert again.count("its blob is not there") == 2
    filled("pull", "--quiet", NAME + "@v2")
    (filled.repo / "refs/dangling").unlink()
    assert filled("models", "verify", NAME).returncode == 0
    assert filled.embed(NAME + "@v2").out == vector


def test_usage(wick):
    for arguments in (["rn", "x"], ["rm"], ["verify", "a/b", "c/d"], ["--yes"], ["--remove-broken", "rm", "a/b"], ["rm", "--json", "a/b"]):
        assert wick("models", *arguments, check=2).err.startswith("wick: ")
    assert "did you mean wick models rm?" in wick("models", "rn", "x", check=2).err
    assert wick("models", "--help").out.decode().startswith("Usage: wick models [OPTION...] [rm MODEL... | verify [MODEL]]\n")


def test_a_cache_that_cannot_be_written(filled, someone):
    filled.cache.chmod(0o555)
    try:
        assert "let this user write" in filled("models", "rm", "--yes", NAME, check=1, before=someone).err
        assert filled("models", before=someone).out.decode().count(NAME) == 2
    finally:
        filled.cache.chmod(0o755)
    shutil.rmtree(filled.cache)
