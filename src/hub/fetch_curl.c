/* SPDX-License-Identifier: Apache-2.0
 * fetch_curl.c: one request through libcurl, which is opened with dlopen at the first use: a start of the command must not load it. The pointers have the types of libcurl's header. In: a URL. Out:
 * status, the head's fields that the hub uses, the body into memory or a file. */
#include "base/error.h"
#include "hub/fetch_internal.h"
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define MEND_LIBRARY "install libcurl (Debian: libcurl4, Homebrew: curl)"
#define PROGRESS_MS 200

static struct {
    bool is_there;
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_easy_init) *easy_init;
    __typeof__(curl_easy_cleanup) *easy_cleanup;
    __typeof__(curl_easy_reset) *easy_reset;
    __typeof__(curl_easy_setopt) *easy_setopt;
    __typeof__(curl_easy_perform) *easy_perform;
    __typeof__(curl_easy_strerror) *easy_strerror;
    __typeof__(curl_slist_append) *slist_append;
    __typeof__(curl_slist_free_all) *slist_free_all;
} curl;
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static bool take(void *library, const char *name, void *out)
{
    void *symbol = dlsym(library, name);
    memcpy(out, &symbol, sizeof symbol);
    return symbol != NULL;
}

static void curl_load(void)
{
#ifdef __APPLE__
    static const char *const names[] = {"libcurl.4.dylib", "/usr/lib/libcurl.4.dylib"};
#else
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
#endif
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    curl.is_there =
        library && take(library, "curl_global_init", &curl.global_init) &&
        take(library, "curl_easy_init", &curl.easy_init) && take(library, "curl_easy_cleanup", &curl.easy_cleanup) &&
        take(library, "curl_easy_reset", &curl.easy_reset) && take(library, "curl_easy_setopt", &curl.easy_setopt) &&
        take(library, "curl_easy_perform", &curl.easy_perform) &&
        take(library, "curl_easy_strerror", &curl.easy_strerror) &&
        take(library, "curl_slist_append", &curl.slist_append) &&
        take(library, "curl_slist_free_all", &curl.slist_free_all) && curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

/* HF_HUB_DOWNLOAD_TIMEOUT, in seconds, as huggingface_hub has it: so long without a byte ends a try. */
static unsigned stall_ms_of_environment(void)
{
    const char *value = getenv("HF_HUB_DOWNLOAD_TIMEOUT");
    char *end = NULL;
    const long seconds = value ? strtol(value, &end, 10) : 0;
    return value && end != value && *end == '\0' && seconds > 0 && seconds <= 3600 ? (unsigned)seconds * 1000 : 10000;
}

int wick_hub_client_open(const wick_hub_endpoint *endpoint, const wick_hub_timing *timing,
                         bool (*should_stop)(void *user), void *user, wick_hub_client **out, wick_error *error)
{
    *out = NULL;
    pthread_once(&curl_once, curl_load);
    if (!curl.is_there)
        return wick_fail(error, WICK_E_UNAVAILABLE, "libcurl", MEND_LIBRARY, "nothing can be downloaded: no libcurl");
    wick_hub_client *client = calloc(1, sizeof *client);
    if (!client || !(client->curl = curl.easy_init())) {
        free(client);
        return wick_fail_memory(error, "a connection");
    }
    client->endpoint = endpoint;
    client->should_stop = should_stop;
    client->user = user;
    client->timing = timing ? *timing : (wick_hub_timing){0};
    client->timing.n_tries = client->timing.n_tries ? client->timing.n_tries : 5;
    client->timing.connect_ms = client->timing.connect_ms ? client->timing.connect_ms : 10000;
    client->timing.stall_ms = client->timing.stall_ms ? client->timing.stall_ms : stall_ms_of_environment();
    client->timing.first_pause_ms = client->timing.first_pause_ms ? client->timing.first_pause_ms : 500;
    client->jitter = wick_fetch_now_ms() ^ (uint64_t)(uintptr_t)client;
    *out = client;
    return WICK_OK;
}

void wick_hub_client_close(wick_hub_client *client)
{
    if (!client)
        return;
    curl.easy_cleanup(client->curl);
    free(client);
}

/* Copies value[0..n) where it is printable and fits; else leaves out empty. */
static void copy_field(char *out, size_t room, const char *value, size_t n)
{
    out[0] = '\0';
    if (n >= room)
        return;
    for (size_t i = 0; i < n; i++)
        if (value[i] < 0x20 || value[i] >= 0x7F)
            return;
    memcpy(out, value, n);
    out[n] = '\0';
}

/* Without W/ and quotes. */
static void copy_etag(char *out, size_t room, const char *value, size_t n)
{
    if (n >= 2 && value[0] == 'W' && value[1] == '/') {
        value += 2;
        n -= 2;
    }
    if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
        value++;
        n -= 2;
    }
    copy_field(out, room, value, n);
}

