/* SPDX-License-Identifier: Apache-2.0
 * tiles_amx.h: the tile registers of AMX, shared by the products of that tier: how their shapes are set, and a product of one panel made of tile
 * products (WICK_AMX_PRODUCT, WICK_AMX_GEMM).
 *
 * Eight tiles of up to 16 rows of 64 bytes. A panel of 32 columns is two tiles wide and 16 units of 32 bits (k) deep; up to 32 rows of a are two tiles
 * high, so that a step of 16 units is four products of 16 x 16 sums, for four loads:
 *
 *                    b: 6        7
 *           a: 4  |  sums: 0     1
 *              5  |        2     3
 *
 *   instruction           use                                    Sapphire Rapids: latency, one each ... cycles
 *   tdpbusd, tdpbf16ps    16 x 16 sums, 4 or 2 products each     52, 16
 *   tileloadd             16 rows of 64 bytes, any stride        45, 8
 *   tilestored            sums into memory, where AVX-512 ends   -, 16
 *   ldtilecfg             another number of rows                 some 100 to 200; zeroes the tiles
 *
 * (Intel Optimization Reference Manual, chapter "Intel AMX"; uops.info.) The layout of b is that of the lower tiers: four s8 or two bf16 stand
 * together, which is what the instructions take. */
#ifndef WICK_CPU_X86_TILES_AMX_H
#define WICK_CPU_X86_TILES_AMX_H
#include <immintrin.h>
#include <string.h>

#include "cpu/kernels.h"

#define WICK_AMX_ROWS 16       /* of a tile */
#define WICK_AMX_ROW_BYTES 64  /* of a tile's row: 16 sums or units */
#define WICK_AMX_PANEL 32      /* columns */
#define WICK_AMX_PANEL_BYTES (WICK_AMX_PANEL * 4) /* of a panel's row of units */

/* Sums of two by two tiles; tile t stands at [t]. */
typedef struct wick_amx_sums {
    _Alignas(64) uint32_t of[4][WICK_AMX_ROWS][16]; /* s32 or f32 */
} wick_amx_sums;

/* What is left of the last step, when k is no whole number of steps: padded with zeros. */
typedef struct wick_amx_tail {
    _Alignas(64) uint8_t a[2][WICK_AMX_ROWS][WICK_AMX_ROW_BYTES];
    _Alignas(64) uint8_t b[16][WICK_AMX_PANEL_BYTES];
} wick_amx_tail;

/* Gives this thread's tiles of a and of sums `rows` rows, 1 to 16, and those of b 16. Cheap where they have them already. */
void wick_tiles_shape(size_t rows);
/* After the last product of a call: outside enter and leave (kernels.h), gives the registers back. */
void wick_tiles_done(void);

/* In assembler: gcc 12's intrinsics do not say that they read memory. */
#define WICK_TILE_LOAD(tile, from, stride)                                                                             \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile : : "r"(from), "r"((size_t)(stride)) : "memory")
#define WICK_TILE_STORE(tile, to)                                                                                      \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" : : "r"(to), "r"((size_t)WICK_AMX_ROW_BYTES) : "memory")
#define WICK_TILE_ZERO(tile) __asm__ volatile("tilezero %%tmm" #tile : :)
#define WICK_TILE_DOT_I8(sums, a, b) __asm__ volatile("tdpbusd %%tmm" #b ", %%tmm" #a ", %%tmm" #sums : :)
#define WICK_TILE_DOT_BF16(sums, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #sums : :)

/* One product of a panel: rows of a in one tile or two. */
typedef struct wick_amx_job {
    const uint8_t *a[2]; /* NULL as the second: one tile */
    size_t a_bytes;      /* from row to row */
    size_t rows;         /* of each tile */
    const uint8_t *b;    /* [k_bytes / 4, 32] units */
    size_t k_bytes;      /* a multiple of 4 */
} wick_amx_job;

/* at: the bytes of a row that have been multiplied. */
static inline void wick_amx_fill_tail(wick_amx_tail *tail, const wick_amx_job *job, size_t at)
{
    const size_t left = job->k_bytes - at;
    memset(tail, 0, sizeof *tail);
    for (size_t t = 0; t < 2 && job->a[t]; t++)
        for (size_t i = 0; i < job->rows; i++)
            memcpy(tail->a[t][i], job->a[t] + i * job->a_bytes + at, left);
    memcpy(tail->b, job->b + at / 4 * WICK_AMX_PANEL_BYTES, left / 4 * WICK_AMX_PANEL_BYTES);
}

/* Asks for b some steps ahead (12 KiB, as in gemm_f32_avx512.c): it comes from the third-level cache or from memory. */
static inline __attribute__((always_inline)) void wick_amx_prefetch(const uint8_t *b)
{
    for (size_t line = 0; line < 16 * WICK_AMX_PANEL_BYTES; line += 64)
        _mm_prefetch((const char *)(b + 12288 + line), _MM_HINT_T0);
}

