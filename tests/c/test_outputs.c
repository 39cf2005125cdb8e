/* SPDX-License-Identifier: Apache-2.0
 * test_outputs.c: wick_rerank, wick_classify, wick_embed_tokens and wick_embed_sparse (wick.h) against what sentence-transformers gives (tests/fixtures/heads); the same of many
 * texts as of one; and the errors of calls that the model is not for. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "provider/outputs.h"
#include "support_files.h"

#define HEADS WICK_FIXTURES "/heads"
#define MAX_TEXTS 16

typedef struct opened {
    wick_json *golden;
    wick_model *model;
    wick_model_info info;
    size_t n;
    const char *texts[MAX_TEXTS], *seconds[MAX_TEXTS];
    size_t text_bytes[MAX_TEXTS], second_bytes[MAX_TEXTS];
} opened;

static wick_model *open_only(const char *folder)
{
    wick_model *model = NULL;
    wick_error error = {0};
    wick_model_options options;
    wick_model_options_init(&options);
    options.n_threads = 2;
    if (wick_model_open(folder, &options, &model, &error) != WICK_OK)
        fail_msg("%s: %s (%s)", folder, error.message, error.where);
    return model;
}

static void open_model(opened *o, const char *name)
{
    char folder[SUPPORT_PATH_BYTES], path[SUPPORT_PATH_BYTES];
    wick_error error = {0};
    *o = (opened){.info = {.size = sizeof o->info}};
    support_path(HEADS, name, folder);
    support_path(folder, "golden.json", path);
    if (wick_json_read(path, (size_t)1 << 22, &o->golden, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    o->model = open_only(folder);
    assert_int_equal(wick_model_get_info(o->model, &o->info), WICK_OK);
    const wick_json *pairs = wick_json_get(o->golden, "pairs"), *texts = wick_json_get(o->golden, "texts");
    o->n = wick_json_count(pairs ? pairs : texts);
    assert_in_range(o->n, 1, MAX_TEXTS);
    for (size_t i = 0; i < o->n; i++) {
        o->texts[i] = wick_json_string(pairs ? wick_json_at(wick_json_at(pairs, i), 0) : wick_json_at(texts, i),
                                       &o->text_bytes[i]);
        o->seconds[i] = wick_json_string(wick_json_at(wick_json_at(pairs, i), 1), &o->second_bytes[i]);
        assert_true(o->texts[i] && !pairs == !o->seconds[i]);
    }
}

static void close_model(opened *o)
{
    wick_model_close(o->model);
    wick_json_free(o->golden);
}

static const wick_json *row_of(const opened *o, const char *key, size_t i)
{
    return wick_json_at(wick_json_get(o->golden, key), i);
}

static double number_at(const wick_json *list, size_t i)
{
    double value = NAN;
    assert_true(wick_json_number(wick_json_at(list, i), &value));
    return value;
}

static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-4))
        fail_msg("%g, expected %g", value, expected);
}

/* ---- scores -------------------------------------------------------------------------------------------------------- */

static void test_rerank_gives_what_predict_gives(void **state)
{
    static const char *const names[] = {"rerank-bert",        "rerank-distilbert", "rerank-roberta",
                                        "rerank-xlm-roberta", "rerank-modernbert", "rerank-modernbert-cls"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        opened o;
        open_model(&o, names[k]);
        assert_string_equal(o.info.kind, "reranker");
        assert_true(o.info.n_labels == 1 && o.info.dimension == 0 && o.info.token_dimension == 0);
        for (size_t i = 0; i < o.n; i++) {
            float score = NAN;
            assert_int_equal(wick_rerank(o.model, o.texts[i], o.text_bytes[i], &o.seconds[i], &o.second_bytes[i], 1,
                                         NULL, &score, NULL, NULL),
                             WICK_OK);
            assert_near(score, number_at(row_of(&o, "scores", i), 0));
        }
        close_model(&o);
    }
}

