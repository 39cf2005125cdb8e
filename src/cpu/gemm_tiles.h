/* SPDX-License-Identifier: Apache-2.0
 * gemm_tiles.h: WICK_GEMM_BY_TILES, which makes a matrix product of a tile: as many rows as a tier's registers hold the sums of. Included by every
 * tier's gemm_*.c. */
#ifndef WICK_CPU_GEMM_TILES_H
#define WICK_CPU_GEMM_TILES_H
#include <stddef.h>

/* Defines `static void name(const job *g)`: calls tile(g, row, n_rows) for all g->m rows, in tiles of at most max_rows, a literal listed below. The rows
 * are shared out evenly: 15 rows are 8 and 7, not 14 and 1, so that no tile runs at a fraction of the speed. tile is always inlined, n_rows a literal in
 * each place, so that the sums stay in registers; each number of rows has a function of its own (name_1 to name_14), for gcc 12 would spill
 * sums of one tile for the sake of another in the same function. */
#define WICK_GEMM_BY_TILES(name, job, max_rows, tile)                                                                  \
    WICK_UP_TO(max_rows, WICK_TILE, name, job, tile)                                                                   \
    static void name(const job *g)                                                                                     \
    {                                                                                                                  \
        static void (*const tiles[])(const job *, size_t) = {WICK_UP_TO(max_rows, WICK_TILE_NAME, name, job, tile)};   \
        size_t n_tiles = (g->m + (max_rows)-1) / (max_rows);                                                           \
        for (size_t i = 0, row = 0; i < n_tiles; i++) {                                                                \
            size_t n_rows = (g->m - row) / (n_tiles - i);                                                              \
            tiles[n_rows - 1](g, row);                                                                                 \
            row += n_rows;                                                                                             \
        }                                                                                                              \
    }

#define WICK_TILE(n, name, job, tile)                                                                                  \
    static void name##_##n(const job *g, size_t row)                                                                   \
    {                                                                                                                  \
        tile(g, row, n);                                                                                               \
    }
#define WICK_TILE_NAME(n, name, job, tile) name##_##n,

/* f(1, ...) f(2, ...) up to n. */
#define WICK_UP_TO(n, f, ...) WICK_UP_TO_LITERAL(n, f, __VA_ARGS__)
#define WICK_UP_TO_LITERAL(n, f, ...) WICK_UP_TO_##n(f, __VA_ARGS__)
#define WICK_UP_TO_3(f, ...) f(1, __VA_ARGS__) f(2, __VA_ARGS__) f(3, __VA_ARGS__)
#define WICK_UP_TO_5(f, ...) WICK_UP_TO_3(f, __VA_ARGS__) f(4, __VA_ARGS__) f(5, __VA_ARGS__)
#define WICK_UP_TO_6(f, ...) WICK_UP_TO_5(f, __VA_ARGS__) f(6, __VA_ARGS__)
#define WICK_UP_TO_9(f, ...) WICK_UP_TO_6(f, __VA_ARGS__) f(7, __VA_ARGS__) f(8, __VA_ARGS__) f(9, __VA_ARGS__)
#define WICK_UP_TO_12(f, ...) WICK_UP_TO_9(f, __VA_ARGS__) f(10, __VA_ARGS__) f(11, __VA_ARGS__) f(12, __VA_ARGS__)
#define WICK_UP_TO_14(f, ...) WICK_UP_TO_12(f, __VA_ARGS__) f(13, __VA_ARGS__) f(14, __VA_ARGS__)

#endif
