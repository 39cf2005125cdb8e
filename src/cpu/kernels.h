/* SPDX-License-Identifier: Apache-2.0
 * kernels.h: the operations that a CPU tier implements, and the table they stand in.
 *
 * The reference is plain C (generic/). Each tier starts from the table of the tier below and overwrites what it has. All matrices are
 * row-major f32; `ld*` are distances between rows, in elements.
 *
 * The rule that all kernels keep: an output value depends only on its own row (and, in attention, its own sequence), and is accumulated along k from
 * 0 upwards in one accumulator, whatever m is and wherever the row stands. So vectors are bitwise equal however texts are batched. */
#ifndef WICK_CPU_KERNELS_H
#define WICK_CPU_KERNELS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The widest panel of any tier, in columns; scratch is padded to it. */
#define WICK_MAX_PANEL_WIDTH 32
/* The most rows of scores that attention works on at once, of any tier. */
#define WICK_ATTENTION_ROWS 32

/* c[m, n] = a[m, k] * b[k, n] + bias[n] (+ c), for one panel of b. */
typedef struct wick_gemm {
    size_t m, n, k; /* any m, k >= 0; 1 <= n <= panel_width */
    const float *a; /* [m, k] */
    size_t lda;
    const float *b; /* [k, panel_width]: all panel_width columns of each row are readable, also those past n */
    size_t ldb;
    const float *bias; /* [panel_width], or NULL: 0 */
    float *c;          /* [m, n]; columns past n are left alone */
    size_t ldc;
    bool accumulate; /* add what stands in c (the residual) */
} wick_gemm;

/* The same product with a and b in bf16, sums in f32. Two neighbours along k stand together: b[k / 2, panel_width, 2]. */
typedef struct wick_gemm_bf16 {
    size_t m, n, k;    /* k is even; inputs are padded with zeros */
    const uint16_t *a; /* [m, k] */
    size_t lda;
    const uint16_t *b;  /* [k / 2, panel_width, 2] */
    size_t panel_width; /* the tier's; a tier may have taken the function from a lower one */
    const float *bias;  /* [panel_width]; or NULL, 0, for tiers that take panels */
    float *c;           /* [m, n] */
    size_t ldc;
    bool accumulate;
    /* Only for tiers that take panels: */
    bool gelu;        /* c = gelu of that; not with accumulate */
    uint16_t *narrow; /* NULL, or [m, n], rows ldc apart: takes the result in bf16, instead of c; not with accumulate */
} wick_gemm_bf16;

/* How a quantised row reads: x[j] = scale * q[j] + offset. */
typedef struct wick_row_scale {
    float scale, offset;
} wick_row_scale;

/* The same product with a in u8 (a scale and an offset per row) and b in s8 (a scale per column), exact sums in s32:
 *   c[i, j] = scale[i] * b_scales[j] * sum_k(a[i, k] * b[k, j]) + offset[i] * b_sums[j] + bias[j] (+ c[i, j])
 * All tiers give the same bits: fma(f32(sum) * scale, b_scale, fma(offset, b_sum, bias)), then c is added.
 * Four neighbours along k stand together: b[k / 4, panel_width, 4]. k <= 2^16, so that no sum overflows. */
typedef struct wick_gemm_i8 {
    size_t m, n, k;   /* k is a multiple of 4; b is padded with zeros */
    const uint8_t *a; /* [m, k] */
    size_t lda;
    const wick_row_scale *rows; /* [m] */
    const int8_t *b;            /* [k / 4, panel_width, 4] */
    size_t panel_width;         /* the tier's; a tier may have taken the function from a lower one */
    const float *b_scales;      /* [panel_width] */
    const float *b_sums;        /* [panel_width] scale times the sum of the column */
    const float *bias;          /* [panel_width] */
    float *c;                   /* [m, n] */
    size_t ldc;
    bool accumulate;
    bool gelu; /* only for tiers that take panels: c = gelu of that; not with accumulate */
} wick_gemm_i8;

/* f32 products made of integers: a value is a scale times an integer of 24 bits, which is three digits of s8 to the base 256, the highest first.
 * WICK_I24_STEP neighbours along k stand together: their highest digits, their middle ones, their lowest. Rows of a have a scale each, columns of b too.
 * Of the nine products of digits, eight are summed, exactly in s32 (k <= WICK_I24_LARGEST_K); the ninth, of the lowest by the lowest, is below 2^-32 of the largest:
 *   high = a2 b2;  upper = a2 b1 + a1 b2;  middle = a2 b0 + a1 b1 + a0 b2;  lower = a1 b0 + a0 b1
 *   t = fma(fma(f32(high), 2^8, f32(upper)), 2^8, fma(f32(lower), 2^-8, f32(middle)))
 *   c[i, j] = fma(t * scale[i], b_scales[j], bias[j]) (+ c[i, j])
 * All tiers give the same bits. */
