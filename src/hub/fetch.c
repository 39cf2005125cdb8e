/* SPDX-License-Identifier: Apache-2.0
 * fetch.c: the calls of fetch.h: hops from redirect to redirect, tries with pauses between them, the breaker. In: a path below the endpoint. Out: a small reply in memory, or bytes in a file. One request
 * is fetch_request.c's. */
#include "base/error.h"
#include "hub/fetch_breaker.h"
#include "hub/fetch_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_HOPS 5
#define MAX_PAUSE_MS 8000
#define MAX_RETRY_AFTER_MS 60000
/* So much more of a file makes a broken try a good one, after which tries count from the start; less would let a server hold on for ever, a byte a connection. */
#define WORTHWHILE_BYTES 65536
#define MAX_RESTARTS 2

uint64_t wick_fetch_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool wick_fetch_stops(const wick_hub_client *client)
{
    return client->should_stop && client->should_stop(client->user);
}

static void keep_reply(wick_fetch *f)
{
    const wick_fetch_head *head = &f->head;
    wick_hub_reply *reply = &f->reply;
    *reply =
        (wick_hub_reply){.status = head->status,
                         .size_bytes = head->linked_bytes != UINT64_MAX ? head->linked_bytes : head->content_bytes};
    memcpy(reply->commit, head->commit, sizeof reply->commit);
    memcpy(reply->etag, head->linked_etag[0] ? head->linked_etag : head->etag, sizeof reply->etag);
    memcpy(reply->error_code, head->error_code, sizeof reply->error_code);
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* To where the redirects lead. Of several hops at the endpoint the first that names a commit counts: the next may be a mere move. */
static int follow(wick_fetch *f, wick_error *error)
{
    const char *endpoint = f->client->endpoint->url;
    wick_url ours, there;
    char next[WICK_URL_BYTES];
    const int n = snprintf(f->url, sizeof f->url, "%s%s", endpoint, f->path);
    f->reply = (wick_hub_reply){.size_bytes = UINT64_MAX};
    if (n < 0 || n >= WICK_URL_BYTES || !wick_url_parse(endpoint, &ours) || !wick_url_parse(f->url, &there) ||
        !wick_url_same_origin(&ours, &there)) {
        f->url[0] = '\0';
        return wick_fetch_fail(f, error, WICK_E_INVALID_INPUT, false, "check HF_ENDPOINT", "this is no URL of the hub");
    }
    f->is_endpoint = true;
    for (unsigned hop = 0; hop <= MAX_HOPS; hop++) {
        /* Once left, the endpoint is a stranger too: who was redirected to chose what is asked of it now. */
        f->is_endpoint = f->is_endpoint && wick_url_parse(f->url, &there) && wick_url_same_origin(&ours, &there);
        const int rc = wick_fetch_once(f, error);
        if (f->is_endpoint && f->head.status != 0 && !f->reply.commit[0])
            keep_reply(f);
        if (rc != WICK_OK || !is_redirect(f->head.status))
            return rc;
        if (!f->head.location[0] || !wick_url_resolve(f->url, f->head.location, next))
            return wick_fetch_fail(f, error, WICK_E_INTERNAL, false,
                                   "check HF_ENDPOINT, and whether a proxy stands between",
                                   "a redirect leads to where it may not (from https to http, or to no web address)");
        if (f->is_head && !(wick_url_parse(next, &there) && wick_url_same_origin(&ours, &there)))
            return WICK_OK;
        memcpy(f->url, next, sizeof next);
    }
    return wick_fetch_fail(f, error, WICK_E_INTERNAL, false, "check HF_ENDPOINT, and whether a proxy stands between",
                           "more than %d redirects", MAX_HOPS);
}

/* One try: all hops, and what came of them. */
static int try_once(wick_fetch *f, wick_error *error)
{
    int rc = follow(f, error);
    if (rc == WICK_OK)
        rc = wick_fetch_check_status(f, error);
    if (f->fd < 0)
        return rc;
    const bool other_bytes =
        f->refusal == WICK_FETCH_WRONG_RANGE || (f->head.status == 416 && f->refusal == WICK_FETCH_TAKEN);
    if (rc == WICK_E_CORRUPT && other_bytes) { /* what is there may be of another file: once more, from the start */
        const bool may_restart = f->have_bytes > 0 && f->n_restarts++ < MAX_RESTARTS;
        if (error)
            error->retriable = may_restart;
        return may_restart && !wick_fetch_empty(f) ? wick_fetch_fail_refused(f, error) : rc;
    }
    if (rc == WICK_OK && f->have_bytes < f->size_bytes)
        return wick_fetch_fail(f, error, WICK_E_INTERNAL, true, "try again", "the reply ended after %llu of %llu bytes",
                               (unsigned long long)f->have_bytes, (unsigned long long)f->size_bytes);
    return rc;
}

/* Waits before the try after the n_failed-th. False: the server asked for longer than anybody waits. */
static int pause_after(wick_fetch *f, unsigned n_failed, wick_error *error)
{
    wick_hub_client *client = f->client;
    const unsigned doublings = n_failed - 1 < 10 ? n_failed - 1 : 10;
    uint64_t pause_ms = (uint64_t)client->timing.first_pause_ms << doublings;
    if (pause_ms > MAX_PAUSE_MS)
        pause_ms = MAX_PAUSE_MS;
    /* Up to a quarter less, so that clients that failed together do not come back together (Knuth's MMIX generator). */
    client->jitter = client->jitter * 6364136223846793005U + 1442695040888963407U;
    pause_ms -= pause_ms * ((client->jitter >> 33) % 256) / 1024;
    if (f->head.retry_after_ms > pause_ms)
        pause_ms = f->head.retry_after_ms;
    for (const uint64_t end = wick_fetch_now_ms() + pause_ms; wick_fetch_now_ms() < end;) {
        if (wick_fetch_stops(client))
            return wick_fetch_fail_cancelled(f, error);
        const uint64_t now_ms = wick_fetch_now_ms(), left_ms = end > now_ms ? end - now_ms : 0;
        nanosleep(&(struct timespec){.tv_nsec = (long)(left_ms > 100 ? 100 : left_ms) * 1000000L}, NULL);
    }
    return WICK_OK;
}

/* Tries until it is done, cannot be, or failed n_tries times in a row. */
static int try_often(wick_fetch *f, wick_error *error)
{
    for (unsigned n_failed = 0;;) {
        const uint64_t had_bytes = f->have_bytes;
        if (wick_fetch_stops(f->client))
            return wick_fetch_fail_cancelled(f, error);
        const int rc = try_once(f, error);
        if (rc == WICK_OK || !error->retriable || f->is_stopped)
            return rc;
        n_failed = f->have_bytes >= had_bytes + WORTHWHILE_BYTES ? 1 : n_failed + 1;
        if (n_failed >= f->client->timing.n_tries || f->head.retry_after_ms > MAX_RETRY_AFTER_MS)
            return rc;
        const int paused = pause_after(f, n_failed, error);
        if (paused != WICK_OK)
            return paused;
    }
}

/* try_often, if the endpoint's breaker lets it. */
static int fetch(wick_fetch *f, wick_error *error)
{
    wick_error own = {0};
    char origin[300];
    wick_url_origin_text(f->client->endpoint->url, origin, sizeof origin);
    if (!wick_hub_breaker_allows(origin, wick_fetch_now_ms()))
        return wick_fetch_fail(f, error, WICK_E_UNAVAILABLE, true, "wait some seconds, then try again",
                               "the hub did not answer several times, and is left alone for a while");
    const int rc = try_often(f, &own);
    wick_hub_outcome outcome = WICK_HUB_ANSWERED;
    if (rc != WICK_OK && own.retriable)
        outcome = f->is_endpoint && rc != WICK_E_UNAVAILABLE && rc != WICK_E_CORRUPT && f->head.status != 429
                      ? WICK_HUB_FAILED
                      : WICK_HUB_ABANDONED;
    wick_hub_breaker_note(origin, outcome, wick_fetch_now_ms());
    if (rc != WICK_OK && error)
        *error = own;
    return rc;
}

/* The next page, which has to be the endpoint's own. */
static int read_next(wick_fetch *f, wick_error *error)
{
    const wick_fetch_head *head = &f->head;
    if (!head->link_is_bad && !head->link_next[0])
        return WICK_OK;
    if (!head->link_is_bad && f->is_endpoint &&
        wick_url_below(f->client->endpoint->url, head->link_next, f->reply.next, sizeof f->reply.next))
        return WICK_OK;
    f->reply.next[0] = '\0';
    return wick_fetch_fail(f, error, WICK_E_CORRUPT, false, "check HF_ENDPOINT: a mirror has to serve all pages itself",
                           "the next page is not below the hub's own address");
}

int wick_hub_get(wick_hub_client *client, const char *path, size_t max_bytes, char **out, size_t *out_bytes,
                 wick_hub_reply *reply, wick_error *error)
{
    wick_fetch *f = calloc(1, sizeof *f);
    *out = NULL;
    *out_bytes = 0;
    if (!f)
        return wick_fail_memory(error, "a request");
    *f = (wick_fetch){.client = client, .path = path, .fd = -1, .max_bytes = max_bytes};
    int rc = fetch(f, error);
    if (rc == WICK_OK)
        rc = read_next(f, error);
    if (rc == WICK_OK && !f->body && !(f->body = malloc(1)))
        rc = wick_fail_memory(error, "a reply");
    if (reply)
        *reply = f->reply;
    if (rc == WICK_OK) {
        f->body[f->n_body] = '\0';
        *out = f->body;
        *out_bytes = f->n_body;
        f->body = NULL;
    }
    free(f->body);
    free(f);
    return rc;
}

int wick_hub_head(wick_hub_client *client, const char *path, wick_hub_reply *reply, wick_error *error)
{
    wick_fetch *f = calloc(1, sizeof *f);
    if (!f)
        return wick_fail_memory(error, "a request");
    *f = (wick_fetch){.client = client, .path = path, .fd = -1, .is_head = true};
    const int rc = fetch(f, error);
    *reply = f->reply;
    free(f);
    return rc;
}

int wick_hub_download(wick_hub_client *client, const char *path, int fd, uint64_t have_bytes, uint64_t size_bytes,
                      wick_hub_progress_fn progress, void *user, wick_error *error)
{
    int rc = WICK_OK;
    wick_fetch *f = calloc(1, sizeof *f);
    if (!f)
        return wick_fail_memory(error, "a request");
    *f = (wick_fetch){.client = client,
                      .path = path,
                      .fd = fd,
                      .have_bytes = have_bytes,
                      .size_bytes = size_bytes,
                      .progress = progress,
                      .user = user};
    if (size_bytes > INT64_MAX)
        rc = wick_fetch_fail(f, error, WICK_E_INVALID_INPUT, false, "check HF_ENDPOINT", "no file has %llu bytes",
                             (unsigned long long)size_bytes);
    else if (have_bytes > size_bytes && !wick_fetch_empty(f)) /* of something else */
        rc = wick_fetch_fail_refused(f, error);
    else if (f->have_bytes < size_bytes)
        rc = fetch(f, error);
    if (progress)
        progress(user, f->have_bytes);
    free(f);
    return rc;
}
