#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check-embedded.sh EMBEDDED WICK MODEL: the command EMBEDDED, which has MODEL inside in int8, needs nothing beside itself: it runs in an empty folder with an empty environment,
# gives the bits of WICK with the model's files, leaves nothing behind, and is under 25 MB. Prints its size and how long it takes from start to the first vector.
set -eu
embedded=$(realpath "$1")
wick=$(realpath "$2")
model=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/empty"
texts="A ferry leaves the harbour at dawn."
"$wick" embed --model "$model" --dtype int8 --format f32 "$texts" "" "hello" >"$folder/expected"
(cd "$folder/empty" && env -i "$embedded" embed --format f32 "$texts" "" "hello") >"$folder/found"
cmp "$folder/expected" "$folder/found" || { echo "the embedded model gives other vectors" >&2; exit 1; }
[ -z "$(ls -A "$folder/empty")" ] || { echo "something was left in the folder" >&2; exit 1; }
bytes=$(wc -c <"$embedded")
[ "$bytes" -lt 25000000 ] || { echo "$bytes bytes are no less than 25 MB" >&2; exit 1; }
echo "$embedded: $bytes bytes, the same vectors as with the model's files"
python3 - "$embedded" "$folder/empty" <<'PYTHON'
import subprocess, sys, time
times = []
for _ in range(21):
    start = time.perf_counter()
    subprocess.run([sys.argv[1], "embed", "hello"], env={}, cwd=sys.argv[2], stdout=subprocess.DEVNULL, check=True)
    times.append((time.perf_counter() - start) * 1000)
print(f"start to first vector: {sorted(times)[10]:.1f} ms (median of 21, env -i)")
PYTHON
