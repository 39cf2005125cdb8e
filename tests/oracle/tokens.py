# SPDX-License-Identifier: Apache-2.0
"""Runs tests/c/tool_tokenize over many texts and compares with the tokenizers package: ids, offsets in characters, special tokens."""
import os
import pathlib
import subprocess

import numpy as np

BUILD = pathlib.Path(os.environ.get("WICK_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
TOOL = BUILD / "tests" / "tool_tokenize"
HEAD = np.dtype([("code", "<i4"), ("n", "<u4")])


def wick(path, texts, max_tokens=0, special=True, left=False):
    """[(code, ids, starts, ends, is_special)] of the texts, arrays all."""
    assert TOOL.exists(), f"{TOOL} is missing: build Wick first, or set WICK_BUILD"
    flags = int(special) | int(left) << 1
    parts = []
    for text in texts:
        data = text.encode() if isinstance(text, str) else text
        parts += [np.array([len(data), max_tokens, flags], "<u4").tobytes(), data]
    run = subprocess.run([TOOL, path], input=b"".join(parts), capture_output=True, timeout=600)
    assert run.returncode == 0, run.stderr.decode()
    out, at, results = run.stdout, 0, []
    for _ in texts:
        code, n = np.frombuffer(out, HEAD, 1, at)[0]
        at += HEAD.itemsize
        arrays = []
        for kind in ("<i4", "<u4", "<u4", "u1"):
            arrays.append(np.frombuffer(out, kind, n, at))
            at += arrays[-1].nbytes
        results.append((int(code), *arrays))
    assert at == len(out)
    return results


def reference(tokenizer, texts, special=True):
    """The same of the tokenizers package; truncation is set by the caller."""
    results = []
    for e in tokenizer.encode_batch(texts, add_special_tokens=special):
        offsets = np.array(e.offsets, "<u4").reshape(-1, 2)
        template = np.array(e.special_tokens_mask, "u1")
        results.append((0, np.array(e.ids, "<i4"), offsets[:, 0], offsets[:, 1], template))
    return results


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
        for text, ours, theirs in zip(some, wick(path, some, max_tokens, special, left), reference(tokenizer, some, special)):
            if ours[0] != theirs[0] or not all(map(np.array_equal, ours[1:], theirs[1:])):
                wrong.append((text, ours, theirs))
    show = "\n".join(f"{t[:200]!a}\n  wick       {[x[:40].tolist() for x in o[1:]]} code {o[0]}\n  tokenizers {[x[:40].tolist() for x in r[1:]]}"
                     for t, o, r in wrong[:5])
    assert not wrong, f"{len(wrong)} of {len(texts)} texts differ\n{show}"
