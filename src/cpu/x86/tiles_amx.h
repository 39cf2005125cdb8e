/* SPDX-License-Identifier: Apache-2.0
 * tiles_amx.h: the tile registers of AMX, shared by the products of that tier: how their shape is set, and a product of many panels made of tile products
 * (WICK_AMX_GEMM).
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
 * together, which is what the instructions take.
 *
 * The tiles multiply beside the vector units: while a pair of tiles is being summed, the rows of the pair before are finished (bias, gelu, narrowing), some
 * with each step. With 384 values along k a pair takes 450 cycles, gelu of its sums nearly as many.
 *
 * A tile costs the same whatever its rows, and another number of rows costs as much as several tiles: so from 16 rows on all tiles have 16, and the last one
 * begins so early that it ends with the last row; what it makes anew of the rows before is dropped. */
#ifndef WICK_CPU_X86_TILES_AMX_H
#define WICK_CPU_X86_TILES_AMX_H
#include <immintrin.h>
#include <string.h>

#include "cpu/kernels.h"
#include "cpu/unroll.h"

#define WICK_AMX_ROWS 16                          /* of a tile */
#define WICK_AMX_ROW_BYTES 64                     /* of a tile's row: 16 sums or units */
#define WICK_AMX_PANEL 32                         /* columns */
#define WICK_AMX_PANEL_BYTES (WICK_AMX_PANEL * 4) /* of a panel's row of units */

#define WICK_AMX_FIRST_B 6 /* the tiles of b, from this one on; those before are of a and of sums */

/* Gives this thread's tiles of a and of sums `rows` rows, 1 to 16, and those of b, first_b to 7, 16. Cheap where they have them already. */
void wick_tiles_shape(size_t rows, size_t first_b);
/* After the last product of a call: outside enter and leave (kernels.h), gives the registers back. */
void wick_tiles_done(void);

/* In assembler: gcc 12's intrinsics do not say that they read memory. */
#define WICK_TILE_LOAD(tile, from, stride)                                                                             \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile : : "r"(from), "r"((size_t)(stride)) : "memory")
#define WICK_TILE_STORE(tile, to, stride)                                                                              \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" : : "r"(to), "r"((size_t)(stride)) : "memory")
#define WICK_TILE_ZERO(tile) __asm__ volatile("tilezero %%tmm" #tile : :)
#define WICK_TILE_DOT_I8(sums, a, b) __asm__ volatile("tdpbusd %%tmm" #b ", %%tmm" #a ", %%tmm" #sums : :)
#define WICK_TILE_DOT_BF16(sums, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #sums : :)

/* Sums of two by two tiles: s32 or f32. */
typedef struct wick_amx_sums {
    _Alignas(64) uint32_t of[2 * WICK_AMX_ROWS][WICK_AMX_PANEL];
} wick_amx_sums;

/* What is left of the last step, when k is no whole number of steps: padded with zeros. */
typedef struct wick_amx_tail {
    _Alignas(64) uint8_t a[2][WICK_AMX_ROWS][WICK_AMX_ROW_BYTES];
    _Alignas(64) uint8_t b[16][WICK_AMX_PANEL_BYTES];
} wick_amx_tail;

/* A pair of tiles' sums: rows [row, row + n) of c, columns from `column` on. */
typedef struct wick_amx_pair {
    const wick_amx_sums *sums;
    size_t row, n, column;
    size_t skip[2]; /* the row of sums that row i of the pair stands in is i + skip[i >= 16] */
    size_t next;    /* the row to be finished next */
} wick_amx_pair;

/* What all pairs of a product have in common, and where one of them reads. */
typedef struct wick_amx_operands {
    const uint8_t *a[2]; /* the first row of either tile; a[1] is NULL where there is one tile alone */
    size_t a_bytes;      /* from row to row */
    size_t rows;         /* of each tile */
    const uint8_t *b;    /* [k_bytes / 4, 32] units */
    size_t k_bytes;      /* a multiple of 4 */
    const uint8_t *
        ahead; /* b that is needed next, to be asked for: groups of 8 lines with each step, 4 of which are a whole one */
    size_t ahead_groups;
} wick_amx_operands;

/* at: the bytes of a row that have been multiplied. */
static inline void wick_amx_fill_tail(wick_amx_tail *tail, const wick_amx_operands *o, size_t at)
{
    const size_t left = o->k_bytes - at;
    memset(tail, 0, sizeof *tail);
    for (size_t t = 0; t < 2 && o->a[t]; t++)
        for (size_t i = 0; i < o->rows; i++)
            memcpy(tail->a[t][i], o->a[t] + i * o->a_bytes + at, left);
    memcpy(tail->b, o->b + at / 4 * WICK_AMX_PANEL_BYTES, left / 4 * WICK_AMX_PANEL_BYTES);
}

