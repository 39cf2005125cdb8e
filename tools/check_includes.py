#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that includes go one way, as docs/architecture.md says. In: a source tree (the repository). Out: one line for each include that
goes against the rules; exit status 1 if there is one. Part of the tests (tests/tools/test_includes.py)."""
import pathlib
import re
import sys

# What each room under src/ may include of other rooms. "backend.h" is the seam itself.
ROOMS = {
    "base": set(),
    "text": {"base"},
    "model": {"base"},
    "hub": {"base"},
    "backend.h": {"base", "model"},
    "cpu": {"base", "model", "backend.h"},
    "cuda": {"base", "model", "backend.h"},
    "mlx": {"base", "model", "backend.h"},
    "provider": {"base", "text", "model", "hub", "backend.h"},
    "server": {"base", "hub", "provider"},
    "cli": {"base", "hub", "provider", "server"},
}
BACKENDS = {"cpu", "cuda", "mlx"}
# Headers that belong to one instruction set.
INSTRUCTIONS = re.compile(r"^([a-z]*mmintrin|immintrin|x86intrin|x86gprintrin|avx\w*intrin|arm_\w+|cpuid|sys/auxv|asm/hwcap)\.h$")
INCLUDE = re.compile(r"^\s*#\s*include\s*[<\"]([^>\"]+)[>\"]", re.MULTILINE)
SUFFIXES = {".c", ".h", ".cc", ".cu", ".cuh", ".inc", ".mm", ".m"}


def room_of(path, src):
    """The room of a file under src/, or of an include as written; None: outside."""
    first = path.relative_to(src).parts[0]
    return first if first in ROOMS else None


def target_room(include, file, src):
    """The room that an include leads to; None: a system or third-party header, or wick.h."""
    for base in (file.parent, src):
        candidate = (base / include).resolve()
        if candidate.is_file() and src in candidate.parents:
            return room_of(candidate, src)
    first = include.split("/")[0]
    return first if first in ROOMS else None


def problems(root):
    """All violations under root/src, as "file:line: message"."""
    src = (root / "src").resolve()
    found = []
    for file in sorted(p for p in src.rglob("*") if p.suffix in SUFFIXES):
        room = room_of(file, src)
        text = file.read_text(encoding="utf-8")

        def complain(match, message):
            line = text.count("\n", 0, match.start(1)) + 1
            found.append(f"{file.relative_to(root.resolve())}:{line}: {message}")

        if room is None:
            found.append(f"{file.relative_to(root.resolve())}: in no known room; add the room to tools/check_includes.py")
            continue
        for match in INCLUDE.finditer(text):
            include = match.group(1)
            if INSTRUCTIONS.match(include) and room not in BACKENDS:
                complain(match, f"{include}: only a backend knows instruction sets")
            target = target_room(include, file, src)
            if target and target != room and target not in ROOMS[room]:
                complain(match, f"{include}: {room} must not include {target}")
            if ".." in include.split("/"):
                complain(match, f"{include}: name it from src/")
    return found


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    found = problems(root)
    for line in found:
        print(line)
    print(f"check_includes: {len(found)} problems" if found else "check_includes: includes go one way")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
