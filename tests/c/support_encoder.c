/* SPDX-License-Identifier: Apache-2.0
 * support_encoder.c: the CPU backend alone, for tests (support_encoder.h). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_encoder.h"

void support_backend_open(support_backend *out, const wick_model_files *files, const char *tier, const char *dtype,
                          unsigned n_threads)
{
    wick_error error = {0};
    if (tier)
        setenv("WICK_CPU", tier, 1);
    else
        unsetenv("WICK_CPU");
    *out = (support_backend){.dimension = files->dimension};
    int code = wick_pool_new(n_threads, &out->pool, &error);
    const wick_backend_options options = {.pool = out->pool, .dtype = dtype};
    if (code == WICK_OK)
        code = wick_backend_cpu.open(files, &options, &out->backend, &error);
    if (code != WICK_OK)
        fail_msg("%s, %s, %s: %s (%s)", files->path, tier ? tier : "any tier", dtype, error.message, error.where);
}

void support_backend_close(support_backend *b)
{
    wick_backend_cpu.close(b->backend);
    wick_pool_free(b->pool);
}

support_sequences support_sequences_new(size_t n, size_t n_ids, size_t dimension)
{
    support_sequences s = {.n = n, .dimension = dimension};
    s.ids = calloc(n_ids + 1, sizeof *s.ids);
    s.offsets = calloc(n + 1, sizeof *s.offsets);
    s.vectors = calloc(n * dimension + 1, sizeof *s.vectors);
    assert_true(s.ids && s.offsets && s.vectors);
    return s;
}

void support_sequences_free(support_sequences *s)
{
    free(s->ids);
    free(s->offsets);
    free(s->vectors);
}

void support_backend_run(support_backend *b, support_sequences *s, size_t first, size_t n)
{
    wick_error error = {0};
    const wick_packed_batch batch = {.n_sequences = n,
                                     .n_tokens = s->offsets[first + n] - s->offsets[first],
                                     .ids = s->ids,
                                     .offsets = s->offsets + first};
    const wick_output_target target = {.kind = WICK_OUTPUT_POOLED, .rows = s->vectors + first * s->dimension};
    if (wick_backend_cpu.encode(b->backend, &batch, &target, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
}

static support_sequences copy_of(const support_sequences *s, bool reversed)
{
    support_sequences copy = support_sequences_new(s->n, s->offsets[s->n], s->dimension);
    for (size_t i = 0; i < s->n; i++) {
        const size_t from = reversed ? s->n - 1 - i : i, n = s->offsets[from + 1] - s->offsets[from];
        memcpy(copy.ids + copy.offsets[i], s->ids + s->offsets[from], n * sizeof *s->ids);
        copy.offsets[i + 1] = copy.offsets[i] + (uint32_t)n;
    }
    return copy;
}

void support_same_in_batches(support_backend *b, const support_sequences *s, const char *label)
{
    const size_t sizes[] = {1, 2, s->n};
    for (size_t turn = 0; turn < 6; turn++) {
        const bool reversed = turn >= 3;
        const size_t size = sizes[turn % 3];
        support_sequences copy = copy_of(s, reversed);
        for (size_t i = 0; i < s->n; i += size)
            support_backend_run(b, &copy, i, s->n - i < size ? s->n - i : size);
        for (size_t i = 0; i < s->n; i++) {
            const size_t from = reversed ? s->n - 1 - i : i;
            if (memcmp(copy.vectors + i * s->dimension, s->vectors + from * s->dimension,
                       s->dimension * sizeof(float)) != 0)
                fail_msg("%s: sequence %zu has other bits in batches of %zu%s", label, from, size,
                         reversed ? ", reversed" : "");
        }
        support_sequences_free(&copy);
    }
}

double support_cosine(const float *a, const float *b, size_t n, double *difference)
{
    double dot = 0, aa = 0, bb = 0, largest = 0;
    for (size_t j = 0; j < n; j++) {
        const double d = fabs((double)a[j] - b[j]);
        dot += (double)a[j] * b[j];
        aa += (double)a[j] * a[j];
        bb += (double)b[j] * b[j];
        largest = d > largest || d != d ? d : largest;
    }
    if (difference)
        *difference = largest;
    return dot / sqrt(aa * bb);
}
