#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-page.sh BUILD_FOLDER [pytest arguments]: the tests of the server's page in headless Chromium, tests/page. With --screenshots instead: makes the
# pictures in docs/images anew.
set -eu
cd "$(dirname "$0")/.."
WICK_BUILD=$PWD/$1
shift
export WICK_BUILD
if [ "${1:-}" = --screenshots ]; then
    exec .venv/bin/python tests/page/screenshots.py docs/images
fi
exec .venv/bin/python -m pytest -q -p no:cacheprovider tests/page "$@"
