# SPDX-License-Identifier: Apache-2.0
"""Runs tests/c/tool_tokenize over many texts and compares with the tokenizers package: ids, offsets in characters, special tokens."""
import array
import itertools
import os
import pathlib
import struct
import subprocess

import numpy as np

BUILD = pathlib.Path(os.environ.get("WICK_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
TOOL = BUILD / "tests" / "tool_tokenize"


def run_tool(path, texts, max_tokens=0, special=True, left=False):
    """tool_tokenize's output: a record a text."""
    assert TOOL.exists(), f"{TOOL} is missing: build Wick first, or set WICK_BUILD"
    flags = int(special) | int(left) << 1
    parts = []
    for text in texts:
        data = text.encode() if isinstance(text, str) else text
        parts += [struct.pack("=III", len(data), max_tokens, flags), data]
    run = subprocess.run([TOOL, path], input=b"".join(parts), capture_output=True, timeout=600)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


def read_record(out, at):
    """(code, ids, starts, ends, is_special), arrays all but the code; and where the next record begins."""
    code, n = struct.unpack_from("=iI", out, at)
    at += 8
    arrays = []
    for kind in ("<i4", "<u4", "<u4", "u1"):
        arrays.append(np.frombuffer(out, kind, n, at))
        at += arrays[-1].nbytes
    return (code, *arrays), at


def wick(path, texts, max_tokens=0, special=True, left=False):
    """[(code, ids, starts, ends, is_special)] of the texts, arrays all."""
    out, at, results = run_tool(path, texts, max_tokens, special, left), 0, []
    for _ in texts:
        record, at = read_record(out, at)
        results.append(record)
    assert at == len(out)
    return results


def expected_record(encoding):
    """The same of the tokenizers package, as tool_tokenize would write it."""
    offsets = array.array("I", itertools.chain.from_iterable(encoding.offsets))
    ids = array.array("i", encoding.ids)
    return b"".join([struct.pack("=iI", 0, len(ids)), ids.tobytes(), offsets[::2].tobytes(), offsets[1::2].tobytes(), bytes(encoding.special_tokens_mask)])


def shown(record):
    return f"code {record[0]} {[values[:40].tolist() for values in record[1:]]}"


def assert_same(path, tokenizer, texts, max_tokens=0, special=True, left=False, chunk=20000):
    """Fails with the first texts that differ."""
    tokenizer.no_padding()
    if max_tokens:
        tokenizer.enable_truncation(max_tokens, direction="left" if left else "right")
    else:
        tokenizer.no_truncation()
    wrong = []
    for start in range(0, len(texts), chunk):
        some = texts[start:start + chunk]
        out, at = run_tool(path, some, max_tokens, special, left), 0
        for text, encoding in zip(some, tokenizer.encode_batch(some, add_special_tokens=special)):
            expected = expected_record(encoding)
            if out.startswith(expected, at):
                at += len(expected)
            else:
                record, at = read_record(out, at)
                wrong.append((text, record, read_record(expected, 0)[0]))
        assert at == len(out)
    show = "\n".join(f"{t[:200]!a}\n  wick       {shown(o)}\n  tokenizers {shown(r)}" for t, o, r in wrong[:5])
    assert not wrong, f"{len(wrong)} of {len(texts)} texts differ\n{show}"
