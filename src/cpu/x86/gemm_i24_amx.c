/* SPDX-License-Identifier: Apache-2.0
 * gemm_i24_amx.c: f32 products made of 24-bit integers (kernels.h), in AMX's tiles: eight products of s8 digits, exact in s32; of many rows about twice as fast as f32 products on the vector
 * units. Reference: gemm_i24_generic; instructions: tiles_amx.h, and tdpbssd, which is tdpbusd with both sides signed.
 *
 * A tile of 16 rows by 16 columns has four sums, by the weight of their products. Three tiles hold a row's digits, one the digits of b in turn. As
 * soon as a digit of a has met those of b, that of the next step is loaded:
 *
 *   load          into  then                                       sums 0: high, 1: upper, 2: middle, 3: lower
 *   b high        7     0 += a high b high, 1 += a middle b high, 2 += a low b high
 *   b middle      7     3 += a low b middle
 *   next a low    6     1 += a high b middle, 2 += a middle b middle
 *   b low         7     2 += a high b low
 *   next a high   4     3 += a middle b low
 *   next a middle 5
 *
 * A product takes 16 cycles however few rows it has, a load 8; so this runs at the tiles' peak from the first or second cache, and few rows are a stream of weights, three bytes each, from beyond.
 * The lines of that stream are asked for between the products, some at a time. Both keep the tiles busy where another thread takes half of the core's window of instructions (docs/speed.md).
 * While one tile is summed, the rows of the one before are finished. */
#include "cpu/x86/tiers_x86.h"

#include "cpu/unroll.h"
#include "cpu/x86/columns_avx512.h"
#include "cpu/x86/gelu_avx512.h"
#include "cpu/x86/tiles_amx.h"

#define DIGITS_BYTES WICK_I24_STEP                              /* of a row's digit, in one step */
#define ROW_STEP_BYTES (WICK_I24_DIGITS * DIGITS_BYTES)         /* of a row's digits */
#define TILE_BYTES (WICK_AMX_ROWS * WICK_AMX_ROW_BYTES)         /* of a panel's digit */
#define PANEL_STEP_BYTES ((size_t)WICK_I24_DIGITS * TILE_BYTES) /* of a panel's digits */
#define PANEL_STEP_LINES (PANEL_STEP_BYTES / 64)
#define N_SUMS 4
#define FIRST_B 7
/* How far ahead few rows' stream of weights is asked for: three quarters of a step. */
#define AHEAD_BYTES (PANEL_STEP_BYTES / 4 * 3)
/* With each product of a step. */
#define LINES_A_PRODUCT (PANEL_STEP_LINES / 8)

#define DOT(sums, a, b) __asm__ volatile("tdpbssd %%tmm" #b ", %%tmm" #a ", %%tmm" #sums : :)

typedef struct tile_sums {
    _Alignas(64) int32_t of[N_SUMS][WICK_AMX_ROWS][WICK_I24_PANEL];
} tile_sums;

/* A tile whose sums are there: rows [row, row + n) of c, columns from `column` on; row i of it is row i + skip of the sums. */
typedef struct done_tile {
    const tile_sums *sums;
    size_t row, n, column, skip;
    size_t next; /* the row to be finished next */
} done_tile;

/* Where the digits of one tile stand, and what of b is to be asked for with each step. */
typedef struct operands {
    const int8_t *a, *next_a; /* next_a: the first step's of the tile that comes next */
    const int8_t *b, *ahead;
    size_t lines; /* a step */
} operands;

/* Few rows need the lines of the next step at once, all of them. */
static inline __attribute__((always_inline)) void ask_for_next(const operands *o, size_t product, const bool few)
{
    if (!few)
        return;
    WICK_UNROLL
    for (size_t i = 0; i < LINES_A_PRODUCT; i++)
        _mm_prefetch((const char *)(o->ahead + (product * LINES_A_PRODUCT + i) * 64), _MM_HINT_T0);
}

