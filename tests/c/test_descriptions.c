/* SPDX-License-Identifier: Apache-2.0
 * Tests of the CPU backend on descriptions that mix what the families have, with random weights and sizes that no kernel likes, against the formulas in double precision: every token of
 * short and long texts, on every tier, in every dtype. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_encoder.h"
#include "support_random_model.h"

#define VOCABULARY 97
#define N_SEQUENCES 8
#define MAX_TOKENS 300
#define MAX_HIDDEN 1024
static const size_t lengths[N_SEQUENCES] = {1, 2, 13, 47, 48, 61, 130, MAX_TOKENS};

/* ---- descriptions -------------------------------------------------------------------------------------------------- */

static wick_encoder sized(size_t hidden, size_t inner, size_t n_heads, size_t n_kv_heads, size_t head_dim)
{
    wick_encoder e;
    wick_encoder_set_plain(&e);
    e.n_layers = 3;
    e.hidden_size = hidden;
    e.intermediate_size = inner;
    e.vocab_size = VOCABULARY;
    e.n_heads = n_heads;
    e.n_kv_heads = n_kv_heads;
    e.head_dim = head_dim;
    e.norm_eps = 1e-6;
    return e;
}

static void without_biases(wick_encoder *e)
{
    e->has_qkv_bias = e->has_attention_output_bias = e->has_up_bias = e->has_down_bias = e->has_norm_bias = false;
}

static void rotary(wick_encoder *e, double theta, double theta_local)
{
    e->position = WICK_POSITION_ROTARY;
    e->rope_theta = theta;
    e->rope_theta_local = theta_local;
}

/* As ModernBERT, with an inner size that is no multiple of anything. */
static wick_encoder windows(void)
{
    wick_encoder e = sized(36, 45, 3, 3, 20);
    without_biases(&e);
    rotary(&e, 160000, 10000);
    e.norm_place = WICK_NORM_BEFORE;
    e.lacks_first_norm = e.has_final_norm = e.is_gated = true;
    e.has_window[1] = e.has_window[2] = true;
    e.window = 9;
    return e;
}

/* As Qwen3. */
static wick_encoder causal(void)
{
    wick_encoder e = sized(40, 70, 6, 2, 34);
    without_biases(&e);
    rotary(&e, 1e6, 0);
    e.norm_kind = WICK_NORM_RMS;
    e.norm_place = WICK_NORM_BEFORE;
    e.has_embedding_norm = false;
    e.has_final_norm = e.has_qk_norm = e.causal = e.is_gated = true;
    e.activation = WICK_ACT_SILU;
    return e;
}

/* As Gemma 3, and causal too. */
static wick_encoder around(void)
{
    wick_encoder e = sized(44, 33, 4, 1, 24);
    without_biases(&e);
    rotary(&e, 1e6, 10000);
    e.norm_kind = WICK_NORM_RMS_PLUS_ONE;
    e.norm_place = WICK_NORM_AROUND;
    e.has_embedding_norm = false;
    e.has_final_norm = e.has_qk_norm = e.causal = e.is_gated = true;
    e.activation = WICK_ACT_GELU_TANH;
    e.embedding_scale = sqrtf(44);
    e.score_scale = 0.3;
    e.has_window[0] = e.has_window[2] = true;
    e.window = 50;
    return e;
}

/* As JinaBERT v2, with heads of odd width and numbers. */
static wick_encoder slopes(void)
{
    wick_encoder e = sized(42, 31, 6, 6, 7);
    e.position = WICK_POSITION_ALIBI;
    e.type_vocab_size = 2;
    e.is_gated = true;
    e.activation = WICK_ACT_RELU;
    return e;
}

/* As MPNet. */
static wick_encoder buckets(void)
{
    wick_encoder e = sized(25, 50, 5, 5, 5);
    e.position = WICK_POSITION_RELATIVE;
    e.n_buckets = 32;
    e.max_positions = MAX_TOKENS + 2;
    e.position_first = 2;
    e.padding_id = 1;
    e.activation = WICK_ACT_TANH;
    return e;
}

/* No positions at all; each token of one layer sees itself alone. */
static wick_encoder alone(void)
{
    wick_encoder e = sized(33, 64, 2, 1, 64);
    e.position = WICK_POSITION_NONE;
    e.norm_place = WICK_NORM_BEFORE;
    e.has_embedding_norm = false;
    e.has_final_norm = true;
    e.activation = WICK_ACT_SILU;
    e.has_window[1] = true;
    return e;
}

