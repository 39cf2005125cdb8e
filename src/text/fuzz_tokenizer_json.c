/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tokenizer_json.c: hostile tokenizer.json; one that is accepted must tokenize any text. Seeds: tests/fuzz/tokenizer_json. */
#include <string.h>

#include "text/tokenizer.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            __builtin_trap();                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_tokens(const wick_tokenizer *tokenizer, const wick_encoding *encoding, size_t n_chars)
{
    for (size_t i = 0; i < encoding->n_tokens; i++) {
        CHECK(wick_tokenizer_token(tokenizer, encoding->ids[i]));
        CHECK(encoding->starts[i] <= encoding->ends[i] && encoding->ends[i] <= n_chars);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char text[] =
        "a B <x> yes [CLS] \xc3\xa9 e\xcc\x81\xcc\x96 \xe4\xb8\x96 \xea\xb0\x81\x01 don't unbelievable ##s";
    const size_t n_chars = 58;
    wick_tokenizer *tokenizer = NULL;
    wick_error error = {0};
    int code = wick_tokenizer_parse((const char *)data, n, "fuzz", &tokenizer, &error);
    if (code != WICK_OK) {
        CHECK(!tokenizer && error.message[0] != '\0');
        CHECK(code == WICK_E_CORRUPT || code == WICK_E_UNSUPPORTED);
        return 0;
    }
    wick_encoding *encoding = wick_encoding_new();
    for (size_t max_tokens = 0; encoding && max_tokens < 8; max_tokens++) {
        wick_tokenize_options options;
        wick_tokenize_options_init(&options);
        options.max_tokens = max_tokens / 2;
        options.truncate_side = max_tokens & 1;
        code = wick_tokenize(tokenizer, text, sizeof text - 1, &options, encoding, &error);
        CHECK(code == WICK_OK || (code == WICK_E_INVALID_INPUT && options.max_tokens > 0));
        if (code == WICK_OK)
            check_tokens(tokenizer, encoding, n_chars);
        CHECK(code != WICK_OK || options.max_tokens == 0 || encoding->n_tokens <= options.max_tokens);
    }
    wick_encoding_free(encoding);
    wick_tokenizer_free(tokenizer);
    return 0;
}
