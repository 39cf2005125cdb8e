# SPDX-License-Identifier: Apache-2.0
"""--precision: vectors in fewer bytes, in every format and type; the bytes themselves are compared with sentence-transformers' in tests/c/test_quantize.c."""
import io
import json
import os

import numpy
import pytest

TEXTS = [f"text {i}" for i in range(150)]
TYPES = {"int8": numpy.int8, "uint8": numpy.uint8, "binary": numpy.int8, "ubinary": numpy.uint8}


def expected(vectors, precision, calibration=None):
    if "binary" in precision:
        packed = numpy.packbits(vectors > 0, axis=-1)
        return packed if precision == "ubinary" else (packed.astype(numpy.int16) - 128).astype(numpy.int8)
    least, most = ((vectors if calibration is None else calibration).min(axis=0), (vectors if calibration is None else calibration).max(axis=0))
    step = (most - least) / numpy.float32(255)
    step[step == 0] = 1
    steps = numpy.clip(numpy.floor((vectors - least) / step), 0, 255)
    return (steps - (128 if precision == "int8" else 0)).astype(TYPES[precision])


@pytest.fixture
def source(wick):
    (wick.folder / "in.txt").write_text("".join(text + "\n" for text in TEXTS))
    return ["--input", "in.txt", "--dimensions", "21"]


def whole(wick, source):
    return numpy.load(io.BytesIO(wick.mock(*source, "--format", "npy").stdout))


def load(data, file_format, dtype):
    if file_format == "json":
        return numpy.array(json.loads(data)["embeddings"])
    if file_format == "jsonl":
        return numpy.array([json.loads(line)["embedding"] for line in data.splitlines()])
    if file_format == "csv":
        return numpy.loadtxt(io.BytesIO(data), dtype=int, delimiter=",", ndmin=2)
    array = numpy.load(io.BytesIO(data))
    assert array.dtype == dtype
    return array


@pytest.mark.parametrize("file_format", ["json", "jsonl", "csv", "npy"])
@pytest.mark.parametrize("precision", TYPES)
def test_formats_and_types(wick, source, precision, file_format):
    want = expected(whole(wick, source), precision)
    assert want.shape == (150, 3 if "binary" in precision else 21) and want.dtype == TYPES[precision]
    arguments = [*source, "--precision", precision, "--format", file_format]
    data = wick.mock(*arguments).stdout
    numpy.testing.assert_array_equal(load(data, file_format, TYPES[precision]), want)
    wick.mock(*arguments, "--output", "out")  # a file's header is patched, a pipe's is held back
    assert (wick.folder / "out").read_bytes() == data or file_format == "json"
    if file_format == "json":
        reply = json.loads(data)
        assert reply["precision"] == precision and reply["dimension"] == 21


def test_a_calibration_set(wick, source):
    wick.mock("--output", "calibration.npy", "--dimensions", "21", *(f"other {i}" for i in range(40)))
    calibration = numpy.load(wick.folder / "calibration.npy")
    vectors = whole(wick, source)
    for precision in ("int8", "uint8"):
        arguments = ["--precision", precision, "--calibration", "calibration.npy"]
        wick.mock(*source, *arguments, "--output", "out.npy")
        numpy.testing.assert_array_equal(numpy.load(wick.folder / "out.npy"), expected(vectors, precision, calibration))
        one = json.loads(wick.mock("--dimensions", "21", *arguments, TEXTS[7]).stdout)["embeddings"]  # alone it has the same bytes
        numpy.testing.assert_array_equal(one, expected(vectors[7:8], precision, calibration))
    # The two ends alone are ranges too; versions 2 and 3 of the format, and 16-byte headers, are read.
    numpy.save(wick.folder / "ranges.npy", numpy.stack([calibration.min(axis=0), calibration.max(axis=0)]))
    wick.mock(*source, "--precision", "uint8", "--calibration", "ranges.npy", "--output", "again.npy")
    numpy.testing.assert_array_equal(numpy.load(wick.folder / "again.npy"), numpy.load(wick.folder / "out.npy"))
    with open(wick.folder / "two.npy", "wb") as file:
        numpy.lib.format.write_array(file, calibration, version=(2, 0))
    wick.mock(*source, "--precision", "uint8", "--calibration", "two.npy", "--output", "again.npy")
    numpy.testing.assert_array_equal(numpy.load(wick.folder / "again.npy"), numpy.load(wick.folder / "out.npy"))


