/* SPDX-License-Identifier: Apache-2.0
 * rows_f32_avx512.c: what works row by row between the products, with AVX-512: gelu, norms, softmax, transpose. References: the functions of the
 * same names in kernels_generic.c. Ends of rows are masked; a masked-off lane is never read or written.
 *
 *   instruction        use                         Zen 5: latency, a cycle    Ice Lake: latency, a cycle
 *   vfmadd231ps zmm    polynomials, sums           4, 2                       4, 1 to 2
 *   vdivps zmm         gelu's quotient             11, 1/4                    18, 1/10
 *   vscalefps zmm      2^n in softmax              4, 1                       4, 1
 *   vmaxps zmm         softmax's largest           2, 2                       4, 1 */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <math.h>

#include "cpu/x86/exp_avx512.h"
#include "cpu/x86/gelu_avx512.h"

static void gelu_avx512(float *x, size_t ldx, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++, x += ldx)
        for (size_t j = 0; j < n; j += WICK_LANES16) {
            __mmask16 mask = wick_mask16(n - j);
            _mm512_mask_storeu_ps(x + j, mask, wick_gelu16(_mm512_maskz_loadu_ps(mask, x + j)));
        }
}

/* The mean is taken twice: the second time of what is left of the row, which mends the rounding of the first (a row far from zero). */
static void layer_norm_avx512(float *x, size_t ldx, size_t m, size_t n, const float *weight, const float *bias,
                              float eps)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        __m512 sum = _mm512_setzero_ps(), rest = _mm512_setzero_ps(), squares = _mm512_setzero_ps();
        for (size_t j = 0; j < n; j += WICK_LANES16)
            sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(wick_mask16(n - j), x + j));
        __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / (float)n);
        for (size_t j = 0; j < n; j += WICK_LANES16) {
            __mmask16 mask = wick_mask16(n - j);
            __m512 d = _mm512_maskz_sub_ps(mask, _mm512_maskz_loadu_ps(mask, x + j), mean);
            rest = _mm512_add_ps(rest, d);
            squares = _mm512_fmadd_ps(d, d, squares);
        }
        float left = _mm512_reduce_add_ps(rest) / (float)n;
        float variance = _mm512_reduce_add_ps(squares) / (float)n - left * left;
        __m512 scale = _mm512_set1_ps(1.0f / sqrtf((variance < 0.0f ? 0.0f : variance) + eps));
        __m512 further = _mm512_set1_ps(left);
        for (size_t j = 0; j < n; j += WICK_LANES16) {
            __mmask16 mask = wick_mask16(n - j);
            __m512 d = _mm512_sub_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + j), mean), further);
            d = _mm512_fmadd_ps(_mm512_mul_ps(d, scale), _mm512_maskz_loadu_ps(mask, weight + j),
                                _mm512_maskz_loadu_ps(mask, bias + j));
            _mm512_mask_storeu_ps(x + j, mask, d);
        }
    }
}

static void softmax_avx512(float *x, size_t ldx, size_t m, size_t n, float scale, float *inverse_sums)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        __m512 largest = _mm512_set1_ps(x[0]);
        for (size_t j = 0; j < n; j += WICK_LANES16) {
            __mmask16 mask = wick_mask16(n - j);
            largest = _mm512_mask_max_ps(largest, mask, largest, _mm512_maskz_loadu_ps(mask, x + j));
        }
        __m512 top = _mm512_set1_ps(_mm512_reduce_max_ps(largest)), sum = _mm512_setzero_ps();
        for (size_t j = 0; j < n; j += WICK_LANES16) {
            __mmask16 mask = wick_mask16(n - j);
            __m512 d = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + j), top);
            __m512 e = wick_exp16(_mm512_mul_ps(d, _mm512_set1_ps(scale)));
            sum = _mm512_mask_add_ps(sum, mask, sum, e);
            _mm512_mask_storeu_ps(x + j, mask, e);
        }
        inverse_sums[i] = 1.0f / _mm512_reduce_add_ps(sum);
    }
}

