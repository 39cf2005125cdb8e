/* SPDX-License-Identifier: Apache-2.0
 * fetch_internal.h: what fetch.c (hops and tries), fetch_request.c (libcurl, one request), fetch_body.c (where bytes go) and fetch_errors.c (what went wrong) share. */
#ifndef WICK_HUB_FETCH_INTERNAL_H
#define WICK_HUB_FETCH_INTERNAL_H
#include "hub/fetch.h"
#include "hub/fetch_head.h"

struct wick_hub_client {
    const wick_hub_endpoint *endpoint;
    wick_hub_timing timing; /* no zeros */
    bool (*should_stop)(void *user);
    void *user;
    void *easy, *multi;                /* libcurl's; connections stay open in multi */
    char ca_file[512], ca_folder[512]; /* certificates that the environment names; "": libcurl's own */
    uint64_t jitter;
};

/* Why a body was not taken. */
typedef enum wick_fetch_refusal {
    WICK_FETCH_TAKEN,
    WICK_FETCH_ENOUGH,      /* of an error's page; no failure */
    WICK_FETCH_TOO_MUCH,    /* over max_bytes or size_bytes */
    WICK_FETCH_WRONG_SIZE,  /* the server says that the file has another size */
    WICK_FETCH_WRONG_RANGE, /* other bytes than asked for: once more, from the start */
    WICK_FETCH_ENCODED,     /* an encoding that was not asked for */
    WICK_FETCH_NO_MEMORY,
    WICK_FETCH_NO_WRITE, /* sink_errno */
    WICK_FETCH_HEAD_TOO_LARGE
} wick_fetch_refusal;

/* One call of fetch.h. */
typedef struct wick_fetch {
    wick_hub_client *client;
    const char *path;
    bool is_head;
    int fd; /* -1: the body goes to memory */
    char *body;
    size_t n_body, body_room, max_bytes;
    uint64_t have_bytes, size_bytes; /* in fd, and to be there at the end */
    wick_hub_progress_fn progress;
    void *user;
    wick_fetch_head head;     /* of the last reply */
    wick_hub_reply reply;     /* of the endpoint's */
    char url[WICK_URL_BYTES]; /* of the last request */
    bool is_endpoint;         /* whether it went to the endpoint's origin, and no hop before it elsewhere */
    unsigned n_restarts;
    /* Of the request under way. */
    bool has_begun, is_stopped, is_stalled;
    wick_fetch_refusal refusal;
    int sink_errno;
    size_t n_thrown; /* bytes of an error's page */
    uint64_t last_byte_ms, last_progress_ms;
    uint64_t n_received; /* head and body */
} wick_fetch;

uint64_t wick_fetch_now_ms(void);
bool wick_fetch_stops(const wick_hub_client *client);

/* fetch_request.c: sends one GET or HEAD to f->url, with the token where is_endpoint, and takes its reply. WICK_OK: there is one, whatever its status. */
int wick_fetch_once(wick_fetch *f, wick_error *error);

/* fetch_body.c: false where the bytes are refused (f->refusal). */
bool wick_fetch_take(wick_fetch *f, const char *data, size_t n);
/* Throws away what is in fd. */
bool wick_fetch_empty(wick_fetch *f);

/* fetch_errors.c: all return error->code; where is the URL asked for, without what stands behind a '?'. */
int wick_fetch_fail(const wick_fetch *f, wick_error *error, int code, bool retriable, const char *mend,
                    const char *format, ...) __attribute__((format(printf, 6, 7)));
int wick_fetch_fail_cancelled(const wick_fetch *f, wick_error *error);
/* What was refused, or what libcurl's code (a CURLcode; detail: its own words) means. */
int wick_fetch_fail_refused(const wick_fetch *f, wick_error *error);
int wick_fetch_fail_curl(const wick_fetch *f, int code, const char *detail, wick_error *error);
/* WICK_OK, or what the last reply's status means. */
int wick_fetch_check_status(const wick_fetch *f, wick_error *error);

#endif
