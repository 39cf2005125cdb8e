# SPDX-License-Identifier: Apache-2.0
"""wick bench: what it prints, and that its figures agree with each other. Never how fast anything is."""
import json
import re
import signal
import time
import xml.etree.ElementTree

import pytest
from test_families import FAMILIES, MODELS, RUNS
from test_streaming import on_terminal

SVG = "{http://www.w3.org/2000/svg}"


def bench(wick, *arguments, **more):
    return json.loads(wick("bench", "--json", *arguments, **more).stdout)


def check_point(known, point):
    """Every figure follows from the others."""
    assert point["n_calls"] >= 1 and point["seconds"] > 0
    assert point["texts_per_s"] > 0
    assert point["tokens_per_s"] / point["texts_per_s"] == pytest.approx(point["n_tokens"] / point["n_texts"], rel=1e-3)
    if "p50_ms" in point:
        assert 0 < point["p50_ms"] <= point["p95_ms"] <= point["p99_ms"]
        assert point["texts_per_s"] == pytest.approx(1e3 * point["n_texts"] / point["p50_ms"], rel=1e-3)
        # Half of the calls took the median or longer, each at most as long as all of them together.
        assert point["n_calls"] // 2 * point["p50_ms"] <= 1e3 * point["seconds"] * 1.001
    if known["flop_per_token"]:
        assert point["gflops"] == pytest.approx(1e-9 * known["flop_per_token"] * point["tokens_per_s"], rel=1e-3)
    else:
        assert point["gflops"] is None
    if known["flop_per_token"] and known["peak_gflops"]:
        assert point["share_of_peak"] == pytest.approx(point["gflops"] / known["peak_gflops"], rel=1e-3)
    else:
        assert point["share_of_peak"] is None


def check(known):
    assert re.fullmatch(r"\d+\.\d+\.\d+", known["version"])
    assert 0 < known["open_ms"] <= known["first_vector_ms"] <= 1e3 * known["seconds"]
    assert 0 < known["first_vector_rss_mib"] <= known["peak_rss_mib"]
    for group in ("latency_by_batch", "latency_by_length", "throughput"):
        assert known[group], group
        for point in known[group]:
            check_point(known, point)
    for group in ("latency_by_batch", "latency_by_length"):
        assert sum(point["seconds"] for point in known[group]) <= known["seconds"]


