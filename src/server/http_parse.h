/* SPDX-License-Identifier: Apache-2.0
 * http_parse.h: HTTP/1.1's framing (RFC 9112) without sockets. In: the bytes of a head, or of a chunked body. Out: method, path and fields, or
 * the status to refuse with. Strict where leniency lets two servers see two requests: no bare LF, no folded lines, no blank before a colon, one
 * Content-Length of digits alone, never beside Transfer-Encoding. Called by http_connection.c. */
#ifndef WICK_SERVER_HTTP_PARSE_H
#define WICK_SERVER_HTTP_PARSE_H
#include "server/http.h"

#define WICK_HTTP_MAX_FIELDS 100
#define WICK_HTTP_MAX_HEAD_BYTES 65535

/* Offsets into the head's bytes; each string ends with a 0. */
typedef struct wick_http_field {
    uint16_t name, value;
} wick_http_field;

typedef struct wick_http_head {
    wick_method method;
    bool is_http_1_0, keep_alive, is_chunked, has_length, expects_continue;
    uint16_t path, query; /* decoded path; raw query, 0: none */
    uint16_t host;        /* 0: none */
    uint16_t n_fields;
    uint64_t content_length;
    wick_http_field fields[WICK_HTTP_MAX_FIELDS];
} wick_http_head;

/* Looks for the blank line. Returns the head's length with it, 0: not there yet, or -1: a line ends without CR. *scanned (0 at first) remembers where
 * to go on. */
long wick_http_find_head_end(const char *bytes, size_t n, size_t *scanned);
/* Parses bytes[0..n), the head with its blank line, in place: strings get their 0. Returns 0, or the status to refuse with and why. */
int wick_http_parse_head(char *bytes, size_t n, wick_http_head *head, const char **message);

typedef struct wick_chunked {
    int state;
    uint64_t left;     /* of the chunk */
    unsigned n_line;   /* bytes of the line under way */
    size_t n_trailers; /* bytes of trailers so far */
} wick_chunked;

typedef enum wick_chunked_result { WICK_CHUNKED_MORE, WICK_CHUNKED_DONE, WICK_CHUNKED_BAD } wick_chunked_result;

/* Decodes in[0..n) to out (which may be in, or stand before it); start with {0}. *n_out grows by what was written; *n_taken: bytes of in that were
 * used, all of them unless DONE. */
wick_chunked_result wick_chunked_decode(wick_chunked *chunked, const char *in, size_t n, size_t *n_taken, char *out,
                                        size_t *n_out);

#endif
