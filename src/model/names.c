/* SPDX-License-Identifier: Apache-2.0
 * names.c: binding the tensors of a folder to the parts of the description (names.h). */
#include "model/names.h"

#include <stdio.h>

#include "base/error.h"

/* Takes tensors one after another; the first error stays and makes the rest do nothing. */
typedef struct binder {
    const wick_names *names;
    const wick_weights *weights;
    wick_model_files *files;
    char prefix[64]; /* "bert." and the like, or "" */
    int code;
    wick_error *error;
} binder;

/* Long enough for every name built below. */
#define NAME_BYTES 224
#define STEM_BYTES 128

static bool has(const binder *b, const char *stem, const char *end)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s%s.%s", b->prefix, stem, end);
    return wick_weights_find(b->weights, name) != NULL;
}

/* rows 0: one dimension only. */
static void take(binder *b, const char *stem, const char *end, size_t rows, size_t columns, wick_tensor *out)
{
    if (b->code != WICK_OK)
        return;
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s%s.%s", b->prefix, stem, end);
    const size_t shape[2] = {rows, columns};
    b->code = wick_weights_take(b->weights, name, rows ? 2 : 1, rows ? shape : shape + 1, out, b->error);
    b->files->n_parameters += rows ? rows * columns : columns;
}

/* ---- norms --------------------------------------------------------------------------------------------------------- */

/* Checkpoints converted from TensorFlow call weight and bias gamma and beta (bert-base-uncased does). */
static void take_norm(binder *b, const char *stem, size_t n, bool has_bias, wick_layer_norm *out)
{
    const bool is_old = !has(b, stem, "weight") && has(b, stem, "gamma");
    take(b, stem, is_old ? "gamma" : "weight", 0, n, &out->weight);
    if (has_bias)
        take(b, stem, is_old ? "beta" : "bias", 0, n, &out->bias);
}

static wick_layer_norm *norm_of(wick_part part, wick_model_files *files, wick_encoder_layer *layer)
{
    switch (part) {
    case WICK_PART_EMBEDDING_NORM:
        return &files->embedding_norm;
    case WICK_PART_FINAL_NORM:
        return &files->final_norm;
    case WICK_PART_QUERY_NORM:
        return &layer->query_norm;
    case WICK_PART_KEY_NORM:
        return &layer->key_norm;
    case WICK_PART_ATTENTION_NORM:
        return &layer->attention_norm;
    case WICK_PART_ATTENTION_END_NORM:
        return &layer->attention_end_norm;
    case WICK_PART_OUTPUT_NORM:
        return &layer->output_norm;
    case WICK_PART_OUTPUT_END_NORM:
        return &layer->output_end_norm;
    default:
        return NULL;
    }
}

/* ---- linear layers ------------------------------------------------------------------------------------------------- */

/* One matrix of the file, and what its rows are. */
typedef struct matrix {
    wick_linear *parts[3];
    size_t rows[3];
    size_t n_parts, n_in;
    bool has_bias;
} matrix;

static void add_part(matrix *m, wick_linear *part, size_t n_rows)
{
    m->parts[m->n_parts] = part;
    m->rows[m->n_parts++] = n_rows;
}

static matrix matrix_of(wick_part part, const wick_encoder *e, wick_encoder_layer *layer)
{
    const bool is_fused = part == WICK_PART_QUERY_KEY_VALUE;
    matrix m = {.n_in = e->hidden_size, .has_bias = e->has_qkv_bias};
    if (is_fused || part == WICK_PART_QUERY)
        add_part(&m, &layer->query, wick_encoder_query_width(e));
    if (is_fused || part == WICK_PART_KEY)
        add_part(&m, &layer->key, wick_encoder_kv_width(e));
    if (is_fused || part == WICK_PART_VALUE)
        add_part(&m, &layer->value, wick_encoder_kv_width(e));
    if (m.n_parts > 0)
        return m;
    m.has_bias = e->has_up_bias;
    if (part == WICK_PART_GATE || part == WICK_PART_GATE_UP)
        add_part(&m, &layer->gate, e->intermediate_size);
    if (part == WICK_PART_UP || part == WICK_PART_GATE_UP || part == WICK_PART_UP_GATE)
        add_part(&m, &layer->up, e->intermediate_size);
    if (part == WICK_PART_UP_GATE)
        add_part(&m, &layer->gate, e->intermediate_size);
    if (part == WICK_PART_ATTENTION_OUTPUT) {
        m.n_in = wick_encoder_query_width(e);
        m.has_bias = e->has_attention_output_bias;
        add_part(&m, &layer->attention_output, e->hidden_size);
    } else if (part == WICK_PART_DOWN) {
        m.n_in = e->intermediate_size;
        m.has_bias = e->has_down_bias;
        add_part(&m, &layer->down, e->hidden_size);
    }
    return m;
}

/* Rows [first, first + n) of whole, of which the first dimension is the rows. */
static wick_tensor rows_of(const wick_tensor *whole, size_t first, size_t n)
{
    wick_tensor view = *whole;
    const size_t row_bytes = whole->size_bytes / whole->shape[0];
    view.shape[0] = n;
    view.data += first * row_bytes;
    view.size_bytes = n * row_bytes;
    return view;
}

