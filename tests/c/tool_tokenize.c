/* SPDX-License-Identifier: Apache-2.0
 * tool_tokenize.c: tool_tokenize TOKENIZER.JSON: token ids in bulk, for the oracle tests (tests/oracle).
 * In, on stdin, a record a text: u32 text_bytes, u32 max_tokens, u32 flags (1: add special tokens, 2: truncate on the left, 4: a pair: one more u32, the
 * bytes of the first text), the bytes.
 * Out, on stdout, a record a text: i32 code, u32 n_tokens, i32 ids[n], u32 starts[n], u32 ends[n], u8 is_special[n], of a pair u8 types[n]. Native byte order.
 * tool_tokenize TOKENIZER.JSON PASSES FILE: the processor time of a pass over the file's lines, each a text; on stdout, a line a pass, nanoseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "text/pair.h"
#include "text/tokenizer.h"

enum { SPECIAL = 1, LEFT = 2, PAIR = 4 };

static int fail(const wick_error *error)
{
    fprintf(stderr, "tool_tokenize: %s: %s\n", error->where, error->message);
    return 1;
}

static long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
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

/* What a record asks for; the result stands in `out`. */
typedef struct encodings {
    wick_encoding *first, *second, *out;
    const uint8_t *types; /* of a pair */
} encodings;

static int encode_text(const wick_tokenizer *tokenizer, const char *text, const uint32_t head[3], encodings *e)
{
    wick_error error = {0};
    wick_tokenize_options options;
    wick_tokenize_options_init(&options);
    options.max_tokens = head[1];
    options.add_special_tokens = head[2] & SPECIAL;
    options.truncate_side = head[2] & LEFT ? WICK_TRUNCATE_LEFT : WICK_TRUNCATE_RIGHT;
    return wick_tokenize(tokenizer, text, head[0], &options, e->out, &error);
}

static int encode_pair(const wick_tokenizer *tokenizer, const char *text, const uint32_t head[3], size_t n_first,
                       encodings *e)
{
    wick_error error = {0};
    const uint8_t side = head[2] & LEFT ? WICK_TRUNCATE_LEFT : WICK_TRUNCATE_RIGHT;
    int code = wick_tokenize_part(tokenizer, text, n_first, 0, side, e->first, &error);
    if (code == WICK_OK)
        code = wick_tokenize_part(tokenizer, text + n_first, head[0] - n_first, 0, side, e->second, &error);
    if (code == WICK_OK)
        code = wick_pair_join(tokenizer, e->first, e->second, head[1], side, e->out, &e->types, &error);
    return code;
}

static void write_tokens(int32_t code, const wick_encoding *encoding, const uint8_t *types)
{
    uint32_t n = code == WICK_OK ? (uint32_t)encoding->n_tokens : 0;
    fwrite(&code, sizeof code, 1, stdout);
    fwrite(&n, sizeof n, 1, stdout);
    if (n == 0)
        return;
    fwrite(encoding->ids, sizeof *encoding->ids, n, stdout);
    fwrite(encoding->starts, sizeof *encoding->starts, n, stdout);
    fwrite(encoding->ends, sizeof *encoding->ends, n, stdout);
    fwrite(encoding->is_special, sizeof *encoding->is_special, n, stdout);
    if (types)
        fwrite(types, 1, n, stdout);
}

/* One record after the other. */
static int answer(const wick_tokenizer *tokenizer, encodings *e)
{
    uint32_t head[3], n_first = 0;
    while (fread(head, sizeof head, 1, stdin) == 1) {
        if ((head[2] & PAIR) && (fread(&n_first, sizeof n_first, 1, stdin) != 1 || n_first > head[0]))
            return 2;
        /* A copy of exactly the text's size, so that a sanitizer sees every read past its end. */
        char *text = malloc(head[0] ? head[0] : 1);
        if (!text || fread(text, 1, head[0], stdin) != head[0])
            return 2;
        e->types = NULL;
        const int code =
            head[2] & PAIR ? encode_pair(tokenizer, text, head, n_first, e) : encode_text(tokenizer, text, head, e);
        write_tokens(code, e->out, e->types);
        free(text);
    }
    return 0;
}

int main(int argc, char **argv)
{
    wick_error error = {0};
    wick_tokenizer *tokenizer = NULL;
    encodings e = {wick_encoding_new(), wick_encoding_new(), wick_encoding_new(), NULL};
    if ((argc != 2 && argc != 4) || !e.first || !e.second || !e.out)
        return 2;
    if (wick_tokenizer_read(argv[1], &tokenizer, &error) != WICK_OK)
        return fail(&error);
    static char out_buffer[1 << 16];
    setvbuf(stdout, out_buffer, _IOFBF, sizeof out_buffer);
    const int status =
        argc == 4 ? time_file(tokenizer, e.out, argv[3], strtol(argv[2], NULL, 10)) : answer(tokenizer, &e);
    wick_encoding_free(e.first);
    wick_encoding_free(e.second);
    wick_encoding_free(e.out);
    wick_tokenizer_free(tokenizer);
    return fflush(stdout) == 0 ? status : 1;
}