#define WICK_I24_STEP 64
#define WICK_I24_DIGITS 3
#define WICK_I24_PANEL 16 /* columns of a panel of b */
#define WICK_I24_LARGEST                                                                                               \
    ((float)0x7F0000) /* what the largest magnitude of a row becomes: its highest digit stays below 128, however it is rounded */
#define WICK_I24_LARGEST_K ((size_t)1 << 15)
typedef struct wick_gemm_i24 {
    size_t m, n, n_steps;       /* any n: columns that go on in the panels behind */
    const int8_t *a;            /* [m, n_steps, WICK_I24_DIGITS, WICK_I24_STEP] */
    size_t lda;                 /* bytes from row to row */
    const wick_row_scale *rows; /* [m]; no offsets */
    const int8_t *b;            /* [panels, n_steps, WICK_I24_DIGITS, WICK_I24_STEP / 4, WICK_I24_PANEL, 4] */
    const float *b_scales;      /* [panels * WICK_I24_PANEL] 2^16 times a column's scale */
    const float *bias;          /* the same */
    float *c;                   /* [m, n] */
    size_t ldc;
    bool accumulate;
    bool gelu; /* c = gelu of that; not with accumulate */
} wick_gemm_i24;

/* Rows of f32 as gemm_i24 reads them: x[i, j] = scale[i] * integer, rounded to nearest even, integer = x * (WICK_I24_LARGEST / largest magnitude of the row), scale = 1 / that factor.
 * A row of less than WICK_LEAST_RANGE is zeros, with a scale of 0. A row that is not finite gets a scale of NaN. All tiers give the same bits. */
typedef struct wick_split {
    size_t m, n;    /* n >= 1 */
    const float *x; /* [m, n] */
    size_t ldx;
    int8_t *out;          /* [m, n / WICK_I24_STEP rounded up, WICK_I24_DIGITS, WICK_I24_STEP]; 0 behind n */
    size_t ldo;           /* bytes from row to row */
    wick_row_scale *rows; /* [m] */
} wick_split;

/* out[i, j] = round((y - offset) * (255 / range)), y = x[i, j] * factors[j]; offset is the least y of the row, range what lies between it and the
 * largest, which becomes 255; scale = range / 255. All tiers give the same bits. A row whose range is not finite gets a scale of NaN, so that what is made of it is not finite either. Columns from n to ldo, at most 3, become 0. */
typedef struct wick_quantize {
    size_t m, n;    /* n >= 1 */
    const float *x; /* [m, n] */
    size_t ldx;
    const float *factors; /* [n] */
    uint8_t *out;         /* [m, ldo] */
    size_t ldo;
    wick_row_scale *rows; /* [m] */
} wick_quantize;

/* out[m, n] = act(gate) * up, where x holds both in turns of WICK_GATE_TURN columns: those of out from t * WICK_GATE_TURN on have their gate at x[i, 2 t * WICK_GATE_TURN] and
 * their up WICK_GATE_TURN behind it. So one panel of weights after another gives both. */
#define WICK_GATE_TURN 32
typedef struct wick_gate {
    size_t m, n;
    const float *x; /* [m, 2 * (n rounded up to WICK_GATE_TURN)] */
    size_t ldx;
    float *out; /* [m, n]; columns past n are left alone */
    size_t ldo;
} wick_gate;

/* Where in x the gate of column j stands; its up is WICK_GATE_TURN behind. */
static inline size_t wick_gate_column(size_t j)
{
    return j + j / WICK_GATE_TURN * WICK_GATE_TURN;
}

