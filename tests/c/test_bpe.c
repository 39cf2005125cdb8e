/* SPDX-License-Identifier: Apache-2.0
 * test_bpe.c: the BPE model (text/bpe.h): words of any length and merges of any kind against the plainest way to merge them, threads that share a model, texts made to be slow, one encoding
 * for two models, what is refused. What the tokenizers package gives for real texts is in test_tokenizer.c (golden_bpe.json). */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text/bpe_known.h"
#include "text/tokenizer_parts.h"

#define MODEL(options, merges)                                                                                         \
    "{\"model\": {\"type\": \"BPE\", " options "\"vocab\": {\"<u>\": 0, \"a\": 1, \"b\": 2, \"c\": 3, \"ab\": 4, "     \
    "\"aa\": 5, \"abc\": 6, \"aaab\": 7, \"bc\": 8, \"aaaa\": 9, \"ca\": 10}, \"merges\": [" merges "]}}"
#define MERGES                                                                                                         \
    "[\"a\", \"b\"], [\"a\", \"a\"], [\"ab\", \"c\"], [\"aa\", \"ab\"], [\"b\", \"c\"], [\"aa\", \"aa\"], [\"c\", "    \
    "\"a\"]"
#define OTHER_MERGES "\"b c\", \"c a\""
#define UNKNOWN "\"unk_token\": \"<u>\", "
#define N_LETTERS 3
#define MAX_WORD 3000

static wick_tokenizer *parse(const char *json)
{
    wick_tokenizer *tokenizer = NULL;
    wick_error error = {0};
    if (wick_tokenizer_parse(json, strlen(json), "test", &tokenizer, &error) != WICK_OK)
        fail_msg("%s", error.message);
    return tokenizer;
}

/* By the definition: the lowest rank of all pairs, the leftmost of these, again and again. */
static size_t merge_plainly(const wick_bpe *model, uint32_t *ids, size_t n)
{
    for (;;) {
        uint32_t lowest = WICK_NO_RANK;
        size_t place = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const uint32_t rank = wick_bpe_rank(model, ids[i], ids[i + 1]);
            if (rank < lowest) {
                lowest = rank;
                place = i;
            }
        }
        if (lowest == WICK_NO_RANK)
            return n;
        ids[place] = model->merged[lowest];
        n--;
        memmove(ids + place + 1, ids + place + 2, (n - place - 1) * sizeof *ids);
    }
}

static void check_word(const wick_tokenizer *tokenizer, const char *word, size_t n, wick_encoding *encoding)
{
    static uint32_t ids[MAX_WORD];
    for (size_t i = 0; i < n; i++)
        ids[i] = (uint32_t)(word[i] - 'a') + 1;
    const size_t n_tokens = merge_plainly(&tokenizer->model.bpe, ids, n);
    assert_int_equal(wick_tokenize(tokenizer, word, n, NULL, encoding, NULL), WICK_OK);
    assert_int_equal(encoding->n_tokens, n_tokens);
    assert_memory_equal(encoding->ids, ids, n_tokens * sizeof *ids);
    for (size_t i = 0, at = 0; i < n_tokens; i++) {
        assert_int_equal(encoding->starts[i], at);
        at = encoding->ends[i];
        assert_int_equal(at - encoding->starts[i], strlen(wick_tokenizer_token(tokenizer, encoding->ids[i])));
    }
}

/* Words of every length up to 80 and some longer ones, often enough that some come from the cache; two models in turns with one encoding. */
static void words_of_any_length(void **state)
{
    wick_tokenizer *tokenizers[] = {parse(MODEL(UNKNOWN, MERGES)), parse(MODEL(UNKNOWN, OTHER_MERGES))};
    wick_encoding *encoding = wick_encoding_new();
    static char word[MAX_WORD];
    uint64_t random = 7;
    for (size_t round = 0; round < 12000; round++) {
        const size_t n = round % 100 < 98 ? 1 + round % 80 : 200 + round % (MAX_WORD - 200);
        const unsigned n_letters = 1 + round % N_LETTERS;
        for (size_t i = 0; i < n; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            word[i] = (char)('a' + (random >> 33) % n_letters);
        }
        check_word(tokenizers[round / 3 % 2], word, n, encoding);
    }
    wick_encoding_free(encoding);
    wick_tokenizer_free(tokenizers[0]);
    wick_tokenizer_free(tokenizers[1]);
}

/* ---- any merges ----------------------------------------------------------------------------------------------------- */

#define N_MERGES 24
#define MAX_TOKEN 12

static uint64_t next_random(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return *random >> 33;
}

/* A model whose merges are of tokens there are, the same token by several of them, in any order if not in that of their parts: so that a token's own text may not give it, and tokens come
 * of merges of falling rank. */