static bool read_number(const char *value, size_t n, uint64_t *out)
{
    uint64_t number = 0;
    if (n == 0 || n > 18)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (value[i] < '0' || value[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(value[i] - '0');
    }
    *out = number;
    return true;
}

/* <URL>; rel="next" of the endpoint, as a path below it. */
static void read_link(wick_fetch *f, const char *value, size_t n)
{
    const char *url = f->client->endpoint->url;
    const size_t n_url = strlen(url);
    char link[2048];
    copy_field(link, sizeof link, value, n);
    char *begin = strchr(link, '<'), *end = begin ? strchr(begin, '>') : NULL;
    if (!end || !strstr(end, "rel=\"next\""))
        return;
    *end = '\0';
    begin++;
    if (strncasecmp(begin, url, n_url) == 0 && begin[n_url] == '/')
        copy_field(f->head.next, sizeof f->head.next, begin + n_url, strlen(begin + n_url));
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    wick_fetch *f = user;
    const size_t n_line = size * count;
    wick_fetch_head *head = &f->head;
    f->last_byte_ms = wick_fetch_now_ms();
    if (n_line > 9 && strncmp(line, "HTTP/", 5) == 0) {
        *head = (wick_fetch_head){.range_start = UINT64_MAX, .content_bytes = UINT64_MAX, .linked_bytes = UINT64_MAX};
        const char *space = memchr(line, ' ', n_line);
        for (size_t i = 1; space && i < 4 && space + i < line + n_line && space[i] >= '0' && space[i] <= '9'; i++)
            head->status = head->status * 10 + (space[i] - '0');
        return n_line;
    }
    const char *colon = memchr(line, ':', n_line);
    if (!colon)
        return n_line;
    const size_t n_name = (size_t)(colon - line);
    const char *value = colon + 1;
    size_t n = n_line - n_name - 1;
    for (; n > 0 && (*value == ' ' || *value == '\t'); value++)
        n--;
    while (n > 0 && strchr(" \t\r\n", value[n - 1]))
        n--;
#define IS(text) (n_name == sizeof text - 1 && strncasecmp(line, text, n_name) == 0)
    uint64_t number;
    if (IS("Location"))
        copy_field(head->location, sizeof head->location, value, n);
    else if (IS("Retry-After") && read_number(value, n, &number))
        head->retry_after_ms = number < 3600 ? number * 1000 : 3600000;
    else if (IS("Content-Length"))
        read_number(value, n, &head->content_bytes);
    else if (IS("X-Linked-Size"))
        read_number(value, n, &head->linked_bytes);
    else if (IS("Content-Range") && n > 6 && strncasecmp(value, "bytes ", 6) == 0)
        read_number(value + 6, strcspn(value + 6, "-\r\n"), &head->range_start);
    else if (IS("ETag"))
        copy_etag(head->etag, sizeof head->etag, value, n);
    else if (IS("X-Linked-Etag"))
        copy_etag(head->linked_etag, sizeof head->linked_etag, value, n);
    else if (IS("X-Repo-Commit"))
        copy_field(head->commit, sizeof head->commit, value, n);
    else if (IS("X-Error-Code"))
        copy_field(head->error_code, sizeof head->error_code, value, n);
    else if (IS("Link"))
        read_link(f, value, n);
#undef IS
    return n_line;
}

void wick_fetch_keep_reply(wick_fetch *f)
{
    const wick_fetch_head *head = &f->head;
    wick_hub_reply *reply = &f->reply;
    const uint64_t size_bytes = head->linked_bytes != UINT64_MAX ? head->linked_bytes : head->content_bytes;
    *reply = (wick_hub_reply){.status = head->status, .size_bytes = size_bytes};
    memcpy(reply->commit, head->commit, sizeof reply->commit);
    memcpy(reply->etag, head->linked_etag[0] ? head->linked_etag : head->etag, sizeof reply->etag);
    memcpy(reply->error_code, head->error_code, sizeof reply->error_code);
    memcpy(reply->next, head->next, sizeof reply->next);
}

static bool refuse(wick_fetch *f, int code)
{
    f->sink_code = code;
    f->sink_errno = errno;
    return false;
}

static bool to_memory(wick_fetch *f, const char *data, size_t n)
{
    if (n > f->max_bytes - f->n_body)
        return refuse(f, WICK_E_CORRUPT);
    char *grown = realloc(f->body, f->n_body + n + 1);
    if (!grown)
        return refuse(f, WICK_E_NO_MEMORY);
    memcpy(grown + f->n_body, data, n);
    f->body = grown;
    f->n_body += n;
    return true;
}

static bool to_file(wick_fetch *f, const char *data, size_t n)
{
    if (!f->has_begun && f->have_bytes > 0 && (f->head.status != 206 || f->head.range_start != f->have_bytes)) {
        if (f->head.status == 206 || ftruncate(f->fd, 0) != 0)
            return refuse(f, f->head.status == 206 ? WICK_E_CORRUPT : WICK_E_IO);
        f->have_bytes = 0; /* the server reads no Range: from the start */
    }
    f->has_begun = true;
    if (n > f->size_bytes - f->have_bytes)
        return refuse(f, WICK_E_CORRUPT);
    while (n > 0) {
        const ssize_t written = pwrite(f->fd, data, n, (off_t)f->have_bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return refuse(f, WICK_E_IO);
        data += written;
        n -= (size_t)written;
        f->have_bytes += (uint64_t)written;
    }
    if (f->progress && f->last_byte_ms - f->last_progress_ms >= PROGRESS_MS) {
        f->last_progress_ms = f->last_byte_ms;
        f->progress(f->user, f->have_bytes);
    }
    return true;
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    wick_fetch *f = user;
    const size_t n = size * count;
    f->last_byte_ms = wick_fetch_now_ms();
    if (f->head.status < 200 || f->head.status >= 300)
        return n; /* what an error's page says is not ours to show */
    return (f->fd >= 0 ? to_file(f, data, n) : to_memory(f, data, n)) ? n : CURL_WRITEFUNC_ERROR;
}

static int on_tick(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    wick_fetch *f = user;
    f->is_stopped = f->client->should_stop && f->client->should_stop(f->client->user);
    f->is_stalled = wick_fetch_now_ms() - f->last_byte_ms >
                    f->client->timing.stall_ms + f->client->timing.connect_ms * !f->head.status;
    return f->is_stopped || f->is_stalled;
}

static void set_up(wick_fetch *f, const char *url, struct curl_slist *headers)
{
    CURL *handle = f->client->curl;
    const unsigned connect_ms = f->client->timing.connect_ms;
    curl.easy_reset(handle); /* connections stay open */
    curl.easy_setopt(handle, CURLOPT_URL, url);
    curl.easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl.easy_setopt(handle, CURLOPT_USERAGENT, "wick/" WICK_VERSION);
    curl.easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl.easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl.easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl.easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl.easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl.easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_tick);
    curl.easy_setopt(handle, CURLOPT_XFERINFODATA, f);
    curl.easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
    curl.easy_setopt(handle, CURLOPT_HEADERDATA, f);
    curl.easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
    curl.easy_setopt(handle, CURLOPT_WRITEDATA, f);
    if (f->is_head)
        curl.easy_setopt(handle, CURLOPT_NOBODY, 1L);
    if (f->fd < 0)
        curl.easy_setopt(handle, CURLOPT_TIMEOUT_MS, 60000L); /* a byte now and then is no answer */
    if (f->fd < 0)
        curl.easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, ""); /* what is decoded counts against max_bytes */
}

