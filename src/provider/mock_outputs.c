/* SPDX-License-Identifier: Apache-2.0
 * mock_outputs.c: the provider "mock" beside vectors: a score, token vectors and sparse vectors made from hashes of the texts, the same for the same text on every machine.
 *   score    of one label, between 0 and 1, from the hash of both texts; its logit where raw scores are asked for
 *   tokens   for each of the tokens that mock.c counts 8 values in [-1, 1)
 *   sparse   for each of them but the two special ones a term below 30,522, the weight between 0 and 1 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "provider/mock.h"
#include "provider/vectors.h"

#define VOCAB_SIZE 30522 /* bert-base-uncased's */

/* The k-th number in [0, 1) that belongs to a hash. */
static double unit(uint64_t hash, uint64_t k)
{
    const uint64_t mixed = wick_hash64(&k, sizeof k, hash);
    return (double)(mixed >> 11) * 0x1p-53;
}

static int check(const char *text, size_t n, size_t index, wick_error *error)
{
    size_t bad = 0;
    if (wick_utf8_valid(text, n, &bad))
        return WICK_OK;
    wick_error inner;
    wick_fail(&inner, WICK_E_INVALID_INPUT, "text", "send texts as UTF-8", "invalid UTF-8 at byte %zu", bad + 1);
    return wick_fail_text(index, &inner, error);
}

/* Text i with its second one: what they are hashed to, and how many tokens they have. */
static int read_text(const wick_outputs_request *request, size_t i, uint64_t *hash, size_t *n_tokens, wick_error *error)
{
    const char *text = request->texts[i] ? request->texts[i] : "";
    const size_t n = wick_text_length(request->texts, request->text_bytes, i);
    int rc = check(text, n, i, error);
    *hash = wick_hash64(text, n, 0);
    *n_tokens = wick_mock_count(text, n);
    if (rc == WICK_OK && request->seconds && request->seconds[i]) {
        const size_t n_second = wick_text_length(request->seconds, request->second_bytes, i);
        rc = check(request->seconds[i], n_second, i, error);
        *hash = wick_hash64(request->seconds[i], n_second, *hash);
        *n_tokens += wick_mock_count(request->seconds[i], n_second) - 1;
    }
    const bool truncate = request->wanted == WICK_WANT_TOKENS || request->wanted == WICK_WANT_SPARSE
                              ? request->embed_options.truncate
                              : request->score_options.truncate;
    if (rc == WICK_OK && *n_tokens > WICK_MOCK_MAX_TOKENS && !truncate)
        return wick_fail_too_long(i, *n_tokens, WICK_MOCK_MAX_TOKENS, error);
    *n_tokens = *n_tokens < WICK_MOCK_MAX_TOKENS ? *n_tokens : WICK_MOCK_MAX_TOKENS;
    return rc;
}

static int give_scores(const wick_outputs_request *request, wick_rows_response *response, wick_error *error)
{
    int rc = wick_outputs_begin_scores(request, 1, response, error);
    for (size_t i = 0; i < request->n_texts && rc == WICK_OK; i++) {
        uint64_t hash;
        size_t n_tokens;
        rc = read_text(request, i, &hash, &n_tokens, error);
        const double score = 0.001 + 0.998 * unit(hash, 0);
        response->values[i] =
            (float)(request->score_options.scores == WICK_SCORES_RAW ? log(score / (1 - score)) : score);
        response->usage.total_tokens += n_tokens;
    }
    return rc;
}

/* One text's rows, which begin at offsets[i]; there is room. */
static void put_rows(const wick_outputs_request *request, uint64_t hash, size_t n_tokens, size_t i,
                     wick_rows_response *response)
{
    const size_t at = response->offsets[i], n = request->wanted == WICK_WANT_SPARSE ? n_tokens - 2 : n_tokens;
    response->offsets[i + 1] = at + n;
    if (request->wanted == WICK_WANT_SPARSE)
        for (size_t k = 0; k < n; k++) { /* spread over the vocabulary, so that they ascend */
            const size_t first = VOCAB_SIZE * k / n, last = VOCAB_SIZE * (k + 1) / n;
            response->indices[at + k] = (uint32_t)(first + (size_t)((double)(last - first) * unit(hash, 2 * k)));
            response->values[at + k] = (float)(0.001 + 0.998 * unit(hash, 2 * k + 1));
        }
    else
        for (size_t k = 0; k < n * WICK_MOCK_TOKEN_DIMENSION; k++)
            response->values[at * WICK_MOCK_TOKEN_DIMENSION + k] = (float)(2 * unit(hash, k) - 1);
}

static int give_rows(const wick_outputs_request *request, wick_rows_response *response, wick_error *error)
{
    const bool is_sparse = request->wanted == WICK_WANT_SPARSE;
    const size_t most = request->n_texts * WICK_MOCK_MAX_TOKENS; /* a mock: the most that can come is simply taken */
    int rc = WICK_OK;
    response->n_texts = request->n_texts;
    response->dimension = is_sparse ? VOCAB_SIZE : WICK_MOCK_TOKEN_DIMENSION;
    response->offsets = calloc(request->n_texts + 1, sizeof *response->offsets);
    response->values = calloc(most * (is_sparse ? 1 : WICK_MOCK_TOKEN_DIMENSION), sizeof *response->values);
    response->indices = is_sparse ? calloc(most, sizeof *response->indices) : NULL;
    if (!response->offsets || !response->values || (is_sparse && !response->indices))
        rc = wick_fail_memory(error, "rows");
    for (size_t i = 0; i < request->n_texts && rc == WICK_OK; i++) {
        uint64_t hash;
        size_t n_tokens;
        rc = read_text(request, i, &hash, &n_tokens, error);
        if (rc == WICK_OK)
            put_rows(request, hash, n_tokens, i, response);
        response->usage.total_tokens += n_tokens;
    }
    return rc;
}

int wick_mock_outputs(void *state, const wick_outputs_request *request, wick_rows_response *response, wick_error *error)
{
    const double start = wick_now_ms();
    const bool is_rows = request->wanted == WICK_WANT_TOKENS || request->wanted == WICK_WANT_SPARSE;
    const int rc = is_rows ? give_rows(request, response, error) : give_scores(request, response, error);
    response->usage.duration_ms = wick_now_ms() - start;
    if (rc != WICK_OK)
        wick_rows_response_clear(response);
    return rc;
}
