/* SPDX-License-Identifier: Apache-2.0
 * fetch_request.c: one request through libcurl, and the clients that hold its connections. In: a URL, a range, perhaps the token. Out: the reply's head, its bytes handed to fetch_body.c, or a typed
 * error. Redirects and tries are fetch.c's. */
#include "base/error.h"
#include "hub/curl_library.h"
#include "hub/fetch_internal.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_MS 100
/* A server that sends a byte now and then holds nobody for ever: in this many times stall_ms it has to send so many bytes. */
#define DRIP_WINDOWS 6
#define DRIP_BYTES 1024
/* All of a small reply has to be there after so many times stall_ms. */
#define SMALL_WINDOWS 12

static void copy_variable(const char *name, char *out, size_t room)
{
    const char *value = getenv(name);
    if (!out[0] && value && strlen(value) < room)
        memcpy(out, value, strlen(value) + 1);
}

static unsigned or_default(unsigned value, unsigned otherwise)
{
    return value ? value : otherwise;
}

/* HF_HUB_DOWNLOAD_TIMEOUT, in seconds, as huggingface_hub has it. */
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
    const wick_hub_timing wanted = timing ? *timing : (wick_hub_timing){0};
    *out = NULL;
    if (endpoint->offline)
        return wick_fail(error, WICK_E_UNAVAILABLE, endpoint->url, "unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE",
                         "the network is switched off (HF_HUB_OFFLINE)");
    const int opened = wick_curl_open(error);
    if (opened != WICK_OK)
        return opened;
    wick_hub_client *client = calloc(1, sizeof *client);
    if (!client)
        return wick_fail_memory(error, "a connection");
    client->easy = wick_curl.easy_init();
    client->multi = wick_curl.multi_init();
    if (!client->easy || !client->multi) {
        wick_hub_client_close(client);
        return wick_fail_memory(error, "a connection");
    }
    client->endpoint = endpoint;
    client->should_stop = should_stop;
    client->user = user;
    client->timing = (wick_hub_timing){.n_tries = or_default(wanted.n_tries, 5),
                                       .connect_ms = or_default(wanted.connect_ms, 10000),
                                       .stall_ms = or_default(wanted.stall_ms, stall_ms_of_environment()),
                                       .first_pause_ms = or_default(wanted.first_pause_ms, 500)};
    client->jitter = wick_fetch_now_ms() ^ (uint64_t)(uintptr_t)client;
    /* What users of Python's hub set (requests, httpx), and the curl command knows; libcurl itself reads none of them. */
    copy_variable("REQUESTS_CA_BUNDLE", client->ca_file, sizeof client->ca_file);
    copy_variable("CURL_CA_BUNDLE", client->ca_file, sizeof client->ca_file);
    copy_variable("SSL_CERT_FILE", client->ca_file, sizeof client->ca_file);
    copy_variable("SSL_CERT_DIR", client->ca_folder, sizeof client->ca_folder);
    *out = client;
    return WICK_OK;
}

void wick_hub_client_close(wick_hub_client *client)
{
    if (!client)
        return;
    if (client->easy)
        wick_curl.easy_cleanup(client->easy);
    if (client->multi)
        wick_curl.multi_cleanup(client->multi);
    free(client);
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    wick_fetch *f = user;
    const size_t n = size * count;
    f->last_byte_ms = wick_fetch_now_ms();
    f->n_received += n;
    if (wick_head_add(&f->head, line, n, (int64_t)time(NULL)))
        return n;
    f->refusal = WICK_FETCH_HEAD_TOO_LARGE;
    return 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
    const size_t n = size * count;
    return wick_fetch_take(user, data, n) ? n : CURL_WRITEFUNC_ERROR;
}

static bool add_header(struct curl_slist **headers, const char *line)
{
    struct curl_slist *grown = wick_curl.slist_append(*headers, line);
    *headers = grown ? grown : *headers;
    return grown != NULL;
}

static void wipe(char *text, size_t n)
{
    for (volatile char *c = text; n > 0; n--)
        *c++ = '\0';
}

static bool make_headers(const wick_fetch *f, struct curl_slist **headers)
{
    char line[4200]; /* a token has at most 4,096 bytes: endpoint.c */
    bool well = true;
    if (f->fd >= 0) {
        well = add_header(headers, "Accept-Encoding: identity");
        snprintf(line, sizeof line, "Range: bytes=%llu-", (unsigned long long)f->have_bytes);
        if (f->have_bytes > 0)
            well = well && add_header(headers, line);
    }
    if (f->is_endpoint && f->client->endpoint->token) {
        snprintf(line, sizeof line, "Authorization: Bearer %s", f->client->endpoint->token);
        well = well && add_header(headers, line);
        wipe(line, sizeof line);
    }
    return well;
}

static void free_headers(struct curl_slist *headers)
{
    for (struct curl_slist *item = headers; item; item = item->next)
        wipe(item->data, strlen(item->data));
    wick_curl.slist_free_all(headers);
}

