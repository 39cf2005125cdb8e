/* SPDX-License-Identifier: Apache-2.0
 * rows_f32_avx2.c: what works row by row between the products, with AVX2 and FMA: gelu, norms, softmax, transpose. References: the functions of
 * the same names in kernels_generic.c. Ends of rows are masked; a masked-off lane is never read or written.
 *
 *   instruction        use                         Haswell: latency, a cycle   Zen 3: latency, a cycle
 *   vfmadd231ps ymm    polynomials, sums           5, 2                        4, 2
 *   vdivps ymm         gelu's quotient             21, 1/13                    10, 1/3
 *   vmaskmovps         ends of rows                8, 2 (load)                 8, 1 */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <math.h>

#include "cpu/x86/math_avx2.h"

static void gelu_avx2(float *x, size_t ldx, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++, x += ldx)
        for (size_t j = 0; j < n; j += WICK_LANES8)
            wick_store8(x + j, n - j, wick_gelu8(wick_load8(x + j, n - j)));
}

/* The mean is taken twice: the second time of what is left of the row, which mends the rounding of the first (a row far from zero). */
static void layer_norm_avx2(float *x, size_t ldx, size_t m, size_t n, const float *weight, const float *bias, float eps)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        __m256 sum = _mm256_setzero_ps(), rest = _mm256_setzero_ps(), squares = _mm256_setzero_ps();
        for (size_t j = 0; j < n; j += WICK_LANES8)
            sum = _mm256_add_ps(sum, wick_load8(x + j, n - j));
        __m256 mean = _mm256_set1_ps(wick_sum8(sum) / (float)n);
        for (size_t j = 0; j < n; j += WICK_LANES8) {
            __m256 d = wick_keep8(_mm256_sub_ps(wick_load8(x + j, n - j), mean), n - j);
            rest = _mm256_add_ps(rest, d);
            squares = _mm256_fmadd_ps(d, d, squares);
        }
        float left = wick_sum8(rest) / (float)n;
        float variance = wick_sum8(squares) / (float)n - left * left;
        __m256 scale = _mm256_set1_ps(1.0f / sqrtf((variance < 0.0f ? 0.0f : variance) + eps)),
               further = _mm256_set1_ps(left);
        for (size_t j = 0; j < n; j += WICK_LANES8) {
            __m256 d = _mm256_mul_ps(_mm256_sub_ps(_mm256_sub_ps(wick_load8(x + j, n - j), mean), further), scale);
            wick_store8(x + j, n - j, _mm256_fmadd_ps(d, wick_load8(weight + j, n - j), wick_load8(bias + j, n - j)));
        }
    }
}

static void softmax_avx2(float *x, size_t ldx, size_t m, size_t n, float scale, float *inverse_sums)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        __m256 largest = _mm256_set1_ps(x[0]);
        for (size_t j = 0; j < n; j += WICK_LANES8) {
            __m256 inside = _mm256_castsi256_ps(wick_mask8(n - j)); /* lanes past the end keep the largest so far */
            largest = _mm256_max_ps(largest, _mm256_blendv_ps(largest, wick_load8(x + j, n - j), inside));
        }
        __m256 top = _mm256_set1_ps(wick_max8(largest)), sum = _mm256_setzero_ps();
        for (size_t j = 0; j < n; j += WICK_LANES8) {
            __m256 d = _mm256_sub_ps(wick_load8(x + j, n - j), top);
            __m256 e = wick_keep8(wick_exp8(_mm256_mul_ps(d, _mm256_set1_ps(scale))), n - j);
            sum = _mm256_add_ps(sum, e);
            wick_store8(x + j, n - j, e);
        }
        inverse_sums[i] = 1.0f / wick_sum8(sum);
    }
}

/* Three steps: pairs, pairs of pairs, halves. */
static inline __attribute__((always_inline)) void transpose_8x8(__m256 r[8])
{
    __m256 t[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm256_permute2f128_ps(r[i], r[4 + i], 0x20);
        t[4 + i] = _mm256_permute2f128_ps(r[i], r[4 + i], 0x31);
    }
    for (int i = 0; i < 8; i++)
        r[i] = t[i];
}

static void transpose_avx2(const float *x, size_t ldx, size_t n_rows, size_t n_columns, float *out, size_t ldo)
{
    for (size_t i = 0; i < n_rows; i += WICK_LANES8)
        for (size_t j = 0; j < n_columns; j += WICK_LANES8) {
            size_t rows = n_rows - i < WICK_LANES8 ? n_rows - i : WICK_LANES8,
                   columns = n_columns - j < WICK_LANES8 ? n_columns - j : WICK_LANES8;
            __m256 r[8];
            for (size_t k = 0; k < WICK_LANES8; k++)
                r[k] = k < rows ? wick_load8(x + (i + k) * ldx + j, columns) : _mm256_setzero_ps();
            transpose_8x8(r);
            for (size_t k = 0; k < columns; k++)
                wick_store8(out + (j + k) * ldo + i, rows, r[k]);
        }
}

/* Two sums side by side: a row is short of additions, not of adders. */
static void rms_norm_avx2(float *x, size_t ldx, size_t m, size_t n, const float *weight, float eps)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        __m256 squares = _mm256_setzero_ps(), more = _mm256_setzero_ps();
        size_t j = 0;
        for (; j + 2 * WICK_LANES8 <= n; j += 2 * WICK_LANES8) {
            __m256 a = _mm256_loadu_ps(x + j), b = _mm256_loadu_ps(x + j + WICK_LANES8);
            squares = _mm256_fmadd_ps(a, a, squares);
            more = _mm256_fmadd_ps(b, b, more);
        }
        for (; j < n; j += WICK_LANES8) {
            __m256 a = wick_load8(x + j, n - j);
            squares = _mm256_fmadd_ps(a, a, squares);
        }
        __m256 scale = _mm256_set1_ps(1.0f / sqrtf(wick_sum8(_mm256_add_ps(squares, more)) / (float)n + eps));
        for (j = 0; j < n; j += WICK_LANES8) {
            __m256 a = _mm256_mul_ps(wick_load8(x + j, n - j), scale);
            wick_store8(x + j, n - j, _mm256_mul_ps(a, wick_load8(weight + j, n - j)));
        }
    }
}

void wick_rows_init_avx2(wick_kernels *kernels)
{
    kernels->gelu = gelu_avx2;
    kernels->layer_norm = layer_norm_avx2;
    kernels->rms_norm = rms_norm_avx2;
    kernels->softmax = softmax_avx2;
    kernels->transpose = transpose_avx2;
}
