# SPDX-License-Identifier: Apache-2.0
"""Includes go one way (tools/check_includes.py): the tree keeps the rules, and the check finds what breaks them."""
import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("check_includes", ROOT / "tools" / "check_includes.py")
check_includes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_includes)


def test_the_tree_keeps_the_rules():
    assert len(list((ROOT / "src").rglob("*.c"))) > 5
    assert check_includes.problems(ROOT) == []


@pytest.mark.parametrize(
    "file, include, message",
    [
        ("base/a.c", '"text/t.h"', "base must not include text"),
        ("text/a.c", '"model/m.h"', "text must not include model"),
        ("text/a.c", '"../model/m.h"', "text must not include model"),
        ("model/a.c", '"text/t.h"', "model must not include text"),
        ("hub/a.c", '"model/m.h"', "hub must not include model"),
        ("cpu/a.c", '"provider/p.h"', "cpu must not include provider"),
        ("cpu/x86/a.c", '"text/t.h"', "cpu must not include text"),
        ("cli/a.c", '"text/t.h"', "cli must not include text"),
        ("cli/a.c", '"backend.h"', "cli must not include backend.h"),
        ("provider/a.c", '"cli/c.h"', "provider must not include cli"),
        ("base/a.c", "<immintrin.h>", "only a backend knows instruction sets"),
        ("text/a.c", "<arm_neon.h>", "only a backend knows instruction sets"),
        ("unheard_of/a.c", "<stdio.h>", "in no known room"),
    ],
)
def test_a_violation_is_found(tmp_path, file, include, message):
    for header in ("text/t.h", "model/m.h", "provider/p.h", "cli/c.h", "backend.h"):
        (tmp_path / "src" / header).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / header).write_text("")
    path = tmp_path / "src" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"/* first line */\n#include {include}\n")
    found = check_includes.problems(tmp_path)
    assert any(message in line for line in found), found


@pytest.mark.parametrize("file, include", [("cpu/a.c", "<immintrin.h>"), ("provider/a.c", '"text/t.h"'), ("cli/a.c", "<wick.h>")])
def test_what_is_allowed_is_not_found(tmp_path, file, include):
    (tmp_path / "src" / "text").mkdir(parents=True)
    (tmp_path / "src" / "text" / "t.h").write_text("")
    path = tmp_path / "src" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#include {include}\n")
    assert check_includes.problems(tmp_path) == []
