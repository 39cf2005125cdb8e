# SPDX-License-Identifier: Apache-2.0
"""What embed writes: the formats, files that are whole or not there, disks that are full, pipes that close."""
import io
import json
import os
import signal
import stat
import subprocess
import time

import numpy
import pytest

TEXTS = ["a", "Größe 世界 🌍", "", "two\nlines"]
FORMATS = ("json", "jsonl", "csv", "npy", "f32")


def load(data, file_format, dimension=384):
    """The vectors as an array, read as a user would."""
    if file_format == "json":
        return numpy.array(json.loads(data)["embeddings"], "<f4").reshape(-1, dimension)
    if file_format == "jsonl":
        return numpy.array([json.loads(line)["embedding"] for line in data.splitlines()], "<f4").reshape(-1, dimension)
    if file_format == "csv" and not data:
        return numpy.empty((0, dimension), "<f4")
    if file_format == "csv":
        return numpy.loadtxt(io.BytesIO(data), "<f4", delimiter=",", ndmin=2).reshape(-1, dimension)
    if file_format == "npy":
        return numpy.load(io.BytesIO(data))
    return numpy.frombuffer(data, "<f4").reshape(-1, dimension)


@pytest.mark.parametrize("file_format", FORMATS)
def test_formats_hold_the_same_bits(wick, file_format):
    want = load(wick.mock("--format", "f32", "--", *TEXTS).stdout, "f32")
    assert want.shape == (4, 384)
    assert numpy.allclose(numpy.linalg.norm(want, axis=1), 1, atol=1e-5)
    for more in ([], ["--output", "-"]):
        got = load(wick.mock("--format", file_format, *more, "--", *TEXTS).stdout, file_format)
        assert got.dtype == numpy.dtype("<f4") and numpy.array_equal(got, want)
    wick.mock("--output", f"out.{file_format}", "--", *TEXTS)
    assert numpy.array_equal(load((wick.folder / f"out.{file_format}").read_bytes(), file_format), want)
    with open(wick.folder / "redirected", "w+b") as file:
        file.write(b"before")
        file.flush()
        wick.mock("--format", file_format, "--", *TEXTS, stdout=file)
    content = (wick.folder / "redirected").read_bytes()
    assert content[:6] == b"before" and numpy.array_equal(load(content[6:], file_format), want)
    with open(wick.folder / "appended", "ab") as file:
        wick.mock("--format", file_format, "--", *TEXTS, stdout=file)
    assert numpy.array_equal(load((wick.folder / "appended").read_bytes(), file_format), want)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("source", ["lines", "jsonl", "csv"])
def test_empty_input_gives_an_empty_result(wick, file_format, source):
    wick.mock("--input", "/dev/null", "--input-format", source, "--output", f"out.{file_format}", "--dimensions", "7")
    data = (wick.folder / f"out.{file_format}").read_bytes()
    assert load(data, file_format, 7).shape == (0, 7)
    assert wick.mock("--format", file_format, "--dimensions", "7").stdout == data or file_format == "json"
    assert (data == b"") == (file_format in ("jsonl", "csv", "f32"))