typedef struct wick_kernels {
    const char *tier;
    size_t panel_width; /* columns of a packed panel */
    bool has_bf16;      /* gemm_bf16 is faster than gemm: the CPU multiplies bf16 itself */
    bool
        takes_panels; /* gemm_bf16 and gemm_i8 take any n: columns of b, bias, b_scales and b_sums that go on in the panels behind. And they do gelu and
                         * narrow, which cost little beside products that do not use the vector units */

    bool has_i24; /* gemm_i24 is faster than gemm; only with takes_panels */

    size_t
        attention_rows; /* rows of scores that products in bf16 are best made of at once; at most WICK_ATTENTION_ROWS */

    /* NULL, or to be called by a thread before the first product of many and after the last, so that registers that have to be set up stay so between
     * them. No code of others may run in between. Products give the same without. */
    void (*enter)(void);
    void (*leave)(void);

    void (*gemm)(const wick_gemm *g);
    /* x[m, n] = gelu(x), the erf form: 0.5 x (1 + erf(x / sqrt(2))). */
    void (*gelu)(float *x, size_t ldx, size_t m, size_t n);
    /* x[m, n] = (x - mean) / sqrt(variance + eps) * weight[n] + bias[n], row by row; the biased variance. */
    void (*layer_norm)(float *x, size_t ldx, size_t m, size_t n, const float *weight, const float *bias, float eps);
    /* x[m, n] = exp((x - max of the row) * scale); inverse_sums[m] = 1 / sum of the row. n >= 1. */
    void (*softmax)(float *x, size_t ldx, size_t m, size_t n, float scale, float *inverse_sums);
    /* out[n_columns, ldo] = transpose of x[n_rows, n_columns]: out[j * ldo + i] = x[i * ldx + j]. Columns of out past n_rows are left alone. */
    void (*transpose)(const float *x, size_t ldx, size_t n_rows, size_t n_columns, float *out, size_t ldo);

    /* x[m, n] = x / sqrt(mean of the row's squares + eps) * weight[n]. */
    void (*rms_norm)(float *x, size_t ldx, size_t m, size_t n, const float *weight, float eps);
    /* x[i, j] and x[i, j + n / 2] turned by the angle whose cosine and sine are cosines[j] and sines[j]: x[m, n], n even, tables [n / 2]. */
    void (*rotate)(float *x, size_t ldx, size_t m, size_t n, const float *cosines, const float *sines);
    /* x[i, j] = x[i, j] * scale + biases[j - i], by distance: what is readable begins at biases[1 - m] and ends with biases[n - 1]. */
    void (*add_biases)(float *x, size_t ldx, size_t m, size_t n, float scale, const float *biases);
    /* x[m, n] = x / (1 + exp(-x)) */
    void (*silu)(float *x, size_t ldx, size_t m, size_t n);
    /* x[m, n] = gelu's approximation with tanh: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))). */
    void (*gelu_tanh)(float *x, size_t ldx, size_t m, size_t n);
    /* With act = gelu, silu, gelu_tanh. */
    void (*gate_gelu)(const wick_gate *g);
    void (*gate_silu)(const wick_gate *g);
    void (*gate_gelu_tanh)(const wick_gate *g);

    void (*gemm_bf16)(const wick_gemm_bf16 *g);
    void (*gemm_i8)(const wick_gemm_i8 *g);
    /* out[m, n] = bf16 of x[m, n], rounded to nearest even; a NaN stays one, a subnormal x may become 0. Columns from n to ldo, at most
     * 3, become 0. */
    void (*to_bf16)(const float *x, size_t ldx, size_t m, size_t n, uint16_t *out, size_t ldo);
    void (*quantize)(const wick_quantize *q);
    void (*gemm_i24)(const wick_gemm_i24 *g);
    void (*split)(const wick_split *s);

    /* For measuring (peak.c): n_rounds rounds of independent multiply-adds that never leave the registers, with the best instruction of the
     * tier for products in f32, bf16 and int8. Returns how many multiply-adds those were. */
    uint64_t (*spin_f32)(size_t n_rounds);
    uint64_t (*spin_bf16)(size_t n_rounds);
    uint64_t (*spin_i8)(size_t n_rounds);
} wick_kernels;

/* The best tier that this CPU has and the system permits, or the one that WICK_CPU names where it is lower. Never fails. */
const wick_kernels *wick_kernels_select(void);
/* The tier of that name ("generic", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16", "amx", "neon",
 * "dotprod", "i8mm", "bf16"), or NULL where it is not built in, this CPU lacks it, or the system forbids it. For tests. */
const wick_kernels *wick_kernels_named(const char *tier);

/* One function a tier: overwrites what it has. Each is built only for its architecture. */
void wick_kernels_init_generic(wick_kernels *kernels);
void wick_narrow_init_generic(wick_kernels *kernels);    /* bf16 and int8; called by the one above */
void wick_i24_init_generic(wick_kernels *kernels);       /* likewise */
void wick_attention_init_generic(wick_kernels *kernels); /* rms_norm, rotate, add_biases; likewise */
void wick_gates_init_generic(wick_kernels *kernels);     /* silu, gelu_tanh, gates; likewise */
void wick_peak_init_generic(wick_kernels *kernels);      /* likewise */
void wick_kernels_init_avx2(wick_kernels *kernels);
void wick_kernels_init_avxvnni(wick_kernels *kernels);
void wick_kernels_init_avx512(wick_kernels *kernels);
void wick_kernels_init_avx512vnni(wick_kernels *kernels);
void wick_kernels_init_avx512bf16(wick_kernels *kernels);
void wick_kernels_init_amx(wick_kernels *kernels);
void wick_kernels_init_neon(wick_kernels *kernels);
void wick_kernels_init_dotprod(wick_kernels *kernels);
void wick_kernels_init_i8mm(wick_kernels *kernels);
void wick_kernels_init_bf16(wick_kernels *kernels);

#endif