/* The pair's tokens, cut to 40, and no more. */
static void test_usage_counts_pairs(void **state)
{
    opened o;
    open_model(&o, "rerank-bert");
    float scores[MAX_TEXTS];
    wick_usage usage = {0};
    size_t expected = 0;
    for (size_t i = 0; i < o.n; i++)
        expected += wick_json_count(row_of(&o, "ids", i));
    assert_int_equal(
        wick_classify(o.model, o.texts, o.text_bytes, o.seconds, o.second_bytes, o.n, NULL, scores, &usage, NULL),
        WICK_OK);
    assert_int_equal(usage.total_tokens, expected);
    close_model(&o);
}

static void test_kinds_of_scores(void **state)
{
    static const char *const names[] = {"rerank-bert", "classify-bert"};
    for (size_t k = 0; k < 2; k++) {
        opened o;
        open_model(&o, names[k]);
        const size_t n_labels = o.info.n_labels;
        float scores[3][MAX_TEXTS * 3];
        for (uint8_t kind = 0; kind < 3; kind++) {
            wick_score_options options;
            wick_score_options_init(&options);
            options.scores = kind;
            assert_int_equal(wick_classify(o.model, o.texts, o.text_bytes, o.seconds, o.second_bytes, o.n, &options,
                                           scores[kind], NULL, NULL),
                             WICK_OK);
        }
        for (size_t i = 0; i < o.n; i++) {
            double sum = 0;
            for (size_t j = 0; j < n_labels; j++)
                sum += exp(number_at(row_of(&o, "logits", i), j));
            for (size_t j = 0; j < n_labels; j++) {
                const double logit = number_at(row_of(&o, "logits", i), j);
                assert_near(scores[WICK_SCORES_RAW][i * n_labels + j], logit);
                assert_near(scores[WICK_SCORES_MODEL][i * n_labels + j], number_at(row_of(&o, "scores", i), j));
                assert_near(scores[WICK_SCORES_PROBABILITIES][i * n_labels + j],
                            n_labels == 1 ? 1 / (1 + exp(-logit)) : exp(logit) / sum);
            }
        }
        close_model(&o);
    }
}

/* More than a block of pairs, most of them the same: each has the bits that it has alone. */
static void test_many_pairs(void **state)
{
    enum { N = 2500 };
    opened o;
    open_model(&o, "rerank-bert");
    const char **texts = calloc(N, sizeof *texts), **seconds = calloc(N, sizeof *seconds);
    size_t *text_bytes = calloc(N, sizeof *text_bytes), *second_bytes = calloc(N, sizeof *second_bytes);
    float *scores = calloc(N, sizeof *scores), expected[MAX_TEXTS];
    assert_true(texts && seconds && text_bytes && second_bytes && scores);
    for (size_t i = 0; i < o.n; i++)
        assert_int_equal(wick_classify(o.model, &o.texts[i], &o.text_bytes[i], &o.seconds[i], &o.second_bytes[i], 1,
                                       NULL, &expected[i], NULL, NULL),
                         WICK_OK);
    for (size_t i = 0; i < N; i++) {
        texts[i] = o.texts[i % o.n];
        text_bytes[i] = o.text_bytes[i % o.n];
        seconds[i] = o.seconds[i % o.n];
        second_bytes[i] = o.second_bytes[i % o.n];
    }
    assert_int_equal(wick_classify(o.model, texts, text_bytes, seconds, second_bytes, N, NULL, scores, NULL, NULL),
                     WICK_OK);
    for (size_t i = 0; i < N; i++)
        assert_memory_equal(&scores[i], &expected[i % o.n], sizeof *scores);
    free(texts);
    free(seconds);
    free(text_bytes);
    free(second_bytes);
    free(scores);
    close_model(&o);
}

