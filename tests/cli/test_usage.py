# SPDX-License-Identifier: Apache-2.0
"""Help, versions, wrong usage, and the exit codes."""
import os
import pty
import re

import pytest

COMMANDS = ("embed", "similarity", "tokenize", "info", "bench", "rerank")


def test_version(wick):
    assert re.fullmatch(rb"wick \d+\.\d+\.\d+\n", wick("--version").stdout)


def test_help_lists_the_commands(wick):
    page = wick("--help").stdout.decode()
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\S", page, re.M)
    assert wick("help").stdout.decode() == page


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(wick, command):
    page = wick(command, "--help").stdout.decode()
    assert page.startswith(f"Usage: wick {command} ")
    assert "--model M" in page and "--help" in page
    assert wick("help", command).stdout.decode() == page
    assert wick(command, "-h").stdout.decode() == page
    assert max(map(len, page.splitlines())) <= 80


def test_help_names_every_option_of_the_design(wick):
    page = wick("embed", "--help").stdout.decode()
    for option in ("input", "output", "format", "model", "dtype", "provider", "device", "strict-device", "no-normalize", "threads",
                   "dimensions", "config", "field", "input-format", "max-seq-length", "no-truncate", "quiet", "cache-dir"):
        assert f"  --{option}" in page, option


def test_no_command_shows_the_help(wick):
    done = wick(check=2)
    assert done.stdout == b"" and b"Usage: wick COMMAND" in done.stderr


@pytest.mark.parametrize("arguments, said", [
    (["embedd"], "did you mean wick embed?"),
    (["frobnicate"], "unknown command \"frobnicate\""),
    (["--frobnicate"], "unknown option --frobnicate"),
    (["help", "nothing"], "unknown command \"nothing\""),
    (["embed", "--fromat", "json", "a"], "did you mean --format?"),
    (["embed", "--norm", "a"], "unknown option --norm"),
    (["embed", "-x"], "unknown option -x"),
    (["embed", "-5 degrees"], "behind --"),
    (["embed", "-"], "--input -"),
    (["embed", "a", "--format"], "--format needs a value (embed); --format F\n"),
    (["serve", "--port"], "--port needs a value (serve); --port N\n"),
    (["embed", "a", "--format", "xml"], "one of json|jsonl|csv|npy|f32"),
    (["embed", "a", "--format", ""], "--format cannot be"),
    (["embed", "a", "--model", ""], "--model needs a value that is not empty (embed); --model M, or leave it out\n"),
    (["serve", "--model", "a", "--model="], "--model needs a value that is not empty (serve); --model M, or leave it out\n"),
    (["embed", "a", "--quiet=yes"], "--quiet takes no value (embed); --quiet alone, or leave it out\n"),
    *((["serve", f"--{limit}", "0"], f'--{limit} cannot be "0" (serve); a whole number from 1 to ') for limit in (
        "max-models", "batch-tokens", "queue-tokens", "max-body", "max-texts", "max-connections", "workers", "read-timeout", "idle-timeout", "request-timeout")),
    (["embed", "a", "--dimensions", "0"], "a whole number from 1"),
    (["bench", "--seconds", "0"], "a whole number from 1"),
    (["embed", "--zzz"], "unknown option --zzz (embed); see wick embed --help; a text that begins with a dash goes behind --\n"),
    (["rerank", "--zzz"], "a text that begins with a dash goes behind --\n"),
    (["info", "--zzz"], "unknown option --zzz (info); see wick info --help\n"),
    (["serve", "-z"], "unknown option -z (serve); see wick serve --help\n"),
    (["embed", "a", "--threads", "-1"], "whole number"),
    (["embed", "a", "--threads", "2x"], "whole number"),
    (["embed", "a", "--threads", " 2"], "whole number"),
    (["embed", "a", "--threads="], "whole number"),
    (["embed", "a", "--threads", "257"], "from 0 to 256"),
    (["pull", "org/name", "--tries", "0"], "from 1 to 100"),
    (["embed", "a", "--dimensions", "99999999999999999999999"], "whole number"),
    (["embed", "a", "--dtype", "f64"], "one of f32|bf16|int8"),
    (["embed", "a", "--device", "tpu"], "one of auto|cpu|metal|cuda"),
    (["embed", "a", "--input", "b"], "both texts and --input"),
    (["embed", "a", "--field", "b"], "--field"),
    (["embed", "a", "--no-header"], "--no-header"),
    (["embed", "a", "--input-format", "csv"], "--input-format"),
    (["embed", "--input", "a.txt", "--field", "b"], "--field"),
    (["embed", "--input", "a.jsonl", "--no-header"], "--no-header"),
    (["embed", "a", "--output", "vectors.bin"], "does not say its format"),
    (["similarity"], "at least two texts"),
    (["similarity", "one"], "at least two texts"),
    (["info", "model", "another"], "info takes one model"),
    (["tokenize", "a", "--output", "b"], "unknown option --output"),
])
def test_wrong_usage(wick, arguments, said):
    (wick.folder / "a.txt").write_text("a\n")
    (wick.folder / "a.jsonl").write_text('{"text":"a"}\n')
    done = wick(*arguments, check=2)
    assert done.stdout == b""
    assert said in done.stderr.decode()
    assert not list(wick.folder.glob("*.bin"))