/* BERT's, with shared key heads and a window that only the longest texts notice. */
static wick_encoder behind(void)
{
    wick_encoder e = sized(64, 128, 4, 2, 16);
    e.max_positions = MAX_TOKENS;
    e.type_vocab_size = 2;
    e.activation = WICK_ACT_GELU_TANH;
    e.has_window[0] = true;
    e.window = 129;
    return e;
}

/* Heads and an MLP whose rows are a multiple of 4 KiB, so that activations stand further apart than they are wide. */
static wick_encoder wide(void)
{
    wick_encoder e = sized(24, 1024, 8, 4, 128);
    without_biases(&e);
    rotary(&e, 1e4, 0);
    e.norm_kind = WICK_NORM_RMS;
    e.norm_place = WICK_NORM_BEFORE;
    e.has_embedding_norm = false;
    e.has_final_norm = e.has_qk_norm = e.is_gated = true;
    e.activation = WICK_ACT_SILU;
    return e;
}

/* The same with BERT's MLP and place of the norms. */
static wick_encoder wide_bert(void)
{
    wick_encoder e = sized(24, 1024, 16, 8, 64);
    e.max_positions = MAX_TOKENS;
    return e;
}

/* A residual stream of such rows, normed before the steps and behind them. Queries and keys are normed, for those of random weights are so large in sums of 1024 products that nothing computes
 * them to 1e-4. */
static wick_encoder wide_stream(void)
{
    wick_encoder e = sized(MAX_HIDDEN, 20, 2, 1, 8);
    without_biases(&e);
    rotary(&e, 1e4, 0);
    e.norm_kind = WICK_NORM_RMS;
    e.norm_place = WICK_NORM_AROUND;
    e.has_final_norm = e.has_qk_norm = e.is_gated = true;
    e.activation = WICK_ACT_SILU;
    return e;
}

static const struct {
    const char *name;
    wick_encoder (*make)(void);
} descriptions[] = {{"windows", windows},        {"causal", causal},   {"around", around},
                    {"slopes", slopes},          {"buckets", buckets}, {"alone", alone},
                    {"behind", behind},          {"wide", wide},       {"wide-bert", wide_bert},
                    {"wide-stream", wide_stream}};
#define N_DESCRIPTIONS (sizeof descriptions / sizeof *descriptions)

/* ---- comparing ------------------------------------------------------------------------------------------------------ */

