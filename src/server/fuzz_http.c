/* SPDX-License-Identifier: Apache-2.0
 * fuzz_http.c: HTTP's framing on arbitrary bytes (src/server/http_parse.c, http_chunked.c): the head in place, then the rest as a chunked body, whole and
 * in two pieces, which must decode alike. */
#include "server/http_parse.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Decodes a copy of body[0..n), split in two at split; returns the result and the length. */
static wick_chunked_result decode(const char *body, size_t n, size_t split, size_t *n_out)
{
    char *copy = malloc(n + 1);
    if (!copy)
        abort();
    memcpy(copy, body, n);
    wick_chunked chunked = {0};
    size_t n_taken = 0;
    *n_out = 0;
    wick_chunked_result result = wick_chunked_decode(&chunked, copy, split, &n_taken, copy, n_out);
    if (result == WICK_CHUNKED_MORE)
        result = wick_chunked_decode(&chunked, copy + split, n - split, &n_taken, copy, n_out);
    if (*n_out > n)
        abort();
    free(copy);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *bytes = malloc(n + 1);
    if (!bytes)
        return 0;
    memcpy(bytes, data, n);
    size_t scanned = 0;
    const long end = wick_http_find_head_end(bytes, n, &scanned);
    const size_t body = end > 0 ? (size_t)end : 0;
    size_t whole, halves;
    const wick_chunked_result one = decode(bytes + body, n - body, n - body, &whole);
    if (decode(bytes + body, n - body, (n - body) / 2, &halves) != one || (one == WICK_CHUNKED_DONE && whole != halves))
        abort();
    wick_http_head head;
    const char *message = NULL;
    if (end > 0) {
        const int status = wick_http_parse_head(bytes, body, &head, &message);
        if (status ? !message || status < 400 : strlen(bytes + head.path) >= body)
            abort();
        for (unsigned i = 0; !status && i < head.n_fields; i++)
            if (strlen(bytes + head.fields[i].name) + strlen(bytes + head.fields[i].value) >= body)
                abort();
    }
    free(bytes);
    return 0;
}
