# SPDX-License-Identifier: Apache-2.0
"""What the loopback hub serves: repositories of commits of files. A file's content comes from memory, from a file, or is generated as it is sent, so that
gigabytes need no disk."""
import hashlib
import pathlib

LFS_SUFFIXES = (".safetensors", ".bin", ".onnx", ".gguf", ".h5", ".pt", ".npy")
LFS_BYTES = 10 << 20
CHUNK = 1 << 20


class Bytes:
    """Content in memory."""

    def __init__(self, data):
        self.data = data
        self.size = len(data)

    def chunks(self, start, end):
        for at in range(start, end, CHUNK):
            yield self.data[at:min(at + CHUNK, end)]


class OnDisk:
    """Content of a file, read as it is sent."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.size = self.path.stat().st_size

    def chunks(self, start, end):
        with open(self.path, "rb") as file:
            file.seek(start)
            while start < end and (part := file.read(min(CHUNK, end - start))):
                start += len(part)
                yield part


class Generated:
    """size bytes that differ from place to place and from seed to seed, kept nowhere."""

    def __init__(self, size, seed=0):
        self.size = size
        self.seed = seed
        self.block = b"".join(hashlib.sha256(b"%d %d" % (seed, i)).digest() for i in range(CHUNK // 32))

    def chunks(self, start, end):
        while start < end:
            index, offset = divmod(start, CHUNK)
            n = min(CHUNK - offset, end - start)
            yield (index.to_bytes(8, "little") + self.block[8:])[offset:offset + n]
            start += n


class File:
    """One file of a commit: its content and the digests that the hub knows it by."""

    def __init__(self, path, content, lfs=None):
        if isinstance(content, (bytes, bytearray)):
            content = Bytes(bytes(content))
        elif isinstance(content, (str, pathlib.Path)):
            content = OnDisk(content)
        self.path, self.content, self.size = path, content, content.size
        self.lfs = lfs if lfs is not None else path.endswith(LFS_SUFFIXES) or self.size > LFS_BYTES
        digest = hashlib.sha256() if self.lfs else hashlib.sha1(b"blob %d\0" % self.size)
        for part in content.chunks(0, self.size):
            digest.update(part)
        self.etag = digest.hexdigest()
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.etag}\nsize {self.size}\n".encode()
        self.pointer_size = len(pointer)
        self.oid = hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest() if self.lfs else self.etag

    def entry(self):
        """As api/models/NAME/tree lists it."""
        entry = {"type": "file", "oid": self.oid, "size": self.size, "path": self.path}
        if self.lfs:
            entry["lfs"] = {"oid": self.etag, "size": self.size, "pointerSize": self.pointer_size}
        return entry


class Repo:
    """A model repository. files of the newest commit are repo.files; repo.refs: branch or tag -> commit."""

    def __init__(self, name, files, private=False, gated=False, lfs=None):
        self.name, self.private, self.gated = name, private, gated
        self.commits, self.refs = {}, {}
        self.commit(files, lfs=lfs)

    def commit(self, files, ref="main", lfs=None):
        """A new commit of all of files ({path: bytes, path or content} or a folder); returns its hash. lfs(path): which files are LFS files."""
        if isinstance(files, (str, pathlib.Path)):
            folder = pathlib.Path(files)
            files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file() and "/." not in str(path.relative_to(folder))}
        made = {path: File(path, content, lfs(path) if lfs else None) for path, content in sorted(files.items())}
        text = "".join(f"{file.path} {file.etag}\n" for file in made.values())
        sha = hashlib.sha1(f"{self.name} {len(self.commits)}\n{text}".encode()).hexdigest()
        self.commits[sha] = made
        self.refs[ref] = sha
        return sha

    @property
    def sha(self):
        return self.refs["main"]

    @property
    def files(self):
        return self.commits[self.sha]

    def resolve(self, revision):
        """The commit that a branch, a tag or a commit's hash names; None: no such revision."""
        return self.refs.get(revision) or (revision if revision in self.commits else None)

    def tree(self, sha, under="", recursive=True):
        """Entries in the hub's order, folders included."""
        prefix = under + "/" if under else ""
        entries = {}
        for file in self.commits[sha].values():
            if not file.path.startswith(prefix):
                continue
            parts = file.path[len(prefix):].split("/")
            for i in range(1, len(parts) if recursive else min(len(parts), 2)):
                path = prefix + "/".join(parts[:i])
                entries.setdefault(path, {"type": "directory", "oid": hashlib.sha1(path.encode()).hexdigest(), "size": 0, "path": path})
            if recursive or len(parts) == 1:
                entries[file.path] = file.entry()
        return [entries[path] for path in sorted(entries)]

    def info(self, sha):
        return {
            "_id": sha[:24], "id": self.name, "modelId": self.name, "author": self.name.split("/")[0], "sha": sha, "private": self.private,
            "gated": "manual" if self.gated else False, "disabled": False, "downloads": 1, "likes": 0, "tags": ["sentence-transformers"],
            "pipeline_tag": "sentence-similarity", "library_name": "sentence-transformers", "lastModified": "2026-01-02T03:04:05.000Z",
            "createdAt": "2026-01-01T00:00:00.000Z", "siblings": [{"rfilename": path} for path in self.commits[sha]],
        }
