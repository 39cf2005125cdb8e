#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-valgrind.sh BUILD_FOLDER: every C test under memcheck. A definite leak, a wild access or a use of uninitialised memory fails.
# The test programs are the same; WICK_TEST_SLOW=1 tells them to take fewer rounds.
set -eu
cd "$(dirname "$0")/.."
build=$1
export WICK_TEST_SLOW=1
ctest --test-dir "$build" -N | sed -n 's/^ *Test *#[0-9]*: //p' >"$build/tests.txt"
failed=""
while read -r name; do
    program=$build/tests/test_$name
    [ -x "$program" ] || continue # a test that is no C program
    echo "valgrind: $name"
    valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect --show-leak-kinds=definite,indirect \
        "$program" >"$build/valgrind-$name.log" 2>&1 </dev/null || {
        tail -n 40 "$build/valgrind-$name.log"
        failed="$failed $name"
    }
done <"$build/tests.txt"
[ -z "$failed" ] || {
    echo "valgrind: failed:$failed" >&2
    exit 1
}
echo "valgrind: clean, $(wc -l <"$build/tests.txt") tests"
