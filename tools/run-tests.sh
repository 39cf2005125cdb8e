#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-tests.sh BUILD_FOLDER [pytest arguments]: every test of a build: the C tests through ctest, then tests/*/ through pytest, which finds the
# command through WICK_BUILD. Both run even if the first fails. Ends with the closing lines of the two runners.
set -eu
cd "$(dirname "$0")/.."
build=$1
shift
WICK_BUILD=$PWD/$build
export WICK_BUILD
export WICK_PREPARED_DIR="$PWD/$build/prepared" # not the user's
export HF_HUB_OFFLINE=1 # tests/hub has a hub of its own
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
export ASAN_OPTIONS="${ASAN_OPTIONS:-allocator_may_return_null=1}" # as without it: tests ask for impossible sizes
status=0

# run LOG COMMAND...: shows and keeps the output; the exit status is the command's.
run() {
    log=$1
    shift
    { { "$@" 2>&1 && echo 0 >"$log.status"; } || echo $? >"$log.status"; } | tee "$log"
    return "$(cat "$log.status")"
}

run "$build/ctest.log" ctest --test-dir "$build" --output-on-failure --no-tests=error -j 2 || status=1
if [ -n "$(find tests -name 'test_*.py' -not -path "tests/oracle/*" -not -path "tests/hub/long/*" -not -path "tests/page/*" -not -path "tests/server/clients/*" | head -n 1)" ]; then
    run "$build/pytest.log" .venv/bin/python -m pytest -q -p no:cacheprovider --ignore tests/oracle --ignore tests/hub/long --ignore tests/page --ignore tests/server/clients tests "$@" || {
        pytest=$?
        # 5: every test was deselected by the arguments given, which is no failure of a test.
        [ $pytest = 5 ] && [ $# -gt 0 ] || status=1
    }
else
    echo "no Python tests" >"$build/pytest.log"
fi

echo
grep -h 'tests passed' "$build/ctest.log" || echo "ctest ran no tests"
tail -n 1 "$build/pytest.log"
exit $status
