/* SPDX-License-Identifier: Apache-2.0
 * decode.c: decode.h. A token that continues a word ("##ing") follows without a space, any other after one; then the spaces that tokenization put
 * before punctuation and English contractions are taken out again, token by token, as the library does with `cleanup`. */
#include "server/decode.h"

#include <string.h>

#include "base/error.h"

#define CONTINUES "##" /* BERT's continuing_subword_prefix */

/* The library's clean-up, in its order. */
static const char *const cleanups[][2] = {
    {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},    {" n't", "n't"},
    {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
};

/* Replaces every `from` in the buffer's bytes from `start` on by `to`, which is no longer. */
static void replace(wick_buffer *buffer, size_t start, const char *from, const char *to)
{
    const size_t n_from = strlen(from), n_to = strlen(to);
    char *read = buffer->bytes + start, *write = read, *end = buffer->bytes + buffer->n_bytes;
    while (read < end) {
        if ((size_t)(end - read) >= n_from && memcmp(read, from, n_from) == 0) {
            memcpy(write, to, n_to);
            write += n_to;
            read += n_from;
        } else {
            *write++ = *read++;
        }
    }
    buffer->n_bytes = (size_t)(write - buffer->bytes);
}

void wick_decode(const wick_tokenizer *tokenizer, const int32_t *ids, size_t n, bool skip_special, wick_buffer *out)
{
    bool is_first = true;
    for (size_t i = 0; i < n; i++) {
        const char *token = wick_tokenizer_token(tokenizer, ids[i]);
        const size_t start = out->n_bytes;
        if (!token || (skip_special && wick_tokenizer_is_special(tokenizer, ids[i])))
            continue;
        if (!is_first && strncmp(token, CONTINUES, strlen(CONTINUES)) == 0)
            token += strlen(CONTINUES);
        else if (!is_first)
            wick_buffer_put(out, " ", 1);
        is_first = false;
        wick_buffer_text(out, token);
        if (out->failed)
            return;
        for (size_t c = 0; c < sizeof cleanups / sizeof *cleanups; c++)
            replace(out, start, cleanups[c][0], cleanups[c][1]);
    }
}

static bool is_padding(const wick_tokenizer *tokenizer, int32_t id)
{
    const char *token = wick_tokenizer_token(tokenizer, id);
    return token && strcmp(token, "[PAD]") == 0 && wick_tokenizer_is_special(tokenizer, id);
}

int wick_decode_trim(const wick_tokenizer *tokenizer, const int32_t **ids, size_t *n, wick_error *error)
{
    wick_encoding *frame = wick_encoding_new();
    if (!frame)
        return wick_fail_memory(error, "token ids");
    int code = wick_tokenize(tokenizer, "a", 1, NULL, frame, error);
    if (code == WICK_OK) {
        size_t before = 0, after = 0;
        while (before < frame->n_tokens && frame->is_special[before])
            before++;
        while (after < frame->n_tokens - before && frame->is_special[frame->n_tokens - 1 - after])
            after++;
        while (*n > 0 && is_padding(tokenizer, (*ids)[*n - 1]))
            --*n;
        if (*n >= before && memcmp(*ids, frame->ids, before * sizeof **ids) == 0) {
            *ids += before;
            *n -= before;
        }
        if (*n >= after && memcmp(*ids + *n - after, frame->ids + frame->n_tokens - after, after * sizeof **ids) == 0)
            *n -= after;
    }
    wick_encoding_free(frame);
    return code;
}
