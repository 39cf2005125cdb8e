/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tokenizer_text.c: hostile text over small tokenizers whose parts differ. The first byte chooses the tokenizer and the options. What is
 * cut must be the beginning or the end of what is not. Seeds: tests/fuzz/tokenizer_text. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/tokenizer.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            __builtin_trap();                                                                                          \
    } while (0)

#define FLAGS(single, left, right, normalized)                                                                         \
    "\"single_word\": " single ", \"lstrip\": " left ", \"rstrip\": " right ", \"normalized\": " normalized            \
    ", \"special\": false}"
#define MODEL(max_chars)                                                                                               \
    "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\", "           \
    "\"max_input_chars_per_word\": " max_chars                                                                         \
    ", \"vocab\": {\"[UNK]\": 0, \"[CLS]\": 1, \"[SEP]\": 2, \"a\": 3, \"##a\": 4, "                                   \
    "\"ab\": 5, \"##b\": 6, \"e\": 7, \"##\\u0301\": 8, \"\\u4e16\": 9, \".\": 10, \"<\": 11, \"abab\": 12, \"##e\": " \
    "13}}}"
#define BERT_PROCESSING                                                                                                \
    "\"post_processor\": {\"type\": \"BertProcessing\", \"cls\": [\"[CLS]\", 1], \"sep\": [\"[SEP]\", 2]}, "

static const char *const documents[4] = {
    "{\"added_tokens\": [{\"id\": 1, \"content\": \"[CLS]\", " FLAGS(
        "false", "false", "false",
        "false") "], "
                 "\"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": true, "
                 "\"lowercase\": true}, "
                 "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, " BERT_PROCESSING MODEL("8"),
    "{\"added_tokens\": [{\"id\": 14, \"content\": \"<x>\", " FLAGS(
        "false", "true", "true",
        "false") ", "
                 "{\"id\": 15, \"content\": \" y\", " FLAGS(
                     "true", "false", "true",
                     "false") ", {\"id\": 16, \"content\": \" \", " FLAGS("false", "true", "false",
                                                                          "false") "], "
                                                                                   "\"normalizer\": {\"type\": "
                                                                                   "\"Sequence\", \"normalizers\": "
                                                                                   "[{\"type\": \"NFD\"}, {\"type\": "
                                                                                   "\"Lowercase\"}]}, "
                                                                                   "\"pre_tokenizer\": {\"type\": "
                                                                                   "\"Whitespace\"}, " MODEL("100"),
    "{\"added_tokens\": [{\"id\": 14, \"content\": \"\\u00c9a\", " FLAGS(
        "false", "true", "true",
        "true") ", "
                "{\"id\": 15, \"content\": \"\\u4e16\", " FLAGS(
                    "true", "false", "false",
                    "true") "], "
                            "\"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": false, "
                            "\"handle_chinese_chars\": true, \"lowercase\": true, "
                            "\"strip_accents\": false}, \"pre_tokenizer\": null, " BERT_PROCESSING MODEL("3000"),
    "{\"normalizer\": null, \"pre_tokenizer\": {\"type\": \"WhitespaceSplit\"}, " MODEL("3"),
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_offsets(const wick_tokenizer *tokenizer, const wick_encoding *encoding, const uint8_t *text, size_t n)
{
    size_t n_chars = 0;
    for (size_t i = 0; i < n; i++)
        n_chars += (text[i] & 0xC0) != 0x80;
    for (size_t i = 0; i < encoding->n_tokens; i++) {
        CHECK(wick_tokenizer_token(tokenizer, encoding->ids[i]));
        CHECK(encoding->starts[i] <= encoding->ends[i] && encoding->ends[i] <= n_chars);
        CHECK(encoding->is_special[i] ? encoding->ends[i] == 0 : encoding->ends[i] > encoding->starts[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static wick_tokenizer *tokenizers[4];
    static wick_encoding *all, *cut;
    for (size_t i = 0; i < 4 && !tokenizers[i]; i++)
        CHECK(wick_tokenizer_parse(documents[i], strlen(documents[i]), "fuzz", &tokenizers[i], NULL) == WICK_OK);
    if (!all) {
        all = wick_encoding_new();
        cut = wick_encoding_new();
    }
    if (n == 0 || !all || !cut)
        return 0;
    const wick_tokenizer *tokenizer = tokenizers[data[0] & 3];
    const char *text = (const char *)data + 1;
    wick_tokenize_options options;
    wick_tokenize_options_init(&options);
    options.add_special_tokens = false;
    int code = wick_tokenize(tokenizer, text, n - 1, &options, all, NULL);
    CHECK(code == (wick_utf8_valid(text, n - 1, NULL) ? WICK_OK : WICK_E_INVALID_INPUT));
    if (code != WICK_OK)
        return 0;
    check_offsets(tokenizer, all, data + 1, n - 1);
    options.max_tokens = 1 + (data[0] >> 3);
    options.truncate_side = data[0] & 4 ? WICK_TRUNCATE_LEFT : WICK_TRUNCATE_RIGHT;
    CHECK(wick_tokenize(tokenizer, text, n - 1, &options, cut, NULL) == WICK_OK);
    CHECK(cut->n_tokens == (all->n_tokens < options.max_tokens ? all->n_tokens : options.max_tokens));
    size_t from = options.truncate_side == WICK_TRUNCATE_LEFT ? all->n_tokens - cut->n_tokens : 0;
    for (size_t i = 0; i < cut->n_tokens; i++)
        CHECK(cut->ids[i] == all->ids[from + i] && cut->starts[i] == all->starts[from + i] &&
              cut->ends[i] == all->ends[from + i]);
    return 0;
}
