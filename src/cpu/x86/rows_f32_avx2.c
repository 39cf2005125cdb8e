/* SPDX-License-Identifier: Apache-2.0
 * rows_f32_avx2.c: what works row by row between the products, with AVX2 and FMA: gelu, layer_norm, softmax, transpose. References: the functions of
 * the same names in kernels_generic.c. Ends of rows are masked; a masked-off lane is never read or written.
 *
 *   instruction        use                         Haswell: latency, a cycle   Zen 3: latency, a cycle
 *   vfmadd231ps ymm    polynomials, sums           5, 2                        4, 2
 *   vdivps ymm         gelu's quotient             21, 1/13                    10, 1/3
 *   vmaskmovps         ends of rows                8, 2 (load)                 8, 1 */
#include "cpu/x86/tiers_x86.h"

#include <immintrin.h>
#include <math.h>

#include "cpu/constants.h"

#define LANES 8

/* All ones in the lanes that stand before n. */
static inline __m256i mask_of(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n >= LANES ? LANES : (int)n),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline __m256 load(const float *x, size_t n)
{
    return n >= LANES ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, mask_of(n));
}

static inline void store(float *x, size_t n, __m256 value)
{
    if (n >= LANES)
        _mm256_storeu_ps(x, value);
    else
        _mm256_maskstore_ps(x, mask_of(n), value);
}

/* Zero in the lanes from n on. */
static inline __m256 keep(__m256 value, size_t n)
{
    return n >= LANES ? value : _mm256_and_ps(value, _mm256_castsi256_ps(mask_of(n)));
}

static inline float sum_of(__m256 x)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline float max_of(__m256 x)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

static inline __m256 gelu8(__m256 x)
{
    const __m256 limit = _mm256_set1_ps(WICK_GELU_LIMIT);
    __m256 c = _mm256_max_ps(_mm256_min_ps(x, limit), _mm256_sub_ps(_mm256_setzero_ps(), limit));
    __m256 t = _mm256_mul_ps(c, c);
    __m256 p = _mm256_fmadd_ps(_mm256_set1_ps(WICK_GELU_P5), t, _mm256_set1_ps(WICK_GELU_P4));
    __m256 q = _mm256_fmadd_ps(_mm256_set1_ps(WICK_GELU_Q5), t, _mm256_set1_ps(WICK_GELU_Q4));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(WICK_GELU_P3));
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(WICK_GELU_Q3));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(WICK_GELU_P2));
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(WICK_GELU_Q2));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(WICK_GELU_P1));
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(WICK_GELU_Q1));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(WICK_GELU_P0));
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(1.0f));
    __m256 phi = _mm256_add_ps(_mm256_div_ps(_mm256_mul_ps(c, p), q), _mm256_set1_ps(0.5f));
    return _mm256_mul_ps(x, phi);
}

static void gelu_avx2(float *x, size_t ldx, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++, x += ldx)
        for (size_t j = 0; j < n; j += LANES)
            store(x + j, n - j, gelu8(load(x + j, n - j)));
}

/* The mean is taken twice: the second time of what is left of the row, which mends the rounding of the first (a row far from zero). */
static void layer_norm_avx2(float *x, size_t ldx, size_t m, size_t n, const float *weight, const float *bias, float eps)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        __m256 sum = _mm256_setzero_ps(), rest = _mm256_setzero_ps(), squares = _mm256_setzero_ps();
        for (size_t j = 0; j < n; j += LANES)
            sum = _mm256_add_ps(sum, load(x + j, n - j));
        __m256 mean = _mm256_set1_ps(sum_of(sum) / (float)n);
        for (size_t j = 0; j < n; j += LANES) {
            __m256 d = keep(_mm256_sub_ps(load(x + j, n - j), mean), n - j);
            rest = _mm256_add_ps(rest, d);
            squares = _mm256_fmadd_ps(d, d, squares);
        }
        float left = sum_of(rest) / (float)n;
        float variance = sum_of(squares) / (float)n - left * left;
        __m256 scale = _mm256_set1_ps(1.0f / sqrtf((variance < 0.0f ? 0.0f : variance) + eps)),
               further = _mm256_set1_ps(left);
        for (size_t j = 0; j < n; j += LANES) {
            __m256 d = _mm256_mul_ps(_mm256_sub_ps(_mm256_sub_ps(load(x + j, n - j), mean), further), scale);
            store(x + j, n - j, _mm256_fmadd_ps(d, load(weight + j, n - j), load(bias + j, n - j)));
        }
    }
}

static inline __m256 exp8(__m256 x)
{
    x = _mm256_max_ps(_mm256_set1_ps(WICK_EXP_LOWEST), x); /* in this order a NaN stays one */
    __m256 n =
        _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(WICK_LOG2_E)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(WICK_LN2_HIGH), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(WICK_LN2_LOW), r);
    __m256 p = _mm256_fmadd_ps(_mm256_set1_ps(WICK_EXP_C6), r, _mm256_set1_ps(WICK_EXP_C5));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(WICK_EXP_C4));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(WICK_EXP_C3));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(WICK_EXP_C2));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    /* n is in [-126, 0]: 2^n is made by its exponent bits. */
    __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(p, _mm256_castsi256_ps(power));
}

static void softmax_avx2(float *x, size_t ldx, size_t m, size_t n, float scale, float *inverse_sums)
{
    for (size_t i = 0; i < m; i++, x += ldx) {
        __m256 largest = _mm256_set1_ps(x[0]);
        for (size_t j = 0; j < n; j += LANES) {
            __m256 inside = _mm256_castsi256_ps(mask_of(n - j)); /* lanes past the end keep the largest so far */
            largest = _mm256_max_ps(largest, _mm256_blendv_ps(largest, load(x + j, n - j), inside));
        }
        __m256 top = _mm256_set1_ps(max_of(largest)), sum = _mm256_setzero_ps();
        for (size_t j = 0; j < n; j += LANES) {
            __m256 d = _mm256_sub_ps(load(x + j, n - j), top);
            __m256 e = keep(exp8(_mm256_mul_ps(d, _mm256_set1_ps(scale))), n - j);
            sum = _mm256_add_ps(sum, e);
            store(x + j, n - j, e);
        }
        inverse_sums[i] = 1.0f / sum_of(sum);
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
    for (size_t i = 0; i < n_rows; i += LANES)
        for (size_t j = 0; j < n_columns; j += LANES) {
            size_t rows = n_rows - i < LANES ? n_rows - i : LANES,
                   columns = n_columns - j < LANES ? n_columns - j : LANES;
            __m256 r[8];
            for (size_t k = 0; k < LANES; k++)
                r[k] = k < rows ? load(x + (i + k) * ldx + j, columns) : _mm256_setzero_ps();
            transpose_8x8(r);
            for (size_t k = 0; k < columns; k++)
                store(out + (j + k) * ldo + i, rows, r[k]);
        }
}

void wick_rows_init_avx2(wick_kernels *kernels)
{
    kernels->gelu = gelu_avx2;
    kernels->layer_norm = layer_norm_avx2;
    kernels->softmax = softmax_avx2;
    kernels->transpose = transpose_avx2;
}
