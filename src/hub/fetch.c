/* SPDX-License-Identifier: Apache-2.0
 * fetch.c: requests to the hub: hops, tries, pauses, errors. In: a path below the endpoint. Out: a small reply in memory, or bytes appended to a file. What is sent and received over one connection is
 * fetch_curl.c's. */
#include "hub/fetch_internal.h"
#include "base/error.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define MAX_HOPS 5
#define MAX_PAUSE_MS 8000
#define MAX_RETRY_AFTER_MS 60000
/* So many calls in a row that failed open the breaker; so long it stays open. */
#define BREAKER_CALLS 4
#define BREAKER_MS 10000

static pthread_mutex_t breaker_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    char url[256];
    unsigned n_failed;
    uint64_t open_until_ms;
} breaker; /* of the endpoint asked last: a process has one */

uint64_t wick_fetch_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void breaker_note(const wick_hub_client *client, bool failed)
{
    pthread_mutex_lock(&breaker_lock);
    if (strcmp(breaker.url, client->endpoint->url) != 0) {
        snprintf(breaker.url, sizeof breaker.url, "%s", client->endpoint->url);
        breaker.n_failed = 0;
        breaker.open_until_ms = 0;
    }
    breaker.n_failed = failed ? breaker.n_failed + 1 : 0;
    breaker.open_until_ms = breaker.n_failed >= BREAKER_CALLS ? wick_fetch_now_ms() + BREAKER_MS : 0;
    pthread_mutex_unlock(&breaker_lock);
}

static bool breaker_is_open(const wick_hub_client *client)
{
    pthread_mutex_lock(&breaker_lock);
    const bool is_open = strcmp(breaker.url, client->endpoint->url) == 0 && wick_fetch_now_ms() < breaker.open_until_ms;
    pthread_mutex_unlock(&breaker_lock);
    return is_open;
}

static bool stops(const wick_hub_client *client)
{
    return client->should_stop && client->should_stop(client->user);
}

static int cancelled(const wick_hub_client *client, wick_error *error)
{
    return wick_fail(error, WICK_E_UNAVAILABLE, client->endpoint->url, "try again", "cancelled");
}

/* Bytes of "scheme://host:port" at the beginning of url; 0: no http(s) URL, or one that hides its host behind a user. */
static size_t origin_bytes(const char *url)
{
    const size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
    const size_t host = scheme ? strcspn(url + scheme, "/?#") : 0;
    if (host == 0 || memchr(url + scheme, '@', host) || memchr(url + scheme, '\\', host))
        return 0;
    return scheme + host;
}

static bool same_origin(const char *a, const char *b)
{
    const size_t n = origin_bytes(a);
    return n > 0 && n == origin_bytes(b) && strncasecmp(a, b, n) == 0;
}

/* Where location leads from url. False: nowhere that may be gone to. */
static bool resolve(const char *url, const char *location, char out[WICK_FETCH_URL_BYTES])
{
    const size_t origin = origin_bytes(url);
    int n = -1;
    for (const char *c = location; *c; c++)
        if ((unsigned char)*c <= 0x20 || *c == 0x7F)
            return false;
    if (strncasecmp(location, "http://", 7) == 0 || strncasecmp(location, "https://", 8) == 0)
        n = snprintf(out, WICK_FETCH_URL_BYTES, "%s", location);
    else if (location[0] == '/' && location[1] == '/')
        n = snprintf(out, WICK_FETCH_URL_BYTES, "%.*s%s", (int)(strchr(url, ':') + 1 - url), url, location);
    else if (location[0] == '/')
        n = snprintf(out, WICK_FETCH_URL_BYTES, "%.*s%s", (int)origin, url, location);
    if (n <= 0 || n >= WICK_FETCH_URL_BYTES || origin_bytes(out) == 0)
        return false;
    return strncasecmp(url, "https:", 6) != 0 || strncasecmp(out, "https:", 6) == 0;
}

/* Where redirects led to, status and head of the first reply of the endpoint itself in first. WICK_OK: there was a reply. */
static int follow(wick_fetch *f, const char *path, wick_error *error)
{
    wick_hub_client *client = f->client;
    char url[WICK_FETCH_URL_BYTES], next[WICK_FETCH_URL_BYTES];
    const int n = snprintf(url, sizeof url, "%s%s", client->endpoint->url, path);
    if (n < 0 || n >= WICK_FETCH_URL_BYTES)
        return wick_fail(error, WICK_E_INVALID_INPUT, client->endpoint->url, NULL, "the URL is too long");
    for (unsigned hop = 0; hop <= MAX_HOPS; hop++) {
        const bool is_endpoint = same_origin(url, client->endpoint->url);
        const int rc = wick_fetch_once(f, url, is_endpoint, error);
        if (is_endpoint && f->head.status != 0) /* of several hops at the endpoint, the first that says it counts */
            wick_fetch_keep_reply(f);
        if (rc != WICK_OK)
            return rc;
        const long status = f->head.status;
        const bool is_redirect = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
        if (!is_redirect || !f->head.location[0])
            return WICK_OK;
        if (!resolve(url, f->head.location, next))
            return wick_fail(error, WICK_E_INTERNAL, client->endpoint->url, "check HF_ENDPOINT and proxies",
                             "a redirect leads to where it may not: %.200s", f->head.location);
        if (f->is_head && !same_origin(next, client->endpoint->url))
            return WICK_OK;
        memcpy(url, next, sizeof url);
    }
    return wick_fail(error, WICK_E_INTERNAL, client->endpoint->url, "check HF_ENDPOINT and proxies",
                     "more than %d redirects", MAX_HOPS);
}

