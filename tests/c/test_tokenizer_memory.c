/* SPDX-License-Identifier: Apache-2.0
 * Tests of the tokenizer's memory: a warm wick_tokenize allocates nothing, and wherever memory runs out, reading and tokenizing fail and
 * leak nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support_alloc.h"
#include "text/tokenizer.h"

/* BERT's way, and the one step by step with Unigram. */
static const char *const files[] = {WICK_FIXTURES "/tokenizer/small.json",
                                    WICK_FIXTURES "/models/camembert/tokenizer.json"};
#define N_FILES (sizeof files / sizeof *files)

static const char *const texts[] = {
    "The lighthouse keeper counted seven ships before breakfast.",
    "[CLS] [MASK] d\xc3\xa9j\xc3\xa0 vu \xe4\xb8\x96\xe7\x95\x8c \xea\xb0\x81 e\xcc\x81\xcc\x96x",
    "\xf0\x9d\x85\xa5\xf0\x9d\x85\xad\xf0\x9d\x85\xa5\xf0\x9d\x85\xad\xf0\x9d\x85\xa5\xf0\x9d\x85\xad",
    "",
};

static void warm_call_allocates_nothing(void **state)
{
    static char long_text[200000];
    if (!SUPPORT_ALLOC)
        skip(); /* the sanitizers' allocators are not counted */
    for (size_t i = 0; i < sizeof long_text; i++)
        long_text[i] = "ab, "[i % 4];
    for (size_t file = 0; file < N_FILES; file++) {
        wick_tokenizer *tokenizer = NULL;
        wick_encoding *encoding = wick_encoding_new();
        assert_int_equal(wick_tokenizer_read(files[file], &tokenizer, NULL), WICK_OK);
        for (int pass = 0; pass < 2; pass++) {
            support_n_allocations = 0;
            for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                assert_int_equal(wick_tokenize(tokenizer, texts[i], strlen(texts[i]), NULL, encoding, NULL), WICK_OK);
            assert_int_equal(wick_tokenize(tokenizer, long_text, sizeof long_text, NULL, encoding, NULL), WICK_OK);
            if (pass == 0)
                assert_true(support_n_allocations > 0); /* the counter counts */
            else
                assert_int_equal(support_n_allocations, 0);
        }
        wick_encoding_free(encoding);
        wick_tokenizer_free(tokenizer);
    }
}

/* Reads and tokenizes with the n-th allocation failing; false once everything succeeds. */
static bool fails_cleanly(const char *file, size_t n)
{
    wick_tokenizer *tokenizer = NULL;
    wick_error error = {0};
    long live = support_n_live;
    support_n_allocations = 0;
    support_fail_at = n;
    int code = wick_tokenizer_read(file, &tokenizer, &error);
    wick_encoding *encoding = code == WICK_OK ? wick_encoding_new() : NULL;
    if (code == WICK_OK && !encoding)
        code = WICK_E_NO_MEMORY;
    for (size_t i = 0; code == WICK_OK && i < sizeof texts / sizeof *texts; i++)
        code = wick_tokenize(tokenizer, texts[i], strlen(texts[i]), NULL, encoding, &error);
    if (code != WICK_OK && encoding)
        assert_true(encoding->n_tokens == 0 && !encoding->ids);
    support_fail_at = 0;
    bool reached = support_n_allocations >= n;
    wick_encoding_free(encoding);
    wick_tokenizer_free(tokenizer);
    /* Within strings jansson reports its own lack of memory as a syntax error; then a document whose tokens were read apart is read again, as a whole. */
    bool jansson = (code == WICK_E_CORRUPT || code == WICK_OK) && strncmp(error.message, "malformed JSON", 14) == 0;
    if (code != (reached ? WICK_E_NO_MEMORY : WICK_OK) && !(reached && jansson))
        fail_msg("allocation %zu: code %d, \"%s\"", n, code, error.message);
    assert_int_equal(support_n_live, live);
    return reached;
}

static void every_failure_is_reported(void **state)
{
    if (!SUPPORT_ALLOC)
        skip();
    for (size_t file = 0; file < N_FILES; file++) {
        /* The first run also lets libraries allocate what they keep. */
        fails_cleanly(files[file], SIZE_MAX);
        assert_false(fails_cleanly(files[file], SIZE_MAX));
        size_t n_all = support_n_allocations, n_ours = 150;
        assert_true(n_all > n_ours);
        /* The beginning and the middle are thousands of allocations of jansson, alike; what comes after its document is Wick's. */
        for (size_t n = 1; n <= n_all; n += n < 40 || n > n_all - n_ours ? 1 : 97)
            assert_true(fails_cleanly(files[file], n));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warm_call_allocates_nothing),
        cmocka_unit_test(every_failure_is_reported),
    };
    return cmocka_run_group_tests_name("tokenizer memory", tests, NULL, NULL);
}
