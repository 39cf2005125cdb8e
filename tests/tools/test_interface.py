# SPDX-License-Identifier: Apache-2.0
"""The public interface from outside: wick.h compiles alone, as C11 and as C++17; the shared library exports what wick.h declares, no more."""
import re
import subprocess
import sys

import pytest

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]


@pytest.mark.parametrize("compiler, language", [("CMAKE_C_COMPILER", ["-std=c11", "-xc"]), ("CMAKE_CXX_COMPILER", ["-std=c++17", "-xc++"])])
def test_header_compiles_alone(root, cache_of, run, tmp_path, compiler, language):
    source = tmp_path / "alone"
    source.write_text('#include <wick.h>\nint main(void) { return wick_version() == 0; }\n')
    run(cache_of(compiler), *language, *STRICT, "-I", root / "include", source)


def declared(root):
    """Names of the functions and data that wick.h marks WICK_API."""
    text = re.sub(r"/\*.*?\*/", "", (root / "include" / "wick.h").read_text(), flags=re.DOTALL)
    return set(re.findall(r"WICK_API\s[^;(]*?\b(wick_\w+)\s*\(", text))


def exported(build):
    library = next(build.glob("libwick.dylib" if sys.platform == "darwin" else "libwick.so"))
    flags = ["-gU"] if sys.platform == "darwin" else ["-D", "--defined-only"]
    out = subprocess.run(["nm", *flags, library], capture_output=True, text=True, check=True).stdout
    names = {line.split()[-1].split("@")[0] for line in out.splitlines() if line.strip()}
    return {name.removeprefix("_") for name in names} if sys.platform == "darwin" else names


def test_only_the_header_s_names_are_exported(root, build, cache_of):
    names = exported(build)
    if cache_of("WICK_SANITIZE") or "--coverage" in cache_of("CMAKE_C_FLAGS"):
        names = {name for name in names if not name.startswith(("__asan", "__odr_asan", "__gcov", "__tsan", "mangle_path"))}
    assert names - declared(root) == set()


def test_everything_declared_is_exported(root, build):
    assert len(declared(root)) > 20
    assert declared(root) - exported(build) == set()
