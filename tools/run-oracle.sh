#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-oracle.sh BUILD_FOLDER [pytest arguments]: the long tests of tests/oracle. Those against the tokenizers package run in .venv; those against
# sentence-transformers need torch and take a virtual environment of their own, ORACLE_VENV (build-oracle/venv, made here if need be).
set -eu
cd "$(dirname "$0")/.."
WICK_BUILD=$PWD/$1
shift
export WICK_BUILD
ls tests/oracle/test_*.py >/dev/null 2>&1 || {
    echo "oracle: tests/oracle has no tests" >&2
    exit 1
}
venv=${ORACLE_VENV:-build-oracle/venv}
if ! "$venv/bin/python" -c 'import sentence_transformers, tokenizers, pytest, numpy' 2>/dev/null; then
    echo "oracle: making $venv"
    sh tools/setup.sh python
    rm -rf build-oracle/venv
    python3 -m venv build-oracle/venv
    venv=build-oracle/venv
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tools/requirements-test.txt \
        -r tools/requirements-oracle.txt </dev/null
fi
exec "$venv/bin/python" -m pytest -p no:cacheprovider tests/oracle "$@"