static void set_up(wick_fetch *f, struct curl_slist *headers, char *detail)
{
    const wick_hub_client *client = f->client;
    CURL *easy = client->easy;
    wick_curl.easy_reset(easy);
    wick_curl.easy_setopt(easy, CURLOPT_URL, f->url);
    wick_curl.easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    wick_curl.easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* no token to a proxy's CONNECT */
    wick_curl.easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    wick_curl.easy_setopt(easy, CURLOPT_USERAGENT, "wick/" WICK_VERSION);
    wick_curl.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    wick_curl.easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    wick_curl.easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
#if LIBCURL_VERSION_NUM >= 0x075500 /* fetch_url.h lets no other through either */
    wick_curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    wick_curl.easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    wick_curl.easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    wick_curl.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)client->timing.connect_ms);
    wick_curl.easy_setopt(easy, CURLOPT_BUFFERSIZE, 262144L);
    wick_curl.easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
    wick_curl.easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    wick_curl.easy_setopt(easy, CURLOPT_HEADERDATA, f);
    wick_curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    wick_curl.easy_setopt(easy, CURLOPT_WRITEDATA, f);
    if (client->ca_file[0] || client->ca_folder[0]) { /* in place of what libcurl knows by itself, not beside it */
        wick_curl.easy_setopt(easy, CURLOPT_CAINFO, client->ca_file[0] ? client->ca_file : NULL);
        wick_curl.easy_setopt(easy, CURLOPT_CAPATH, client->ca_folder[0] ? client->ca_folder : NULL);
    }
    if (f->is_head)
        wick_curl.easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (f->fd < 0)
        wick_curl.easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip"); /* what is decoded counts against max_bytes */
}

/* Whether the reply keeps coming: something every stall_ms, more than drips, and a small one soon. */
static bool is_stalled(const wick_fetch *f, uint64_t begun_ms, uint64_t *window_ms, uint64_t *window_bytes)
{
    const wick_hub_timing *timing = &f->client->timing;
    const uint64_t now_ms = wick_fetch_now_ms();
    const uint64_t patience_ms = timing->stall_ms + (f->n_received ? 0 : timing->connect_ms);
    if (now_ms > f->last_byte_ms + patience_ms)
        return true;
    if (f->fd < 0 && now_ms - begun_ms > (uint64_t)SMALL_WINDOWS * timing->stall_ms + timing->connect_ms)
        return true;
    if (now_ms - *window_ms <= (uint64_t)DRIP_WINDOWS * timing->stall_ms)
        return false;
    const bool drips = f->n_received - *window_bytes < DRIP_BYTES;
    *window_ms = now_ms;
    *window_bytes = f->n_received;
    return drips;
}

/* Runs the transfer to its end, or until it is stopped or stalls. */
static CURLcode perform(wick_fetch *f)
{
    wick_hub_client *client = f->client;
    const uint64_t begun_ms = wick_fetch_now_ms();
    uint64_t window_ms = begun_ms, window_bytes = 0;
    CURLcode code = CURLE_FAILED_INIT;
    if (wick_curl.multi_add_handle(client->multi, client->easy) != CURLM_OK)
        return code;
    for (int running = 1, left; running > 0;) {
        if (wick_curl.multi_perform(client->multi, &running) != CURLM_OK)
            break;
        for (CURLMsg *message; (message = wick_curl.multi_info_read(client->multi, &left)) != NULL;)
            if (message->msg == CURLMSG_DONE)
                code = message->data.result;
        if (running == 0)
            break;
        f->is_stopped = wick_fetch_stops(client);
        f->is_stalled = is_stalled(f, begun_ms, &window_ms, &window_bytes);
        if (f->is_stopped || f->is_stalled) {
            code = CURLE_ABORTED_BY_CALLBACK;
            break;
        }
        if (wick_curl.multi_wait(client->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)
            break;
    }
    wick_curl.multi_remove_handle(client->multi, client->easy);
    return code;
}

/* The same with SIGPIPE held back: a TLS library may write to a connection that its peer has closed, and the program is not ours to end. */
static CURLcode perform_quietly(wick_fetch *f)
{
    sigset_t pipe_set, before, pending;
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    sigpending(&pending);
    const bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_set, &before);
    const CURLcode code = perform(f);
    sigpending(&pending);
    if (!was_pending && sigismember(&pending, SIGPIPE) == 1) {
        int number;
        sigwait(&pipe_set, &number);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

int wick_fetch_once(wick_fetch *f, wick_error *error)
{
    struct curl_slist *headers = NULL;
    char detail[CURL_ERROR_SIZE] = "";
    wick_head_init(&f->head);
    f->has_begun = f->is_stalled = f->is_stopped = false;
    f->refusal = WICK_FETCH_TAKEN;
    f->n_body = f->n_thrown = 0;
    f->n_received = 0;
    f->last_byte_ms = wick_fetch_now_ms();
    int rc = make_headers(f, &headers) ? WICK_OK : wick_fail_memory(error, "a connection");
    if (rc == WICK_OK) {
        set_up(f, headers, detail);
        const CURLcode code = perform_quietly(f);
        if (f->refusal != WICK_FETCH_TAKEN && f->refusal != WICK_FETCH_ENOUGH)
            rc = wick_fetch_fail_refused(f, error);
        else if (code != CURLE_OK && f->refusal != WICK_FETCH_ENOUGH)
            rc = wick_fetch_fail_curl(f, (int)code, detail[0] ? detail : wick_curl.easy_strerror(code), error);
        else if (!f->head.is_complete) /* libcurl takes a head that breaks off for a whole one */
            rc = wick_fetch_fail_curl(f, CURLE_GOT_NOTHING, "the reply's head broke off", error);
    }
    wick_curl.easy_reset(f->client->easy); /* no pointer to what is freed here stays */
    free_headers(headers);
    return rc;
}
