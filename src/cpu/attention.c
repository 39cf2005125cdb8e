/* SPDX-License-Identifier: Apache-2.0
 * attention.c: scaled dot-product attention, sequence by sequence and head by head: context = softmax(Q K^T * scale + biases) V over the keys that are seen.
 *
 * Q, K and V of a token stand side by side in a row of qkv. For one sequence and head: the keys are transposed into panels (so that keys
 * are the columns of a product), then for a few query rows at a time: scores = Q K^T, softmax in place, context = scores V read where it stands,
 * divided by the sum. Everything for one head stays in the first two caches. Where a layer sees a window or nothing behind a token, those few rows meet
 * only the keys that one of them sees. Heads that share keys and values come one after another, and these are prepared once for them. */
#include "cpu/attention.h"

/* Query rows of one piece of work, at the least: long sequences are shared by several threads, at the price of preparing the keys again. */
#define LEAST_QUERY_BLOCK 56
/* Rows that a tile of f32 products has at the most. */
#define F32_ROWS 14
/* From so many tokens on, products in bf16 are faster than in f32 by more than the conversions cost. */
#define LEAST_ROWS_BF16 48

static void transpose_keys(const wick_cpu_model *model, const wick_head *h, const wick_thread_scratch *scratch)
{
    size_t width = model->kernels->panel_width, head_dim = model->files->encoder.head_dim;
    for (size_t row = 0; row < h->n_rows; row += width) {
        size_t n = h->n_rows - row < width ? h->n_rows - row : width;
        model->kernels->transpose(h->key + row * h->stride, h->stride, n, head_dim, scratch->keys + row * head_dim,
                                  width);
    }
}

static void no_queries(const wick_cpu_model *model, const wick_head *h, const wick_thread_scratch *scratch)
{
    (void)model; /* they are read where they stand */
    (void)h;
    (void)scratch;
}

static void attend_rows(const wick_cpu_model *model, const wick_head *h, const wick_thread_scratch *scratch, size_t row,
                        size_t n)
{
    const wick_kernels *kernels = model->kernels;
    const size_t width = kernels->panel_width, head_dim = model->files->encoder.head_dim;
    const wick_keys keys = wick_keys_in_panels(kernels, h, row, n);
    const size_t n_keys = keys.last - keys.first, ld_scores = (n_keys + width - 1) / width * width;
    wick_gemm g = {
        .m = n, .k = head_dim, .a = h->query + row * h->stride, .lda = h->stride, .ldb = width, .ldc = ld_scores};
    for (size_t column = 0; column < n_keys; column += width) {
        g.n = n_keys - column < width ? n_keys - column : width;
        g.b = scratch->keys + (keys.first + column) * head_dim;
        g.c = scratch->scores + column;
        kernels->gemm(&g);
    }
    float inverse_sums[WICK_ATTENTION_ROWS];
    wick_attention_softmax(model, h, keys, scratch->scores, ld_scores, row, n, inverse_sums);
    float *context = h->context + row * h->context_stride;
    const float *value = h->value + keys.first * h->stride;
    g = (wick_gemm){
        .m = n, .k = n_keys, .a = scratch->scores, .lda = ld_scores, .ldb = h->stride, .ldc = h->context_stride};
    for (size_t column = 0; column < head_dim; column += width) {
        g.n = head_dim - column < width ? head_dim - column : width;
        g.b = value + column; /* past the head's columns stand other values or the padding: read, never kept */
        g.c = context + column;
        kernels->gemm(&g);
    }
    wick_attention_scale(model, h, row, n, inverse_sums);
}

static size_t f32_rows(const wick_kernels *kernels)
{
    (void)kernels;
    return F32_ROWS;
}

static const wick_attention_way attention_f32 = {f32_rows, transpose_keys, no_queries, attend_rows};

/* It depends on nothing but the sequence's own length: the same text takes the same way in any batch. */
static const wick_attention_way *way_for(const wick_cpu_model *model, size_t n_rows)
{
    bool narrow = model->compute != WICK_COMPUTE_F32 && model->kernels->has_bf16 && n_rows >= LEAST_ROWS_BF16;
    return narrow ? &wick_attention_bf16 : &attention_f32;
}

