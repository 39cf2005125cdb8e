#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-clients.sh BUILD_FOLDER [pytest arguments]: the official Python clients against a build's `wick serve` (tests/server/clients), in a virtual environment of
# their own, CLIENTS_VENV (build-clients/venv, made here if need be).
set -eu
cd "$(dirname "$0")/.."
WICK_BUILD=$PWD/$1
WICK_PREPARED_DIR="$WICK_BUILD/prepared" # not the user's
shift
export WICK_BUILD WICK_PREPARED_DIR
venv=${CLIENTS_VENV:-build-clients/venv}
wanted=tools/requirements-clients.txt
if [ -z "${CLIENTS_VENV:-}" ] && ! cmp -s "$wanted" "$venv/requirements.txt"; then
    echo "clients: making $venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted" </dev/null
    cp "$wanted" "$venv/requirements.txt"
fi
exec "$venv/bin/python" -m pytest -q -p no:cacheprovider tests/server/clients "$@"
