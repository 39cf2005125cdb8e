/* SPDX-License-Identifier: Apache-2.0
 * tool_tokenize.c: tool_tokenize TOKENIZER.JSON: token ids in bulk, for the oracle tests (tests/oracle).
 * In, on stdin, a record a text: u32 text_bytes, u32 max_tokens, u32 flags (1: add special tokens, 2: truncate on the left), the bytes.
 * Out, on stdout, a record a text: i32 code, u32 n_tokens, i32 ids[n], u32 starts[n], u32 ends[n], u8 is_special[n]. Native byte order.
 * tool_tokenize TOKENIZER.JSON PASSES FILE: how long a pass over the file's lines takes, each a text; on stdout, a line a pass, nanoseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "text/tokenizer.h"

static int fail(const wick_error *error)
{
    fprintf(stderr, "tool_tokenize: %s: %s\n", error->where, error->message);
    return 1;
}

static long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Lines of text[0..n), without special tokens. */
static int time_passes(const wick_tokenizer *tokenizer, wick_encoding *encoding, const char *text, size_t n,
                       long n_passes)
{
    wick_tokenize_options options;
    wick_tokenize_options_init(&options);
    options.add_special_tokens = false;
    for (long pass = 0; pass < n_passes; pass++) {
        const long long begin = now_ns();
        for (const char *at = text, *end = text + n, *line; at < end; at = line + 1) {
            line = memchr(at, '\n', (size_t)(end - at));
            line = line ? line : end;
            if (wick_tokenize(tokenizer, at, (size_t)(line - at), &options, encoding, NULL) != WICK_OK)
                return 1;
        }
        printf("%lld\n", now_ns() - begin);
        fflush(stdout);
    }
    return 0;
}

static int time_file(const wick_tokenizer *tokenizer, wick_encoding *encoding, const char *path, long n_passes)
{
    enum { MAX_BYTES = 1 << 26 };
    FILE *file = fopen(path, "rb");
    char *text = malloc(MAX_BYTES);
    if (!file || !text)
        return 2;
    const size_t n = fread(text, 1, MAX_BYTES, file);
    fclose(file);
    const int status = time_passes(tokenizer, encoding, text, n, n_passes);
    free(text);
    return status;
}

int main(int argc, char **argv)
{
    wick_error error = {0};
    wick_tokenizer *tokenizer = NULL;
    wick_encoding *encoding = wick_encoding_new();
    if ((argc != 2 && argc != 4) || !encoding)
        return 2;
    if (wick_tokenizer_read(argv[1], &tokenizer, &error) != WICK_OK)
        return fail(&error);
    if (argc == 4)
        return time_file(tokenizer, encoding, argv[3], strtol(argv[2], NULL, 10));
    static char out_buffer[1 << 16];
    setvbuf(stdout, out_buffer, _IOFBF, sizeof out_buffer);
    uint32_t head[3];
    while (fread(head, sizeof head, 1, stdin) == 1) {
        /* A copy of exactly the text's size, so that a sanitizer sees every read past its end. */
        char *text = malloc(head[0] ? head[0] : 1);
        if (!text || fread(text, 1, head[0], stdin) != head[0])
            return 2;
        wick_tokenize_options options;
        wick_tokenize_options_init(&options);
        options.max_tokens = head[1];
        options.add_special_tokens = head[2] & 1;
        options.truncate_side = head[2] & 2 ? WICK_TRUNCATE_LEFT : WICK_TRUNCATE_RIGHT;
        int32_t code = wick_tokenize(tokenizer, text, head[0], &options, encoding, &error);
        uint32_t n = code == WICK_OK ? (uint32_t)encoding->n_tokens : 0;
        fwrite(&code, sizeof code, 1, stdout);
        fwrite(&n, sizeof n, 1, stdout);
        if (n > 0) {
            fwrite(encoding->ids, sizeof *encoding->ids, n, stdout);
            fwrite(encoding->starts, sizeof *encoding->starts, n, stdout);
            fwrite(encoding->ends, sizeof *encoding->ends, n, stdout);
            fwrite(encoding->is_special, sizeof *encoding->is_special, n, stdout);
        }
        free(text);
    }
    wick_encoding_free(encoding);
    wick_tokenizer_free(tokenizer);
    return fflush(stdout) == 0 ? 0 : 1;
}