def test_no_texts_on_a_terminal_is_wrong_usage(wick):
    controller, terminal = pty.openpty()
    try:
        for command in ("embed", "tokenize"):
            done = wick(command, check=2, stdin_file=terminal)
            assert b"no texts" in done.stderr
    finally:
        os.close(terminal)
        os.close(controller)


@pytest.mark.parametrize("binary", ["npy", "f32"])
def test_no_binary_on_a_terminal(wick, binary):
    controller, terminal = pty.openpty()
    try:
        done = wick.mock("a", "--format", binary, check=2, stdout=terminal)
        assert b"is not for a terminal" in done.stderr
    finally:
        os.close(terminal)
        os.close(controller)


def test_options_in_both_spellings_and_the_last_wins(wick):
    plain = wick.mock("a", "--format", "csv").stdout
    assert wick.mock("a", "--format=csv").stdout == plain
    assert wick.mock("--format", "json", "a", "--format=csv").stdout == plain


def test_dashes_end_the_options(wick):
    both = wick.mock("--format", "csv", "a", "--", "--help", "-", "--").stdout
    assert both.count(b"\n") == 4


def test_help_and_version_on_a_full_disk(wick):
    for arguments in (["--version"], ["--help"], ["embed", "--help"]):
        with open("/dev/full", "wb") as full:
            done = wick(*arguments, check=1, stdout=full)
        assert b"No space left" in done.stderr


def test_a_log_level_that_is_none_is_told_once(wick):
    done = wick.mock("a", "b", env={"WICK_LOG": "foo"})
    assert done.stderr == b"wick: warn: WICK_LOG names no level: foo; it is off, error, warn, info or debug\n"


def test_unknown_provider(wick):
    assert b"Unknown provider: x" in wick("embed", "--provider", "x", "a", check=1).stderr


def test_model_that_is_not_there(wick, candle):
    done = wick("embed", "--model", "nonexistent/model-that-does-not-exist", "a", check=1, env={"HF_HUB_OFFLINE": "1"})
    if not candle:
        assert b"Candle feature not enabled" in done.stderr
        return
    assert b"nonexistent/model-that-does-not-exist" in done.stderr and b"not found" in done.stderr
    done = wick("info", "--model", "./no-such-folder", check=1)
    assert b"no-such-folder" in done.stderr
    done = wick("tokenize", "--model", "./no-such-folder", "a", check=1)
    assert b"no-such-folder" in done.stderr