/* A text alone, a pair with an empty text, and a pair are three things. */
static void test_texts_and_pairs_together(void **state)
{
    static const char *const texts[] = {"the ferry", "the ferry", "the ferry", "the ferry"}, *const seconds[] = {
                                                                                                 NULL, "",
                                                                                                 "the harbour", NULL};
    opened o;
    open_model(&o, "classify-bert");
    float together[12], alone[3];
    assert_int_equal(wick_classify(o.model, texts, NULL, seconds, NULL, 4, NULL, together, NULL, NULL), WICK_OK);
    assert_memory_equal(together, together + 9, 3 * sizeof *together);
    assert_memory_not_equal(together, together + 3, 3 * sizeof *together);
    assert_memory_not_equal(together + 3, together + 6, 3 * sizeof *together);
    assert_int_equal(wick_classify(o.model, texts, NULL, NULL, NULL, 1, NULL, alone, NULL, NULL), WICK_OK);
    assert_memory_equal(together, alone, sizeof alone);
    close_model(&o);
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

static void check_sparse(const opened *o, const wick_rows_response *response, size_t at, size_t text)
{
    const wick_json *indices = row_of(o, "indices", text), *values = row_of(o, "values", text);
    const size_t first = response->offsets[at], n = response->offsets[at + 1] - first;
    assert_int_equal(n, wick_json_count(indices));
    for (size_t j = 0; j < n; j++) {
        assert_int_equal(response->indices[first + j], (uint32_t)number_at(indices, j));
        assert_near(response->values[first + j], number_at(values, j));
        assert_true(response->values[first + j] > 0);
    }
}

static void check_sparse_vectors(const char *name)
{
    opened o;
    open_model(&o, name);
    assert_string_equal(o.info.kind, "sparse");
    wick_rows_response response = {0};
    assert_int_equal(wick_embed_sparse(o.model, o.texts, o.text_bytes, o.n, NULL, &response, NULL), WICK_OK);
    assert_int_equal(response.n_texts, o.n);
    assert_int_equal(response.dimension, o.info.vocab_size);
    size_t n_tokens = 0;
    for (size_t i = 0; i < o.n; i++) {
        check_sparse(&o, &response, i, i);
        n_tokens += wick_json_count(row_of(&o, "ids", i));
    }
    assert_int_equal(response.usage.total_tokens, n_tokens);
    wick_rows_response_clear(&response);
    close_model(&o);
}

static void test_sparse_vectors(void **state)
{
    check_sparse_vectors("splade-bert");
    check_sparse_vectors("splade-distilbert");
}

static void check_tokens(const opened *o, const wick_rows_response *response, size_t at, const char *key, size_t text)
{
    const wick_json *rows = row_of(o, key, text);
    const size_t first = response->offsets[at], n = response->offsets[at + 1] - first;
    assert_int_equal(n, wick_json_count(rows));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < response->dimension; j++)
            assert_near(response->values[(first + i) * response->dimension + j], number_at(wick_json_at(rows, i), j));
}

static void check_token_vectors(const char *name)
{
    opened o;
    open_model(&o, name);
    assert_string_equal(o.info.kind, "multi-vector");
    assert_true(o.info.dimension == 16 && o.info.token_dimension == 16);
    wick_rows_response response = {0};
    wick_embed_options options;
    wick_embed_options_init(&options);
    for (int is_query = 0; is_query < 2; is_query++) {
        options.prompt_name = is_query ? "query" : NULL;
        assert_int_equal(wick_embed_tokens(o.model, o.texts, o.text_bytes, o.n, &options, &response, NULL), WICK_OK);
        assert_true(response.n_texts == o.n && response.dimension == 16 && !response.indices);
        for (size_t i = 0; i < o.n; i++)
            check_tokens(&o, &response, i, is_query ? "query" : "document", i);
    }
    wick_rows_response_clear(&response);
    close_model(&o);
}

static void test_token_vectors(void **state)
{
    check_token_vectors("colbert-bert");
    check_token_vectors("colbert-modernbert");
}

