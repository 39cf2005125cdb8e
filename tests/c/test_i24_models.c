/* SPDX-License-Identifier: Apache-2.0
 * Whole models in f32 where the layers multiply 24-bit integers (kernels.h: has_i24), of sizes that fill no step of digits and no panel, with random weights: as near to double precision as the
 * other tiers; the same bits from a packed file, in any batch, on any number of threads; weights that are no numbers are not lost; layers that are too wide stay in f32. */
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
#include "support_pack.h"
#include "support_random_model.h"

#define VOCABULARY 61
#define MAX_TOKENS 150
#define MAX_DIFFERENCE 1e-5 /* of the largest value of a vector, from double precision */

/* Skips the tiers whose layers stay in f32. */
static const char *tier_with_i24(void **state)
{
    if (!support_kernels(state)->has_i24)
        skip();
    return *state;
}

/* ---- models -------------------------------------------------------------------------------------------------------- */

/* As BERT. */
static wick_encoder after(size_t hidden, size_t inner, size_t n_heads)
{
    wick_encoder e;
    wick_encoder_set_plain(&e);
    e.n_layers = 2;
    e.hidden_size = hidden;
    e.intermediate_size = inner;
    e.vocab_size = VOCABULARY;
    e.n_heads = n_heads;
    e.norm_eps = 1e-6;
    e.max_positions = MAX_TOKENS;
    return e;
}

/* As Qwen3 (BEFORE) and Gemma 3 (AROUND): gated, heads that share their keys, queries of another width than the stream. */
static wick_encoder gated(size_t hidden, size_t inner, size_t head_dim, wick_norm_place place,
                          wick_activation activation)
{
    wick_encoder e = after(hidden, inner, 6);
    e.n_kv_heads = 2;
    e.head_dim = head_dim;
    e.max_positions = 0;
    e.has_qkv_bias = e.has_attention_output_bias = e.has_up_bias = e.has_down_bias = e.has_norm_bias = false;
    e.position = WICK_POSITION_ROTARY;
    e.rope_theta = 1e6;
    e.norm_kind = place == WICK_NORM_AROUND ? WICK_NORM_RMS_PLUS_ONE : WICK_NORM_RMS;
    e.norm_place = place;
    e.has_embedding_norm = false;
    e.has_final_norm = e.has_qk_norm = e.causal = e.is_gated = true;
    e.activation = activation;
    return e;
}

#define N_MODELS 10
#define WIDE 4096 /* rows of digits whose bytes are a multiple of 4 KiB: they stand further apart */

static wick_encoder describe(size_t i)
{
    switch (i) {
    case 0:
        return after(30, 37, 3);
    case 1:
        return after(65, 1, 5);
    case 2:
        return after(100, 301, 4);
    case 3:
        return after(192, 250, 3);
    case 4:
        return after(24, WIDE, 2);
    case 5:
        return gated(70, 45, 20, WICK_NORM_BEFORE, WICK_ACT_SILU);
    case 6:
        return gated(44, 131, 24, WICK_NORM_AROUND, WICK_ACT_GELU_TANH);
    case 7:
        return gated(129, 67, 6, WICK_NORM_BEFORE, WICK_ACT_GELU);
    case 8:
        return gated(36, 33, 22, WICK_NORM_AFTER, WICK_ACT_RELU);
    default:
        return gated(9, WIDE, 2, WICK_NORM_BEFORE, WICK_ACT_SILU);
    }
}

static void scale(const wick_linear *linear)
{
    float *weights = (float *)(uintptr_t)linear->weight.data;
    const size_t n = linear->weight.size_bytes / sizeof(float), in = linear->weight.shape[1];
    for (size_t i = 0; i < n; i++)
        weights[i] *= 5.0f / sqrtf((float)in); /* 0.2 before */
}

/* Weights of 1 / sqrt(inputs), as trained models begin: larger ones make attention so steep that no f32 computes it well. */
static void make(support_random_model *model, wick_encoder e, uint64_t seed)
{
    wick_encoder_derive(&e);
    support_random_model_make(model, &e, MAX_TOKENS, seed);
    for (size_t i = 0; i < e.n_layers; i++) {
        wick_encoder_layer *l = &model->layers[i];
        const wick_linear *const all[] = {&l->query, &l->key, &l->value, &l->attention_output, &l->up, &l->down};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            scale(all[k]);
        if (e.is_gated)
            scale(&l->gate);
    }
}