static wick_tokenizer *random_model(uint64_t *random, bool in_order)
{
    static char tokens[N_LETTERS + N_MERGES][MAX_TOKEN + 1], merges[N_MERGES][2 * MAX_TOKEN + 16], json[8192];
    size_t n_tokens = N_LETTERS, n_merges = 0;
    for (size_t i = 0; i < N_LETTERS; i++)
        snprintf(tokens[i], sizeof tokens[i], "%c", (char)('a' + i));
    while (n_merges < N_MERGES) {
        const char *left = tokens[next_random(random) % n_tokens], *right = tokens[next_random(random) % n_tokens];
        char whole[2 * MAX_TOKEN + 1];
        if (snprintf(whole, sizeof whole, "%s%s", left, right) > MAX_TOKEN)
            continue;
        snprintf(merges[n_merges++], sizeof merges[0], "[\"%s\", \"%s\"]", left, right);
        size_t i = 0;
        while (i < n_tokens && strcmp(tokens[i], whole) != 0)
            i++;
        if (i == n_tokens)
            memcpy(tokens[n_tokens++], whole, strlen(whole) + 1);
    }
    size_t at = (size_t)snprintf(json, sizeof json, "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"<u>\": 0");
    for (size_t i = 0; i < n_tokens; i++)
        at += (size_t)snprintf(json + at, sizeof json - at, ", \"%s\": %zu", tokens[i], i + 1);
    at += (size_t)snprintf(json + at, sizeof json - at, "}, \"merges\": [");
    for (size_t i = 0; i < N_MERGES; i++) {
        const size_t other = in_order ? i : i + next_random(random) % (N_MERGES - i);
        at += (size_t)snprintf(json + at, sizeof json - at, "%s%s", i > 0 ? ", " : "", merges[other]);
        memmove(merges[other], merges[i], sizeof merges[0]);
    }
    snprintf(json + at, sizeof json - at, "]}}");
    return parse(json);
}

static void any_merges(void **state)
{
    uint64_t random = 11;
    wick_encoding *encoding = wick_encoding_new();
    for (size_t i = 0; i < 300; i++) {
        wick_tokenizer *tokenizer = random_model(&random, i % 2 == 0);
        for (size_t round = 0; round < 150; round++) {
            char word[70];
            const size_t n = 1 + next_random(&random) % sizeof word;
            const unsigned n_letters = 1 + (unsigned)(next_random(&random) % N_LETTERS);
            for (size_t k = 0; k < n; k++)
                word[k] = (char)('a' + next_random(&random) % n_letters);
            check_word(tokenizer, word, n, encoding);
        }
        assert_true(wick_bpe_known_is_made(tokenizer->model.bpe.known));
        wick_tokenizer_free(tokenizer);
    }
    wick_encoding_free(encoding);
}

/* ---- threads -------------------------------------------------------------------------------------------------------- */

#define N_THREADS 4

typedef struct job {
    const wick_tokenizer *tokenizer;
    uint64_t random;
    bool is_same; /* as what merging plainly gives */
} job;

static void *tokenize_words(void *argument)
{
    job *own = argument;
    wick_encoding *encoding = wick_encoding_new();
    own->is_same = true;
    for (size_t round = 0; round < 2000; round++) {
        char word[40];
        uint32_t ids[sizeof word];
        const size_t n = 1 + next_random(&own->random) % sizeof word;
        for (size_t i = 0; i < n; i++) {
            word[i] = (char)('a' + next_random(&own->random) % N_LETTERS);
            ids[i] = (uint32_t)(word[i] - 'a') + 1;
        }
        const size_t n_tokens = merge_plainly(&own->tokenizer->model.bpe, ids, n);
        own->is_same &= wick_tokenize(own->tokenizer, word, n, NULL, encoding, NULL) == WICK_OK &&
                        encoding->n_tokens == n_tokens && memcmp(encoding->ids, ids, n_tokens * sizeof *ids) == 0;
    }
    wick_encoding_free(encoding);
    return NULL;
}

/* All meet tokens that nobody has met, and one of them makes the trie. */
static void threads_at_once(void **state)
{
    uint64_t random = 5;
    for (size_t i = 0; i < 8; i++) {
        wick_tokenizer *tokenizer = random_model(&random, i % 4 > 0);
        pthread_t threads[N_THREADS];
        job jobs[N_THREADS];
        for (size_t k = 0; k < N_THREADS; k++) {
            jobs[k] = (job){tokenizer, k, false};
            assert_int_equal(pthread_create(&threads[k], NULL, tokenize_words, &jobs[k]), 0);
        }
        for (size_t k = 0; k < N_THREADS; k++) {
            assert_int_equal(pthread_join(threads[k], NULL), 0);
            assert_true(jobs[k].is_same);
        }
        wick_tokenizer_free(tokenizer);
    }
}