/* Where pair i of a panel stands: its tiles' first rows in a, and the pair itself. */
static inline wick_amx_pair wick_amx_pair_at(size_t m, size_t rows, size_t i, const uint8_t *a, wick_amx_operands *o)
{
    const size_t row = i * 2 * WICK_AMX_ROWS, next = row + rows;
    const size_t first = next <= m ? row : m - rows, second = next + rows <= m ? next : m - rows;
    const bool has_second = next < m;
    o->a[0] = a + first * o->a_bytes;
    o->a[1] = has_second ? a + second * o->a_bytes : NULL;
    return (wick_amx_pair){.row = row,
                           .n = m - row < 2 * WICK_AMX_ROWS ? m - row : 2 * WICK_AMX_ROWS,
                           .skip = {row - first, has_second ? next - second : 0}};
}

#define WICK_AMX_AHEAD_BYTES ((size_t)3072)
/* Few rows are a stream of weights out of the third-level cache or memory, asked for a step and a half ahead. Of more rows, each pair asks for a
 * part of the next panel, so that its first pair finds it in the second-level cache. */
static inline void wick_amx_look_ahead(wick_amx_operands *o, size_t pair, size_t n_pairs, size_t panel_bytes)
{
    o->ahead_groups = n_pairs == 1 ? 4 : n_pairs < 4 ? 2 : 1;
    o->ahead = n_pairs == 1 ? o->b + WICK_AMX_AHEAD_BYTES : o->b + panel_bytes + panel_bytes / n_pairs * pair;
}

/* Group `group` of the lines that a step asks for. */
static inline __attribute__((always_inline)) void wick_amx_ask(const wick_amx_operands *o, size_t group)
{
    if (group >= o->ahead_groups)
        return;
    WICK_UNROLL
    for (size_t line = 0; line < 8; line++)
        _mm_prefetch((const char *)(o->ahead + (group * 8 + line) * 64), _MM_HINT_T0);
}

/* One step of 16 units. Loads come as early as there are tiles for them, and lines are asked for between the products: so a thread that has half of its core's window of
 * instructions keeps the tiles busy, too. A macro, because a tile's number is part of the instruction. */
#define WICK_AMX_STEP(dot, first, second, a_stride, b, ask)                                                            \
    do {                                                                                                               \
        WICK_TILE_LOAD(6, (b), WICK_AMX_PANEL_BYTES);                                                                  \
        WICK_TILE_LOAD(4, (first), a_stride);                                                                          \
        ask(o, 0);                                                                                                     \
        WICK_TILE_LOAD(7, (b) + WICK_AMX_ROW_BYTES, WICK_AMX_PANEL_BYTES);                                             \
        if (second)                                                                                                    \
            WICK_TILE_LOAD(5, (second), a_stride);                                                                     \
        dot(0, 4, 6);                                                                                                  \
        ask(o, 1);                                                                                                     \
        dot(1, 4, 7);                                                                                                  \
        ask(o, 2);                                                                                                     \
        if (second) {                                                                                                  \
            dot(2, 5, 6);                                                                                              \
            dot(3, 5, 7);                                                                                              \
        }                                                                                                              \
        ask(o, 3);                                                                                                     \
    } while (0)
#define WICK_AMX_ASK_NOTHING(o, group) ((void)0)

/* Defines `static void name(const job *g)` for a product of kernels.h whose n may be many panels. finish(g, row, n, column, sums, gelu, whole) takes the sums
 * [n, 32] of rows from `row` on where they belong; gelu, and whether the panel has all its columns, are literals where it is inlined. k runs from 0 upwards in one sum, whatever the rows. */
