/* SPDX-License-Identifier: Apache-2.0
 * attention_scores.c: from the products of queries and keys to what the values are multiplied by, and the end of a row (attention.h). */
#include "cpu/attention.h"

#include <string.h>

/* Of one query, which sees only some of the keys. */
static float softmax_row(const wick_cpu_model *model, const wick_head *h, wick_keys keys, float *scores, size_t row,
                         float scale)
{
    const wick_keys seen = wick_keys_seen(h, row, 1);
    const size_t first = seen.first - keys.first, last = seen.last - keys.first;
    float inverse_sum;
    memset(scores, 0, first * sizeof *scores);
    model->kernels->softmax(scores + first, last - first, 1, last - first, scale, &inverse_sum);
    memset(scores + last, 0, (keys.last - seen.last) * sizeof *scores);
    return inverse_sum;
}

void wick_attention_softmax(const wick_cpu_model *model, const wick_head *h, wick_keys keys, float *scores,
                            size_t ld_scores, size_t row, size_t n, float *inverse_sums)
{
    const wick_kernels *kernels = model->kernels;
    const size_t n_keys = keys.last - keys.first;
    float scale = (float)model->files->encoder.score_scale;
    if (h->biases) {
        kernels->add_biases(scores, ld_scores, n, n_keys, scale, h->biases + (ptrdiff_t)keys.first - (ptrdiff_t)row);
        scale = 1.0f;
    }
    if (h->before >= h->n_rows - 1 && h->behind >= h->n_rows - 1) {
        kernels->softmax(scores, ld_scores, n, n_keys, scale, inverse_sums);
        return;
    }
    for (size_t i = 0; i < n; i++)
        inverse_sums[i] = softmax_row(model, h, keys, scores + i * ld_scores, row + i, scale);
}

void wick_attention_scale(const wick_cpu_model *model, const wick_head *h, size_t row, size_t n,
                          const float *inverse_sums)
{
    const size_t head_dim = model->files->encoder.head_dim;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < head_dim; j++)
            h->context[(row + i) * h->context_stride + j] *= inverse_sums[i];
}