static bool add_header(struct curl_slist **headers, const char *line)
{
    struct curl_slist *grown = curl.slist_append(*headers, line);
    *headers = grown ? grown : *headers;
    return grown != NULL;
}

static bool make_headers(const wick_fetch *f, bool is_endpoint, struct curl_slist **headers)
{
    char line[4200];
    bool well = true;
    if (f->fd >= 0) {
        well = add_header(headers, "Accept-Encoding: identity");
        if (f->have_bytes > 0) {
            snprintf(line, sizeof line, "Range: bytes=%llu-", (unsigned long long)f->have_bytes);
            well = well && add_header(headers, line);
        }
    }
    if (is_endpoint && f->client->endpoint->token) {
        snprintf(line, sizeof line, "Authorization: Bearer %s", f->client->endpoint->token);
        well = well && add_header(headers, line);
        memset(line, 0, sizeof line);
    }
    return well;
}

/* What the sink would not take. */
static int fail_sink(const wick_fetch *f, wick_error *error)
{
    const char *where = f->client->endpoint->url;
    errno = f->sink_errno;
    if (f->sink_code == WICK_E_IO)
        return wick_fail_errno(
            error, WICK_E_IO, "the hub cache",
            "free some space, or put the cache elsewhere (HF_HUB_CACHE, cache_dir); what came so far is kept",
            "cannot write what is downloaded");
    if (f->sink_code == WICK_E_NO_MEMORY)
        return wick_fail_memory(error, "a reply");
    if (f->fd < 0)
        return wick_fail(error, WICK_E_CORRUPT, where, "check HF_ENDPOINT", "the reply has more than %zu bytes",
                         f->max_bytes);
    return wick_fail(error, WICK_E_CORRUPT, where, "try again", "the hub sends other bytes than it was asked for");
}

