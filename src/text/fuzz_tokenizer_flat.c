/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tokenizer_flat.c: a hostile flat form of a tokenizer (tokenizer_flat.h): one that is accepted must tokenize any text. The input is a list of changes to a good
 * form, four bytes each: where (3 bytes), what; so that the fuzzer begins where it matters; the length modulo four chooses the form. Seeds: tests/fuzz/tokenizer_flat. */
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer_flat.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            __builtin_trap();                                                                                          \
    } while (0)
#define ALIGNMENT 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char bert[] =
    "{\"added_tokens\": [{\"id\": 1, \"content\": \"[CLS]\", \"single_word\": false, \"lstrip\": true, \"rstrip\": "
    "true, "
    "\"normalized\": false, \"special\": true}, {\"id\": 8, \"content\": \"yes\", \"single_word\": true, \"lstrip\": "
    "false, "
    "\"rstrip\": false, \"normalized\": true, \"special\": false}], \"normalizer\": {\"type\": \"BertNormalizer\", "
    "\"clean_text\": true, \"handle_chinese_chars\": true, \"lowercase\": true}, \"pre_tokenizer\": {\"type\": "
    "\"BertPreTokenizer\"}, \"post_processor\": {\"type\": \"BertProcessing\", \"cls\": [\"[CLS]\", 1], \"sep\": "
    "[\"[SEP]\", "
    "2]}, \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\", "
    "\"max_input_chars_per_word\": 20, \"vocab\": {\"[UNK]\": 0, \"[CLS]\": 1, \"[SEP]\": 2, \"a\": 3, \"##a\": 4, "
    "\"ab\": 5, "
    "\"##b\": 6, \"e\": 7}}}";

static const char bpe[] =
    "{\"added_tokens\": [{\"id\": 9, \"content\": \"yes\", \"single_word\": false, \"lstrip\": true, \"rstrip\": true, "
    "\"normalized\": true, \"special\": false}], \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": "
    "[{\"type\": "
    "\"Digits\", \"individual_digits\": true}, {\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": "
    "true}]}, "
    "\"post_processor\": {\"type\": \"RobertaProcessing\", \"cls\": [\"a\", 1], \"sep\": [\"b\", 2]}, \"model\": "
    "{\"type\": "
    "\"BPE\", \"unk_token\": \"<u>\", \"ignore_merges\": true, \"vocab\": {\"<u>\": 0, \"a\": 1, \"b\": 2, \"ab\": 3, "
    "\"\\u0120\": 4, \"\\u0120ab\": 5, \"s\": 6, \"#\": 7, \"##\": 8}, \"merges\": [[\"a\", \"b\"], [\"\\u0120\", "
    "\"ab\"], "
    "[\"#\", \"#\"]]}}";
static const char fallback[] =
    "{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"String\": \" \"}, \"behavior\": \"MergedWithPrevious\", "
    "\"invert\": false}, \"model\": {\"type\": \"BPE\", \"unk_token\": \"<u>\", \"byte_fallback\": true, \"fuse_unk\": "
    "true, "
    "\"vocab\": {\"<u>\": 0, \"a\": 1, \"b\": 2, \"ab\": 3, \"\\u00e9\": 4, \"\\u4e16\": 5, \"<0xEA>\": 6, \"<0xB0>\": "
    "7, "
    "\"<0x81>\": 8, \"b \": 9, \" \": 10}, \"merges\": [[\"b\", \" \"], [\"a\", \"b\"]]}}";
static const char unigram[] = "{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFKC\"}, "
                              "{\"type\": \"Strip\", \"strip_left\": true, "
                              "\"strip_right\": true}, {\"type\": \"Replace\", \"pattern\": {\"String\": \"e\"}, "
                              "\"content\": \"ab\"}]}, \"pre_tokenizer\": "
                              "{\"type\": \"Metaspace\", \"replacement\": \"\\u2581\", \"prepend_scheme\": \"first\", "
                              "\"split\": true}, \"model\": "
                              "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"<u>\", 0], [\"\\u2581\", -2], "
                              "[\"a\", -1], [\"b\", -1.5], [\"ab\", "
                              "-2]]}}";
#define N_FORMS 4

typedef struct form {
    const char *document;
    size_t n_document, n_good;
    uint8_t *good, *changed;
} form;

static form forms[N_FORMS] = {{bert, sizeof bert - 1, 0, NULL, NULL},
                              {bpe, sizeof bpe - 1, 0, NULL, NULL},
                              {fallback, sizeof fallback - 1, 0, NULL, NULL},
                              {unigram, sizeof unigram - 1, 0, NULL, NULL}};

static void make_good(form *f)
{
    wick_tokenizer *tokenizer = NULL;
    CHECK(wick_tokenizer_parse(f->document, f->n_document, "fuzz", &tokenizer, NULL) == WICK_OK);
    CHECK(wick_tokenizer_flatten(tokenizer, &f->good, &f->n_good) == WICK_OK);
    CHECK(posix_memalign((void **)&f->changed, ALIGNMENT, f->n_good) == 0);
    wick_tokenizer_free(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char text[] = "ab a [CLS] yes \xc3\xa9 e\xcc\x81\xcc\x96 \xe4\xb8\x96 \xea\xb0\x81\x01 abba ##s";
    form *f = &forms[n % N_FORMS];
    if (!f->good)
        make_good(f);
    uint8_t *changed = f->changed;
    const size_t n_good = f->n_good;
    memcpy(changed, f->good, n_good);
    for (size_t i = 0; i + 4 <= n; i += 4)
        changed[(data[i] | (size_t)data[i + 1] << 8 | (size_t)data[i + 2] << 16) % n_good] = data[i + 3];
    wick_tokenizer *tokenizer = NULL;
    const int code = wick_tokenizer_unflatten(changed, n_good, &tokenizer);
    CHECK(code == WICK_OK ? tokenizer != NULL : !tokenizer && code == WICK_E_CORRUPT);
    wick_encoding *encoding = wick_encoding_new();
    if (encoding && tokenizer && wick_tokenize(tokenizer, text, sizeof text - 1, NULL, encoding, NULL) == WICK_OK)
        for (size_t i = 0; i < encoding->n_tokens; i++)
            CHECK((size_t)encoding->ids[i] < wick_tokenizer_vocab_size(tokenizer));
    for (size_t id = 0; tokenizer && id < wick_tokenizer_vocab_size(tokenizer); id++) {
        const char *token = wick_tokenizer_token(tokenizer, (int32_t)id);
        CHECK(!token || strlen(token) < n_good);
    }
    wick_encoding_free(encoding);
    wick_tokenizer_free(tokenizer);
    return 0;
}