/* Four steps, each of which exchanges blocks twice as large: 1x1, 2x2 (within 128-bit lanes), 4x4, 8x8 (whole lanes). */
static inline __attribute__((always_inline)) void transpose_16x16(__m512 r[16])
{
    __m512 t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xEE);
        r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
    for (int h = 0; h < 16; h += 8)
        for (int i = 0; i < 4; i++) {
            t[h + i] = _mm512_shuffle_f32x4(r[h + i], r[h + 4 + i], 0x88);
            t[h + 4 + i] = _mm512_shuffle_f32x4(r[h + i], r[h + 4 + i], 0xDD);
        }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_f32x4(t[i], t[8 + i], 0x88);
        r[8 + i] = _mm512_shuffle_f32x4(t[i], t[8 + i], 0xDD);
        r[4 + i] = _mm512_shuffle_f32x4(t[4 + i], t[12 + i], 0x88);
        r[12 + i] = _mm512_shuffle_f32x4(t[4 + i], t[12 + i], 0xDD);
    }
}

static void transpose_avx512(const float *x, size_t ldx, size_t n_rows, size_t n_columns, float *out, size_t ldo)
{
    for (size_t i = 0; i < n_rows; i += WICK_LANES16)
        for (size_t j = 0; j < n_columns; j += WICK_LANES16) {
            size_t rows = n_rows - i < WICK_LANES16 ? n_rows - i : WICK_LANES16,
                   columns = n_columns - j < WICK_LANES16 ? n_columns - j : WICK_LANES16;
            __mmask16 column_mask = wick_mask16(columns), row_mask = wick_mask16(rows);
            __m512 r[16];
            for (size_t k = 0; k < WICK_LANES16; k++)
                r[k] = k < rows ? _mm512_maskz_loadu_ps(column_mask, x + (i + k) * ldx + j) : _mm512_setzero_ps();
            transpose_16x16(r);
            for (size_t k = 0; k < WICK_LANES16; k++)
                if (k < columns)
                    _mm512_mask_storeu_ps(out + (j + k) * ldo + i, row_mask, r[k]);
        }
}

/* Two sums side by side: a row is short of additions, not of adders. */
static void rms_norm_avx512(float *x, size_t ldx, size_t m, size_t n, const float *weight, float eps)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        __m512 squares = _mm512_setzero_ps(), more = _mm512_setzero_ps();
        size_t j = 0;
        for (; j + 2 * WICK_LANES16 <= n; j += 2 * WICK_LANES16) {
            __m512 a = _mm512_loadu_ps(x + j), b = _mm512_loadu_ps(x + j + WICK_LANES16);
            squares = _mm512_fmadd_ps(a, a, squares);
            more = _mm512_fmadd_ps(b, b, more);
        }
        for (; j < n; j += WICK_LANES16) {
            __m512 a = _mm512_maskz_loadu_ps(wick_mask16(n - j), x + j);
            squares = _mm512_fmadd_ps(a, a, squares);
        }
        const float mean = _mm512_reduce_add_ps(_mm512_add_ps(squares, more)) / (float)n;
        __m512 scale = _mm512_set1_ps(1.0f / sqrtf(mean + eps));
        for (j = 0; j < n; j += WICK_LANES16) {
            __mmask16 mask = wick_mask16(n - j);
            __m512 a = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + j), scale);
            _mm512_mask_storeu_ps(x + j, mask, _mm512_mul_ps(a, _mm512_maskz_loadu_ps(mask, weight + j)));
        }
    }
}

void wick_rows_init_avx512(wick_kernels *kernels)
{
    kernels->gelu = gelu_avx512;
    kernels->layer_norm = layer_norm_avx512;
    kernels->rms_norm = rms_norm_avx512;
    kernels->softmax = softmax_avx512;
    kernels->transpose = transpose_avx512;
}
