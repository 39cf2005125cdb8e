#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh BUILD_FOLDER SECONDS [TARGET...]: runs the fuzz targets of a build (all, or fuzz_NAME or NAME of those given) for so many seconds each,
# two at a time. Seeds come from tests/fuzz/NAME; what the fuzzer adds stays in BUILD_FOLDER/corpus, what breaks a target in
# BUILD_FOLDER/findings, its log in BUILD_FOLDER/log. Fails if there is a finding.
set -eu
cd "$(dirname "$0")/.."
build=$1
seconds=$2
shift 2

if [ "${1:-}" != --one ]; then
    targets=""
    for target in "$build"/fuzz_*; do
        [ -f "$target" ] && [ -x "$target" ] || continue
        name=$(basename "$target" | sed 's/^fuzz_//')
        case " $* " in "  " | *" $name "* | *" fuzz_$name "*) targets="$targets $name" ;; esac
    done
    [ -n "$targets" ] || {
        echo "fuzz: no such target in $build" >&2
        exit 1
    }
    mkdir -p "$build/findings" "$build/log"
    echo "fuzz:$targets: $seconds s each, two at a time"
    # shellcheck disable=SC2086
    printf '%s\n' $targets | xargs -P 2 -n 1 sh tools/fuzz.sh "$build" "$seconds" --one && status=0 || status=1
    [ $status = 0 ] && echo "fuzz: no finding" || echo "fuzz: FINDINGS in $build/findings; the logs are in $build/log" >&2
    exit $status
fi

name=$2
mkdir -p "$build/corpus/$name"
seeds=""
[ -d "tests/fuzz/$name" ] && seeds=tests/fuzz/$name
# A text of 64 KiB reaches every branch of a parser; 10 s for one is a finding, and so is a gigabyte.
# shellcheck disable=SC2086
"$build/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$build/findings/$name-" "$build/corpus/$name" $seeds >"$build/log/$name" 2>&1 </dev/null && status=0 || status=1
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/log/$name")
if [ $status = 0 ]; then
    echo "fuzz: $name: ${runs:-?} runs, no finding"
else
    echo "fuzz: $name: ${runs:-?} runs, FINDING: $(grep -m 1 -E 'ERROR|runtime error|SUMMARY' "$build/log/$name")"
fi
exit $status
