/* SPDX-License-Identifier: Apache-2.0
 * absent_candle.c: stands in for the engine and the tokenizer where Wick is built with -DWICK_CANDLE=OFF: the same symbols, so that
 * programs link and load, and an error that says what is missing. */
#include "base/error.h"
#include "provider/pack.h"
#include "provider/pairs.h"
#include "provider/provider.h"
#include "provider/pull.h"

static int absent(wick_error *error)
{
    return wick_fail(error, WICK_E_UNAVAILABLE, "provider", "use a Wick that was built with -DWICK_CANDLE=ON",
                     "Candle feature not enabled");
}

static int candle_open(const char *model, const wick_model_options *options, void **state, wick_error *error)
{
    return absent(error);
}

const wick_provider_ops wick_provider_candle = {.name = "candle", .open = candle_open};

void wick_tokenize_options_init_sized(wick_tokenize_options *options, size_t options_bytes)
{
}

int wick_tokenizer_open(const char *name, const char *cache_dir, wick_tokenizer **out, wick_error *error)
{
    if (out)
        *out = NULL;
    return absent(error);
}

/* A model may be got without the engine that would say whether it runs. */
int wick_model_pull(const char *name, const wick_hub_pull_options *options, wick_hub_pulled *out, wick_error *error)
{
    return wick_hub_pull(name, options, out, error);
}

void wick_tokenizer_close(wick_tokenizer *tokenizer)
{
}

wick_encoding *wick_encoding_new(void)
{
    return NULL;
}

void wick_encoding_free(wick_encoding *encoding)
{
}

int wick_tokenize(const wick_tokenizer *tokenizer, const char *text, size_t text_bytes,
                  const wick_tokenize_options *options, wick_encoding *out, wick_error *error)
{
    return absent(error);
}

const char *wick_tokenizer_token(const wick_tokenizer *tokenizer, int32_t id)
{
    return NULL;
}

size_t wick_tokenizer_vocab_size(const wick_tokenizer *tokenizer)
{
    return 0;
}

bool wick_tokenizer_is_special(const wick_tokenizer *tokenizer, int32_t id)
{
    return false;
}

int wick_model_open(const char *name, const wick_model_options *options, wick_model **out, wick_error *error)
{
    if (out)
        *out = NULL;
    return absent(error);
}

void wick_model_close(wick_model *model)
{
}

int wick_model_get_info(const wick_model *model, wick_model_info *info)
{
    return WICK_E_UNAVAILABLE;
}

const wick_tokenizer *wick_model_tokenizer(const wick_model *model)
{
    return NULL;
}

int wick_embed(wick_model *model, const char *const *texts, const size_t *text_bytes, size_t n_texts,
               const wick_embed_options *options, float *out, wick_usage *usage, wick_error *error)
{
    return absent(error);
}

int wick_rerank(wick_model *model, const char *query, size_t query_bytes, const char *const *texts,
                const size_t *text_bytes, size_t n_texts, const wick_score_options *options, float *scores,
                wick_usage *usage, wick_error *error)
{
    return absent(error);
}

int wick_classify(wick_model *model, const char *const *texts, const size_t *text_bytes, const char *const *seconds,
                  const size_t *second_bytes, size_t n_texts, const wick_score_options *options, float *scores,
                  wick_usage *usage, wick_error *error)
{
    return absent(error);
}

int wick_embed_tokens(wick_model *model, const char *const *texts, const size_t *text_bytes, size_t n_texts,
                      const wick_embed_options *options, wick_rows_response *response, wick_error *error)
{
    return absent(error);
}

int wick_embed_sparse(wick_model *model, const char *const *texts, const size_t *text_bytes, size_t n_texts,
                      const wick_embed_options *options, wick_rows_response *response, wick_error *error)
{
    return absent(error);
}

void wick_pair_encoder_clear(wick_pair_encoder *encoder)
{
}

int wick_pair_encode(wick_pair_encoder *encoder, const wick_tokenizer *tokenizer, const char *first, size_t first_bytes,
                     const char *second, size_t second_bytes, size_t max_tokens, uint8_t truncate_side,
                     wick_error *error)
{
    return absent(error);
}

int wick_measure_peak(const wick_model_options *options, double *gflops, wick_error *error)
{
    return absent(error);
}

int wick_model_pack(const char *name, const wick_pack_options *options, wick_pack_writer **out, wick_error *error)
{
    *out = NULL;
    return absent(error);
}

int wick_model_health_check(wick_model *model, wick_error *error)
{
    return absent(error);
}
