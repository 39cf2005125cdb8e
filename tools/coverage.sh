#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# coverage.sh BUILD_FOLDER PERCENT: runs every test of a build with --coverage, then sums up the line coverage of src/; fails below PERCENT.
# Fuzz targets do not count: they are not part of what is shipped.
set -eu
cd "$(dirname "$0")/.."
build=$1
find "$build" -name '*.gcda' -delete
sh tools/run-tests.sh "$build"
gcovr --root . --object-directory "$build" --filter 'src/' --exclude '.*/fuzz_[^/]*' --exclude-unreachable-branches \
    --sort-percentage --html-details "$build/coverage.html" --txt "$build/coverage.txt" --fail-under-line "$2" || status=$?
cat "$build/coverage.txt"
[ "${status:-0}" = 0 ] || echo "coverage: below $2 % of the lines of src/" >&2
exit "${status:-0}"
