/* SPDX-License-Identifier: Apache-2.0
 * support_random_model.c: random weights for any description (support_random_model.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "support_random_model.h"

/* [n, m] normal numbers times scale, plus offset; m 0: a vector. */
static wick_tensor tensor(support_random_model *r, size_t n, size_t m, float scale, float offset)
{
    const size_t count = n * (m ? m : 1);
    assert_true(r->n_values + count <= r->capacity);
    float *values = r->values + r->n_values;
    for (size_t i = 0; i < count; i++)
        values[i] = support_random_normal(&r->random) * scale + offset;
    r->n_values += count;
    return (wick_tensor){.name = "random",
                         .dtype = WICK_DTYPE_F32,
                         .dtype_name = "F32",
                         .n_dims = m ? 2 : 1,
                         .shape = {n, m},
                         .data = (const uint8_t *)values,
                         .size_bytes = count * sizeof(float)};
}

static wick_linear linear(support_random_model *r, size_t out, size_t in, bool has_bias)
{
    wick_linear l = {.weight = tensor(r, out, in, 0.2f, 0.0f)};
    if (has_bias)
        l.bias = tensor(r, out, 0, 0.2f, 0.0f);
    return l;
}

static wick_layer_norm norm(support_random_model *r, const wick_encoder *e, size_t n)
{
    wick_layer_norm result = {.weight = tensor(r, n, 0, 0.2f, e->norm_kind == WICK_NORM_RMS_PLUS_ONE ? 0.0f : 1.0f)};
    if (e->norm_kind == WICK_NORM_LAYER && e->has_norm_bias)
        result.bias = tensor(r, n, 0, 0.2f, 0.0f);
    return result;
}

static void make_layer(support_random_model *r, const wick_encoder *e, size_t i)
{
    wick_encoder_layer *l = &r->layers[i];
    const size_t hidden = e->hidden_size, queries = wick_encoder_query_width(e), keys = wick_encoder_kv_width(e);
    l->query = linear(r, queries, hidden, e->has_qkv_bias);
    l->key = linear(r, keys, hidden, e->has_qkv_bias);
    l->value = linear(r, keys, hidden, e->has_qkv_bias);
    l->attention_output = linear(r, hidden, queries, e->has_attention_output_bias);
    if (e->is_gated)
        l->gate = linear(r, e->intermediate_size, hidden, e->has_up_bias);
    l->up = linear(r, e->intermediate_size, hidden, e->has_up_bias);
    l->down = linear(r, hidden, e->intermediate_size, e->has_down_bias);
    if (e->has_qk_norm) {
        l->query_norm = norm(r, e, e->head_dim);
        l->key_norm = norm(r, e, e->head_dim);
    }
    if (i > 0 || !e->lacks_first_norm)
        l->attention_norm = norm(r, e, hidden);
    l->output_norm = norm(r, e, hidden);
    if (e->norm_place == WICK_NORM_AROUND) {
        l->attention_end_norm = norm(r, e, hidden);
        l->output_end_norm = norm(r, e, hidden);
    }
}

/* More than all tensors have. */
static size_t room(const wick_encoder *e)
{
    const size_t rows = wick_encoder_qkv_width(e) + wick_encoder_query_width(e) + 3 * e->intermediate_size + 16;
    return e->n_layers * (rows * (e->hidden_size + 2) + 2 * e->head_dim) +
           (e->vocab_size + e->max_positions + e->type_vocab_size + 8) * e->hidden_size + e->n_buckets * e->n_heads;
}

/* Memory of a file that has no name: packing gives the pages of weights back to the system, and reads them again. */
static float *file_values(size_t n)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), (off_t)(n * sizeof(float))), 0);
    float *values = mmap(NULL, n * sizeof *values, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    assert_true(values != MAP_FAILED);
    fclose(file);
    return values;
}

void support_random_model_make(support_random_model *out, const wick_encoder *e, size_t max_tokens, uint64_t seed)
{
    *out = (support_random_model){.capacity = room(e), .random = {seed}};
    out->values = file_values(out->capacity);
    out->layers = calloc(e->n_layers + 1, sizeof *out->layers);
    assert_true(out->values && out->layers);
    wick_model_files *f = &out->files;
    *f = (wick_model_files){.path = "random",
                            .transformer_path = "random",
                            .architecture = "random",
                            .encoder = *e,
                            .max_tokens = max_tokens,
                            .max_seq_length = max_tokens,
                            .pooling = WICK_POOL_MEAN,
                            .dimension = e->hidden_size,
                            .layers = out->layers};
    f->word_embeddings = tensor(out, e->vocab_size, e->hidden_size, 1.0f, 0.0f);
    if (e->max_positions > 0)
        f->position_embeddings = tensor(out, e->max_positions, e->hidden_size, 0.5f, 0.0f);
    if (e->type_vocab_size > 0)
        f->token_type_embeddings = tensor(out, e->type_vocab_size, e->hidden_size, 0.5f, 0.0f);
    if (e->position == WICK_POSITION_RELATIVE)
        f->relative_bias = tensor(out, e->n_buckets, e->n_heads, 1.0f, 0.0f);
    if (e->has_embedding_norm)
        f->embedding_norm = norm(out, e, e->hidden_size);
    for (size_t i = 0; i < e->n_layers; i++)
        make_layer(out, e, i);
    if (e->has_final_norm)
        f->final_norm = norm(out, e, e->hidden_size);
}

void support_random_model_free(support_random_model *model)
{
    munmap(model->values, model->capacity * sizeof *model->values);
    free(model->layers);
}
