/* SPDX-License-Identifier: Apache-2.0
 * narrow_generic.c: the reference of the bf16 and int8 operations in kernels.h, in plain C. Tests hold each tier against these. */
#include <math.h>
#include <string.h>

#include "cpu/constants.h"
#include "cpu/kernels.h"

static float bf16_to_f32(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

static uint16_t f32_to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return (uint16_t)((bits >> 16) | 0x40u); /* rounding could turn a NaN into an infinity */
    return (uint16_t)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

static void store(float *c, float value, bool accumulate)
{
    *c = accumulate ? *c + value : value;
}

static void gemm_bf16_generic(const wick_gemm_bf16 *g)
{
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            float sum = 0;
            for (size_t k = 0; k < g->k; k++)
                sum += bf16_to_f32(g->a[i * g->lda + k]) * bf16_to_f32(g->b[(k / 2 * g->panel_width + j) * 2 + k % 2]);
            store(g->c + i * g->ldc + j, sum + g->bias[j], g->accumulate);
        }
}

static void gemm_i8_generic(const wick_gemm_i8 *g)
{
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            int32_t sum = 0;
            for (size_t k = 0; k < g->k; k++)
                sum += (int32_t)g->a[i * g->lda + k] * g->b[(k / 4 * g->panel_width + j) * 4 + k % 4];
            float value = fmaf(g->rows[i].offset, g->b_sums[j], g->bias[j]); /* fused, as every tier does it */
            value = fmaf((float)sum * g->rows[i].scale, g->b_scales[j], value);
            store(g->c + i * g->ldc + j, value, g->accumulate);
        }
}

static void to_bf16_generic(const float *x, size_t ldx, size_t m, size_t n, uint16_t *out, size_t ldo)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < ldo; j++)
            out[i * ldo + j] = j < n ? f32_to_bf16(x[i * ldx + j]) : 0;
}

static wick_row_scale quantize_row(const wick_quantize *q, const float *x, uint8_t *out)
{
    float least = x[0] * q->factors[0], largest = least, bad = 0;
    for (size_t j = 0; j < q->n; j++) {
        float y = x[j] * q->factors[j];
        least = y < least ? y : least;
        largest = y > largest ? y : largest;
        bad += y * 0.0f; /* NaN where y is not finite */
    }
    float range = largest - least;
    bool usable = !isnan(bad) && isfinite(range);
    float inverse = usable && range > WICK_LEAST_RANGE ? 255.0f / range : 0.0f;
    for (size_t j = 0; j < q->ldo; j++)
        out[j] = j < q->n && inverse > 0 ? (uint8_t)lrintf((x[j] * q->factors[j] - least) * inverse) : 0;
    return (wick_row_scale){usable ? range / 255.0f : NAN, least};
}

static void quantize_generic(const wick_quantize *q)
{
    for (size_t i = 0; i < q->m; i++)
        q->rows[i] = quantize_row(q, q->x + i * q->ldx, q->out + i * q->ldo);
}

void wick_narrow_init_generic(wick_kernels *kernels)
{
    kernels->gemm_bf16 = gemm_bf16_generic;
    kernels->gemm_i8 = gemm_i8_generic;
    kernels->to_bf16 = to_bf16_generic;
    kernels->quantize = quantize_generic;
}