/* Of many rows, the next panel is in the second-level cache when its turn comes. */
static inline __attribute__((always_inline)) void ask_for_panel(const operands *o, const bool few)
{
    for (size_t i = 0; !few && i < o->lines; i++)
        _mm_prefetch((const char *)(o->ahead + i * 64), _MM_HINT_T1);
}

static inline __attribute__((always_inline)) void load_a(const int8_t *a, size_t lda)
{
    WICK_TILE_LOAD(4, a, lda);
    WICK_TILE_LOAD(5, a + DIGITS_BYTES, lda);
    WICK_TILE_LOAD(6, a + 2 * DIGITS_BYTES, lda);
}

/* The digits of a are there already; those at next_a come in their place. */
static inline __attribute__((always_inline)) void sum_step(const operands *o, const int8_t *next_a, size_t lda,
                                                           const bool few)
{
    ask_for_next(o, 0, few);
    WICK_TILE_LOAD(7, o->b, WICK_AMX_ROW_BYTES);
    DOT(0, 4, 7);
    ask_for_next(o, 1, few);
    DOT(1, 5, 7);
    ask_for_next(o, 2, few);
    DOT(2, 6, 7);
    WICK_TILE_LOAD(7, o->b + TILE_BYTES, WICK_AMX_ROW_BYTES);
    DOT(3, 6, 7);
    ask_for_next(o, 3, few);
    WICK_TILE_LOAD(6, next_a + 2 * DIGITS_BYTES, lda);
    DOT(1, 4, 7);
    ask_for_next(o, 4, few);
    DOT(2, 5, 7);
    ask_for_next(o, 5, few);
    WICK_TILE_LOAD(7, o->b + 2 * TILE_BYTES, WICK_AMX_ROW_BYTES);
    DOT(2, 4, 7);
    ask_for_next(o, 6, few);
    WICK_TILE_LOAD(4, next_a, lda);
    DOT(3, 5, 7);
    ask_for_next(o, 7, few);
    WICK_TILE_LOAD(5, next_a + DIGITS_BYTES, lda);
}

/* t of kernels.h, 16 columns of it. */
static inline __attribute__((always_inline)) __m512 combine(const tile_sums *sums, size_t row)
{
    const __m512 up = _mm512_set1_ps(0x1p8f), down = _mm512_set1_ps(0x1p-8f);
    __m512 of[N_SUMS];
    WICK_UNROLL
    for (size_t i = 0; i < N_SUMS; i++)
        of[i] = _mm512_cvtepi32_ps(_mm512_load_si512(sums->of[i][row]));
    return _mm512_fmadd_ps(_mm512_fmadd_ps(of[0], up, of[1]), up, _mm512_fmadd_ps(of[3], down, of[2]));
}

/* Up to n_rows more of the tile's rows, from its sums to c. */
static inline __attribute__((always_inline)) void finish(const wick_gemm_i24 *g, done_tile *tile, size_t n_rows,
                                                         const bool gelu)
{
    const size_t column = tile->column, end = n_rows < tile->n - tile->next ? tile->next + n_rows : tile->n;
    if (tile->next == end)
        return;
    const __m512 scales = _mm512_loadu_ps(g->b_scales + column), bias = _mm512_loadu_ps(g->bias + column);
    const __mmask16 lanes = wick_lanes16(g->n, column);
    const wick_row_scale *rows = g->rows + tile->row;
    float *c = g->c + tile->row * g->ldc + column;
    for (size_t i = tile->next; i < end; i++) {
        const __m512 t = combine(tile->sums, i + tile->skip);
        const __m512 x = _mm512_fmadd_ps(_mm512_mul_ps(t, _mm512_set1_ps(rows[i].scale)), scales, bias);
        wick_store16(c + i * g->ldc, lanes, g->accumulate, gelu ? wick_gelu16(x) : x);
    }
    tile->next = end;
}