/* Query rows of a piece of work: whole steps of as many as the way takes at once. */
static size_t block_rows(const wick_cpu_model *model, const wick_attention_way *way)
{
    const size_t rows = way->rows_at_once(model->kernels);
    return (LEAST_QUERY_BLOCK + rows - 1) / rows * rows;
}

static size_t query_blocks(const wick_cpu_model *model, size_t n_rows)
{
    const size_t block = block_rows(model, way_for(model, n_rows));
    return (n_rows + block - 1) / block;
}

static void attend_block(const wick_cpu_model *model, const wick_attention_way *way, const wick_head *h,
                         const wick_thread_scratch *scratch, size_t i)
{
    const size_t rows = way->rows_at_once(model->kernels), block = block_rows(model, way), first = i * block;
    const size_t last = h->n_rows - first < block ? h->n_rows : first + block;
    for (size_t row = first; row < last; row += rows)
        way->attend(model, h, scratch, row, last - row < rows ? last - row : rows);
}

/* Head i of the sequence whose first token is row `row` of the activations. */
static wick_head head_at(const wick_cpu_model *model, const wick_cpu_layer *layer, const wick_activations *act,
                         size_t row, size_t n_rows, size_t i)
{
    const wick_encoder *e = &model->files->encoder;
    const size_t group = i / (e->n_heads / e->n_kv_heads), stride = wick_row_stride(wick_encoder_qkv_width(e)),
                 queries = wick_encoder_query_width(e), window = layer->has_window ? e->window : SIZE_MAX;
    const float *qkv = act->qkv + row * stride, *keys = qkv + queries + group * e->head_dim;
    return (wick_head){.query = qkv + i * e->head_dim,
                       .key = keys,
                       .value = keys + wick_encoder_kv_width(e),
                       .context = act->context.f32 + row * act->context.stride + i * e->head_dim,
                       .n_rows = n_rows,
                       .stride = stride,
                       .context_stride = act->context.stride,
                       .before = window,
                       .behind = e->causal ? 0 : window};
}

/* Blocks [from, to) of all that the sequence's heads and blocks of queries are, one head after another. */
static void attend_sequence(const wick_cpu_model *model, const wick_cpu_layer *layer, const wick_activations *act,
                            const wick_thread_scratch *scratch, size_t row, size_t n_rows, size_t from, size_t to)
{
    const wick_encoder *e = &model->files->encoder;
    const wick_attention_way *way = way_for(model, n_rows);
    const size_t n_blocks = query_blocks(model, n_rows);
    const float *prepared = NULL;
    for (size_t i = from / n_blocks; i * n_blocks < to; i++) {
        wick_head h = head_at(model, layer, act, row, n_rows, i);
        const size_t first = i * n_blocks < from ? from - i * n_blocks : 0,
                     last = to - i * n_blocks < n_blocks ? to - i * n_blocks : n_blocks;
        if (h.key != prepared)
            way->prepare_keys(model, &h, scratch);
        prepared = h.key;
        way->prepare_queries(model, &h, scratch);
        if (scratch->biases) {
            wick_positions_biases(&model->positions, e, model->relative, i, n_rows, scratch->biases + n_rows - 1);
            h.biases = scratch->biases + n_rows - 1;
        }
        for (size_t block = first; block < last; block++)
            attend_block(model, way, &h, scratch, block);
    }
}

void wick_attention(const wick_cpu_model *model, const wick_cpu_layer *layer, const wick_team *team,
                    const wick_chunk *chunk, const wick_activations *act, const wick_thread_scratch *scratch)
{
    const size_t n_heads = model->files->encoder.n_heads;
    size_t row = 0, unit = 0, n_units = 0, first, last, units;
    for (size_t s = 0; s < chunk->n_sequences; s++)
        n_units += query_blocks(model, wick_sequence_rows(chunk->batch, chunk->sequences[s])) * n_heads;
    wick_team_share(team, n_units, &first, &last);
    for (size_t s = 0; s < chunk->n_sequences && unit < last; s++, unit += units) {
        const size_t n_rows = wick_sequence_rows(chunk->batch, chunk->sequences[s]);
        units = query_blocks(model, n_rows) * n_heads;
        if (unit + units > first)
            attend_sequence(model, layer, act, scratch, row, n_rows, unit < first ? first - unit : 0,
                            last - unit < units ? last - unit : units);
        row += n_rows;
    }
}