def test_mock(wick):
    known = bench(wick, "--quick", "--provider", "mock")
    check(known)
    assert known["provider"] == "mock" and known["dimension"] == 384
    assert known["device"] is None and known["peak_gflops"] is None and known["flop_per_token"] is None
    assert [point["n_texts"] for point in known["latency_by_batch"]] == [1, 8, 32, 128]
    lengths = [point["n_tokens"] for point in known["latency_by_length"]]
    targets = [8, 16, 32, 64, 128, 256, 512]  # a token of mock is a word, so that all can be met
    assert len(lengths) == 7 and all(abs(n - target) <= target // 64 for n, target in zip(lengths, targets)) and lengths[-1] == 512
    assert [point["name"] for point in known["throughput"]] == ["one-liners", "paragraphs"]
    short, paragraphs = known["throughput"]
    assert short["n_texts"] >= 128 and paragraphs["n_texts"] >= 32
    assert paragraphs["n_tokens"] / paragraphs["n_texts"] > 4 * short["n_tokens"] / short["n_texts"]


@pytest.mark.parametrize("dtype", ["f32", "bf16", "int8"])
def test_native(wick, tiny, dtype):
    known = bench(wick, "--quick", "--model", tiny, "--dtype", dtype, "--device", "cpu", "--threads", "1")
    check(known)
    about = json.loads(wick("info", "--json", "--model", tiny, "--dtype", dtype, "--device", "cpu", "--threads", "1").stdout)
    for key in ("model", "provider", "device", "tier", "dtype", "n_threads", "dimension", "max_seq_length"):
        assert known[key] == about[key], key
    h, inner = about["hidden_size"], about["intermediate_size"]
    assert known["flop_per_token"] == 2 * about["n_layers"] * (4 * h * h + 2 * h * inner) > 0
    assert known["peak_gflops"] > 0
    for point in known["latency_by_length"]:
        assert point["n_tokens"] <= known["max_seq_length"]


# Two layers, 24 wide, 40 inside: all heads of their own; a gate; a gate and half as many heads of keys and values.
@pytest.mark.parametrize("name, flop", [(name, flop) for name, flop in (("bert-cls", 16896), ("gte", 20736), ("qwen2", 18432)) if FAMILIES[name] is RUNS])
def test_flop_of_a_family(wick, name, flop):
    assert bench(wick, "--quick", "--model", str(MODELS / name), "--threads", "1")["flop_per_token"] == flop


def test_lengths_stop_where_texts_are_cut(wick, tiny):
    known = bench(wick, "--quick", "--model", tiny, "--max-seq-length", "32")
    assert [point["n_tokens"] for point in known["latency_by_length"]][-1] == 32
    assert len(known["latency_by_length"]) == 3


def test_own_texts(wick):
    (wick.folder / "in.txt").write_text("".join(f"text number {i}\n" for i in range(40)))
    known = bench(wick, "--quick", "--provider", "mock", "--input", "in.txt")
    check(known)
    assert [point["n_texts"] for point in known["latency_by_batch"]] == [1, 8, 32]
    assert [(point["name"], point["n_texts"], point["n_tokens"]) for point in known["throughput"]] == [("input", 40, 40 * 5)]
    piped = bench(wick, "--quick", "--provider", "mock", "--input", "-", stdin=b"a\nb\n")
    assert [(point["name"], point["n_texts"]) for point in piped["throughput"]] == [("input", 2)]
    (wick.folder / "in.jsonl").write_text('{"text": "a b c"}\n')
    assert bench(wick, "--quick", "--provider", "mock", "--input", "in.jsonl")["throughput"][0]["n_tokens"] == 5


def test_input_is_cut_at_its_limit(wick):
    (wick.folder / "in.txt").write_text("a\n" * 12345)
    known = bench(wick, "--quick", "--provider", "mock", "--input", "in.txt")
    assert known["throughput"][0]["n_texts"] == 10000


def test_bad_input(wick):
    (wick.folder / "empty.txt").write_text("")
    assert b"no texts" in wick("bench", "--provider", "mock", "--input", "empty.txt", check=1).stderr
    (wick.folder / "bad.txt").write_bytes(b"a\nb \xff\n")
    assert b"invalid UTF-8" in wick("bench", "--provider", "mock", "--input", "bad.txt", check=1).stderr
    assert b"none.txt" in wick("bench", "--provider", "mock", "--input", "none.txt", check=1).stderr
    assert b"not found" in wick("bench", "--model", "./no-such-folder", check=1, env={"HF_HUB_OFFLINE": "1"}).stderr \
        or b"Candle feature" in wick("bench", "--model", "./no-such-folder", check=1).stderr


@pytest.mark.parametrize("arguments, said", [
    (["text"], "bench takes no text"),
    (["--quick", "--seconds", "3"], "both --quick and --seconds"),
    (["--svg", "-"], "--svg cannot be standard output"),
    (["--seconds", "1.5"], "whole number"),
    (["--jason"], "did you mean --json?"),
])
def test_wrong_usage(wick, arguments, said):
    done = wick("bench", *arguments, check=2)
    assert done.stdout == b"" and said in done.stderr.decode()


def test_table(wick, tiny):
    page = wick("bench", "--quick", "--model", tiny, "--threads", "1").stdout.decode()
    assert tiny.rsplit("/", 1)[-1] in page and ", 1 thread\n" in page
    for text in ("first vector after", "MiB at most", "measured, in registers", "p99 ms", "128 texts (", "one-liners", "paragraphs"):
        assert text in page, text
    wide = [line for line in page.splitlines() if re.match(r"\d+ t|one-|para", line)]
    assert len(wide) >= 8 and all(line.endswith(" %") for line in wide)
    assert max(map(len, page.splitlines()[3:])) <= 100


def test_table_of_what_is_not_known(wick):
    page = wick("bench", "--quick", "--provider", "mock").stdout.decode()
    assert "FLOP" not in page and "%" not in page and "(null)" not in page and "nan" not in page


def test_svg(wick, tiny):
    done = wick("bench", "--quick", "--json", "--model", tiny, "--svg", "chart.svg")
    known = json.loads(done.stdout)
    page = (wick.folder / "chart.svg").read_text()
    root = xml.etree.ElementTree.fromstring(page)
    assert root.tag == SVG + "svg" and "prefers-color-scheme: dark" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")  # needs nothing else
    bars = [float(bar.get("width")) for bar in root.iter(SVG + "rect") if bar.get("class") == "bar"]
    rates = [point["texts_per_s"] for point in known["latency_by_batch"] + known["throughput"]]
    assert [bar / max(bars) for bar in bars] == pytest.approx([rate / max(rates) for rate in rates], abs=2e-3)
    lines = {line.get("class"): line.get("points").split() for line in root.iter(SVG + "polyline")}
    assert {len(points) for points in lines.values()} == {len(known["latency_by_length"])} and set(lines) == {"p50", "p99"}
    box = [float(side) for side in root.get("viewBox").split()]
    for points in lines.values():
        for x, y in (map(float, point.split(",")) for point in points):
            assert 0 <= x <= box[2] and 0 <= y <= box[3]


def test_svg_of_mock_with_an_odd_name(wick):
    wick("bench", "--quick", "--provider", "mock", "--model", 'a <b> & "c"\t', "--svg", "chart.svg")
    root = xml.etree.ElementTree.parse(wick.folder / "chart.svg").getroot()
    assert 'a <b> & "c" ' in [text.text for text in root.iter(SVG + "text")]


def test_svg_that_cannot_be_written_is_told_first(wick):
    done = wick("bench", "--seconds", "3600", "--provider", "mock", "--svg", "none/chart.svg", check=1)
    assert b"none/chart.svg" in done.stderr and done.stdout == b""


def test_full_disk(wick):
    with open("/dev/full", "wb") as full:
        assert b"No space left" in wick("bench", "--quick", "--provider", "mock", check=1, stdout=full).stderr


def test_interrupt_leaves_nothing(wick):
    process = wick.start("bench", "--seconds", "3600", "--provider", "mock", "--svg", "chart.svg")
    while not list(wick.folder.glob(".chart.svg*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == -signal.SIGINT
    assert not list(wick.folder.glob("*chart*")) and not list(wick.folder.glob(".*chart*"))


def test_progress_on_a_terminal(wick):
    with open(wick.folder / "out.json", "wb") as out:
        drawn, exit_code = on_terminal(wick, "bench", "--quick", "--json", "--provider", "mock", stdout=out)
    assert exit_code == 0
    check(json.loads((wick.folder / "out.json").read_text()))
    shares = [int(share) for share in re.findall(r"(\d+) %", drawn)]
    assert shares and shares == sorted(shares) and drawn.endswith("\r\033[K")
