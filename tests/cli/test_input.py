# SPDX-License-Identifier: Apache-2.0
"""Where texts come from: arguments, lines, JSONL, CSV, pipes. The mock provider makes a vector from the bytes of a text, so equal vectors
mean equal texts."""
import csv
import io
import json
import os
import time

import numpy
import pytest


def rows(data):
    return [line.split(",") for line in data.decode().splitlines()]


def vectors(wick, *texts):
    """The vector of each text, taken one by one through arguments."""
    return [rows(wick.mock("--format", "csv", "--", text).stdout)[0] for text in texts]


def read(wick, name, content, *more):
    (wick.folder / name).write_bytes(content)
    return rows(wick.mock("--input", name, "--format", "csv", *more).stdout)


@pytest.mark.parametrize("content, texts", [
    (b"a\nb\n", ["a", "b"]),
    (b"a\nb", ["a", "b"]),
    (b"a\r\nb\r\n", ["a", "b"]),
    (b"\na\n\n", ["", "a", ""]),
    (b"\n", [""]),
    (b"\r\n", [""]),
    (b"a\rb\n", ["a\rb"]),
    (b" a  b \t\n", [" a  b \t"]),
    (b"\xef\xbb\xbfa\n", ["a"]),
    (b"\xef\xbb\xbf", []),
    (b"a\n\xef\xbb\xbfb\n", ["a", "\ufeffb"]),
    (b"", []),
    ("Größe 世界 🌍\n".encode(), ["Größe 世界 🌍"]),
    (b'{"text": "a"}\n', ['{"text": "a"}']),
])
def test_lines(wick, content, texts):
    assert read(wick, "in.txt", content) == vectors(wick, *texts)
    assert rows(wick.mock("--input", "-", "--format", "csv", stdin=content).stdout) == vectors(wick, *texts)
    assert rows(wick.mock("--format", "csv", stdin=content).stdout) == vectors(wick, *texts)


def test_nul_bytes_are_text(wick):
    with_nul, without = read(wick, "in.txt", b"a\0b\na\n")
    assert with_nul != without and without == vectors(wick, "a")[0]
    assert read(wick, "in.jsonl", b'{"text":"a\\u0000b"}\n') == [with_nul]


@pytest.mark.parametrize("content, line, byte", [
    (b"ok\nbad \xff\n", 2, 5), (b"\xc3(\n", 1, 1), (b"a\n\n\n\xed\xa0\x80", 4, 1), (b"a\n" * 5000 + b"x\xf5\n", 5001, 2),
])
def test_invalid_utf8_names_the_line(wick, content, line, byte):
    (wick.folder / "in.txt").write_bytes(content)
    done = wick.mock("--input", "in.txt", check=1)
    assert f"invalid UTF-8 at byte {byte} of the text (in.txt, line {line})" in done.stderr.decode()
    assert b"argument 2" in wick.mock("a", b"\xff", check=1).stderr
    assert b"argument 1" in wick("similarity", "--provider", "mock", b"\xff", "a", check=1).stderr


def test_long_line(wick):
    long = b"x" * (5 << 20)
    assert read(wick, "in.txt", b"a\n" + long + b"\nb\n")[::2] == vectors(wick, "a", "b")
    (wick.folder / "in.txt").write_bytes(b"a\n" + b"x" * ((64 << 20) + 1))
    done = wick.mock("--input", "in.txt", check=1)
    assert b"longer than 64 MB (in.txt, line 2)" in done.stderr


def test_jsonl(wick):
    content = '{"text": "a", "id": 1}\n\n  \r\n{"id": 2, "text": "Gr\\u00f6\\u00dfe"}\r\n{"text": ""}'.encode()
    assert read(wick, "in.jsonl", content) == vectors(wick, "a", "Größe", "")
    assert read(wick, "in.ndjson", content) == vectors(wick, "a", "Größe", "")
    assert read(wick, "in.txt", content, "--input-format", "jsonl") == vectors(wick, "a", "Größe", "")
    assert read(wick, "in.jsonl", b'{"body":"b","text":"a"}\n', "--field", "body") == vectors(wick, "b")


