/* SPDX-License-Identifier: Apache-2.0
 * fetch_internal.h: what fetch.c (hops, tries, errors) and fetch_curl.c (libcurl, one request) share. */
#ifndef WICK_HUB_FETCH_INTERNAL_H
#define WICK_HUB_FETCH_INTERNAL_H
#include "hub/fetch.h"

/* Signed URLs of the hub's stores have some 1,500 bytes. */
#define WICK_FETCH_URL_BYTES 8192

struct wick_hub_client {
    const wick_hub_endpoint *endpoint;
    wick_hub_timing timing; /* no zeros */
    bool (*should_stop)(void *user);
    void *user;
    void *curl;
    uint64_t jitter;
};

/* The head of one reply. */
typedef struct wick_fetch_head {
    long status;
    char location[WICK_FETCH_URL_BYTES];
    uint64_t retry_after_ms;
    uint64_t range_start; /* of Content-Range; UINT64_MAX: not said */
    uint64_t content_bytes, linked_bytes;
    char etag[129], linked_etag[129], commit[65], error_code[64], next[1024];
} wick_fetch_head;

/* One call of fetch.h. */
typedef struct wick_fetch {
    wick_hub_client *client;
    bool is_head;
    int fd; /* -1: the body goes to memory */
    char *body;
    size_t n_body, max_bytes;
    uint64_t have_bytes, size_bytes; /* in fd, and to be there at the end */
    wick_hub_progress_fn progress;
    void *user;
    wick_fetch_head head; /* of the last reply */
    wick_hub_reply reply; /* of the endpoint's */
    /* Of the request under way. */
    bool has_begun, is_stalled, is_stopped;
    uint64_t last_byte_ms, last_progress_ms;
    int sink_code; /* why the body was not taken: a WICK_E_* */
    int sink_errno;
} wick_fetch;

uint64_t wick_fetch_now_ms(void);
/* Sends one request and takes its reply. WICK_OK: there is one, whatever its status. */
int wick_fetch_once(wick_fetch *f, const char *url, bool is_endpoint, wick_error *error);
void wick_fetch_keep_reply(wick_fetch *f);

#endif
