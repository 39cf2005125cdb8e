/* SPDX-License-Identifier: Apache-2.0
 * test_tokenizer_flat.c: a tokenizer's flat form (text/tokenizer_flat.h): the same bytes of the same tokenizer; the same ids, offsets, texts and added tokens
 * after a way there and back; and bytes that were changed are refused or harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "text/tokenizer_flat.h"

#define SMALL WICK_FIXTURES "/tokenizer/small.json"
#define TINY WICK_FIXTURES "/tiny-bert/tokenizer.json"
#define MODEL(name) WICK_FIXTURES "/models/" name "/tokenizer.json"
#define N_CHANGES 8000
/* About where the head ends. */
#define HEAD_BYTES 8192

/* Every kind of model, normaliser and pre-tokenizer. */
static const char *const files[] = {SMALL,
                                    TINY,
                                    MODEL("roberta"),
                                    MODEL("modernbert"),
                                    MODEL("qwen2"),
                                    MODEL("eurobert"),
                                    MODEL("gemma3"),
                                    MODEL("xlm-roberta"),
                                    MODEL("camembert")};
#define N_FILES (sizeof files / sizeof *files)

static const char *const texts[] = {
    "",
    "The ferry leaves the harbour at dawn, doesn't it?",
    "  [CLS] un[MASK]believable [SEP]\t[UNK] ",
    "caf\xc3\xa9 e\xcc\x81\xcc\x96 \xe4\xb8\x96\xe7\x95\x8c \xea\xb0\x81 \xc3\x9f \xc4\xb0stanbul",
    "supercalifragilisticexpialidocious unaffable ##s #s",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aaaa",
};
#define N_TEXTS (sizeof texts / sizeof *texts)

static wick_tokenizer *read_json(const char *path)
{
    wick_tokenizer *tokenizer = NULL;
    assert_int_equal(wick_tokenizer_read(path, &tokenizer, NULL), WICK_OK);
    return tokenizer;
}

/* The flat form, 64-byte aligned as a mapped file is. */
static uint8_t *flatten(const wick_tokenizer *tokenizer, size_t *n)
{
    uint8_t *flat = NULL, *aligned = NULL;
    assert_int_equal(wick_tokenizer_flatten(tokenizer, &flat, n), WICK_OK);
    assert_int_equal(posix_memalign((void **)&aligned, 64, *n), 0);
    memcpy(aligned, flat, *n);
    free(flat);
    return aligned;
}

static void assert_same_tokens(const wick_tokenizer *a, const wick_tokenizer *b)
{
    wick_encoding *x = wick_encoding_new(), *y = wick_encoding_new();
    assert_non_null(x);
    assert_non_null(y);
    for (size_t i = 0; i < N_TEXTS; i++) {
        assert_int_equal(wick_tokenize(a, texts[i], strlen(texts[i]), NULL, x, NULL), WICK_OK);
        assert_int_equal(wick_tokenize(b, texts[i], strlen(texts[i]), NULL, y, NULL), WICK_OK);
        assert_int_equal(x->n_tokens, y->n_tokens);
        assert_memory_equal(x->ids, y->ids, x->n_tokens * sizeof *x->ids);
        assert_memory_equal(x->starts, y->starts, x->n_tokens * sizeof *x->starts);
        assert_memory_equal(x->ends, y->ends, x->n_tokens * sizeof *x->ends);
        assert_memory_equal(x->is_special, y->is_special, x->n_tokens);
    }
    wick_encoding_free(x);
    wick_encoding_free(y);
    assert_int_equal(wick_tokenizer_vocab_size(a), wick_tokenizer_vocab_size(b));
    for (int32_t id = -1; id <= (int32_t)wick_tokenizer_vocab_size(a); id++) {
        const char *first = wick_tokenizer_token(a, id), *second = wick_tokenizer_token(b, id);
        assert_int_equal(first == NULL, second == NULL);
        if (first)
            assert_string_equal(first, second);
        assert_int_equal(wick_tokenizer_is_special(a, id), wick_tokenizer_is_special(b, id));
    }
}

