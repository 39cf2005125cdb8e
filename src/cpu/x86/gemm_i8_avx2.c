/* SPDX-License-Identifier: Apache-2.0
 * gemm_i8_avx2.c: u8 x s8 products with exact s32 sums, rescaled to f32, with AVX2. Reference: gemm_i8_generic.
 *
 * vpmaddubsw would saturate (2 * 255 * 127 is no s16), so both sides are widened to 16 bits: rows of a once for all columns, into a buffer that stays in
 * the first cache, b as it is loaded. A tile is up to 6 rows by 8 columns: 12 accumulators, each with two sums for each of four columns,
 * two registers of b, one of a, one for products (16 in all).
 *
 *   instruction            use                                  Haswell: latency, a cycle    Zen 3: latency, a cycle
 *   vpmaddwd ymm           two products and their sum           5, 1 (Skylake: 2)            3, 2
 *   vpaddd ymm             onto the accumulators                1, 2 (Skylake: 3)            1, 4
 *   vpmovsxbw ymm,m128     four columns of b                    -, 1                         -, 1
 *   vpbroadcastq ymm,m     four neighbours of a row of a        -, 2 (load ports)            -, 2
 *
 * Four values along k of 6 rows and 8 columns are 24 additions and products and 2 widenings: 26 instructions on three ports (Skylake) against 24
 * fused products on two for as much in f32. The panel's width may be that of a higher tier. */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <string.h>

#include "cpu/gemm_tiles.h"
#include "cpu/unroll.h"
#include "cpu/x86/columns_avx2.h"

#define MAX_ROWS 6
#define COLUMNS 8
#define STEP 4
#define CHUNK 512                 /* values of a row that are widened at once: 6 KiB for 6 rows */
#define CHUNK_STRIDE (CHUNK + 32) /* rows an odd number of cache lines apart: at 2 KiB they would share a few sets */
#define PREFETCH_STEPS 192        /* 12 KiB ahead, as in gemm_f32_avx512.c */

/* Two sums of each of 8 columns, for each row. */
typedef __m256i block[MAX_ROWS][2];

typedef wick_gemm_i8 gemm_job;
typedef int8_t b_value;
typedef uint16_t wide;

static void widen(const uint8_t *a, size_t lda, size_t n_rows, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n_rows; i++, a += lda, out += CHUNK_STRIDE) {
        size_t j = 0;
        for (; j + 16 <= n; j += 16)
            _mm256_storeu_si256((__m256i *)(void *)(out + j),
                                _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(a + j))));
        for (; j < n; j++)
            out[j] = a[j];
    }
}

static inline __m256i broadcast4(const uint16_t *a)
{
    int64_t four;
    memcpy(&four, a, sizeof four);
    return _mm256_set1_epi64x(four);
}

/* Four columns, four values along k each. */
static inline __m256i load_b(const int8_t *b)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)b));
}

static inline __attribute__((always_inline)) void add_step(const wide *a, const b_value *b, block sums,
                                                           const size_t n_rows)
{
    __m256i b0 = load_b(b), b1 = load_b(b + 16);
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        __m256i four = broadcast4(a + i * CHUNK_STRIDE);
        sums[i][0] = _mm256_add_epi32(sums[i][0], _mm256_madd_epi16(four, b0));
        sums[i][1] = _mm256_add_epi32(sums[i][1], _mm256_madd_epi16(four, b1));
    }
}

static void store_block(const gemm_job *g, size_t row, size_t first, block sums, size_t n_rows)
{
    wick_columns8 columns = wick_columns8_at(g, first);
    for (size_t i = 0; i < n_rows; i++) {
        /* columns 0, 1, 4, 5 and 2, 3, 6, 7 */
        __m256i joined = _mm256_permute4x64_epi64(_mm256_hadd_epi32(sums[i][0], sums[i][1]), 0xD8);
        wick_store8_i8(g, row + i, columns, joined);
    }
}

#include "cpu/x86/gemm_widened.h"

WICK_GEMM_BY_TILES(gemm_i8_avx2, wick_gemm_i8, MAX_ROWS, tile_rows)

void wick_gemm_i8_init_avx2(wick_kernels *kernels)
{
    kernels->gemm_i8 = gemm_i8_avx2;
}