@pytest.mark.parametrize("content, said", [
    (b'{"text":"a"}\n{"text":\n', "line 2"),
    (b'{"text":"a"}\n\n{"body":"a"}\n', 'no field "text" (in.jsonl, line 3)'),
    (b'{"text":5}\n', '"text" is an integer, not a string (in.jsonl, line 1)'),
    (b'["a"]\n', "an array, not an object"),
    (b'"a"\n', "a string, not an object"),
    (b'{"text":"a"} x\n', "line 1"),
    (b'{"text":"a"}\n' * 6 + b'{"text": "a" 1}\n', "malformed JSON at column 14: "),
    (b'{"text":"a"}\n' * 6 + b'{"text": "a" 1}\n', " (in.jsonl, line 7); correct the file, or get it again"),
    (b'{"text":"\\ud800"}\n', "line 1"),
    (b'{"text":"\xff"}\n', "invalid UTF-8 at byte 10 of the text (in.jsonl, line 1)"),
])
def test_broken_jsonl(wick, content, said):
    (wick.folder / "in.jsonl").write_bytes(content)
    assert said in wick.mock("--input", "in.jsonl", check=1).stderr.decode()


CSV_ROWS = [["id", "text", "more"], ["1", "plain", "x"], ["2", 'say "hello", world', "y"], ["3", "two\nlines\r\nthree", ""], ["4", "", ","],
            ["5", " blanks ", '"']]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_csv_as_python_writes_it(wick, ending):
    file = io.StringIO()
    csv.writer(file, lineterminator=ending).writerows(CSV_ROWS)
    content = file.getvalue().encode()
    texts = [row[1] for row in CSV_ROWS[1:]]
    assert read(wick, "in.csv", content) == vectors(wick, *texts)
    assert read(wick, "in.csv", content, "--field", "text") == vectors(wick, *texts)
    assert read(wick, "in.csv", content, "--field", "2") == vectors(wick, *texts)
    assert read(wick, "in.csv", content, "--field", "more") == vectors(wick, *[row[2] for row in CSV_ROWS[1:]])
    assert read(wick, "in.csv", content.rstrip(ending.encode())) == vectors(wick, *texts)
    assert read(wick, "in.csv", content, "--no-header", "--field", "2") == vectors(wick, "text", *texts)
    assert read(wick, "in.CSV", content) == vectors(wick, *texts)


@pytest.mark.parametrize("content, more, texts", [
    (b"body\na\n\nb\n", [], ["a", "b"]),                         # one column: its name does not matter; rows of nothing are none
    (b'body\n""\r\n\r\nb\n', [], ["", "b"]),
    (b"a\nb", ["--no-header"], ["a", "b"]),
    (b"2,1\na,b\n", ["--field", "2"], ["a"]),                    # a name wins over a number
    (b'text\na "quote" inside\n', [], ['a "quote" inside']),
    (b"text\ra\rb\r", [], ["a", "b"]),                          # what Macs wrote long ago
    (b"id,text\r\r1,a\r2,\"b\rc\"\r\r\n3,d", [], ["a", "b\rc", "d"]),
    (b"text\na\rb\n", [], ["a", "b"]),
    (b"\xef\xbb\xbftext,id\na,1\n", [], ["a"]),
    (b"text\n", [], []), (b"text", [], []), (b"", [], []), (b"\n\n", [], []),
    (b'"text"\n"' + b"x" * 70000 + b'"\n', [], ["x" * 70000]),   # longer than the reader's buffer
])
def test_csv_edges(wick, content, more, texts):
    assert read(wick, "in.csv", content, *more) == vectors(wick, *texts)


def test_csv_of_random_tables(wick):
    """Whatever Python writes is read back; the texts are compared through JSONL."""
    random = numpy.random.default_rng(7)
    alphabet = ["a", "é", "世", " ", ",", '"', "\n", "\r\n", "\r", "", "\t", ";"]
    for case in range(60):
        # With bare line feeds Python leaves a carriage return at a row's end unquoted, which nobody could tell from CRLF.
        columns, ending = int(random.integers(1, 5)), "\n" if case % 3 else "\r\n"
        table = [["".join(random.choice(alphabet, size=random.integers(0, 9))) for _ in range(columns)]
                 for _ in range(int(random.integers(0, 20)))]
        file = io.StringIO(newline="")
        csv.writer(file, lineterminator=ending, quoting=case % 3).writerows([[f"c{i}" for i in range(columns)], *table])
        wanted = int(random.integers(columns))
        got = read(wick, "in.csv", file.getvalue().encode(), "--field", f"c{wanted}")
        assert got == read(wick, "in.jsonl", "".join(json.dumps({"text": row[wanted]}) + "\n" for row in table).encode()), case


def test_random_bytes_end_in_order(wick):
    """Garbage gives vectors or one error line, never a crash or a hang (the exit code is checked)."""
    random = numpy.random.default_rng(11)
    pieces = [b'"', b",", b"\n", b"\r", b"\r\n", b"a", b"{", b"}", b'{"text":"', b'"}', b"\\", b"\xff", b"\xc3\xa9", b"\0", b"text", b"[" * 3000]
    for case in range(60):
        content = b"".join(pieces[i] for i in random.integers(len(pieces), size=30))
        for input_format in ("lines", "csv", "jsonl"):
            done = wick.mock("--input-format", input_format, stdin=content, check=None)
            assert done.returncode in (0, 1), (case, input_format, content, done.stderr)
            assert (done.returncode == 0) == (done.stderr == b"")


