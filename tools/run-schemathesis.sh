#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-schemathesis.sh BUILD_FOLDER [schemathesis arguments]: requests made from /openapi.json, right and wrong ones, to a build's `wick serve` with a key and a tiny
# model, of each kind in turn; every reply must be as described. In a virtual environment of its own (build-schemathesis/venv, made here if need be).
# EXAMPLES: a route (60). MODELS: their folders in tests/fixtures.
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
stop() {
    [ -n "$server" ] || return 0
    kill "$server" 2>/dev/null || true
    pid=$server
    server=
    wait "$pid" # not 0: a sanitizer's finding, a request without an answer
}
finish() {
    status=$?
    stop || status=1
    [ $status = 0 ] || tail -n 20 "$folder/log"
    rm -rf "$folder"
    exit $status
}
trap finish EXIT
trap 'exit 1' INT TERM
echo schemathesis-key >"$folder/keys"
cd "$folder"

# start MODEL: the server, and its port in ./port.
start() {
    rm -f port
    XDG_CONFIG_HOME=$folder WICK_PREPARED_DIR=off "$build/wick" serve --model "$1" --served-model-name tiny \
        --api-key-file keys --port 0 --port-file port >log 2>&1 &
    server=$!
    n=0
    while [ ! -s port ]; do
        n=$((n + 1))
        [ $n -lt 300 ] && kill -0 $server 2>/dev/null || exit 1
        sleep 0.1
    done
}

# served ADDRESS: the one model, as the server lists it.
served() {
    "$venv/bin/python" -c 'import json, sys, urllib.request
request = urllib.request.Request(sys.argv[1] + "/api/v1/models", headers={"Authorization": "Bearer schemathesis-key"})
print(json.dumps(json.load(urllib.request.urlopen(request))["models"][0]))' "$1"
}

for model in ${MODELS:-tiny-bert heads/rerank-bert heads/classify-bert heads/splade-bert heads/colbert-bert}; do
    start "$root/tests/fixtures/$model"
    address=http://127.0.0.1:$(cat port)
    echo "schemathesis: $model"
    WICK_FOLDER=$root/tests/fixtures/$model WICK_SERVED=$(served "$address")
    export WICK_FOLDER WICK_SERVED
    PYTHONPATH=$root/tests/server/schemathesis SCHEMATHESIS_HOOKS=wick_hooks "$venv/bin/schemathesis" \
        --config-file "$root/tests/server/schemathesis/schemathesis.toml" run "$address/openapi.json" \
        --header "Authorization: Bearer schemathesis-key" --max-examples "${EXAMPLES:-60}" --no-color "$@"
    stop
done