/* One tile's sums, while the tile before is finished. */
static inline __attribute__((always_inline)) void sum_tile(const wick_gemm_i24 *g, operands o, tile_sums *out,
                                                           done_tile *before, const bool gelu, const bool few)
{
    const size_t rows_a_step = WICK_AMX_ROWS / g->n_steps + 1; /* all of them, so that out may be where they stood */
    WICK_TILE_ZERO(0);
    WICK_TILE_ZERO(1);
    WICK_TILE_ZERO(2);
    WICK_TILE_ZERO(3);
    for (size_t step = 1; step <= g->n_steps; step++) {
        ask_for_panel(&o, few);
        o.a += ROW_STEP_BYTES;
        sum_step(&o, step < g->n_steps ? o.a : o.next_a, g->lda, few);
        finish(g, before, rows_a_step, gelu);
        o.b += PANEL_STEP_BYTES;
        o.ahead += o.lines * 64;
    }
    WICK_TILE_STORE(0, out->of[0], WICK_AMX_ROW_BYTES);
    WICK_TILE_STORE(1, out->of[1], WICK_AMX_ROW_BYTES);
    WICK_TILE_STORE(2, out->of[2], WICK_AMX_ROW_BYTES);
    WICK_TILE_STORE(3, out->of[3], WICK_AMX_ROW_BYTES);
}

/* The first row of tile i. The last of several begins so early that it ends with the last row (tiles_amx.h). */
static inline size_t first_row(size_t m, size_t i)
{
    const size_t row = i * WICK_AMX_ROWS;
    return m < WICK_AMX_ROWS ? 0 : row + WICK_AMX_ROWS <= m ? row : m - WICK_AMX_ROWS;
}

static inline __attribute__((always_inline)) void all_tiles(const wick_gemm_i24 *g, const bool gelu, const bool few)
{
    const size_t rows = g->m < WICK_AMX_ROWS ? g->m : WICK_AMX_ROWS, panel_bytes = g->n_steps * PANEL_STEP_BYTES,
                 n_tiles = (g->m + WICK_AMX_ROWS - 1) / WICK_AMX_ROWS;
    tile_sums sums;
    done_tile before = {.n = 0};
    wick_tiles_shape(rows, FIRST_B);
    load_a(g->a, g->lda);
    for (size_t column = 0; column < g->n; column += WICK_I24_PANEL) {
        const int8_t *b = g->b + column / WICK_I24_PANEL * panel_bytes;
        for (size_t i = 0; i < n_tiles; i++) {
            const size_t row = i * WICK_AMX_ROWS, first = first_row(g->m, i);
            const operands o = {.a = g->a + first * g->lda,
                                .next_a = g->a + first_row(g->m, i + 1 < n_tiles ? i + 1 : 0) * g->lda,
                                .b = b,
                                .ahead = few ? b + AHEAD_BYTES : b + panel_bytes + panel_bytes / n_tiles * i,
                                .lines = (PANEL_STEP_LINES + n_tiles - 1) / n_tiles};
            sum_tile(g, o, &sums, &before, gelu, few);
            before = (done_tile){&sums,  row,         g->m - row < WICK_AMX_ROWS ? g->m - row : WICK_AMX_ROWS,
                                 column, row - first, 0};
        }
    }
    finish(g, &before, WICK_AMX_ROWS, gelu);
    wick_tiles_done();
}

static void few_rows(const wick_gemm_i24 *g)
{
    all_tiles(g, false, true);
}

static void few_rows_gelu(const wick_gemm_i24 *g)
{
    all_tiles(g, true, true);
}

static void many_rows(const wick_gemm_i24 *g)
{
    all_tiles(g, false, false);
}

static void many_rows_gelu(const wick_gemm_i24 *g)
{
    all_tiles(g, true, false);
}

static void gemm_i24_amx(const wick_gemm_i24 *g)
{
    if (g->m == 0)
        return;
    if (g->m <= WICK_AMX_ROWS)
        (g->gelu ? few_rows_gelu : few_rows)(g);
    else
        (g->gelu ? many_rows_gelu : many_rows)(g);
}

void wick_gemm_i24_init_amx(wick_kernels *kernels)
{
    kernels->has_i24 = true;
    kernels->gemm_i24 = gemm_i24_amx;
}
