/* SPDX-License-Identifier: Apache-2.0
 * model_cpu.h: a model's weights as the CPU kernels want them: in the compute dtype, packed in panels, one anonymous mapping.
 *
 * A linear layer y = x W^T + b (W stored [out, in]) becomes n_panels panels of panel_width output columns; panel p holds
 * [n_units, panel_width] units of 32 bits: one f32, two bf16 or four s8 neighbours along `in`. What meets x[k] stands side by side, so that
 * a kernel reads the panel once from front to back. Columns past `out` and values past `in` are zero. Query, key and value are one layer of
 * wick_encoder_qkv_width outputs; gate and up of a gated MLP are one, in turns (kernels.h: WICK_GATE_TURN). Built once at open, immutable afterwards. */
#ifndef WICK_CPU_MODEL_CPU_H
#define WICK_CPU_MODEL_CPU_H
#include "base/prepared.h"
#include "cpu/kernels.h"
#include "cpu/pages.h"
#include "cpu/positions.h"
#include "model/model_files.h"

/* What the products of the encoder are computed in; everything else is f32 always. I24 is f32 as some tiers multiply it (kernels.h: gemm_i24): only layers have it, a model is F32 then. */
typedef enum wick_compute { WICK_COMPUTE_F32, WICK_COMPUTE_BF16, WICK_COMPUTE_I8, WICK_COMPUTE_I24 } wick_compute;
#define WICK_COMPUTES 4
extern const char *const wick_compute_names[WICK_COMPUTES]; /* "f32", "bf16", "int8", "i24" */

typedef struct wick_cpu_linear {
    wick_compute compute;
    size_t in, out, n_panels, panel_width;
    size_t n_units;   /* units of 32 bits along `in` */
    uint32_t *panels; /* [n_panels, n_units, panel_width] */
    float *bias;      /* [n_panels * panel_width] */
    float *scales;    /* [n_panels * panel_width], int8: weight = scale * s8; i24: as kernels.h has b_scales */
    float *sums;     /* [n_panels * panel_width], int8 only: the sum of a column's weights as they are after rounding */
    float *factors;  /* [in], int8 only: what the inputs are multiplied by, and the weights divided by (calibrate.c) */
    float *observed; /* [in], while calibrating only: the sum of the fourth powers of each input so far; else NULL */
} wick_cpu_linear;

/* Units of 32 bits that n values take. */
static inline size_t wick_compute_units(wick_compute compute, size_t n)
{
    switch (compute) {
    case WICK_COMPUTE_BF16:
        return (n + 1) / 2;
    case WICK_COMPUTE_I8:
        return (n + 3) / 4;
    case WICK_COMPUTE_I24:
        return (n + WICK_I24_STEP - 1) / WICK_I24_STEP * (WICK_I24_DIGITS * WICK_I24_STEP / 4);
    case WICK_COMPUTE_F32:
        break;
    }
    return n;
}

/* What kernels.h has in b_scales, of a column that was split with this scale. */
static inline float wick_i24_column_scale(wick_row_scale scale)
{
    return scale.scale * 0x1p16f;
}

/* n rounded up to whole units of bf16 or int8. */
static inline size_t wick_compute_padded(wick_compute compute, size_t n)
{
    return wick_compute_units(compute, n) * (compute == WICK_COMPUTE_BF16 ? 2 : compute == WICK_COMPUTE_I8 ? 4 : 1);
}

/* [hidden_size], of heads [head_dim]. */
typedef struct wick_cpu_norm {
    float *weight; /* NULL: there is no such norm. RMS_PLUS_ONE: 1 + weight */
    float *bias;   /* NULL: RMS */
} wick_cpu_norm;

/* As in wick_encoder_layer (model_files.h). */
typedef struct wick_cpu_layer {
    wick_cpu_linear qkv, attention_output, up, down;
    wick_cpu_norm attention_norm, output_norm, attention_end_norm, output_end_norm, query_norm, key_norm;
    bool has_window;
} wick_cpu_layer;

/* Columns of `up`. */
static inline size_t wick_cpu_up_width(const wick_encoder *e)
{
    return e->is_gated ? wick_gate_column((e->intermediate_size + WICK_GATE_TURN - 1) / WICK_GATE_TURN * WICK_GATE_TURN)
                       : e->intermediate_size;
}

/* Rows of embeddings (table.h). */
typedef struct wick_cpu_table {
    wick_compute kind; /* f32, bf16, or int8 with a scale a row */
    size_t n_rows, width;
    void *rows;    /* [n_rows, width rounded up to whole units]; NULL: there is no such table */
    float *scales; /* [n_rows], int8 only */
} wick_cpu_table;

/* What heads.c applies (wick_output_head). */
typedef struct wick_cpu_head {
    wick_cpu_linear dense, last; /* f32; last: of labels */
    wick_cpu_norm norm;
    float *term_bias; /* [vocab_size] of terms, whose rows are read in the files */
    wick_cpu_table
        types; /* [type_vocab_size - 1, hidden_size] in f32: token types from 1 on, less type 0; no table where nothing needs it */
} wick_cpu_head;

typedef struct wick_cpu_model {
    const wick_kernels *kernels;
    wick_compute compute;
    wick_compute layer_compute; /* of the layers' products: compute, or I24 for F32 */
    size_t
        panel_width; /* of the linear layers: the kernels', or WICK_PACK_PANEL_WIDTH in what is written to a packed file */
    size_t row_block;              /* rows that one thread takes through a layer at once */
    const wick_model_files *files; /* hyper-parameters, and in f32 the word embeddings, which are read in place */
    wick_cpu_table words;          /* [vocab_size, hidden_size] in bf16 or int8; no table where compute is f32 */
    /* [max_positions, hidden_size]: position embedding + embedding of token type 0; bf16 in int8, else f32 */
    wick_cpu_table position_rows;
    wick_cpu_table type_row; /* [1, hidden_size] in f32: of token type 0, where there are no position_rows */
    wick_cpu_norm embedding_norm, final_norm;
    float *relative;        /* [n_buckets, n_heads] biases on scores; NULL: none */
    wick_cpu_layer *layers; /* [n_layers] */
    wick_positions positions;
    wick_cpu_linear dense[WICK_MAX_DENSE];
    wick_cpu_head head;
    void *memory; /* all of the above but `layers` and `positions` */
    size_t memory_bytes;
    wick_prepared kept; /* the file that memory is mapped from, read-only then; else {0} */
} wick_cpu_model;

/* Sizes of one layer, and where its parts stand in memory (NULL: only counts). Returns the bytes, or 0 on overflow. */
size_t wick_cpu_place_layer(const wick_cpu_model *model, wick_compute compute, void *memory, wick_cpu_layer *layer);
/* Fills the factors of all layers (calibrate.c). */
int wick_cpu_calibrate(wick_cpu_model *model, wick_pool *pool, wick_error *error);

/* Maps the weights as they were packed before, where prepared_dir (may be NULL) has them, else packs them and keeps them there.
 * out: kernels, compute, panel_width and files are set. */
int wick_cpu_model_open(wick_cpu_model *out, const char *prepared_dir, wick_pool *pool, wick_error *error);
void wick_cpu_model_close(wick_cpu_model *model);

#endif