#define WICK_AMX_GEMM(name, job, dot, finish)                                                                          \
    static inline __attribute__((always_inline)) void name##_finish(const job *g, wick_amx_pair *pair, size_t n_rows,  \
                                                                    const bool gelu)                                   \
    {                                                                                                                  \
        const size_t column = pair->column, end = n_rows < pair->n - pair->next ? pair->next + n_rows : pair->n;       \
        while (pair->next < end) {                                                                                     \
            const size_t i = pair->next, stop = i < WICK_AMX_ROWS && end > WICK_AMX_ROWS ? WICK_AMX_ROWS : end;        \
            const uint32_t(*sums)[WICK_AMX_PANEL] = &pair->sums->of[i + pair->skip[i >= WICK_AMX_ROWS]];               \
            if (column + WICK_AMX_PANEL <= g->n)                                                                       \
                finish(g, pair->row + i, stop - i, column, sums, gelu, true);                                          \
            else                                                                                                       \
                finish(g, pair->row + i, stop - i, column, sums, gelu, false);                                         \
            pair->next = stop;                                                                                         \
        }                                                                                                              \
    }                                                                                                                  \
    static inline __attribute__((always_inline)) void name##_pair(                                                     \
        const job *g, wick_amx_operands *o, wick_amx_sums *out, wick_amx_pair *before, const bool gelu)                \
    {                                                                                                                  \
        const uint8_t *a = o->a[0], *second = o->a[1], *b = o->b;                                                      \
        const size_t rows_a_step = 2 * WICK_AMX_ROWS / (o->k_bytes / WICK_AMX_ROW_BYTES + 1) + 1;                      \
        size_t left = o->k_bytes;                                                                                      \
        WICK_TILE_ZERO(0);                                                                                             \
        WICK_TILE_ZERO(1);                                                                                             \
        WICK_TILE_ZERO(2);                                                                                             \
        WICK_TILE_ZERO(3);                                                                                             \
        for (; left >= WICK_AMX_ROW_BYTES; left -= WICK_AMX_ROW_BYTES, b += 16 * WICK_AMX_PANEL_BYTES) {               \
            WICK_AMX_STEP(dot, a, second, o->a_bytes, b, wick_amx_ask);                                                \
            o->ahead += o->ahead_groups * 8 * 64;                                                                      \
            a += WICK_AMX_ROW_BYTES;                                                                                   \
            second = second ? second + WICK_AMX_ROW_BYTES : NULL;                                                      \
            name##_finish(g, before, rows_a_step, gelu);                                                               \
        }                                                                                                              \
        if (left > 0) {                                                                                                \
            wick_amx_tail tail;                                                                                        \
            wick_amx_fill_tail(&tail, o, o->k_bytes - left);                                                           \
            second = second ? tail.a[1][0] : NULL;                                                                     \
            WICK_AMX_STEP(dot, tail.a[0][0], second, WICK_AMX_ROW_BYTES, tail.b[0], WICK_AMX_ASK_NOTHING);             \
            name##_finish(g, before, rows_a_step, gelu);                                                               \
        }                                                                                                              \
        name##_finish(g, before, 2 * WICK_AMX_ROWS, gelu); /* what few steps left over */                              \
        WICK_TILE_STORE(0, out->of[0], WICK_AMX_PANEL_BYTES);                                                          \
        WICK_TILE_STORE(1, out->of[0] + 16, WICK_AMX_PANEL_BYTES);                                                     \
        if (second) {                                                                                                  \
            WICK_TILE_STORE(2, out->of[WICK_AMX_ROWS], WICK_AMX_PANEL_BYTES);                                          \
            WICK_TILE_STORE(3, out->of[WICK_AMX_ROWS] + 16, WICK_AMX_PANEL_BYTES);                                     \
        }                                                                                                              \
    }                                                                                                                  \
    static inline __attribute__((always_inline)) void name##_panels(const job *g, const bool gelu)                     \
    {                                                                                                                  \
        const size_t rows = g->m < WICK_AMX_ROWS ? g->m : WICK_AMX_ROWS,                                               \
                     n_pairs = (g->m + 2 * WICK_AMX_ROWS - 1) / (2 * WICK_AMX_ROWS);                                   \
        wick_amx_operands o = {.a_bytes = g->lda * sizeof *g->a, .rows = rows, .k_bytes = g->k * sizeof *g->b};        \
        const size_t panel_bytes = o.k_bytes / 4 * WICK_AMX_PANEL_BYTES;                                               \
        wick_amx_sums sums[2];                                                                                         \
        wick_amx_pair before = {.n = 0};                                                                               \
        size_t turn = 0;                                                                                               \
        wick_tiles_shape(rows, WICK_AMX_FIRST_B);                                                                      \
        for (size_t column = 0; column < g->n; column += WICK_AMX_PANEL)                                               \
            for (size_t i = 0; i < n_pairs; i++, turn ^= 1) {                                                          \
                wick_amx_pair pair = wick_amx_pair_at(g->m, rows, i, (const uint8_t *)g->a, &o);                       \
                pair.sums = &sums[turn];                                                                               \
                pair.column = column;                                                                                  \
                o.b = (const uint8_t *)g->b + column / WICK_AMX_PANEL * panel_bytes;                                   \
                wick_amx_look_ahead(&o, i, n_pairs, panel_bytes);                                                      \
                name##_pair(g, &o, &sums[turn], &before, gelu);                                                        \
                before = pair;                                                                                         \
            }                                                                                                          \
        name##_finish(g, &before, 2 * WICK_AMX_ROWS, gelu);                                                            \
        wick_tiles_done();                                                                                             \
    }                                                                                                                  \
    static void name##_gelu(const job *g)                                                                              \
    {                                                                                                                  \
        name##_panels(g, true);                                                                                        \
    }                                                                                                                  \
    static void name(const job *g)                                                                                     \
    {                                                                                                                  \
        if (g->m == 0)                                                                                                 \
            return;                                                                                                    \
        if (g->gelu)                                                                                                   \
            name##_gelu(g);                                                                                            \
        else                                                                                                           \
            name##_panels(g, false);                                                                                   \
    }

#endif
