/* SPDX-License-Identifier: Apache-2.0
 * vectors.c: the checks before and the arithmetic after the model; see vectors.h. */
#include "provider/vectors.h"
#include "base/error.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define NORM_FLOOR 1e-12 /* torch.nn.functional.normalize's eps */

int wick_texts_check(const char *const *texts, const size_t *text_bytes, size_t n_texts, wick_error *error)
{
    if (n_texts == 0)
        return wick_fail(error, WICK_E_INVALID_INPUT, "texts", "give at least one text; an empty text is one",
                         "no inputs");
    if (!texts)
        return wick_fail_null(error, "texts");
    for (size_t i = 0; i < n_texts; i++)
        if (!texts[i] && (!text_bytes || text_bytes[i] > 0)) {
            char where[64];
            snprintf(where, sizeof where, "texts[%zu]", i);
            return wick_fail_null(error, where);
        }
    return WICK_OK;
}

size_t wick_text_length(const char *const *texts, const size_t *text_bytes, size_t i)
{
    return text_bytes && text_bytes[i] != SIZE_MAX ? text_bytes[i] : strlen(texts[i]);
}

int wick_dimension_check(const wick_embed_options *options, size_t full, size_t otherwise, size_t *dimension,
                         wick_error *error)
{
    *dimension = options->dimensions > 0 ? options->dimensions : otherwise;
    if (*dimension <= full)
        return WICK_OK;
    return wick_fail(error, WICK_E_INVALID_INPUT, "dimensions", "ask for as many, or fewer",
                     "%zu dimensions asked for, the model's vectors have %zu", *dimension, full);
}

int wick_fail_too_long(size_t index, size_t n_tokens, size_t max_tokens, wick_error *error)
{
    char where[64];
    snprintf(where, sizeof where, "texts[%zu]", index);
    return wick_fail(error, WICK_E_INVALID_INPUT, where, "shorten the text, or let it be truncated",
                     "%zu tokens, the limit is %zu", n_tokens, max_tokens);
}

int wick_fail_text(size_t index, const wick_error *inner, wick_error *error)
{
    char where[64];
    snprintf(where, sizeof where, "texts[%zu]", index);
    return wick_fail(error, inner->code, where, inner->mend, "%s", inner->message);
}

bool wick_error_of_text(const wick_error *error, size_t *index)
{
    int n = 0;
    return sscanf(error->where, "texts[%zu]%n", index, &n) == 1 && n > 0 && error->where[n] == '\0';
}

bool wick_vector_finish(const float *from, size_t n, bool normalize, float *to)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (double)from[i] * from[i];
    if (!isfinite(sum)) /* no square of a finite f32 overflows an f64 */
        return false;
    if (!normalize) {
        memmove(to, from, n * sizeof *to);
        return true;
    }
    const double length = sqrt(sum);
    const double divisor = length > NORM_FLOOR ? length : NORM_FLOOR;
    for (size_t i = 0; i < n; i++)
        to[i] = (float)(from[i] / divisor);
    return true;
}
