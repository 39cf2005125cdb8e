/* SPDX-License-Identifier: Apache-2.0
 * fetch_head.h: the head of a reply, line by line, as it comes from a server that may be hostile. In: header lines. Out: the few fields that a hub's client goes by. Used by fetch_request.c;
 * fuzz_reply_head.c feeds it. */
#ifndef WICK_HUB_FETCH_HEAD_H
#define WICK_HUB_FETCH_HEAD_H
#include "hub/fetch_url.h"
#include <stdint.h>

/* Of one reply, interim ones (1xx) and trailers included. */
#define WICK_HEAD_MAX_BYTES 65536

typedef struct wick_fetch_head {
    long status;      /* 0: no reply yet */
    bool is_complete; /* its empty line came; what looks like a header after it is a trailer */
    size_t n_bytes;
    unsigned n_encodings; /* values of Content-Encoding */
    char location[WICK_URL_BYTES];
    char link_next[2048];                        /* URL of Link's rel="next"; "": none */
    bool link_is_bad;                            /* there is a next page, but no URL of it that can be used */
    uint64_t retry_after_ms;                     /* 0: not said */
    uint64_t range_start, range_end, range_size; /* of Content-Range, the end included; UINT64_MAX: not said (or "*") */
    uint64_t content_bytes, linked_bytes;        /* UINT64_MAX: not said */
    char etag[129], linked_etag[129], commit[65], error_code[64], error_message[128];
} wick_fetch_head;

void wick_head_init(wick_fetch_head *head);
/* One line, with or without its line break. False: the head is too large. now: seconds since 1970, for a Retry-After that is a date. */
bool wick_head_add(wick_fetch_head *head, const char *line, size_t n, int64_t now);

#endif