/* A million letters in one word: all merge, some do, none does, none is known. */
static void hostile_words(void **state)
{
    static const struct {
        const char *json, *unit;
        size_t n_tokens; /* of a million bytes */
    } cases[] = {
        {MODEL(UNKNOWN, MERGES), "aaaa", 250000},
        {MODEL(UNKNOWN, MERGES), "abca", 500000},
        {MODEL(UNKNOWN, ""), "abca", 1000000},
        {MODEL(UNKNOWN, MERGES), "qqqq", 1000000},
        {MODEL(UNKNOWN "\"fuse_unk\": true, ", MERGES), "qqqq", 1},
        {MODEL("", MERGES), "qqqq", 0},
    };
    const size_t n = 1000000;
    wick_encoding *encoding = wick_encoding_new();
    char *text = malloc(n);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wick_tokenizer *tokenizer = parse(cases[i].json);
        for (size_t k = 0; k < n; k++)
            text[k] = cases[i].unit[k % 4];
        assert_int_equal(wick_tokenize(tokenizer, text, n, NULL, encoding, NULL), WICK_OK);
        assert_int_equal(encoding->n_tokens, cases[i].n_tokens);
        wick_tokenizer_free(tokenizer);
    }
    free(text);
    wick_encoding_free(encoding);
}

static void refused(void **state)
{
    static const struct {
        const char *json;
        int code;
        const char *message;
    } cases[] = {
        {MODEL("\"dropout\": 0.1, ", MERGES), WICK_E_UNSUPPORTED, "model: dropout"},
        {MODEL("\"dropout\": \"no\", ", MERGES), WICK_E_CORRUPT, "\"dropout\" that is not a number"},
        {MODEL("\"continuing_subword_prefix\": \"##\", ", MERGES), WICK_E_UNSUPPORTED, "continuing_subword_prefix"},
        {MODEL("\"end_of_word_suffix\": \"</w>\", ", MERGES), WICK_E_UNSUPPORTED, "end_of_word_suffix"},
        {MODEL("\"end_of_word_suffix\": 1, ", MERGES), WICK_E_CORRUPT, "an integer as \"end_of_word_suffix\""},
        {MODEL("\"cache_capacity\": 1, ", MERGES), WICK_E_UNSUPPORTED, "the field \"cache_capacity\""},
        {MODEL("\"unk_token\": \"?\", ", MERGES), WICK_E_CORRUPT, "\"?\" (\"unk_token\")"},
        {MODEL("\"unk_token\": 0, ", MERGES), WICK_E_CORRUPT, "an integer as \"unk_token\""},
        {MODEL("", "[\"a\", \"q\"]"), WICK_E_CORRUPT, "merges[0] names \"aq\", of which the vocabulary lacks a part"},
        {MODEL("", "[\"b\", \"b\"]"), WICK_E_CORRUPT,
         "merges[0] names \"bb\", of which the vocabulary lacks the whole"},
        {MODEL("", "[\"a\", \"b\", \"c\"]"), WICK_E_CORRUPT, "merges[0] is not two tokens"},
        {MODEL("", "\"ab\""), WICK_E_CORRUPT, "merges[0] is not two tokens"},
        {MODEL("", "\"a b c\""), WICK_E_CORRUPT, "merges[0] is not two tokens"},
        {MODEL("", "7"), WICK_E_CORRUPT, "merges[0] is not two tokens"},
        {MODEL("", "[\"a\", \"\xff\"]"), WICK_E_CORRUPT, "malformed JSON at line 1"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {}}}", WICK_E_CORRUPT, "no list \"merges\""},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"a\": 1}, \"merges\": []}}", WICK_E_CORRUPT,
         "duplicate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wick_tokenizer *tokenizer = NULL;
        wick_error error = {0};
        assert_int_equal(wick_tokenizer_parse(cases[i].json, strlen(cases[i].json), "test", &tokenizer, &error),
                         cases[i].code);
        assert_null(tokenizer);
        if (!strstr(error.message, cases[i].message))
            fail_msg("case %zu: \"%s\" is not in \"%s\"", i, cases[i].message, error.message);
    }
}

/* What files have had since 2019. */
static void older_forms(void **state)
{
    wick_tokenizer *tokenizer =
        parse(MODEL("\"dropout\": 0.0, \"continuing_subword_prefix\": \"\", \"end_of_word_suffix\": null, ",
                    "\"#version: 0.2\", \"a b\", [\"ab\", \"c\"]"));
    wick_encoding *encoding = wick_encoding_new();
    assert_int_equal(wick_tokenize(tokenizer, "abc", 3, NULL, encoding, NULL), WICK_OK);
    assert_int_equal(encoding->n_tokens, 1);
    assert_int_equal(encoding->ids[0], 6);
    wick_encoding_free(encoding);
    wick_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_any_length), cmocka_unit_test(any_merges), cmocka_unit_test(threads_at_once),
        cmocka_unit_test(hostile_words),       cmocka_unit_test(refused),    cmocka_unit_test(older_forms),
    };
    return cmocka_run_group_tests_name("bpe", tests, NULL, NULL);
}
