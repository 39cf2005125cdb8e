/* SPDX-License-Identifier: Apache-2.0
 * fetch.h: GET and HEAD below a hub's endpoint. The one place that knows libcurl, which it opens at the first use.
 * Redirects are followed here, hop by hop (at most 5; only http and https; never from https to http): the token goes to the endpoint's scheme, host and port alone, and
 * not even there once a hop led elsewhere. docs/hub.md has the limits.
 *
 * Errors, by what the hub said: 404 WICK_E_MODEL_NOT_FOUND; 401, 403 WICK_E_INVALID_INPUT ("gated or private", how to give a token); 408, 429, 5xx, timeouts, resolving,
 * connecting and broken connections WICK_E_INTERNAL or WICK_E_TIMEOUT with retriable set, after n_tries tries with doubling pauses, jitter and Retry-After;
 * certificates WICK_E_INTERNAL, not retriable; a full disk, WICK_E_IO; WICK_E_CORRUPT for replies over their cap, of another
 * size or range than asked for, or whose next page is not the endpoint's; WICK_E_UNAVAILABLE at once while the endpoint's breaker is open, offline, and where there is no libcurl.
 * A wick_hub_client belongs to one thread at a time; several may be open side by side and share their endpoint's breaker. */
#ifndef WICK_HUB_FETCH_H
#define WICK_HUB_FETCH_H
#include "hub/endpoint.h"

typedef struct wick_hub_client wick_hub_client;

typedef struct wick_hub_timing {
    unsigned n_tries;        /* 0: 5 */
    unsigned connect_ms;     /* 0: 10,000 */
    unsigned stall_ms;       /* so long without a byte ends a try; 0: HF_HUB_DOWNLOAD_TIMEOUT (seconds), else 10,000 */
    unsigned first_pause_ms; /* 0: 500; doubles, at most 8 s; Retry-After up to 60 s is obeyed */
} wick_hub_timing;

/* endpoint is kept, not copied. timing: NULL for the defaults. should_stop (may be NULL) is asked a few times a second; true ends the call with WICK_E_UNAVAILABLE, "cancelled". */
int wick_hub_client_open(const wick_hub_endpoint *endpoint, const wick_hub_timing *timing,
                         bool (*should_stop)(void *user), void *user, wick_hub_client **out, wick_error *error);
void wick_hub_client_close(wick_hub_client *client);

/* What the reply's head said (of the endpoint itself, not of a host it redirected to); empty strings where it did not. */
typedef struct wick_hub_reply {
    long status;
    char commit[65];     /* X-Repo-Commit */
    char etag[129];      /* X-Linked-Etag, else ETag; W/ and quotes taken away */
    uint64_t size_bytes; /* X-Linked-Size, else Content-Length; UINT64_MAX: not said */
    char error_code[64]; /* X-Error-Code: RepoNotFound, EntryNotFound, RevisionNotFound, GatedRepo... */
    char next
        [1024]; /* Link's rel="next" as a path for the next wick_hub_get, where it leads below this endpoint; "": no more pages */
} wick_hub_reply;

/* GET path ("/api/models/org/name/revision/main", already percent-encoded) into malloc'ed *out with a terminator; a body over max_bytes, decoded, is WICK_E_CORRUPT. reply may be NULL. */
int wick_hub_get(wick_hub_client *client, const char *path, size_t max_bytes, char **out, size_t *out_bytes,
                 wick_hub_reply *reply, wick_error *error);
/* HEAD, redirects to other hosts not followed. */
int wick_hub_head(wick_hub_client *client, const char *path, wick_hub_reply *reply, wick_error *error);

/* Bytes of a download as they come; called a few times a second at most, and at the end. */
typedef void (*wick_hub_progress_fn)(void *user, uint64_t have_bytes);
/* Appends to fd (open for writing) what follows its first have_bytes bytes, up to size_bytes in all, resuming after every broken connection with Range; a server that ignores Range is read from the
 * start and the file truncated first. More or fewer bytes than size_bytes: WICK_E_CORRUPT. The content is not checked here. Identity encoding only. */
int wick_hub_download(wick_hub_client *client, const char *path, int fd, uint64_t have_bytes, uint64_t size_bytes,
                      wick_hub_progress_fn progress, void *user, wick_error *error);

#endif
