/* SPDX-License-Identifier: Apache-2.0
 * gemm_i8_avx512.c: u8 x s8 products with exact s32 sums, rescaled to f32, with AVX512-BW (CPUs that have no VNNI). Reference: gemm_i8_generic.
 *
 * As gemm_i8_avx2.c, twice as wide: a tile is up to 12 rows by 16 columns, 24 accumulators, each with two sums for each of eight columns, two
 * registers of b, one of a, one for products.
 *
 *   instruction            use                                  Skylake-SP: latency, a cycle    Zen 5: latency, a cycle
 *   vpmaddwd zmm           two products and their sum           5, 2                            3, 2
 *   vpaddd zmm             onto the accumulators                1, 2                            1, 4
 *   vpmovsxbw zmm,m256     eight columns of b                   -, 1                            -, 2
 *   vpbroadcastq zmm,m     four neighbours of a row of a        -, 2 (load ports)               -, 2 */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <string.h>

#include "cpu/gemm_tiles.h"
#include "cpu/unroll.h"
#include "cpu/x86/columns_avx512.h"

#define MAX_ROWS 12
#define COLUMNS 16
#define STEP 4
#define CHUNK 512                 /* values of a row that are widened at once: 12 KiB for 12 rows */
#define CHUNK_STRIDE (CHUNK + 32) /* rows an odd number of cache lines apart, or they would share a few sets */
#define PREFETCH_STEPS 96         /* 12 KiB ahead, as in gemm_f32_avx512.c */

/* Two sums of each of 16 columns, for each row. */
typedef __m512i block[MAX_ROWS][2];

typedef wick_gemm_i8 gemm_job;
typedef int8_t b_value;
typedef uint16_t wide;

static void widen(const uint8_t *a, size_t lda, size_t n_rows, size_t n, uint16_t *out)
{
    for (size_t i = 0; i < n_rows; i++, a += lda, out += CHUNK_STRIDE)
        for (size_t j = 0; j < n; j += 32) {
            __mmask32 mask = n - j >= 32 ? 0xFFFFFFFFu : (1u << (n - j)) - 1;
            _mm512_storeu_si512(out + j, _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(mask, a + j)));
        }
}

static inline __m512i broadcast4(const uint16_t *a)
{
    int64_t four;
    memcpy(&four, a, sizeof four);
    return _mm512_set1_epi64(four);
}

/* Eight columns, four values along k each. */
static inline __m512i load_b(const int8_t *b)
{
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)b));
}

static inline __attribute__((always_inline)) void add_step(const wide *a, const b_value *b, block sums,
                                                           const size_t n_rows)
{
    __m512i b0 = load_b(b), b1 = load_b(b + 32);
    WICK_UNROLL
    for (size_t i = 0; i < n_rows; i++) {
        __m512i four = broadcast4(a + i * CHUNK_STRIDE);
        sums[i][0] = _mm512_add_epi32(sums[i][0], _mm512_madd_epi16(four, b0));
        sums[i][1] = _mm512_add_epi32(sums[i][1], _mm512_madd_epi16(four, b1));
    }
}

/* The two sums of each of eight columns added up. */
static inline __m256i join(__m512i sums)
{
    return _mm512_cvtepi64_epi32(_mm512_add_epi32(sums, _mm512_srli_epi64(sums, 32)));
}

static void store_block(const gemm_job *g, size_t row, size_t first, block sums, size_t n_rows)
{
    wick_columns16 columns = wick_columns16_at(g, first);
    for (size_t i = 0; i < n_rows; i++) {
        __m512i joined = _mm512_inserti32x8(_mm512_castsi256_si512(join(sums[i][0])), join(sums[i][1]), 1);
        wick_store16_i8(g, row + i, columns, joined);
    }
}

#include "cpu/x86/gemm_widened.h"

WICK_GEMM_BY_TILES(gemm_i8_avx512, wick_gemm_i8, MAX_ROWS, tile_rows)

void wick_gemm_i8_init_avx512(wick_kernels *kernels)
{
    kernels->gemm_i8 = gemm_i8_avx512;
}
