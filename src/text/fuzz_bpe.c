/* SPDX-License-Identifier: Apache-2.0
 * fuzz_bpe.c: BPE over words of a few letters against the plainest way to do it: look at all pairs, merge the first of the lowest rank, look again. Then hostile texts over small BPE
 * tokenizers that differ in what they do with unknown characters: what is cut must be the beginning or the end of what is not. The first byte chooses. Seeds: tests/fuzz/bpe. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/tokenizer_parts.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            __builtin_trap();                                                                                          \
    } while (0)
#define N_LETTERS 4
#define MAX_WORD 512

#define VOCAB                                                                                                          \
    "\"vocab\": {\"<u>\": 0, \"a\": 1, \"b\": 2, \"c\": 3, \"d\": 4, \"ab\": 5, \"aa\": 6, \"abc\": 7, \"cd\": 8, "    \
    "\"aaab\": 9, "                                                                                                    \
    "\"bcd\": 10, \"aaaa\": 11, \"abcd\": 12, \"dd\": 13, \"cdd\": 14, \"\\u0120\": 15, \"\\u0120a\": 16, "            \
    "\"\\u00e9\": 17, "                                                                                                \
    "\"a\\u00e9\": 18, \"<0xE4>\": 19, \"<0xB8>\": 20, \"<0x96>\": 21, \" \": 22, \" a\": 23}, \"merges\": [[\"a\", "  \
    "\"b\"], "                                                                                                         \
    "[\"c\", \"d\"], [\"a\", \"a\"], [\"ab\", \"c\"], [\"aa\", \"ab\"], [\"b\", \"cd\"], [\"aa\", \"aa\"], [\"ab\", "  \
    "\"cd\"], "                                                                                                        \
    "[\"abc\", \"d\"], [\"d\", \"d\"], [\"c\", \"dd\"], [\"cd\", \"d\"], [\"\\u0120\", \"a\"], [\"a\", \"\\u00e9\"], " \
    "[\" \", \"a\"]]}"
#define BYTE_LEVEL(space, regex)                                                                                       \
    "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": " space                                        \
    ", \"trim_offsets\": true, \"use_regex\": " regex                                                                  \
    "}, \"post_processor\": {\"type\": \"ByteLevel\", \"add_prefix_space\": " space ", \"trim_offsets\": true}"
#define MASK                                                                                                           \
    "\"added_tokens\": [{\"id\": 24, \"content\": \"<m>\", \"single_word\": false, \"lstrip\": true, \"rstrip\": "     \
    "true, "                                                                                                           \
    "\"normalized\": true, \"special\": false}]"

#define N_DOCUMENTS 6
static const char *const documents[N_DOCUMENTS] = {
    "{\"model\": {\"type\": \"BPE\", \"unk_token\": \"<u>\", " VOCAB "}",
    "{" BYTE_LEVEL("true", "true") ", " MASK ", \"model\": {\"type\": \"BPE\", \"unk_token\": \"<u>\", " VOCAB "}",
    "{" BYTE_LEVEL("false", "false") ", \"model\": {\"type\": \"BPE\", " VOCAB "}",
    "{\"model\": {\"type\": \"BPE\", \"unk_token\": \"<u>\", \"fuse_unk\": true, \"byte_fallback\": true, " VOCAB "}",
    "{\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": "
    "\"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}| "
    "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}, "
    "\"behavior\": \"MergedWithPrevious\", \"invert\": true}, \"model\": {\"type\": \"BPE\", " VOCAB "}",
    "{" MASK ", \"pre_tokenizer\": {\"type\": \"Digits\", \"individual_digits\": true}, \"model\": {\"type\": \"BPE\", "
    "\"ignore_merges\": true, " VOCAB "}",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The tokens of a word of letters, by the definition. */
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
        memmove(ids + place + 1, ids + place + 2, (n - place - 2) * sizeof *ids);
        n--;
    }
}

static void check_word(const wick_tokenizer *tokenizer, const uint8_t *data, size_t n, wick_encoding *encoding)
{
    char word[MAX_WORD];
    uint32_t ids[MAX_WORD];
    wick_tokenize_options options;
    wick_tokenize_options_init(&options);
    options.add_special_tokens = false;
    n = n < MAX_WORD ? n : MAX_WORD;
    for (size_t i = 0; i < n; i++) {
        word[i] = (char)('a' + data[i] % N_LETTERS);
        ids[i] = 1u + data[i] % N_LETTERS;
    }
    for (int again = 0; again < 2; again++) /* from the cache where it is kept */
        CHECK(wick_tokenize(tokenizer, word, n, &options, encoding, NULL) == WICK_OK);
    const size_t n_tokens = merge_plainly(&tokenizer->model.bpe, ids, n);
    CHECK(encoding->n_tokens == n_tokens);
    for (size_t i = 0; i < n_tokens; i++)
        CHECK((uint32_t)encoding->ids[i] == ids[i] && encoding->ends[i] > encoding->starts[i]);
    CHECK(n_tokens == 0 || (encoding->starts[0] == 0 && encoding->ends[n_tokens - 1] == n));
}

static void check_text(const wick_tokenizer *tokenizer, uint8_t choice, const char *text, size_t n, wick_encoding *all,
                       wick_encoding *cut)
{
    wick_tokenize_options options;
    wick_tokenize_options_init(&options);
    const int code = wick_tokenize(tokenizer, text, n, &options, all, NULL);
    CHECK(code == (wick_utf8_valid(text, n, NULL) ? WICK_OK : WICK_E_INVALID_INPUT));
    if (code != WICK_OK)
        return;
    for (size_t i = 0; i < all->n_tokens; i++)
        CHECK(wick_tokenizer_token(tokenizer, all->ids[i]) && all->starts[i] <= all->ends[i] && all->ends[i] <= n);
    options.max_tokens = 1 + (choice >> 4);
    options.truncate_side = choice & 8 ? WICK_TRUNCATE_LEFT : WICK_TRUNCATE_RIGHT;
    CHECK(wick_tokenize(tokenizer, text, n, &options, cut, NULL) == WICK_OK);
    CHECK(cut->n_tokens == (all->n_tokens < options.max_tokens ? all->n_tokens : options.max_tokens));
    const size_t from = choice & 8 ? all->n_tokens - cut->n_tokens : 0;
    for (size_t i = 0; i < cut->n_tokens; i++)
        CHECK(cut->ids[i] == all->ids[from + i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static wick_tokenizer *tokenizers[N_DOCUMENTS];
    static wick_encoding *all, *cut;
    for (size_t i = 0; i < N_DOCUMENTS && !tokenizers[i]; i++)
        CHECK(wick_tokenizer_parse(documents[i], strlen(documents[i]), "fuzz", &tokenizers[i], NULL) == WICK_OK);
    if (!all) {
        all = wick_encoding_new();
        cut = wick_encoding_new();
    }
    if (n == 0 || !all || !cut)
        return 0;
    if (data[0] % 8 >= N_DOCUMENTS)
        check_word(tokenizers[0], data + 1, n - 1, all);
    else
        check_text(tokenizers[data[0] % 8], data[0], (const char *)data + 1, n - 1, all, cut);
    return 0;
}
