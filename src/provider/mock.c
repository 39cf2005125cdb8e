/* SPDX-License-Identifier: Apache-2.0
 * mock.c: provider "mock": vectors made from a hash of the text, for tests and demonstrations without a model. In: any UTF-8 texts.
 * Out: 384 values of about unit length, the same for the same text on every machine and in every batch. Texts that differ get vectors
 * that have nothing to do with each other, however alike they are.
 * A prompt stands in front of the text as if it were part of it. Tokens are counted as 2 (as if [CLS] and [SEP]) and one for each run of bytes between ASCII
 * whitespace, cut at 512. */
#include "base/error.h"
#include "base/utf8.h"
#include "provider/prompts.h"
#include "provider/mock.h"
#include "provider/vectors.h"
#include <stdlib.h>
#include <string.h>

#define MOCK_DIMENSION 384
/* Uniform values in [-a, a] have the variance a * a / 3: with this a, 384 of them have the length 1 on average. */
#define MOCK_AMPLITUDE 0.08838834764831845 /* sqrt(3 / 384) */

typedef struct mock {
    char *model;
} mock;

static int mock_open(const char *model, const wick_model_options *options, void **state, wick_error *error)
{
    mock *own = malloc(sizeof *own);
    if (!own || !(own->model = strdup(model))) {
        free(own);
        return wick_fail_memory(error, "the mock provider");
    }
    *state = own;
    return WICK_OK;
}

#define FNV_BASIS 0xCBF29CE484222325u

/* FNV-1a, 64 bits, going on from value. */
static uint64_t hash(uint64_t value, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        value = (value ^ (unsigned char)text[i]) * 0x100000001B3u;
    return value;
}

/* The next number of Steele, Lea and Flood's SplitMix64. */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* in_word: whether what stood before ends in a word, and then whether text does. */
static size_t count_words(const char *text, size_t n, bool *in_word)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        const bool space = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
        count += !space && !*in_word;
        *in_word = !space;
    }
    return count;
}

static void make_vector(uint64_t state, float out[MOCK_DIMENSION])
{
    for (size_t i = 0; i < MOCK_DIMENSION; i++) {
        const double unit = (double)(next(&state) >> 11) * 0x1p-53; /* [0, 1) */
        out[i] = (float)((2.0 * unit - 1.0) * MOCK_AMPLITUDE);
    }
}

static int mock_embed(void *state, const wick_embed_request *request, float *out, wick_usage *usage, wick_error *error)
{
    const double start = wick_now_ms();
    size_t dimension;
    int rc = wick_dimension_check(&request->options, MOCK_DIMENSION, MOCK_DIMENSION, &dimension, error);
    if (rc != WICK_OK)
        return rc;
    const char *prompt = "";
    rc = wick_prompt_choose(&(wick_model_info){0}, &request->options, &prompt, error);
    if (rc != WICK_OK)
        return rc;
    const size_t n_prompt = strlen(prompt);
    const uint64_t begun = hash(FNV_BASIS, prompt, n_prompt);
    uint64_t total = 0;
    for (size_t i = 0; i < request->n_texts; i++) {
        const char *text = request->texts[i];
        const size_t n = wick_text_length(request->texts, request->text_bytes, i);
        size_t bad = 0;
        if (!wick_utf8_valid(text, n, &bad)) {
            wick_error inner;
            wick_fail(&inner, WICK_E_INVALID_INPUT, "text", "send texts as UTF-8", "invalid UTF-8 at byte %zu",
                      bad + 1);
            return wick_fail_text(i, &inner, error);
        }
        bool in_word = false;
        size_t n_tokens = 2 + count_words(prompt, n_prompt, &in_word);
        n_tokens += count_words(text, n, &in_word);
        if (n_tokens > WICK_MOCK_MAX_TOKENS && !request->options.truncate)
            return wick_fail_too_long(i, n_tokens, WICK_MOCK_MAX_TOKENS, error);
        total += n_tokens < WICK_MOCK_MAX_TOKENS ? n_tokens : WICK_MOCK_MAX_TOKENS;
        float vector[MOCK_DIMENSION];
        make_vector(hash(begun, text, n), vector);
        wick_vector_finish(vector, dimension, request->options.normalize, out + i * dimension);
    }
    *usage = (wick_usage){total, wick_now_ms() - start};
    return WICK_OK;
}

static int mock_info(const void *state, wick_model_info *info, wick_error *error)
{
    static const char *const labels[] = {"LABEL_0"};
    const mock *own = state;
    info->model = own->model;
    info->labels = labels; /* and no kind: it gives everything (mock_outputs.c) */
    info->n_labels = 1;
    info->token_dimension = WICK_MOCK_TOKEN_DIMENSION;
    info->dimension = info->max_dimensions = MOCK_DIMENSION;
    info->pools_prompt = true;
    info->similarity = "cosine";
    info->max_tokens = info->max_seq_length = WICK_MOCK_MAX_TOKENS;
    return WICK_OK;
}

static void mock_close(void *state)
{
    mock *own = state;
    free(own->model);
    free(own);
}

size_t wick_mock_count(const char *text, size_t n)
{
    bool in_word = false;
    return 2 + count_words(text, n, &in_word);
}

const wick_provider_ops wick_provider_mock = {
    .name = "mock",
    .open = mock_open,
    .embed = mock_embed,
    .info = mock_info,
    .close = mock_close,
    .outputs = wick_mock_outputs,
};
