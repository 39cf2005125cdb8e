/* SPDX-License-Identifier: Apache-2.0
 * model_cpu.h: a model's weights as the CPU kernels want them: in the compute dtype, packed in panels, one anonymous mapping.
 *
 * A linear layer y = x W^T + b (W stored [out, in]) becomes n_panels panels of panel_width output columns; panel p holds
 * [n_units, panel_width] units of 32 bits: one f32, two bf16 or four s8 neighbours along `in`. What meets x[k] stands side by side, so that
 * a kernel reads the panel once from front to back. Columns past `out` and values past `in` are zero. Query, key and value are
 * one layer of 3 * hidden_size outputs. Built once at open, immutable afterwards. */
#ifndef WICK_CPU_MODEL_CPU_H
#define WICK_CPU_MODEL_CPU_H
#include "base/prepared.h"
#include "cpu/kernels.h"
#include "model/model_files.h"

/* What the products of the encoder are computed in; everything else is f32 always. */
typedef enum wick_compute { WICK_COMPUTE_F32, WICK_COMPUTE_BF16, WICK_COMPUTE_I8 } wick_compute;
#define WICK_COMPUTES 3
extern const char *const wick_compute_names[WICK_COMPUTES]; /* "f32", "bf16", "int8" */

typedef struct wick_cpu_linear {
    wick_compute compute;
    size_t in, out, n_panels;
    size_t n_units;   /* units of 32 bits along `in` */
    uint32_t *panels; /* [n_panels, n_units, panel_width] */
    float *bias;      /* [n_panels * panel_width] */
    float *scales;    /* [n_panels * panel_width], int8 only: weight = scale * s8 */
    float *sums;     /* [n_panels * panel_width], int8 only: the sum of a column's weights as they are after rounding */
    float *factors;  /* [in], int8 only: what the inputs are multiplied by, and the weights divided by (calibrate.c) */
    float *observed; /* [in], while calibrating only: the sum of the fourth powers of each input so far; else NULL */
} wick_cpu_linear;

/* Values in a unit. */
static inline size_t wick_compute_values(wick_compute compute)
{
    return compute == WICK_COMPUTE_F32 ? 1 : compute == WICK_COMPUTE_BF16 ? 2 : 4;
}

/* n rounded up to whole units. */
static inline size_t wick_compute_padded(wick_compute compute, size_t n)
{
    size_t values = wick_compute_values(compute);
    return (n + values - 1) / values * values;
}

typedef struct wick_cpu_norm {
    float *weight, *bias; /* [hidden_size] */
} wick_cpu_norm;

typedef struct wick_cpu_layer {
    wick_cpu_linear qkv, attention_output, up, down;
    wick_cpu_norm attention_norm, output_norm;
} wick_cpu_layer;

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
    size_t
        panel_width; /* of the linear layers: the kernels', or WICK_PACK_PANEL_WIDTH in what is written to a packed file */
    size_t row_block;              /* rows that one thread takes through a layer at once */
    const wick_model_files *files; /* hyper-parameters, and in f32 the word embeddings, which are read in place */
    wick_cpu_table words;          /* [vocab_size, hidden_size] in bf16 or int8; no table where compute is f32 */
    wick_cpu_table
        positions; /* [max_positions, hidden_size]: position embedding + embedding of token type 0; bf16 in int8, else f32 */
    wick_cpu_norm embedding_norm;
    wick_cpu_layer *layers; /* [n_layers] */
    wick_cpu_linear dense[WICK_MAX_DENSE];
    wick_cpu_head head;
    void *memory; /* all of the above but `layers` */
    size_t memory_bytes;
    wick_prepared kept; /* the file that memory is mapped from, read-only then; else {0} */
} wick_cpu_model;

/* One tensor [n_rows, in] on its way to the rows first_row.. of a packed layer. */
typedef struct wick_packing {
    const wick_linear *source;
    const wick_cpu_linear *target;
    size_t first_row, n_rows;
} wick_packing;

#define WICK_PACKINGS_A_LAYER 6

/* The tensors of one layer; returns WICK_PACKINGS_A_LAYER. */
size_t wick_cpu_list_packings(const wick_model_files *files, size_t layer, const wick_cpu_layer *target,
                              wick_packing *list);
/* Packs them on the pool's threads, and gives the files' pages back as it goes. */
int wick_cpu_pack(const wick_cpu_model *model, const wick_packing *list, size_t n, wick_pool *pool, wick_error *error);
/* Sizes of one layer, and where its parts stand in memory (NULL: only counts). Returns the bytes, or 0 on overflow. */
size_t wick_cpu_place_layer(const wick_cpu_model *model, wick_compute compute, void *memory, wick_cpu_layer *layer);
/* Fills the factors of all layers (calibrate.c). */
int wick_cpu_calibrate(wick_cpu_model *model, wick_pool *pool, wick_error *error);

/* Maps the weights as they were packed before, where prepared_dir (may be NULL) has them, else packs them and keeps them there.
 * out: kernels, compute, panel_width and files are set. */
int wick_cpu_model_open(wick_cpu_model *out, const char *prepared_dir, wick_pool *pool, wick_error *error);
void wick_cpu_model_close(wick_cpu_model *model);

/* Zeroed memory in pages of its own. huge: in huge ones where the system has them; then what is near a used page is resident too. NULL: none
 * left. */
void *wick_pages_take(size_t size_bytes, bool huge);
void wick_pages_free(void *pages, size_t size_bytes);

#endif
