#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-schemathesis.sh BUILD_FOLDER [schemathesis arguments]: requests made from /openapi.json, right and wrong ones, to a build's `wick serve` with the tiny model
# and a key; every reply must be as described. In a virtual environment of its own (build-schemathesis/venv, made here if need be). EXAMPLES: a route (60).
set -eu
cd "$(dirname "$0")/.."
root=$PWD
build=$root/$1
shift
venv=$root/build-schemathesis/venv
wanted=tools/requirements-schemathesis.txt
if ! cmp -s "$wanted" "$venv/requirements.txt"; then
    echo "schemathesis: making $venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted" </dev/null
    cp "$wanted" "$venv/requirements.txt"
fi

folder=$(mktemp -d)
server=
finish() {
    status=$?
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" || status=1 # a sanitizer's finding, a request without an answer
    fi
    [ $status = 0 ] || tail -n 20 "$folder/log"
    rm -rf "$folder"
    exit $status
}
trap finish EXIT
trap 'exit 1' INT TERM
echo schemathesis-key >"$folder/keys"
cd "$folder"
XDG_CONFIG_HOME=$folder WICK_PREPARED_DIR=off "$build/wick" serve --model "$root/tests/fixtures/tiny-bert" --served-model-name tiny \
    --api-key-file keys --port 0 --port-file port >log 2>&1 &
server=$!
n=0
while [ ! -s port ]; do
    n=$((n + 1))
    [ $n -lt 300 ] && kill -0 $server 2>/dev/null || exit 1
    sleep 0.1
done
# /embed_all is described, and always a 404.
PYTHONPATH=$root/tests/server/schemathesis SCHEMATHESIS_HOOKS=wick_hooks "$venv/bin/schemathesis" \
    --config-file "$root/tests/server/schemathesis/schemathesis.toml" run "http://127.0.0.1:$(cat port)/openapi.json" \
    --header "Authorization: Bearer schemathesis-key" --exclude-path /embed_all --max-examples "${EXAMPLES:-60}" --no-color "$@"
