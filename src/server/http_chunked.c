/* SPDX-License-Identifier: Apache-2.0
 * http_chunked.c: the chunked transfer coding (RFC 9112, section 7.1), byte by byte, so that it can stop anywhere. Extensions and trailers are
 * passed over, within limits. Called by http_connection.c. */
#include "server/http_parse.h"
#include <string.h>

enum { SIZE_FIRST, SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER_START, TRAILER, TRAILER_LF, LAST_LF };

/* Of a size with its extensions; 15 hexadecimal digits stay far from the end of 64 bits. */
#define MAX_LINE 256
#define MAX_DIGITS 15
#define MAX_TRAILERS 8192

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* A byte that may stand in an extension or a trailer. */
static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 ? c != 0x7f : c == '\t';
}

/* One byte outside a chunk's data. False: malformed. */
static bool step_size(wick_chunked *own, char c)
{
    const int digit = hex_value(c);
    if (digit >= 0 && own->state != EXTENSION) {
        if (++own->n_line > MAX_DIGITS)
            return false;
        own->left = own->left * 16 + (unsigned)digit;
        own->state = SIZE;
        return true;
    }
    if (own->state == SIZE_FIRST)
        return false; /* no digit at all */
    if (c == '\r') {
        own->state = SIZE_LF;
        return true;
    }
    if (own->state == SIZE && c != ';' && c != ' ' && c != '\t')
        return false;
    own->state = EXTENSION;
    return is_plain(c) && ++own->n_line <= MAX_LINE;
}

static bool step_trailer(wick_chunked *own, char c)
{
    if (++own->n_trailers > MAX_TRAILERS)
        return false;
    if (c == '\r') {
        own->state = own->state == TRAILER_START ? LAST_LF : TRAILER_LF;
        return true;
    }
    own->state = TRAILER;
    return is_plain(c);
}

/* False: malformed. */
static bool step(wick_chunked *own, char c)
{
    switch (own->state) {
    case SIZE_FIRST:
    case SIZE:
    case EXTENSION:
        return step_size(own, c);
    case SIZE_LF:
        own->state = own->left ? DATA : TRAILER_START;
        own->n_line = 0;
        return c == '\n';
    case DATA_CR:
        own->state = DATA_LF;
        return c == '\r';
    case DATA_LF:
        own->state = SIZE_FIRST;
        return c == '\n';
    case TRAILER_START:
    case TRAILER:
        return step_trailer(own, c);
    case TRAILER_LF:
        own->state = TRAILER_START;
        return c == '\n';
    default:
        return c == '\n';
    }
}

wick_chunked_result wick_chunked_decode(wick_chunked *chunked, const char *in, size_t n, size_t *n_taken, char *out,
                                        size_t *n_out)
{
    size_t i = 0;
    wick_chunked_result result = WICK_CHUNKED_MORE;
    while (i < n && result == WICK_CHUNKED_MORE) {
        if (chunked->state == DATA) {
            const size_t n_copy = chunked->left < n - i ? (size_t)chunked->left : n - i;
            memmove(out + *n_out, in + i, n_copy);
            *n_out += n_copy;
            i += n_copy;
            chunked->left -= n_copy;
            if (chunked->left == 0)
                chunked->state = DATA_CR;
            continue;
        }
        const bool at_end = chunked->state == LAST_LF;
        if (!step(chunked, in[i++]))
            result = WICK_CHUNKED_BAD;
        else if (at_end)
            result = WICK_CHUNKED_DONE;
    }
    *n_taken = i;
    return result;
}