def test_default_formats(wick):
    reply = json.loads(wick.mock("a", "b c").stdout)
    assert list(reply) == ["model", "embeddings", "dimension", "usage"]
    assert reply["dimension"] == 384 and reply["model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert reply["usage"]["total_tokens"] == 7 and isinstance(reply["usage"]["duration_ms"], int)
    lines = wick.mock(stdin=b"a\nb\n").stdout.splitlines()
    assert [list(json.loads(line)) for line in lines] == [["index", "embedding"]] * 2
    (wick.folder / "in.txt").write_text("a\nb\n")
    assert wick.mock("--input", "in.txt").stdout.splitlines() == lines
    assert wick.mock("--input", "in.txt", "--output", "/dev/stdout").stdout.splitlines() == lines
    wick.mock("--input", "in.txt", "--output", "out.ndjson")
    assert (wick.folder / "out.ndjson").read_bytes().splitlines() == lines
    wick.mock("--input", "in.txt", "--output", "named.npy", "--format", "jsonl")
    assert (wick.folder / "named.npy").read_bytes().splitlines() == lines


def test_normalize_and_dimensions(wick):
    raw = load(wick.mock("a", "--format", "f32", "--no-normalize").stdout, "f32")[0]
    assert abs(numpy.linalg.norm(raw) - 1) > 1e-4
    unit = load(wick.mock("a", "--format", "f32").stdout, "f32")[0]
    assert numpy.allclose(unit, raw / numpy.linalg.norm(raw), atol=1e-6)
    short = load(wick.mock("a", "--format", "f32", "--dimensions", "5").stdout, "f32", 5)[0]
    assert numpy.allclose(short, raw[:5] / numpy.linalg.norm(raw[:5]), atol=1e-6)
    done = wick.mock("a", "--dimensions", "385", check=1)
    assert b"at most 384" in done.stderr and done.stdout == b""


def test_the_file_is_made_as_others_are(wick):
    """Its permissions follow the umask, or the file that was there; links stay links; no other file is left."""
    out = wick.folder / "out.csv"
    wick.mock("a", "--output", "out.csv", preexec_fn=lambda: os.umask(0o027))
    assert stat.S_IMODE(out.stat().st_mode) == 0o640
    out.chmod(0o604)
    (wick.folder / "link.csv").symlink_to("out.csv")
    wick.mock("b", "--output", "link.csv")
    assert stat.S_IMODE(out.stat().st_mode) == 0o604
    assert (wick.folder / "link.csv").is_symlink()
    assert out.read_bytes() == wick.mock("b", "--format", "csv").stdout
    assert sorted(path.name for path in wick.folder.iterdir()) == ["link.csv", "out.csv"]


def test_input_may_be_the_output(wick):
    (wick.folder / "x.csv").write_text("text\na\nb\n")
    wick.mock("--input", "x.csv", "--output", "x.csv")
    assert len((wick.folder / "x.csv").read_bytes().splitlines()) == 2


@pytest.mark.parametrize("path, said", [("no/such/out.csv", "No such file"), (".", "directory"), ("new.csv/", "directory")])
def test_output_that_cannot_be_written(wick, path, said):
    done = wick.mock("a", "--output", path, "--format", "csv", check=1)
    assert said in done.stderr.decode()
    assert list(wick.folder.iterdir()) == []


@pytest.mark.parametrize("file_format", FORMATS)
def test_full_disk(wick, file_format):
    with open("/dev/full", "wb") as full:
        done = wick.mock("a", "--format", file_format, check=1, stdout=full)
    assert b"No space left on device (standard output)" in done.stderr
    done = wick.mock("a", "--format", file_format, "--output", "/dev/full", check=1)
    assert b"No space left on device (/dev/full)" in done.stderr


def test_full_disk_for_the_other_commands(wick):
    for arguments in (["similarity", "--provider", "mock", "a", "b"], ["info", "--provider", "mock"]):
        with open("/dev/full", "wb") as full:
            assert b"No space left" in wick(*arguments, check=1, stdout=full).stderr


def test_file_size_limit(wick):
    """A file that grows too large fails like a full disk, and nothing stands under its name."""
    import resource
    (wick.folder / "in.txt").write_text("a\n" * 1000)
    (wick.folder / "out.npy").write_bytes(b"old")
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    done = wick.mock("--input", "in.txt", "--output", "out.npy", check=1, preexec_fn=limit)
    assert b"File too large" in done.stderr
    assert sorted(path.name for path in wick.folder.iterdir()) == ["in.txt", "out.npy"]
    assert (wick.folder / "out.npy").read_bytes() == b"old"


def test_an_error_in_the_input_leaves_the_old_file(wick):
    (wick.folder / "in.txt").write_bytes(b"a\n" * 5000 + b"\xff\n")
    (wick.folder / "out.npy").write_bytes(b"old")
    wick.mock("--input", "in.txt", "--output", "out.npy", check=1)
    assert (wick.folder / "out.npy").read_bytes() == b"old"
    assert sorted(path.name for path in wick.folder.iterdir()) == ["in.txt", "out.npy"]
    # On standard output the exit code tells, and json is not closed as if it were complete.
    done = wick.mock("--input", "in.txt", "--format", "json", check=1)
    with pytest.raises(ValueError):
        json.loads(done.stdout)


def wait_for_partial(folder, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        partial = [path for path in folder.iterdir() if path.name.endswith(".partial")]
        if partial and partial[0].stat().st_size > 0:
            return partial[0]
        time.sleep(0.01)
    raise AssertionError("no unfinished file came")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("old", [None, b"old"])
def test_ended_by_a_signal(wick, number, old):
    """Ctrl-C while output is being written: nothing half-written stays, and what stood under the final name stays as it was."""
    out = wick.folder / "out.f32"
    if old:
        out.write_bytes(old)
    process = wick.start("embed", "--provider", "mock", "--output", "out.f32", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(b"a\n" * 100)
    process.stdin.flush()
    wait_for_partial(wick.folder)
    process.send_signal(number)
    assert process.wait(10) == -number
    assert process.stderr.read() == b""
    process.stdin.close()
    process.stderr.close()
    assert [path.name for path in wick.folder.iterdir()] == (["out.f32"] if old else [])
    assert not old or out.read_bytes() == old


def test_a_shell_sees_130(wick):
    """The process ends by the signal itself, which shells report as 130 and which stops a script's loop."""
    script = f"'{wick.binary}' embed --provider mock --output out.f32; echo $?"
    shell = subprocess.Popen(["sh", "-c", script], cwd=wick.folder, env=wick.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             preexec_fn=wick.default_signals)
    shell.stdin.write(b"a\n")
    shell.stdin.flush()
    partial = wait_for_partial(wick.folder)
    os.kill(int(partial.name.split(".")[-2].split("-")[0]), signal.SIGINT)
    output, _ = shell.communicate(timeout=20)
    assert output == b"130\n"
    assert list(wick.folder.iterdir()) == []


@pytest.mark.parametrize("file_format", FORMATS)
def test_closed_pipe_ends_quietly(wick, file_format):
    (wick.folder / "in.txt").write_text("a\n" * 20000)
    process = wick.start("embed", "--provider", "mock", "--input", "in.txt", "--format", file_format, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(20) == -signal.SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()


def test_head(wick):
    (wick.folder / "in.txt").write_text("a\n" * 5000)
    script = f"'{wick.binary}' embed --provider mock --input in.txt | head -1; '{wick.binary}' --help | head -1"
    done = subprocess.run(["sh", "-c", script], cwd=wick.folder, env=wick.env, capture_output=True, timeout=20)
    assert done.stderr == b"" and done.stdout.count(b"\n") == 2


def test_nohup_is_kept(wick):
    process = wick.start("embed", "--provider", "mock", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.stdin.write(b"a\n")
    process.stdin.flush()
    assert process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    output, _ = process.communicate(b"b\n", 10)
    assert process.returncode == 0 and output.count(b"\n") == 1


def test_npy_spools_in_tmpdir(wick):
    done = wick.mock("a", "--format", "npy", env={"TMPDIR": str(wick.folder / "absent")}, check=1)
    assert b"point TMPDIR" in done.stderr and done.stdout == b""
    spool = wick.folder / "spool"
    spool.mkdir()
    assert load(wick.mock("a", "--format", "npy", env={"TMPDIR": str(spool)}).stdout, "npy").shape == (1, 384)
    assert list(spool.iterdir()) == []


def test_closed_standard_streams(wick):
    """Without a standard output or error of its own, the command writes into no file by accident."""
    def shell(redirections, *arguments):
        quoted = " ".join(f"'{argument}'" for argument in (wick.binary, "embed", "--provider", "mock", *arguments))
        return subprocess.run(["sh", "-c", f"{quoted} {redirections}"], cwd=wick.folder, env=wick.env, capture_output=True, timeout=20)
    assert shell(">&-", "a").returncode == 1
    assert b"standard output" in shell(">&-", "a").stderr
    assert shell(">&- 2>&-", "a", "--output", "out.csv").returncode == 0
    assert (wick.folder / "out.csv").read_bytes() == wick.mock("a", "--format", "csv").stdout
    (wick.folder / "in.txt").write_bytes(b"a\n\xff\n")
    assert shell("<&- >&- 2>&-", "--input", "in.txt", "--output", "out.csv").returncode == 1
    assert (wick.folder / "out.csv").read_bytes() == wick.mock("a", "--format", "csv").stdout
    assert b"standard input" in shell("<&-").stderr