static void take_matrix(binder *b, const char *stem, const matrix *m)
{
    wick_tensor weight = {0}, bias = {0};
    size_t n_rows = 0, first = 0;
    for (size_t i = 0; i < m->n_parts; i++)
        n_rows += m->rows[i];
    take(b, stem, "weight", n_rows, m->n_in, &weight);
    if (m->has_bias)
        take(b, stem, "bias", 0, n_rows, &bias);
    for (size_t i = 0; i < m->n_parts && b->code == WICK_OK; i++) {
        m->parts[i]->weight = rows_of(&weight, first, m->rows[i]);
        if (m->has_bias)
            m->parts[i]->bias = rows_of(&bias, first, m->rows[i]);
        first += m->rows[i];
    }
}

/* ---- the model ----------------------------------------------------------------------------------------------------- */

static void take_table(binder *b, const char *stem, wick_part part)
{
    wick_model_files *files = b->files;
    const wick_encoder *e = &files->encoder;
    if (part == WICK_PART_WORDS)
        take(b, stem, "weight", e->vocab_size, e->hidden_size, &files->word_embeddings);
    else if (part == WICK_PART_POSITIONS)
        take(b, stem, "weight", e->max_positions, e->hidden_size, &files->position_embeddings);
    else if (part == WICK_PART_RELATIVE_BIAS)
        take(b, stem, "weight", e->n_buckets, e->n_heads, &files->relative_bias);
    else if (e->type_vocab_size > 0)
        take(b, stem, "weight", e->type_vocab_size, e->hidden_size, &files->token_type_embeddings);
}

static void take_layer(binder *b, size_t index, wick_encoder_layer *layer)
{
    const wick_encoder *e = &b->files->encoder;
    char stem[STEM_BYTES];
    for (size_t i = 0; i < b->names->n; i++) {
        const wick_name *name = &b->names->list[i];
        if (name->part < WICK_PART_QUERY ||
            (name->part == WICK_PART_ATTENTION_NORM && index == 0 && e->lacks_first_norm))
            continue;
        snprintf(stem, sizeof stem, "%s%zu.%s", b->names->layer, index, name->stem);
        const bool is_of_heads = name->part == WICK_PART_QUERY_NORM || name->part == WICK_PART_KEY_NORM;
        wick_layer_norm *norm = norm_of(name->part, b->files, layer);
        if (norm) {
            take_norm(b, stem, is_of_heads ? e->head_dim : e->hidden_size, e->has_norm_bias && !is_of_heads, norm);
        } else {
            const matrix m = matrix_of(name->part, e, layer);
            take_matrix(b, stem, &m);
        }
    }
}

static const char *words_stem(const wick_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        if (names->list[i].part == WICK_PART_WORDS)
            return names->list[i].stem;
    return "";
}

static bool try_prefix(binder *b, const char *before, const char *base)
{
    snprintf(b->prefix, sizeof b->prefix, "%s%s%s", before, base, base[0] ? "." : "");
    return has(b, words_stem(b->names), "weight");
}

/* BertModel saves plain names; BertForMaskedLM and the like put "bert." in front, wrappers "model." and others. Where none fits, the first missing name is the plain one. */
static void find_prefix(binder *b)
{
    static const char *const wrappers[] = {"", "model.", "auto_model.", "0.auto_model."};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        if (try_prefix(b, wrappers[i], ""))
            return;
        for (size_t j = 0; j < WICK_MAX_BASES && b->names->bases[j]; j++)
            if (try_prefix(b, wrappers[i], b->names->bases[j]))
                return;
    }
    b->prefix[0] = '\0';
}

static void check_variant(binder *b)
{
    char stem[STEM_BYTES];
    if (!b->names->refused)
        return;
    snprintf(stem, sizeof stem, "%s0.%s", b->names->layer, b->names->refused);
    if (has(b, stem, "weight"))
        b->code = wick_fail(b->error, WICK_E_UNSUPPORTED, b->weights->origin, "choose another model of the family",
                            "tensor %s%s.weight: %s is not supported", b->prefix, stem, b->names->refused_as);
}

int wick_names_bind(const wick_names *names, const wick_weights *weights, wick_arena *arena, wick_model_files *files,
                    wick_error *error)
{
    binder b = {.names = names, .weights = weights, .files = files, .code = WICK_OK, .error = error};
    const wick_encoder *e = &files->encoder;
    find_prefix(&b);
    check_variant(&b);
    for (size_t i = 0; i < names->n; i++) {
        const wick_name *name = &names->list[i];
        wick_layer_norm *norm = name->part < WICK_PART_QUERY ? norm_of(name->part, files, NULL) : NULL;
        if (norm)
            take_norm(&b, name->stem, e->hidden_size, e->has_norm_bias, norm);
        else if (name->part < WICK_PART_QUERY)
            take_table(&b, name->stem, name->part);
    }
    if (b.code != WICK_OK)
        return b.code;
    wick_encoder_layer *layers = wick_arena_take(arena, e->n_layers, sizeof *layers);
    if (!layers)
        return wick_fail_memory(error, files->path);
    for (size_t i = 0; i < e->n_layers && b.code == WICK_OK; i++)
        take_layer(&b, i, &layers[i]);
    files->layers = layers;
    return b.code;
}
