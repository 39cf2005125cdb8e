# SPDX-License-Identifier: Apache-2.0
"""Names, revisions, paths and digests of somebody who wants to write where he may not; made by table. Whatever is tried, nothing outside the cache changes, and nothing in it but the model's own folder."""

from machine import NAME

PARTS = ["..", ".", "../..", "../../../../../../tmp/wick-hostile", "/etc", "/", "~", "~root", "C:", "C:\\x", "\\", "..\\..", "a/../b", "a//b", "./a", "a/.", "a/..",
         "-rf", "--help", ".hidden", "a.", "a..b", "a--b", "a b", "a\tb", "a\nb", "a\rb", "\x01", "\x7f", "a%2e%2e", "%2e%2e%2f", "%00", "a?b", "a#b", "a&b", "a;b", "a|b", "$(id)", "`id`",
         "a'b", 'a"b', "a*b", "a@b", "a:b", "é", "\u202e", "\ufeff", "\u2215etc", "a" * 97, "a" * 300, "a.git", "con", "nul", "models--a--b", ".locks", "blobs", "refs"]


def names():
    """About 500 of them, as a user or a configuration might name a model."""
    for part in PARTS:
        yield f"org/{part}"
        yield f"{part}/name"
        yield f"{NAME}@{part}"
        yield f"{NAME}@refs/{part}"
        yield f"{NAME}@{part}/x"
        yield f"{NAME}@../{part}"
        yield f"org/../{part}"
        yield f"{part}@main"
        yield f"org/{part}@{part}"


def listings(repository):
    """Trees in which one file has a hostile path, digest or size."""
    tree = repository.tree()
    others = [e for e in tree if e["path"] != "vocab.txt"]
    for part in PARTS:
        for path in (part, f"../{part}", f"1_Pooling/{part}", f"{part}/config.json"):
            yield [*others, {"type": "file", "oid": "0" * 40, "size": 1, "path": path}]
    for digest in ("", "../../x", "0" * 39, "0" * 41, "0" * 40 + "/", "A" * 40, "g" * 40, "main", None, 7, {}, "0" * 40 + "\x00"):
        for i in range(len(tree)):
            yield [*tree[:i], {**tree[i], "oid": digest, **({"lfs": {**tree[i]["lfs"], "oid": digest}} if "lfs" in tree[i] else {})}, *tree[i + 1:]]
    for size in (-1, 2**60, 2**64, 1.5, "1", None, True):
        yield [{**tree[0], "size": size, "lfs": None}, *tree[1:]]


def outside(wick):
    """Everything near the cache that is not in it, with times and sizes."""
    return {(str(p), p.lstat().st_size, p.lstat().st_mtime_ns) for p in wick.folder.rglob("*") if wick.cache not in (p, *p.parents) and p != wick.folder}


def try_names(wick, hub, some):
    (wick.folder / "victim").write_bytes(b"precious")
    before = outside(wick)
    n = 0
    for name in some:
        if "\x00" in name:
            continue
        wick.embed(name, check=1)
        n += 1
    assert outside(wick) == before
    cached = {p.name for p in wick.cache.iterdir()} if wick.cache.exists() else set()
    assert cached <= {"CACHEDIR.TAG", ".locks"}, cached
    return n


def try_listings(wick, hub, some):
    (wick.folder / "victim").write_bytes(b"precious")
    before = outside(wick)
    n = 0
    for tree in some:
        hub.fault = lambda request, tree=tree: request.json(tree) if "/tree/" in request.path else None
        wick.embed(check=None)
        wick.check_blobs()
        n += 1
    assert outside(wick) == before
    assert {p.name for p in wick.cache.iterdir()} <= {"CACHEDIR.TAG", ".locks", "models--org--tiny"}
    return n
