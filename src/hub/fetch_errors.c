/* SPDX-License-Identifier: Apache-2.0
 * fetch_errors.c: what went wrong with a request, in words: what, where, the mend, and whether another try may help. In: a status, a refusal or libcurl's code. Never the token, nor a signed URL. */
#include "base/error.h"
#include "hub/fetch_internal.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MEND_LATER "try again later"
#define MEND_ENDPOINT "check HF_ENDPOINT, and whether a proxy stands between"

int wick_fetch_fail(const wick_fetch *f, wick_error *error, int code, bool retriable, const char *mend,
                    const char *format, ...)
{
    char where[512], message[512], origin[300];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    snprintf(where, sizeof where, "%s%.*s", f->client->endpoint->url, (int)strcspn(f->path, "?#"), f->path);
    if (f->url[0] && !f->is_endpoint && n >= 0 && (size_t)n < sizeof message) {
        wick_url_origin_text(f->url, origin, sizeof origin);
        snprintf(message + n, sizeof message - (size_t)n, " (at %s, where the hub redirects to)", origin);
    }
    wick_fail(error, code, where, mend, "%s", message);
    if (error)
        error->retriable = retriable;
    return code;
}

int wick_fetch_fail_cancelled(const wick_fetch *f, wick_error *error)
{
    return wick_fetch_fail(f, error, WICK_E_UNAVAILABLE, true, "try again; what came so far is kept", "cancelled");
}

int wick_fetch_fail_refused(const wick_fetch *f, wick_error *error)
{
    switch (f->refusal) {
    case WICK_FETCH_NO_MEMORY:
        return wick_fail_memory(error, "a reply of the hub");
    case WICK_FETCH_NO_WRITE:
        errno = f->sink_errno;
        return wick_fail_errno(
            error, WICK_E_IO, "the hub cache",
            "free some space, or put the cache elsewhere (HF_HUB_CACHE, cache_dir); what came so far is kept",
            "cannot write what is downloaded");
    case WICK_FETCH_HEAD_TOO_LARGE:
        return wick_fetch_fail(f, error, WICK_E_CORRUPT, false, MEND_ENDPOINT,
                               "the reply's head has more than %d bytes", WICK_HEAD_MAX_BYTES);
    case WICK_FETCH_ENCODED:
        return wick_fetch_fail(f, error, WICK_E_CORRUPT, false, MEND_ENDPOINT,
                               "the reply is encoded in a way that was not asked for");
    case WICK_FETCH_WRONG_RANGE:
        return wick_fetch_fail(f, error, WICK_E_CORRUPT, f->fd >= 0, MEND_ENDPOINT,
                               "the reply holds other bytes than it was asked for");
    case WICK_FETCH_WRONG_SIZE:
        return wick_fetch_fail(f, error, WICK_E_CORRUPT, false,
                               "try again; if it stays so, HF_ENDPOINT is no true mirror",
                               "the server says that the file has another size than the %llu bytes listed",
                               (unsigned long long)f->size_bytes);
    default:
        if (f->fd >= 0)
            return wick_fetch_fail(
                f, error, WICK_E_CORRUPT, false, "try again; if it stays so, HF_ENDPOINT is no true mirror",
                "the server sends more than the %llu bytes that the file has", (unsigned long long)f->size_bytes);
        return wick_fetch_fail(f, error, WICK_E_CORRUPT, false, MEND_ENDPOINT, "the reply has more than %zu bytes",
                               f->max_bytes);
    }
}

static bool is_certificate(int code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS ||
           code == CURLE_SSL_CRL_BADFILE;
}

