#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures Wick beside its peers: sets up .venv-bench (pinned in tools/requirements-bench.txt; several GB, since torch is among them), then runs
# bench/bench.py. Called by `make bench`, which builds Wick and gets the model first. Arguments, and the words in BENCH_ARGS, go to bench.py:
#   make bench BENCH_ARGS="--corpus FOLDER --rounds 7"      bash bench/run.sh --help
# BENCH_SCRIPT: another script of this folder (`make bench-models`: models.py).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
venv=${WICK_BENCH_VENV:-$root/.venv-bench}
wanted=$root/tools/requirements-bench.txt

if ! cmp -s "$wanted" "$venv/wick-requirements.txt"; then
    echo "bench: installing into $venv: $(grep -v '^#' "$wanted" | tr '\n' ' ')" >&2
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: -r "$wanted"
    cp "$wanted" "$venv/wick-requirements.txt"
fi
# BENCH_ARGS is words on purpose.
# shellcheck disable=SC2086
exec "$venv/bin/python" "$root/bench/${BENCH_SCRIPT:-bench.py}" ${BENCH_ARGS:-} "$@"