/* Of an embedding model: the last hidden states, whose mean is the vector. */
static void test_hidden_states_of_an_embedding_model(void **state)
{
    static const char *const texts[] = {"A sentence.", ""};
    wick_model *model = open_only(WICK_FIXTURES "/models/bert-cased");
    wick_model_info info = {.size = sizeof info};
    wick_rows_response response = {0};
    float vectors[2 * 24];
    assert_int_equal(wick_model_get_info(model, &info), WICK_OK);
    assert_true(info.dimension == 24 && info.token_dimension == 24);
    assert_string_equal(info.kind, "embedding");
    assert_int_equal(wick_embed_tokens(model, texts, NULL, 2, NULL, &response, NULL), WICK_OK);
    assert_int_equal(wick_embed(model, texts, NULL, 2, NULL, vectors, NULL, NULL), WICK_OK);
    assert_int_equal(response.offsets[2] - response.offsets[1], 2); /* [CLS] [SEP] */
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 24; j++) {
            double sum = 0;
            for (size_t token = response.offsets[i]; token < response.offsets[i + 1]; token++)
                sum += response.values[token * 24 + j];
            assert_near(vectors[i * 24 + j], sum / (double)(response.offsets[i + 1] - response.offsets[i]));
        }
    wick_rows_response_clear(&response);
    wick_model_close(model);
}

static void test_cut_and_normalised_token_vectors(void **state)
{
    static const char *const text[] = {"A sentence."};
    wick_model *model = open_only(WICK_FIXTURES "/models/bert-cased");
    wick_rows_response whole = {0}, cut = {0};
    wick_embed_options options;
    wick_embed_options_init(&options);
    assert_int_equal(wick_embed_tokens(model, text, NULL, 1, &options, &whole, NULL), WICK_OK);
    options.dimensions = 5;
    options.normalize = true;
    assert_int_equal(wick_embed_tokens(model, text, NULL, 1, &options, &cut, NULL), WICK_OK);
    assert_true(cut.dimension == 5 && cut.offsets[1] == whole.offsets[1]);
    for (size_t i = 0; i < cut.offsets[1]; i++) {
        double length = 0;
        for (size_t j = 0; j < 5; j++)
            length += (double)whole.values[i * 24 + j] * whole.values[i * 24 + j];
        for (size_t j = 0; j < 5; j++)
            assert_near(cut.values[i * 5 + j], whole.values[i * 24 + j] / sqrt(length));
    }
    wick_rows_response_clear(&whole);
    wick_rows_response_clear(&cut);
    wick_model_close(model);
}

/* Blocks, pieces and texts that are the same do not show: rows are those of each text alone, bit for bit. */
static void check_many(const char *name, bool is_sparse)
{
    enum { N = 1500 };
    opened o;
    open_model(&o, name);
    const char **texts = calloc(N, sizeof *texts);
    size_t *text_bytes = calloc(N, sizeof *text_bytes);
    wick_rows_response all = {0}, one = {0};
    int (*embed)(wick_model *, const char *const *, const size_t *, size_t, const wick_embed_options *,
                 wick_rows_response *, wick_error *) = is_sparse ? wick_embed_sparse : wick_embed_tokens;
    assert_true(texts && text_bytes);
    for (size_t i = 0; i < N; i++) {
        texts[i] = o.texts[i % o.n];
        text_bytes[i] = i < N / 2 ? o.text_bytes[i % o.n] : o.text_bytes[i % o.n] / 2;
        while (text_bytes[i] > 0 && ((unsigned char)texts[i][text_bytes[i]] & 0xC0) == 0x80)
            text_bytes[i]--; /* not within a character */
    }
    assert_int_equal(embed(o.model, texts, text_bytes, N, NULL, &all, NULL), WICK_OK);
    const size_t width = is_sparse ? 1 : all.dimension;
    for (size_t i = 0; i < N; i += i < 40 ? 1 : 37) {
        assert_int_equal(embed(o.model, texts + i, text_bytes + i, 1, NULL, &one, NULL), WICK_OK);
        const size_t first = all.offsets[i], n = all.offsets[i + 1] - first;
        assert_int_equal(n, one.offsets[1]);
        if (n > 0)
            assert_memory_equal(all.values + first * width, one.values, n * width * sizeof *one.values);
        if (is_sparse && n > 0)
            assert_memory_equal(all.indices + first, one.indices, n * sizeof *one.indices);
    }
    wick_rows_response_clear(&all);
    wick_rows_response_clear(&one);
    free(texts);
    free(text_bytes);
    close_model(&o);
}

static void test_many_texts(void **state)
{
    check_many("splade-bert", true);
    check_many("colbert-bert", false);
}