static int fail_curl(const wick_fetch *f, CURLcode code, wick_error *error)
{
    const char *where = f->client->endpoint->url;
    if (f->sink_code != WICK_OK)
        return fail_sink(f, error);
    if (f->is_stopped)
        return wick_fail(error, WICK_E_UNAVAILABLE, where, "try again", "cancelled");
    if (f->is_stalled || code == CURLE_OPERATION_TIMEDOUT)
        return wick_fail(error, WICK_E_TIMEOUT, where, "check the network, then try again", "the hub does not answer");
    if (code == CURLE_OUT_OF_MEMORY)
        return wick_fail_memory(error, "a connection");
    const bool is_certificate =
        code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM;
    wick_fail(error, WICK_E_INTERNAL, where,
              is_certificate ? "check this machine's certificates (ca-certificates) and clock"
                             : "check the network and HF_ENDPOINT, then try again",
              "cannot reach the hub: %s", curl.easy_strerror(code));
    error->retriable = !is_certificate && code != CURLE_URL_MALFORMAT && code != CURLE_UNSUPPORTED_PROTOCOL &&
                       code != CURLE_BAD_CONTENT_ENCODING;
    return WICK_E_INTERNAL;
}

/* OpenSSL writes to sockets that the hub may have closed; the SIGPIPE of that, which would end the program, is taken away here. */
static CURLcode perform_quietly(CURL *handle)
{
    sigset_t pipe, before, pending;
    int number;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    const bool was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    const CURLcode code = curl.easy_perform(handle);
    sigpending(&pending);
    if (!was_pending && sigismember(&pending, SIGPIPE))
        sigwait(&pipe, &number);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

int wick_fetch_once(wick_fetch *f, const char *url, bool is_endpoint, wick_error *error)
{
    struct curl_slist *headers = NULL;
    f->head = (wick_fetch_head){0};
    f->has_begun = f->is_stalled = f->is_stopped = false;
    f->sink_code = WICK_OK;
    f->n_body = 0;
    f->last_byte_ms = wick_fetch_now_ms();
    int rc = make_headers(f, is_endpoint, &headers) ? WICK_OK : wick_fail_memory(error, "a connection");
    if (rc == WICK_OK) {
        set_up(f, url, headers);
        const CURLcode code = perform_quietly(f->client->curl);
        rc = code == CURLE_OK ? WICK_OK : fail_curl(f, code, error);
    }
    curl.easy_reset(f->client->curl); /* no pointer to what is freed here stays */
    curl.slist_free_all(headers);
    return rc;
}