/* Texts of 1 to MAX_TOKENS tokens. */
static support_sequences random_texts(size_t dimension, size_t n, uint64_t seed)
{
    support_random random = {seed};
    support_sequences s = support_sequences_new(n, n * MAX_TOKENS, dimension);
    for (size_t i = 0; i < n; i++) {
        const size_t most = i % 3 == 0 ? MAX_TOKENS : i % 3 == 1 ? 40 : 17;
        s.offsets[i + 1] = s.offsets[i] + 1 + (uint32_t)support_random_below(&random, most);
    }
    for (size_t j = 0; j < s.offsets[n]; j++)
        s.ids[j] = (int32_t)support_random_below(&random, VOCABULARY);
    return s;
}

/* The vectors of all tokens, [n_tokens, dimension]; free them. */
static float *tokens_of(const wick_model_files *files, const support_sequences *s, const char *tier, unsigned n_threads)
{
    const size_t n = s->offsets[s->n];
    float *rows = calloc(n * s->dimension, sizeof *rows);
    wick_error error = {0};
    support_backend b;
    assert_non_null(rows);
    support_backend_open(&b, files, tier, "f32", n_threads);
    const wick_packed_batch batch = {.n_sequences = s->n, .n_tokens = n, .ids = s->ids, .offsets = s->offsets};
    const wick_output_target target = {.kind = WICK_OUTPUT_TOKENS, .rows = rows};
    if (wick_backend_cpu.encode(b.backend, &batch, &target, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    support_backend_close(&b);
    return rows;
}

static double *reference_of(const support_random_model *model, const support_sequences *s)
{
    double *rows = calloc(s->offsets[s->n] * s->dimension, sizeof *rows);
    assert_non_null(rows);
    for (size_t i = 0; i < s->n; i++)
        support_reference_forward(model, s->ids + s->offsets[i], s->offsets[i + 1] - s->offsets[i],
                                  rows + s->offsets[i] * s->dimension);
    return rows;
}

static void check_near(const char *what, const float *got, const double *want, size_t n, size_t dimension)
{
    for (size_t i = 0; i < n; i++) {
        double largest = 0, difference = 0;
        for (size_t j = 0; j < dimension; j++) {
            const double x = want[i * dimension + j], d = fabs(got[i * dimension + j] - x);
            largest = fabs(x) > largest ? fabs(x) : largest;
            difference = d > difference || d != d ? d : difference;
        }
        if (!(difference <= MAX_DIFFERENCE * largest))
            fail_msg("%s: token %zu is off by %g, its largest value is %g", what, i, difference, largest);
    }
}

/* ---- near, and packed ----------------------------------------------------------------------------------- */

/* The model as it is found in a packed file of f32. */
typedef struct packed {
    wick_model_files files;
    uint8_t *bytes;
    wick_pack *pack;
} packed;

static packed pack(const support_random_model *model, const char *tier)
{
    packed p = {.files = model->files};
    wick_error error = {0};
    wick_pool *pool = NULL;
    size_t n;
    setenv("WICK_CPU", tier, 1);
    wick_pack_writer *writer = wick_pack_writer_new();
    assert_non_null(writer);
    assert_int_equal(wick_pool_new(2, &pool, &error), WICK_OK);
    const wick_backend_options options = {.pool = pool, .dtype = "f32"};
    if (wick_backend_cpu.pack(&model->files, &options, writer, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    p.bytes = support_pack_finish(writer, &n);
    wick_pool_free(pool);
    if (wick_pack_open_memory(p.bytes, n, "memory", &p.pack, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    p.files.pack = p.pack;
    p.files.packed_dtype = "f32";
    return p;
}

static void packed_free(packed *p)
{
    wick_pack_close(p->pack);
    free(p->bytes);
}

static void check_model(size_t i, const char *tier)
{
    support_random_model model;
    char what[64];
    snprintf(what, sizeof what, "model %zu, %s", i, tier);
    make(&model, describe(i), 80 + i);
    support_sequences s = random_texts(model.files.dimension, 9, 90 + i);
    const size_t n = s.offsets[s.n], n_bytes = n * s.dimension * sizeof(float);
    double *want = reference_of(&model, &s);
    float *got = tokens_of(&model.files, &s, tier, 2);
    check_near(what, got, want, n, s.dimension);
    packed p = pack(&model, i % 2 ? tier : "generic"); /* what packed it leaves no trace */
    for (unsigned n_threads = 1; n_threads <= 3; n_threads += 2) {
        float *from_file = tokens_of(&p.files, &s, tier, n_threads);
        if (memcmp(from_file, got, n_bytes) != 0)
            fail_msg("%s: other bits from a packed file, on %u threads", what, n_threads);
        free(from_file);
    }
    packed_free(&p);
    free(want);
    free(got);
    support_sequences_free(&s);
    support_random_model_free(&model);
}

static void odd_sizes_are_near_and_packed_alike(void **state)
{
    support_kernels(state); /* skips where the machine lacks it */
    for (size_t i = 0; i < N_MODELS; i++)
        check_model(i, *state);
}

/* ---- the same bits however batched --------------------------------------------------------------------------------- */

static void same_bits_on_any_threads(void **state)
{
    const char *const tier = tier_with_i24(state);
    for (size_t i = 0; i < N_MODELS; i++) {
        support_random_model model;
        support_backend b;
        make(&model, describe(i), 80 + i);
        support_sequences s = random_texts(model.files.dimension, 23, 70 + i);
        support_backend_open(&b, &model.files, tier, "f32", 1);
        for (size_t k = 0; k < s.n; k++)
            support_backend_run(&b, &s, k, 1);
        support_backend_close(&b);
        for (unsigned n_threads = 1; n_threads <= 8; n_threads++) {
            char label[64];
            snprintf(label, sizeof label, "model %zu, %u threads", i, n_threads);
            support_backend_open(&b, &model.files, tier, "f32", n_threads);
            support_same_in_batches(&b, &s, label);
            support_backend_close(&b);
        }
        support_sequences_free(&s);
        support_random_model_free(&model);
    }
}

/* So many short texts (plan.c: the most of a round, 8 chunks of WICK_ALONE_ROWS) that the second thread takes all rows it has memory for: rows of digits that stand further apart than they are long must have room, too. */
static void all_rows_are_taken(void **state)
{
    const char *const tier = tier_with_i24(state);
    support_random_model model;
    make(&model, describe(4), 5);
    model.files.max_tokens = 20; /* less than there are rows for */
    support_sequences s = random_texts(model.files.dimension, 1024, 6);
    for (size_t i = 0; i < s.n; i++)
        s.offsets[i + 1] = s.offsets[i] + 1;
    for (unsigned n_threads = 1; n_threads <= 2; n_threads++) {
        support_backend b;
        support_backend_open(&b, &model.files, tier, "f32", n_threads);
        for (size_t k = 0; k < s.n && n_threads == 1; k++)
            support_backend_run(&b, &s, k, 1);
        support_same_in_batches(&b, &s, "many short texts");
        support_backend_close(&b);
    }
    support_sequences_free(&s);
    support_random_model_free(&model);
}

/* ---- weights that are no numbers ----------------------------------------------------------------------------------- */

static bool all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

/* Every text must show it; so it does in f32. */
static void check_shown(const wick_model_files *files, const char *tier, const char *what, float value)
{
    support_backend b;
    support_sequences s = random_texts(files->dimension, 5, 99);
    support_backend_open(&b, files, tier, "f32", 2);
    support_backend_run(&b, &s, 0, s.n);
    support_backend_close(&b);
    for (size_t i = 0; i < s.n; i++)
        if (all_finite(s.vectors + i * s.dimension, s.dimension))
            fail_msg("%s, %s = %g: the vector of text %zu is finite", tier, what, (double)value, i);
    support_sequences_free(&s);
}

/* In the first and the last weight of the layer. */
static void check_spoiled(support_random_model *model, const wick_linear *linear, const char *tier, const char *what)
{
    static const float values[] = {NAN, INFINITY, -INFINITY};
    float *weights = (float *)(uintptr_t)linear->weight.data;
    const size_t n = linear->weight.size_bytes / sizeof(float);
    for (size_t v = 0; v < 6; v++) {
        float *spoiled = weights + (v < 3 ? 0 : n - 1), kept = *spoiled;
        *spoiled = values[v % 3];
        check_shown(&model->files, tier, what, *spoiled);
        if (v % 3 == 1) {
            packed p = pack(model, tier);
            check_shown(&p.files, tier, what, *spoiled);
            packed_free(&p);
        }
        *spoiled = kept;
    }
}

static void weights_that_are_no_numbers_show(void **state)
{
    const char *const tier = tier_with_i24(state);
    for (size_t i = 0; i < N_MODELS; i += 7) {
        support_random_model model;
        make(&model, describe(i), 80 + i);
        wick_encoder_layer *layer = &model.layers[0];
        check_spoiled(&model, &layer->query, tier, "query");
        check_spoiled(&model, &layer->key, tier, "key");
        check_spoiled(&model, &layer->value, tier, "value");
        check_spoiled(&model, &layer->attention_output, tier, "attention_output");
        check_spoiled(&model, &layer->up, tier, "up");
        if (model.files.encoder.is_gated)
            check_spoiled(&model, &layer->gate, tier, "gate");
        check_spoiled(&model, &model.layers[1].down, tier, "down");
        support_random_model_free(&model);
    }
}

/* ---- limits -------------------------------------------------------------------------------------------------------- */

/* The widest layer whose sums have room, and one that is wider, which stays in f32. */
static void the_widest_layers(void **state)
{
    const char *const tier = tier_with_i24(state);
    for (size_t inner = WICK_I24_LARGEST_K; inner <= WICK_I24_LARGEST_K + 1; inner++) {
        support_random_model model;
        wick_encoder e = after(4, inner, 2);
        e.n_layers = 1;
        make(&model, e, 7);
        support_sequences s = random_texts(4, 3, 8);
        double *want = reference_of(&model, &s);
        float *got = tokens_of(&model.files, &s, tier, 2);
        check_near(inner == WICK_I24_LARGEST_K ? "widest" : "wider", got, want, s.offsets[s.n], 4);
        float *in_f32 = tokens_of(&model.files, &s, "avx512", 2); /* whose other kernels are the same */
        const bool same = memcmp(in_f32, got, s.offsets[s.n] * 4 * sizeof *got) == 0;
        assert_true(same == (inner > WICK_I24_LARGEST_K));
        free(in_f32);
        packed p = pack(&model, tier);
        float *from_file = tokens_of(&p.files, &s, tier, 2);
        assert_memory_equal(from_file, got, s.offsets[s.n] * 4 * sizeof *got);
        packed_free(&p);
        free(from_file);
        free(want);
        free(got);
        support_sequences_free(&s);
        support_random_model_free(&model);
    }
}

/* It is how f32 is computed, and nothing to ask for. */
static void no_dtype_is_called_so(void **state)
{
    support_random_model model;
    wick_error error = {0};
    wick_pool *pool = NULL;
    wick_backend *backend = NULL;
    (void)state;
    make(&model, describe(0), 1);
    assert_int_equal(wick_pool_new(1, &pool, &error), WICK_OK);
    const wick_backend_options options = {.pool = pool, .dtype = "i24"};
    assert_int_equal(wick_backend_cpu.open(&model.files, &options, &backend, &error), WICK_E_UNSUPPORTED);
    assert_non_null(strstr(error.message, "i24"));
    wick_pool_free(pool);
    support_random_model_free(&model);
}

int main(void)
{
    static const struct CMUnitTest each[] = {
        cmocka_unit_test(odd_sizes_are_near_and_packed_alike),
        cmocka_unit_test(same_bits_on_any_threads),
        cmocka_unit_test(weights_that_are_no_numbers_show),
        cmocka_unit_test(the_widest_layers),
        cmocka_unit_test(all_rows_are_taken),
    };
    static const char *const tiers[] = {"generic", "avx2", "avx512", "amx",
                                        "neon"}; /* the others have one of these in f32 */
    enum { N_EACH = sizeof each / sizeof *each, N = N_EACH * sizeof tiers / sizeof *tiers };
    static char names[N][64];
    struct CMUnitTest tests[N + 1];
    for (size_t i = 0; i < N; i++)
        support_tier_test(&tests[i], &each[i % N_EACH], tiers[i / N_EACH], names[i]);
    tests[N] = (struct CMUnitTest)cmocka_unit_test(no_dtype_is_called_so);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
