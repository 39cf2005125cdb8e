#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check-combos.sh JOBS: every combination of the providers' build options, one of them without the server, builds without a warning and passes its tests. Called by `make combos`.
set -eu
cd "$(dirname "$0")/.."
jobs=${1:-2}
mkdir -p build-combos
for candle in ON OFF; do
    for mlx in OFF ON; do
        for cuda in OFF ON; do
            server=ON
            [ $candle$mlx$cuda = ONOFFON ] && server=OFF # once is enough: nothing else knows of it
            echo "combos: WICK_CANDLE=$candle WICK_MLX=$mlx WICK_CUDA=$cuda WICK_SERVER=$server"
            build=build-combos/$candle-$mlx-$cuda
            cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DWICK_WERROR=ON -DWICK_CANDLE=$candle -DWICK_MLX=$mlx \
                -DWICK_CUDA=$cuda -DWICK_SERVER=$server >"build-combos/configure.log" 2>&1 || {
                cat build-combos/configure.log
                exit 1
            }
            cmake --build "$build" -j "$jobs" >build-combos/build.log 2>&1 || {
                cat build-combos/build.log
                exit 1
            }
            sh tools/run-tests.sh "$build"
        done
    done
done
echo "combos: 8 of 8 build and pass"