def test_few_vectors(wick):
    done = wick.mock("--precision", "int8", "a", check=1)
    assert b"int8 needs ranges of values, which one vector alone has not" in done.stderr and b"--calibration" in done.stderr
    assert json.loads(wick.mock("--precision", "binary", "a").stdout)["embeddings"][0]
    two = numpy.array(json.loads(wick.mock("--precision", "uint8", "a", "b").stdout)["embeddings"])
    assert set(two.flatten().tolist()) <= {0, 255, 254} and (two.max(axis=0) >= 254).all() and (two.min(axis=0) == 0).all()
    wick.mock("--precision", "int8", "--output", "out.npy", "--input", "/dev/null")
    empty = numpy.load(wick.folder / "out.npy")
    assert empty.shape == (0, 384) and empty.dtype == numpy.int8


def test_a_failure_leaves_nothing(wick):
    (wick.folder / "in.txt").write_bytes(b"a\n\xff\n")
    wick.mock("--precision", "int8", "--input", "in.txt", "--output", "out.npy", check=1)
    wick.mock("--precision", "int8", "--output", "out.npy", "a", check=1)
    assert [path.name for path in wick.folder.iterdir()] == ["in.txt"]
    done = wick.mock("--precision", "int8", "a", "b", env={"TMPDIR": "/nonexistent"}, check=1)
    assert b"temporary" in done.stderr


@pytest.mark.parametrize("arguments, said", [
    (["--precision", "int4", "a"], "one of f32|int8|uint8|binary|ubinary"),
    (["--calibration", "x.npy", "a"], "--calibration is for vectors in int8 or uint8"),
    (["--calibration", "x.npy", "--precision", "binary", "a"], "--calibration is for vectors in int8 or uint8"),
    (["--precision", "int8", "--format", "f32", "a"], "contradict"),
    (["--precision", "ubinary", "--output", "x.f32", "a"], "contradict"),
])
def test_wrong_usage(wick, arguments, said):
    assert said in wick.mock(*arguments, check=2).stderr.decode()


def npy(dictionary, n_data, version=1):
    head = dictionary.encode() + b"\n"
    length = len(head).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + head + bytes(n_data)


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 384), }" + " " * 56  # 128 bytes in all


@pytest.mark.parametrize("data, said", [
    (b"", "the file is no npy"),
    (b"\x93NUMPY", "the file is no npy"),
    (npy(GOOD, 0)[:100], "the file is no npy"),
    (npy(GOOD, 2 * 384 * 4 - 1), "shorter than it says"),
    (npy(GOOD.replace("(2, 384)", "(9999999999999999999, 384)"), 64), "shorter than it says"),
    (npy(GOOD.replace("(2, 384)", "(4611686018427387904, 384)"), 64), "shorter than it says"),
    (npy(GOOD.replace("(2, 384)", "(768,)"), 3072), "not of shape"),
    (npy(GOOD.replace("(2, 384)", "(2, 383)"), 3072), "have 383 values, the others 384"),
    (npy(GOOD.replace("(2, 384)", "(0, 384)"), 0), "no calibration vectors"),
    (npy(GOOD.replace("<f4", "<f8"), 6144), "not of f32 values"),
    (npy(GOOD.replace("False", "True"), 3072), "in Fortran order"),
    (npy(GOOD.replace("descr", "desc"), 3072), "no npy that says type"),
    (npy(GOOD, 3072, version=9), "no npy"),
    (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b"x" * 100, "no npy"),
    (npy(GOOD, 0) + b"\x00\x00\x80\x7f" * 768, "is empty or not finite"),
])
def test_calibration_files_that_are_none(wick, data, said):
    (wick.folder / "c.npy").write_bytes(data)
    message = wick.mock("--precision", "int8", "--calibration", "c.npy", "a", check=1).stderr.decode()
    assert said in message and message.count("\n") == 1
    assert "c.npy" in message or "ranges" in message


def test_a_calibration_file_that_is_not_there(wick):
    assert b"none.npy" in wick.mock("--precision", "int8", "--calibration", "none.npy", "a", check=1).stderr
    os.mkfifo(wick.folder / "fifo")
    assert b"fifo" in wick.mock("--precision", "int8", "--calibration", "fifo", "a", check=1).stderr