int wick_fetch_fail_curl(const wick_fetch *f, int code, const char *detail, wick_error *error)
{
    if (f->is_stopped)
        return wick_fetch_fail_cancelled(f, error);
    if (f->is_stalled || code == CURLE_OPERATION_TIMEDOUT)
        return wick_fetch_fail(f, error, WICK_E_TIMEOUT, true,
                               "check the network and the proxy settings, then try again",
                               f->n_received ? "the reply stopped coming" : "no answer");
    if (is_certificate(code))
        return wick_fetch_fail(
            f, error, WICK_E_INTERNAL, false,
            "check ca-certificates and this machine's clock; a certificate of your own goes into SSL_CERT_FILE",
            "the server's certificate is not trusted: %s", detail);
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return wick_fail_memory(error, "a connection");
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return wick_fetch_fail(f, error, WICK_E_INTERNAL, true, "check http_proxy, https_proxy, all_proxy and no_proxy",
                               "the proxy cannot be used: %s", detail);
    case CURLE_URL_MALFORMAT:
        return wick_fetch_fail(f, error, WICK_E_INTERNAL, false, MEND_ENDPOINT, "this cannot be asked for: %s", detail);
    case CURLE_UNSUPPORTED_PROTOCOL: /* no HTTP/1.0 or newer: the URL's scheme was looked at before */
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WEIRD_SERVER_REPLY:
        return wick_fetch_fail(f, error, WICK_E_CORRUPT, false, MEND_ENDPOINT, "the reply is malformed: %s", detail);
    default:
        return wick_fetch_fail(f, error, WICK_E_INTERNAL, true,
                               "check the network, HF_ENDPOINT and the proxy settings, then try again",
                               f->n_received ? "the connection broke: %s" : "cannot be reached: %s", detail);
    }
}

static int check_access(const wick_fetch *f, wick_error *error)
{
    const bool gated = strcmp(f->reply.error_code, "GatedRepo") == 0, has_token = f->client->endpoint->token != NULL;
    const long status = f->head.status;
    if (!f->is_endpoint)
        return wick_fetch_fail(f, error, WICK_E_INTERNAL, true, MEND_LATER, "refused with status %ld", status);
    if (!gated && strstr(f->head.error_message, "Invalid credentials"))
        return wick_fetch_fail(f, error, WICK_E_INVALID_INPUT, false,
                               "set HF_TOKEN to a valid token, or unset it (also the file that HF_TOKEN_PATH names)",
                               "the hub does not know the token (%ld)", status);
    return wick_fetch_fail(
        f, error, WICK_E_INVALID_INPUT, false,
        has_token ? "ask for access on the model's page with the account of this token"
                  : "ask for access on the model's page, then set HF_TOKEN to a token of that account",
        "the model is gated or private (%ld%s%s)", status, f->reply.error_code[0] ? ", " : "", f->reply.error_code);
}

static int check_rate(const wick_fetch *f, wick_error *error)
{
    char until[48] = "";
    if (f->head.retry_after_ms > 0)
        snprintf(until, sizeof until, "; to be asked again in %llu s",
                 (unsigned long long)f->head.retry_after_ms / 1000);
    return wick_fetch_fail(f, error, WICK_E_INTERNAL, true,
                           f->client->endpoint->token ? MEND_LATER
                                                      : "try again later; with a token (HF_TOKEN) the hub allows more",
                           "too many requests (429)%s", until);
}

int wick_fetch_check_status(const wick_fetch *f, wick_error *error)
{
    const long status = f->head.status;
    if (status == 200 || (status == 206 && f->fd >= 0) || (f->is_head && status >= 201 && status < 400))
        return WICK_OK;
    if (status == 416 && f->fd >= 0)
        return wick_fetch_fail(
            f, error, WICK_E_CORRUPT, true, "try again; if it stays so, HF_ENDPOINT is no true mirror",
            "the server has fewer than the %llu bytes that the file has", (unsigned long long)f->size_bytes);
    if (status == 404)
        return wick_fetch_fail(f, error, WICK_E_MODEL_NOT_FOUND, false, "check the name", "not found (%ld%s%s)", status,
                               f->reply.error_code[0] ? ", " : "", f->reply.error_code);
    if (status == 401 || status == 403)
        return check_access(f, error);
    if (status == 429)
        return check_rate(f, error);
    if (status == 407 || status == 305)
        return wick_fetch_fail(f, error, WICK_E_INTERNAL, false,
                               "check http_proxy, https_proxy and all_proxy; they may hold user:password@",
                               "the proxy wants to be logged in to (%ld)", status);
    return wick_fetch_fail(f, error, status == 408 || status == 504 ? WICK_E_TIMEOUT : WICK_E_INTERNAL,
                           status == 408 || status >= 500, status >= 500 || status == 408 ? MEND_LATER : MEND_ENDPOINT,
                           "answered with status %ld", status);
}