/* What the last status means. */
static int check_status(const wick_fetch *f, wick_error *error)
{
    const char *where = f->client->endpoint->url;
    const long status = f->head.status;
    if ((status >= 200 && status < 300) || (f->is_head && status >= 300 && status < 400))
        return WICK_OK;
    if (status == 416 && f->fd >= 0)
        return wick_fail(error, WICK_E_CORRUPT, where, "try again", "the hub has fewer bytes than it said");
    if (status == 404)
        return wick_fail(error, WICK_E_MODEL_NOT_FOUND, where, "check the name", "the hub does not have it (404)");
    if (status == 401 || status == 403)
        return wick_fail(error, WICK_E_INVALID_INPUT, where,
                         "ask for access on the model's page, then set HF_TOKEN to a token of that account",
                         "the model is gated or private (%ld%s%s)", status, f->reply.error_code[0] ? ", " : "",
                         f->reply.error_code);
    const int code = status == 408 || status == 504 ? WICK_E_TIMEOUT : WICK_E_INTERNAL;
    wick_fail(error, code, where, "try again later", "the hub answered with status %ld", status);
    error->retriable = status == 408 || status == 429 || status >= 500;
    return code;
}

static int pause_before_next(wick_fetch *f, unsigned n_failed, wick_error *error)
{
    wick_hub_client *client = f->client;
    uint64_t pause_ms = (uint64_t)client->timing.first_pause_ms << (n_failed - 1 < 10 ? n_failed - 1 : 10);
    pause_ms = pause_ms < MAX_PAUSE_MS ? pause_ms : MAX_PAUSE_MS;
    client->jitter = client->jitter * 6364136223846793005U + 1442695040888963407U;
    pause_ms -= pause_ms * ((client->jitter >> 33) % 256) / 1024; /* up to a quarter less, so that clients part */
    if (f->head.retry_after_ms > pause_ms)
        pause_ms = f->head.retry_after_ms < MAX_RETRY_AFTER_MS ? f->head.retry_after_ms : MAX_RETRY_AFTER_MS;
    for (const uint64_t end = wick_fetch_now_ms() + pause_ms; wick_fetch_now_ms() < end;) {
        if (stops(client))
            return cancelled(client, error);
        const uint64_t left_ms = end - wick_fetch_now_ms();
        const struct timespec step = {.tv_nsec = (long)(left_ms > 100 ? 100 : left_ms + 1) * 1000000L};
        nanosleep(&step, NULL);
    }
    return WICK_OK;
}

/* Tries until it is done, cannot be, or was tried often enough without anything new. */
static int try_often(wick_fetch *f, const char *path, wick_error *error)
{
    wick_hub_client *client = f->client;
    wick_error own = {0};
    int rc = WICK_OK;
    if (breaker_is_open(client))
        return wick_fail(error, WICK_E_UNAVAILABLE, client->endpoint->url, "wait a little, then try again",
                         "the hub did not answer several times; it is left alone for now");
    for (unsigned n_failed = 0;;) {
        const uint64_t had_bytes = f->have_bytes;
        own = (wick_error){0};
        f->n_body = 0;
        if (stops(client)) {
            rc = cancelled(client, &own);
            break;
        }
        rc = follow(f, path, &own);
        if (rc == WICK_OK)
            rc = check_status(f, &own);
        if (rc == WICK_OK && f->fd >= 0 && f->have_bytes < f->size_bytes) {
            rc = wick_fail(&own, WICK_E_INTERNAL, client->endpoint->url, "try again",
                           "the connection ended after %llu of %llu bytes", (unsigned long long)f->have_bytes,
                           (unsigned long long)f->size_bytes);
            own.retriable = true;
        }
        if (rc == WICK_OK || !own.retriable || stops(client))
            break;
        n_failed = f->have_bytes > had_bytes ? 1 : n_failed + 1;
        if (n_failed >= client->timing.n_tries)
            break;
        const int paused = pause_before_next(f, n_failed, &own);
        if (paused != WICK_OK) {
            rc = paused;
            break;
        }
    }
    if (!stops(client))
        breaker_note(client, rc != WICK_OK && own.retriable && rc != WICK_E_CORRUPT);
    if (rc != WICK_OK && error)
        *error = own;
    return rc;
}

int wick_hub_get(wick_hub_client *client, const char *path, size_t max_bytes, char **out, size_t *out_bytes,
                 wick_hub_reply *reply, wick_error *error)
{
    wick_fetch f = {.client = client, .fd = -1, .max_bytes = max_bytes};
    *out = NULL;
    const int rc = try_often(&f, path, error);
    if (reply)
        *reply = f.reply;
    if (rc != WICK_OK) {
        free(f.body);
        return rc;
    }
    if (!f.body && !(f.body = malloc(1)))
        return wick_fail_memory(error, "a reply");
    f.body[f.n_body] = '\0';
    *out = f.body;
    *out_bytes = f.n_body;
    return WICK_OK;
}

int wick_hub_head(wick_hub_client *client, const char *path, wick_hub_reply *reply, wick_error *error)
{
    wick_fetch f = {.client = client, .fd = -1, .is_head = true};
    const int rc = try_often(&f, path, error);
    *reply = f.reply;
    return rc;
}

int wick_hub_download(wick_hub_client *client, const char *path, int fd, uint64_t have_bytes, uint64_t size_bytes,
                      wick_hub_progress_fn progress, void *user, wick_error *error)
{
    wick_fetch f = {.client = client,
                    .fd = fd,
                    .have_bytes = have_bytes,
                    .size_bytes = size_bytes,
                    .progress = progress,
                    .user = user};
    const int rc = try_often(&f, path, error);
    if (progress)
        progress(user, f.have_bytes);
    return rc;
}
