#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check-arm64.sh JOBS: builds for Linux arm64 with the cross compiler and runs the C tests under qemu-user. Called by `make arm64`, which
# installs the compiler and qemu. The arm64 libraries are fetched with a package list of their own and unpacked into
# build-arm64/sysroot: the system keeps its architectures.
set -eu
cd "$(dirname "$0")/.."
jobs=${1:-2}

if [ "$(uname -s)-$(uname -m)" = Linux-aarch64 ]; then
    echo "check-arm64: this machine is arm64 itself: make test"
    exec make test
fi

sysroot=$PWD/build-arm64/sysroot
if [ ! -f "$sysroot/complete" ] || [ ! -d "$sysroot/usr/include/aarch64-linux-gnu/curl" ]; then
    apt=$PWD/build-arm64/apt
    rm -rf "$sysroot" "$apt"
    mkdir -p "$sysroot" "$apt/lists/partial" "$apt/archives/partial"
    : >"$apt/status"
    apt_get() {
        apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::Lists="$apt/lists" \
            -o Dir::State::status="$apt/status" -o Dir::Cache="$apt" -o Dir::Cache::archives="$apt/archives" \
            -o APT::Sandbox::User="$(id -un)" "$@"
    }
    echo "check-arm64: fetching the arm64 libraries into build-arm64/sysroot"
    apt_get update 2>"$apt/log" || true # a list that is for another architecture alone is no matter
    (cd "$apt" && apt_get download libjansson-dev libjansson4 libtomlplusplus-dev libtomlplusplus3 libevent-dev libevent-core-2.1-7 libcmocka-dev libcmocka0 libssl-dev libssl3 libcurl4-openssl-dev) || {
        cat "$apt/log" >&2
        exit 1
    }
    for deb in "$apt"/*.deb; do dpkg-deb -x "$deb" "$sysroot"; done
    touch "$sysroot/complete"
fi

cmake --preset arm64
cmake --build build-arm64 -j "$jobs"
export WICK_TEST_SLOW=1 # emulated: fewer rounds
ctest --test-dir build-arm64 --output-on-failure --no-tests=error -j 2 --timeout 1500