static void there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FILES; i++) {
        wick_tokenizer *tokenizer = read_json(files[i]), *back = NULL;
        size_t n, n_again;
        uint8_t *flat = flatten(tokenizer, &n);
        assert_int_equal(wick_tokenizer_unflatten(flat, n, &back), WICK_OK);
        assert_same_tokens(tokenizer, back);
        uint8_t *again = flatten(back, &n_again);
        assert_int_equal(n, n_again);
        assert_memory_equal(flat, again, n);
        free(again);
        wick_tokenizer_free(tokenizer);
        wick_tokenizer_free(back);
        free(flat);
    }
}

static void cut_forms_are_refused(void **state)
{
    (void)state;
    wick_tokenizer *tokenizer = read_json(SMALL), *back;
    size_t n;
    uint8_t *flat = flatten(tokenizer, &n);
    const size_t lengths[] = {0, 1, 8, 100, n / 2, n - 1};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        back = tokenizer;
        assert_int_equal(wick_tokenizer_unflatten(flat, lengths[i], &back), WICK_E_CORRUPT);
        assert_null(back);
    }
    wick_tokenizer_free(tokenizer);
    free(flat);
}

/* Changed bytes, the head's above all: refused, or a tokenizer that gives ids of its own vocabulary. */
static void change_form(const char *path)
{
    wick_tokenizer *tokenizer = read_json(path), *back;
    wick_encoding *encoding = wick_encoding_new();
    size_t n, n_refused = 0, n_taken = 0;
    uint8_t *flat = flatten(tokenizer, &n);
    uint64_t random = 1;
    for (size_t round = 0; round < N_CHANGES; round++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const size_t at = (size_t)(random >> 33) % (round % 2 ? n : HEAD_BYTES);
        const uint8_t was = flat[at];
        flat[at] = (uint8_t)(random >> 20);
        if (wick_tokenizer_unflatten(flat, n, &back) == WICK_OK) {
            n_taken++;
            for (size_t i = 0; i < N_TEXTS; i++) {
                if (wick_tokenize(back, texts[i], strlen(texts[i]), NULL, encoding, NULL) != WICK_OK)
                    continue;
                for (size_t t = 0; t < encoding->n_tokens; t++)
                    assert_true((size_t)encoding->ids[t] < wick_tokenizer_vocab_size(back));
            }
            wick_tokenizer_free(back);
        } else {
            n_refused++;
            assert_null(back);
        }
        flat[at] = was;
    }
    assert_true(n_refused > N_CHANGES / 20 && n_taken > N_CHANGES / 20); /* both ways were gone */
    wick_encoding_free(encoding);
    wick_tokenizer_free(tokenizer);
    free(flat);
}

static void changed_forms_do_no_harm(void **state)
{
    (void)state;
    for (size_t i = 1; i < N_FILES; i++)
        change_form(files[i]);
}

/* Found by fuzzing: two decompositions, one behind the other, never end. */
static void decomposing_twice_is_refused(void **state)
{
    (void)state;
    wick_tokenizer *tokenizer = read_json(TINY), *back;
    size_t n;
    tokenizer->normalizer.n_steps = 2;
    tokenizer->normalizer.steps[0] = tokenizer->normalizer.steps[1] = WICK_STEP_NFD;
    uint8_t *flat = flatten(tokenizer, &n);
    assert_int_equal(wick_tokenizer_unflatten(flat, n, &back), WICK_E_CORRUPT);
    wick_tokenizer_free(tokenizer);
    free(flat);
}

/* The visible space of Metaspace, cut within its character: texts would be no UTF-8 any more. */
static void cut_string_is_refused(void **state)
{
    (void)state;
    wick_tokenizer *tokenizer = read_json(MODEL("camembert")), *back;
    size_t n;
    assert_int_equal(tokenizer->pretokenizer.stages[0].n_string, 3);
    tokenizer->pretokenizer.stages[0].n_string = 1;
    uint8_t *flat = flatten(tokenizer, &n);
    assert_int_equal(wick_tokenizer_unflatten(flat, n, &back), WICK_E_CORRUPT);
    wick_tokenizer_free(tokenizer);
    free(flat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(cut_forms_are_refused),
                                       cmocka_unit_test(decomposing_twice_is_refused),
                                       cmocka_unit_test(cut_string_is_refused),
                                       cmocka_unit_test(changed_forms_do_no_harm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
