# SPDX-License-Identifier: Apache-2.0
"""`make install`: a program of C alone builds against the installed files through pkg-config and through CMake, shared and static, and runs."""
import os
import shutil
import subprocess
import sys

import pytest

PROGRAM = r"""
#include <stdio.h>
#include <wick.h>

int main(void)
{
    wick_provider_options options;
    wick_provider *provider = NULL;
    wick_embed_request request;
    wick_embed_response response = {0};
    wick_error error;
    const char *texts[] = {"one", "two"};
    wick_provider_options_init(&options);
    options.provider = "mock";
    if (wick_provider_open(&options, &provider, &error) != WICK_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    wick_embed_request_init(&request);
    request.texts = texts;
    request.n_texts = 2;
    if (wick_provider_embed_batch(provider, &request, &response, &error) != WICK_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    printf("%s %zu %zu\n", wick_version(), response.n_texts, response.dimension);
    wick_embed_response_clear(&response);
    wick_provider_close(provider);
    return 0;
}
"""

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(wick 0.1 REQUIRED)
add_executable(with_shared program.c)
target_link_libraries(with_shared PRIVATE wick::shared)
add_executable(with_static program.c)
target_link_libraries(with_static PRIVATE wick::static)
"""
EXPECTED = "0.1.0 2 384\n"


@pytest.fixture(scope="module")
def prefix(build, cache_of, tmp_path_factory):
    """A prefix that was moved after the installation: nothing in it may hold the old path."""
    if cache_of("WICK_SANITIZE") or "--coverage" in cache_of("CMAKE_C_FLAGS"):
        pytest.skip("instrumented libraries are not for installing")
    first = tmp_path_factory.mktemp("first") / "usr"
    subprocess.run(["cmake", "--install", build, "--prefix", first], check=True, capture_output=True)
    moved = tmp_path_factory.mktemp("moved") / "usr"
    shutil.move(first, moved)
    return moved


@pytest.fixture
def environment(prefix):
    lib = next(prefix.glob("**/pkgconfig")).parent
    path = [str(lib / "pkgconfig"), os.environ.get("PKG_CONFIG_PATH", "")]
    variable = "DYLD_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"
    return {**os.environ, "PKG_CONFIG_PATH": os.pathsep.join(p for p in path if p), variable: str(lib)}


def test_what_is_installed(prefix):
    names = {str(p.relative_to(prefix)) for p in prefix.rglob("*") if not p.is_dir()}
    lib = str(next(prefix.glob("**/pkgconfig")).parent.relative_to(prefix))
    shared = "libwick.0.dylib" if sys.platform == "darwin" else "libwick.so.0"
    for name in ("bin/wick", "include/wick.h", f"{lib}/libwick.a", f"{lib}/{shared}", f"{lib}/pkgconfig/wick.pc", f"{lib}/cmake/wick/wickConfig.cmake"):
        assert name in names, sorted(names)
    assert [n for n in names if n.startswith("include/")] == ["include/wick.h"]


def test_installed_command_runs(prefix, run):
    assert run(prefix / "bin" / "wick", "--version").stdout.split()[-1] == "0.1.0"


@pytest.mark.parametrize("kind", ["shared", "static"])
def test_pkg_config(prefix, environment, cache_of, run, tmp_path, kind):
    (tmp_path / "program.c").write_text(PROGRAM)
    flags = run("pkg-config", "--cflags", "--libs", *(["--static"] if kind == "static" else []), "wick", env=environment).stdout.split()
    if kind == "static":
        # The linker takes a shared library before a static one of the same name: name the archive itself.
        flags = [str(next(prefix.glob("**/libwick.a"))) if flag == "-lwick" else flag for flag in flags]
    run(cache_of("CMAKE_C_COMPILER"), "-std=c11", tmp_path / "program.c", *flags, "-o", tmp_path / "program")
    env = environment if kind == "shared" else None
    assert run(tmp_path / "program", env=env).stdout == EXPECTED


def test_cmake_package(prefix, environment, cache_of, run, tmp_path):
    (tmp_path / "program.c").write_text(PROGRAM)
    (tmp_path / "CMakeLists.txt").write_text(PROJECT)
    run("cmake", "-S", tmp_path, "-B", tmp_path / "b", f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_C_COMPILER={cache_of('CMAKE_C_COMPILER')}")
    run("cmake", "--build", tmp_path / "b")
    assert run(tmp_path / "b" / "with_shared").stdout == EXPECTED
    assert run(tmp_path / "b" / "with_static").stdout == EXPECTED