/* Each token is a row of vectors. */
static void run_tokens(support_backend *b, const support_sequences *s, float *rows)
{
    wick_error error = {0};
    const wick_packed_batch batch = {
        .n_sequences = s->n, .n_tokens = s->offsets[s->n], .ids = s->ids, .offsets = s->offsets};
    const wick_output_target target = {.kind = WICK_OUTPUT_TOKENS, .rows = rows};
    if (wick_backend_cpu.encode(b->backend, &batch, &target, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
}

static support_sequences random_texts(support_random *random, size_t dimension)
{
    size_t n = 0;
    for (size_t i = 0; i < N_SEQUENCES; i++)
        n += lengths[i];
    support_sequences s = support_sequences_new(N_SEQUENCES, n, dimension);
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        s.offsets[i + 1] = s.offsets[i] + (uint32_t)lengths[i];
        for (size_t j = s.offsets[i]; j < s.offsets[i + 1]; j++) /* a padding token now and then */
            s.ids[j] = j % 5 == 3 ? 1 : (int32_t)support_random_below(random, VOCABULARY);
    }
    return s;
}

static double tokens_cosine(const support_sequences *s, const double *expected, const float *rows, double *largest)
{
    double least = 1;
    float exact[MAX_HIDDEN];
    *largest = 0;
    assert_true(s->dimension <= MAX_HIDDEN);
    for (size_t i = 0; i < s->offsets[s->n]; i++) {
        double difference;
        for (size_t j = 0; j < s->dimension; j++)
            exact[j] = (float)expected[i * s->dimension + j];
        const double cosine = support_cosine(rows + i * s->dimension, exact, s->dimension, &difference);
        least = cosine < least || cosine != cosine ? cosine : least;
        *largest = difference > *largest || difference != difference ? difference : *largest;
    }
    return least;
}

static void check(const support_random_model *model, const support_sequences *s, const double *expected,
                  const char *name, const char *tier)
{
    static const struct {
        const char *name;
        double least;
    } dtypes[] = {{"f32", 0.999999}, {"bf16", 0.998}, {"int8", 0.98}};
    float *rows = calloc(s->offsets[s->n] * s->dimension, sizeof *rows);
    assert_non_null(rows);
    for (size_t d = 0; d < 3; d++) {
        double largest;
        support_backend b;
        support_backend_open(&b, &model->files, tier, dtypes[d].name, 1 + (unsigned)d);
        run_tokens(&b, s, rows);
        support_backend_close(&b);
        const double least = tokens_cosine(s, expected, rows, &largest);
        print_message("%-8s %-12s %-5s least cosine of a token %.7f, largest difference %.2g\n", name, tier,
                      dtypes[d].name, least, largest);
        if (!(least >= dtypes[d].least) || (d == 0 && !(largest <= 1e-4)))
            fail_msg("%s, %s, %s: least cosine %.7f, largest difference %g", name, tier, dtypes[d].name, least,
                     largest);
    }
    free(rows);
}

static void tokens_are_near(void **state)
{
    const char *const tier = *state;
    support_kernels(state); /* skips where the machine lacks it */
    for (size_t i = 0; i < N_DESCRIPTIONS; i++) {
        support_random_model model;
        wick_encoder e = descriptions[i].make();
        wick_encoder_derive(&e);
        support_random_model_make(&model, &e, MAX_TOKENS, 50 + i);
        support_sequences s = random_texts(&model.random, e.hidden_size);
        double *expected = calloc(s.offsets[s.n] * e.hidden_size, sizeof *expected);
        assert_non_null(expected);
        for (size_t k = 0; k < s.n; k++)
            support_reference_forward(&model, s.ids + s.offsets[k], lengths[k],
                                      expected + s.offsets[k] * e.hidden_size);
        check(&model, &s, expected, descriptions[i].name, tier);
        free(expected);
        support_sequences_free(&s);
        support_random_model_free(&model);
    }
}

/* ---- long texts ---------------------------------------------------------------------------------------------------- */

/* A model that takes long texts has memory for short ones until a long one comes; then the same bits as ever, alone and among others, on one thread and on several. */
static void long_texts_come_late(void **state)
{
    static const size_t long_lengths[] = {5, 600, 40, 2200, 1030, 7};
    enum { N = sizeof long_lengths / sizeof *long_lengths, MOST = 2300 };
    support_random_model model;
    wick_encoder e = around();
    (void)state;
    e.n_layers = 2;
    wick_encoder_derive(&e);
    support_random_model_make(&model, &e, MOST, 77);
    size_t n = 0;
    for (size_t i = 0; i < N; i++)
        n += long_lengths[i];
    support_sequences s = support_sequences_new(N, n, e.hidden_size);
    for (size_t i = 0; i < N; i++)
        s.offsets[i + 1] = s.offsets[i] + (uint32_t)long_lengths[i];
    for (size_t j = 0; j < n; j++)
        s.ids[j] = (int32_t)support_random_below(&model.random, VOCABULARY);
    static const char *const dtypes[] = {"f32", "bf16", "int8"};
    for (size_t d = 0; d < 3; d++) {
        support_backend b;
        support_backend_open(&b, &model.files, NULL, dtypes[d], 1);
        for (size_t i = 0; i < N; i++)
            support_backend_run(&b, &s, i, 1);
        support_backend_close(&b);
        support_backend_open(&b, &model.files, NULL, dtypes[d], 3);
        support_same_in_batches(&b, &s, dtypes[d]);
        support_backend_close(&b);
    }
    for (size_t j = 0; j < N * e.hidden_size; j++)
        assert_true(isfinite(s.vectors[j]));
    support_sequences_free(&s);
    support_random_model_free(&model);
}

int main(void)
{
    static const struct CMUnitTest each = cmocka_unit_test(tokens_are_near);
    static const struct CMUnitTest once = cmocka_unit_test(long_texts_come_late);
    return support_tiers_run(&each, 1, &once, 1);
}
