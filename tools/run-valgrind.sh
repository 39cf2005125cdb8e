#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-valgrind.sh BUILD_FOLDER: every C test under memcheck. A definite leak, a wild access or a use of uninitialised memory fails.
# WICK_TEST_SLOW=1 tells them to take fewer rounds. Fair scheduling: memcheck runs one thread at a time, and one that spins must give way.
set -eu
cd "$(dirname "$0")/.."
build=$1
export WICK_TEST_SLOW=1
ctest --test-dir "$build" -N | sed -n 's/^ *Test *#[0-9]*: //p' >"$build/tests.txt"
failed=""
while read -r name; do
    program=$build/tests/test_$name
    [ -x "$program" ] || continue # a test that is no C program
    # Too much arithmetic on the real model: the same code runs on tiny models in the other tests. tokenizer_memory counts in a malloc of its
    # own, which memcheck replaces; AddressSanitizer's run looks for leaks there.
    case $name in golden_minilm | mission | vectors | tokenizer_memory) continue ;; esac
    echo "valgrind: $name"
    valgrind --quiet --fair-sched=try --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect --show-leak-kinds=definite,indirect \
        "$program" >"$build/valgrind-$name.log" 2>&1 </dev/null || {
        tail -n 40 "$build/valgrind-$name.log"
        failed="$failed $name"
    }
done <"$build/tests.txt"
[ -z "$failed" ] || {
    echo "valgrind: failed:$failed" >&2
    exit 1
}
echo "valgrind: clean"