/* One step of 16 units: the tiles of b, then of a, each used as soon as it is there. A macro, because a tile's number is part of the instruction. */
#define WICK_AMX_STEP(dot, first, second, a_stride, b)                                                                 \
    do {                                                                                                               \
        WICK_TILE_LOAD(6, (b), WICK_AMX_PANEL_BYTES);                                                                  \
        WICK_TILE_LOAD(4, (first), a_stride);                                                                          \
        dot(0, 4, 6);                                                                                                  \
        WICK_TILE_LOAD(7, (b) + WICK_AMX_ROW_BYTES, WICK_AMX_PANEL_BYTES);                                             \
        dot(1, 4, 7);                                                                                                  \
        if (second) {                                                                                                  \
            WICK_TILE_LOAD(5, (second), a_stride);                                                                     \
            dot(2, 5, 6);                                                                                              \
            dot(3, 5, 7);                                                                                              \
        }                                                                                                              \
    } while (0)

/* Defines `static void name(const wick_amx_job *job, wick_amx_sums *out)`. k runs from 0 upwards in one sum, whatever the rows. */
#define WICK_AMX_PRODUCT(name, dot)                                                                                    \
    static inline __attribute__((always_inline)) void name##_of(const wick_amx_job *job, wick_amx_sums *out,           \
                                                                const bool has_second)                                 \
    {                                                                                                                  \
        const uint8_t *a = job->a[0], *second = has_second ? job->a[1] : NULL, *b = job->b;                            \
        size_t left = job->k_bytes;                                                                                    \
        WICK_TILE_ZERO(0);                                                                                             \
        WICK_TILE_ZERO(1);                                                                                             \
        WICK_TILE_ZERO(2);                                                                                             \
        WICK_TILE_ZERO(3);                                                                                             \
        for (; left >= WICK_AMX_ROW_BYTES; left -= WICK_AMX_ROW_BYTES, b += 16 * WICK_AMX_PANEL_BYTES) {               \
            wick_amx_prefetch(b);                                                                                      \
            WICK_AMX_STEP(dot, a, second, job->a_bytes, b);                                                            \
            a += WICK_AMX_ROW_BYTES;                                                                                   \
            second = has_second ? second + WICK_AMX_ROW_BYTES : NULL;                                                  \
        }                                                                                                              \
        if (left > 0) {                                                                                                \
            wick_amx_tail tail;                                                                                        \
            wick_amx_fill_tail(&tail, job, job->k_bytes - left);                                                       \
            const uint8_t *tail_second = has_second ? tail.a[1][0] : NULL;                                             \
            WICK_AMX_STEP(dot, tail.a[0][0], tail_second, WICK_AMX_ROW_BYTES, tail.b[0]);                              \
        }                                                                                                              \
        WICK_TILE_STORE(0, out->of[0]);                                                                                \
        WICK_TILE_STORE(1, out->of[1]);                                                                                \
        if (has_second) {                                                                                              \
            WICK_TILE_STORE(2, out->of[2]);                                                                            \
            WICK_TILE_STORE(3, out->of[3]);                                                                            \
        }                                                                                                              \
    }                                                                                                                  \
    static void name(const wick_amx_job *job, wick_amx_sums *out)                                                      \
    {                                                                                                                  \
        if (job->a[1])                                                                                                 \
            name##_of(job, out, true);                                                                                 \
        else                                                                                                           \
            name##_of(job, out, false);                                                                                \
    }

/* Defines `static void name(const job *g)` for a product of kernels.h: product in pairs of tiles, store_rows(g, row, n, left, right) for rows [row, row + n)
 * of sums. A tile costs the same whatever its rows, and another number of rows costs as much as a tile: so from 16 rows on all tiles have 16, and the last
 * one begins so early that it ends with the last row; what it makes anew of the rows before is not stored. */
#define WICK_AMX_GEMM(name, gemm_job, product, store_rows)                                                             \
    static void name(const gemm_job *g)                                                                                \
    {                                                                                                                  \
        const size_t rows = g->m < WICK_AMX_ROWS ? g->m : WICK_AMX_ROWS, a_bytes = g->lda * sizeof *g->a;              \
        wick_amx_sums sums;                                                                                            \
        if (g->m > 0)                                                                                                  \
            wick_tiles_shape(rows);                                                                                    \
        for (size_t row = 0; row < g->m; row += 2 * rows) {                                                            \
            const size_t first = row + rows <= g->m ? row : g->m - rows, next = first + rows,                          \
                         second = next + rows <= g->m ? next : g->m - rows;                                            \
            const bool has_second = next < g->m;                                                                       \
            const uint8_t *a = (const uint8_t *)g->a;                                                                  \
            product(&(wick_amx_job){{a + first * a_bytes, has_second ? a + second * a_bytes : NULL},                   \
                                    a_bytes,                                                                           \
                                    rows,                                                                              \
                                    (const uint8_t *)g->b,                                                             \
                                    g->k * sizeof *g->b},                                                              \
                    &sums);                                                                                            \
            store_rows(g, row, next - row, sums.of[0] + (row - first), sums.of[1] + (row - first));                    \
            if (has_second)                                                                                            \
                store_rows(g, next, second + rows - next, sums.of[2] + (next - second), sums.of[3] + (next - second)); \
        }                                                                                                              \
        wick_tiles_done();                                                                                             \
    }

#endif