/* ---- errors -------------------------------------------------------------------------------------------------------- */

static void test_models_are_for_one_thing(void **state)
{
    static const struct {
        const char *folder, *message, *mend;
        bool gives[5]; /* by wick_wanted: vectors, tokens, scores, ranking, sparse */
    } cases[] = {
        {WICK_FIXTURES "/models/bert-cased", "the model is an embedding model", "wick embed", {true, true}},
        {HEADS "/rerank-bert", "the model is a reranker", "wick rerank", {false, false, true, true}},
        {HEADS "/classify-bert", "the model is a classifier", "POST /predict", {false, false, true}},
        {HEADS "/splade-bert",
         "the model is a sparse encoder",
         "POST /embed_sparse",
         {false, false, false, false, true}},
        {HEADS "/colbert-bert", "the model is a multi-vector encoder", "POST /embed_all", {false, true}},
    };
    static const char *const text[] = {"a text"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wick_model *model = open_only(cases[i].folder);
        for (int wanted = 0; wanted < 5; wanted++) {
            wick_error error = {0};
            wick_rows_response rows = {0};
            float values[64];
            const int code = wanted == WICK_WANT_VECTORS  ? wick_embed(model, text, NULL, 1, NULL, values, NULL, &error)
                             : wanted == WICK_WANT_TOKENS ? wick_embed_tokens(model, text, NULL, 1, NULL, &rows, &error)
                             : wanted == WICK_WANT_SCORES
                                 ? wick_classify(model, text, NULL, NULL, NULL, 1, NULL, values, NULL, &error)
                             : wanted == WICK_WANT_RANKING
                                 ? wick_rerank(model, "q", 1, text, NULL, 1, NULL, values, NULL, &error)
                                 : wick_embed_sparse(model, text, NULL, 1, NULL, &rows, &error);
            assert_int_equal(code, cases[i].gives[wanted] ? WICK_OK : WICK_E_INVALID_INPUT);
            if (code != WICK_OK && (!strstr(error.message, cases[i].message) || !strstr(error.mend, cases[i].mend)))
                fail_msg("%s, %d: %s; %s", cases[i].folder, wanted, error.message, error.mend);
            wick_rows_response_clear(&rows);
        }
        assert_int_equal(wick_model_health_check(model, NULL), WICK_OK);
        wick_model_close(model);
    }
}