def test_csv_of_bare_ends_as_python_reads_it(wick):
    """Rows of one plain column, ended in every way and cut anywhere by the reader's buffer."""
    random = numpy.random.default_rng(23)
    for case in range(60):
        pieces = [b"a", b"bc", b" ", b"\r", b"\n", b"\r\n", b"\r\r\n"]
        content = b"text\r" + b"x" * (65530 if case % 2 else 0) + b"".join(pieces[i] for i in random.integers(len(pieces), size=30))
        wanted = [row[0] for row in csv.reader(io.StringIO(content.decode(), newline="")) if row][1:]
        got = read(wick, "in.csv", content)
        assert got == read(wick, "in.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in wanted).encode()), case


def test_csv_over_buffer_boundaries(wick):
    """Every kind of byte falls on the boundary of the reader's 64 KB buffer once."""
    for shift in range(8):
        content = b"text\n" + b"x" * (65536 - 5 - 8 + shift) + b'\r\n\r\n"a""b\r\nc"\r\nd\r\n'
        got = read(wick, "in.csv", content)
        assert got[1:] == vectors(wick, 'a"b\r\nc', "d"), shift


@pytest.mark.parametrize("content, more, said", [
    (b"id,body\n1,a\n", [], 'no column "text" (in.csv, line 1); --field takes one of: id, body'),
    (b"id,body\n1,a\n", ["--field", "3"], 'no column "3"'),
    (b"id,body\n1,a\n", ["--field", "0"], 'no column "0"'),
    (b"id,text\n1,a\n2\n", [], "the row has 1 column, the text is in column 2 (in.csv, line 3)"),
    (b'id,text\n1,"a\nb\nc\n', [], "the quote that opens here is never closed (in.csv, line 2)"),
    (b"id,text\r1,a\r2\r", [], "the row has 1 column, the text is in column 2 (in.csv, line 3)"),
    (b'text\n"a"b\n', [], "text stands behind a closing quote (in.csv, line 2)"),
    (b'text\n"a\nb\n\xff"\n', [], "invalid UTF-8 at byte 1 of the text (in.csv, line 4)"),
    (b"1\n", ["--no-header", "--field", "text"], "the column's number"),
])
def test_broken_csv(wick, content, more, said):
    (wick.folder / "in.csv").write_bytes(content)
    assert said in wick.mock("--input", "in.csv", *more, check=1).stderr.decode()


def test_input_that_cannot_be_read(wick):
    assert b"No such file or directory (absent.npy); name a file" in wick.mock("a", "--precision", "int8", "--calibration", "absent.npy", check=1).stderr
    assert b"No such file or directory (absent.txt)" in wick.mock("--input", "absent.txt", check=1).stderr
    assert b"directory" in wick.mock("--input", ".", check=1).stderr


def test_arguments_keep_their_bytes(wick):
    assert vectors(wick, "a\nb") != vectors(wick, "a")
    done = wick.mock("", "a", "--format", "jsonl")
    assert [json.loads(line)["index"] for line in done.stdout.splitlines()] == [0, 1]


def test_a_slow_pipe_is_answered_line_by_line(wick):
    """What has come through the pipe is embedded before more is waited for."""
    reader, writer = os.pipe()
    process = wick.start("embed", "--provider", "mock", stdin=reader, stdout=-1)
    os.close(reader)
    try:
        for i in range(3):
            os.write(writer, b"line\nanother\nbegun")
            for _ in range(2):
                assert json.loads(process.stdout.readline())["embedding"]
            os.write(writer, b"\n")
            assert json.loads(process.stdout.readline())["index"] == 3 * i + 2
    finally:
        os.close(writer)
        assert process.wait(10) == 0
        process.stdout.close()


def test_order_over_many_batches(wick):
    texts = [f"text {i}" for i in range(5000)]
    (wick.folder / "in.txt").write_text("\n".join(texts) + "\n")
    wick.mock("--input", "in.txt", "--output", "out.npy")
    got = numpy.load(wick.folder / "out.npy")
    assert got.shape == (5000, 384)
    for i in (0, 1, 63, 64, 65, 191, 192, 2047, 4999):
        alone = numpy.frombuffer(wick.mock("--format", "f32", texts[i]).stdout, "<f4")
        assert numpy.array_equal(alone, got[i])
