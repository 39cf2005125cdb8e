#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check-macos.sh: compiles for macOS ARM, with zig's clang and its macOS headers, every source that macOS would compile (src/cpu/arm
# included, other instruction sets not). Compiles only: nothing is linked or run. Called by `make zig-macos`.
# Third-party headers come from this machine: jansson's and toml++'s do not depend on the platform, and of libevent's
# configuration only sizes, which are the same.
set -eu
cd "$(dirname "$0")/.."
out=build-zig
mkdir -p "$out/include" "$out/obj"
if ! "$out/venv/bin/python" -c 'import ziglang' 2>/dev/null; then
    rm -rf "$out/venv"
    python3 -m venv "$out/venv"
    "$out/venv/bin/python" -m pip install --quiet --disable-pip-version-check ziglang==0.17.1 </dev/null
fi
for module in jansson tomlplusplus; do
    folder=$(pkg-config --variable=includedir $module)
    for header in "$folder"/jansson*.h "$folder/toml++"; do
        [ -e "$header" ] && ln -sfn "$header" "$out/include/$(basename "$header")"
    done
done
# Debian keeps the generated headers of libevent, OpenSSL and curl apart; the compiler's search path names both folders.
for folder in $(pkg-config --variable=includedir libevent_core) "/usr/include/$(cc -print-multiarch 2>/dev/null)"; do
    for headers in event2 openssl curl; do
        [ -d "$folder/$headers" ] || continue
        mkdir -p "$out/include/$headers"
        ln -sf "$folder/$headers"/*.h "$out/include/$headers/"
    done
done

n=0
failed=""
for file in src/*/*.c src/*/*.cc src/cpu/*/*.c; do
    case $file in *'*'* | src/*/fuzz_* | src/cpu/x86/*) continue ;; esac
    case $file in
    *.cc) language="c++ -std=c++17 -fvisibility-inlines-hidden" ;;
    *) language="cc -std=c11 -Wstrict-prototypes -Wmissing-prototypes" ;;
    esac
    case $file in # what cmake/sources.cmake gives these files more
    */arm/*_dotprod.c | */arm/*_i8mm.c | */arm/*_bf16.c) cpu=-mcpu=apple_m2 ;;
    *) cpu= ;;
    esac
    object=$out/obj/$(echo "$file" | tr / _).o
    # shellcheck disable=SC2086
    "$out/venv/bin/python" -m ziglang $language -target aarch64-macos $cpu -c -O2 -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wvla \
        -Wno-unused-parameter -Wno-missing-field-initializers -ffp-contract=off -fno-math-errno -fvisibility=hidden \
        -D_GNU_SOURCE -D_DARWIN_C_SOURCE -DWICK_CANDLE=1 -Iinclude -Isrc -isystem "$out/include" "$file" -o "$object" || failed="$failed $file"
    n=$((n + 1))
done
[ -z "$failed" ] || {
    echo "check-macos: does not compile:$failed" >&2
    exit 1
}
echo "check-macos: $n sources compile for aarch64-macos"
