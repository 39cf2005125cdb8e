#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# lint.sh [--fix]: the layout of every C and C++ source (.clang-format), then clang-tidy (.clang-tidy) where it is installed; --fix lays the
# sources out instead. Called by `make lint` and `make format`.
set -eu
cd "$(dirname "$0")/.."
status=0
files=$(git ls-files 'include/*.h' 'src/*.[ch]' 'src/*.cc' 'tests/*.[ch]' | grep -v '_tables\.[ch]$' || true)
if [ "${1:-}" = --fix ]; then
    # shellcheck disable=SC2086
    exec clang-format -i $files
fi
# shellcheck disable=SC2086
clang-format --dry-run -Werror $files || status=1
if command -v clang-tidy >/dev/null 2>&1; then
    [ -f build/compile_commands.json ] || cmake --preset release >/dev/null
    sources=$(git ls-files 'src/*.c' 'src/*.cc' | grep -v -e '/fuzz_' -e '_tables\.c$' -e "/$([ "$(uname -m)" = x86_64 ] && echo arm || echo x86)/")
    # shellcheck disable=SC2086
    printf '%s\n' $sources | xargs -P 2 -n 4 clang-tidy --quiet -p build || status=1
else
    echo "lint: clang-tidy is not installed; left out"
fi
exit $status