static void test_wrong_calls(void **state)
{
    static const char *const text[] = {"a text"}, *const bad[] = {"a text", "\xFF"};
    wick_model *model = open_only(HEADS "/rerank-bert"), *sparse = open_only(HEADS "/splade-bert");
    wick_error error = {0};
    float scores[2];
    wick_score_options options;
    wick_embed_options embed_options;
    wick_rows_response rows = {0};
    wick_score_options_init(&options);
    wick_embed_options_init(&embed_options);
    assert_int_equal(wick_rerank(model, NULL, 0, text, NULL, 1, NULL, scores, NULL, &error), WICK_E_INVALID_INPUT);
    assert_int_equal(wick_rerank(model, "q", SIZE_MAX, text, NULL, 0, NULL, scores, NULL, &error),
                     WICK_E_INVALID_INPUT);
    assert_int_equal(wick_rerank(model, "q", SIZE_MAX, text, NULL, 1, NULL, NULL, NULL, &error), WICK_E_INVALID_INPUT);
    assert_int_equal(wick_rerank(model, "q", SIZE_MAX, bad, NULL, 2, NULL, scores, NULL, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.where, "texts[1]");
    options.scores = 3;
    assert_int_equal(wick_rerank(model, "q", 1, text, NULL, 1, &options, scores, NULL, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.where, "options.scores");
    embed_options.dimensions = 8;
    assert_int_equal(wick_embed_sparse(sparse, text, NULL, 1, &embed_options, &rows, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.where, "dimensions");
    assert_int_equal(wick_embed_sparse(sparse, text, NULL, 1, NULL, NULL, &error), WICK_E_INVALID_INPUT);
    assert_int_equal(wick_embed_sparse(sparse, bad, NULL, 2, NULL, &rows, &error), WICK_E_INVALID_INPUT);
    assert_true(!rows.offsets && !rows.values && !rows.indices); /* nothing is left of it */
    wick_model_close(model);
    wick_model_close(sparse);
}

/* Tokens of a text with [CLS] and [SEP]. */
static size_t count_tokens(const wick_model *model, const char *text, size_t n)
{
    wick_encoding *encoding = wick_encoding_new();
    assert_non_null(encoding);
    assert_int_equal(wick_tokenize(wick_model_tokenizer(model), text, n, NULL, encoding, NULL), WICK_OK);
    const size_t n_tokens = encoding->n_tokens;
    wick_encoding_free(encoding);
    return n_tokens;
}

static void test_too_long_pairs(void **state)
{
    opened o;
    open_model(&o, "rerank-bert");
    wick_score_options options;
    wick_score_options_init(&options);
    options.truncate = false;
    size_t n_long = 0;
    for (size_t i = 0; i < o.n; i++) {
        const size_t n = count_tokens(o.model, o.texts[i], o.text_bytes[i]) +
                         count_tokens(o.model, o.seconds[i], o.second_bytes[i]) - 1; /* [CLS] once */
        wick_error error = {0};
        float score;
        const int code = wick_classify(o.model, &o.texts[i], &o.text_bytes[i], &o.seconds[i], &o.second_bytes[i], 1,
                                       &options, &score, NULL, &error);
        assert_int_equal(code, n > 40 ? WICK_E_INVALID_INPUT : WICK_OK);
        assert_true(n <= 40 || strstr(error.message, "the limit is 40"));
        n_long += n > 40;
    }
    assert_true(n_long > 0 && n_long < o.n);
    close_model(&o);
}

/* The same through a provider, as the command and the server call it. */
static void test_through_a_provider(void **state)
{
    opened o;
    open_model(&o, "classify-bert");
    wick_provider_options options;
    wick_provider *provider = NULL;
    wick_provider_options_init(&options);
    options.model = HEADS "/classify-bert";
    options.fallback = "mlx"; /* stands in for vectors alone, and is not asked */
    assert_int_equal(wick_provider_open(&options, &provider, NULL), WICK_OK);
    assert_int_equal(wick_provider_health_check(provider, NULL), WICK_OK);
    wick_rows_response rows = {0};
    wick_outputs_request request = {.wanted = WICK_WANT_SCORES,
                                    .texts = o.texts,
                                    .text_bytes = o.text_bytes,
                                    .n_texts = o.n,
                                    .seconds = o.seconds,
                                    .second_bytes = o.second_bytes};
    wick_score_options_init(&request.score_options);
    assert_int_equal(wick_provider_outputs(provider, &request, &rows, NULL), WICK_OK);
    assert_true(rows.dimension == 3 && rows.offsets[o.n] == o.n);
    for (size_t i = 0; i < 3 * o.n; i++)
        assert_near(rows.values[i], number_at(row_of(&o, "scores", i / 3), i % 3));
    request.wanted = WICK_WANT_RANKING;
    wick_error error = {0};
    assert_int_equal(wick_provider_outputs(provider, &request, &rows, &error), WICK_E_INVALID_INPUT);
    assert_non_null(strstr(error.message, "a classifier"));
    assert_null(rows.values);
    wick_provider_close(provider);
    close_model(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rerank_gives_what_predict_gives),
        cmocka_unit_test(test_usage_counts_pairs),
        cmocka_unit_test(test_kinds_of_scores),
        cmocka_unit_test(test_many_pairs),
        cmocka_unit_test(test_texts_and_pairs_together),
        cmocka_unit_test(test_sparse_vectors),
        cmocka_unit_test(test_token_vectors),
        cmocka_unit_test(test_hidden_states_of_an_embedding_model),
        cmocka_unit_test(test_cut_and_normalised_token_vectors),
        cmocka_unit_test(test_many_texts),
        cmocka_unit_test(test_models_are_for_one_thing),
        cmocka_unit_test(test_wrong_calls),
        cmocka_unit_test(test_too_long_pairs),
        cmocka_unit_test(test_through_a_provider),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
