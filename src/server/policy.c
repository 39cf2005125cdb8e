/* SPDX-License-Identifier: Apache-2.0
 * policy.c: Host and Origin headers against the settings (policy.h). */
#include "server/policy.h"
#include "base/error.h"
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

bool wick_host_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
    return !strcasecmp(host, "localhost");
}

void wick_policy_init(wick_policy *policy)
{
    policy->is_loopback = wick_host_is_loopback(policy->host);
}

/* "SCHEME://HOST" or "SCHEME://HOST:PORT", as browsers write it; "null" is the origin of files and sandboxed frames. */
static bool is_origin(const char *text)
{
    const char *host = strstr(text, "://");
    return !strcmp(text, "*") || !strcmp(text, "null") ||
           (host && host > text && host[3] && !host[3 + strcspn(host + 3, "*/?# \t")]);
}

/* A name or an address, as is_name compares it. */
static bool is_host(const char *text)
{
    struct in6_addr v6;
    return !text[strcspn(text, ":/[] \t")] || inet_pton(AF_INET6, text, &v6) == 1;
}

int wick_policy_check(const wick_policy *policy, wick_error *error)
{
    for (size_t i = 0; i < policy->n_cors_origins; i++)
        if (!is_origin(policy->cors_origins[i]))
            return wick_fail(error, WICK_E_INVALID_INPUT, policy->cors_origins[i],
                             "write https://app.example, with the port where it has one and without a path or a slash "
                             "at the end; '*' is all",
                             "no browser sends this as an origin");
    for (size_t i = 0; i < policy->n_allowed_hosts; i++)
        if (!is_host(policy->allowed_hosts[i]))
            return wick_fail(error, WICK_E_INVALID_INPUT, policy->allowed_hosts[i],
                             "write the name alone, without https://, port or brackets", "this is no name of a host");
    return WICK_OK;
}

static bool is_name(const char *given, size_t n, const char *name)
{
    return strlen(name) == n && !strncasecmp(given, name, n);
}

bool wick_policy_host_ok(const wick_policy *policy, const wick_exchange *exchange)
{
    static const char *const loopback[] = {"localhost", "127.0.0.1", "::1"};
    const char *given = wick_exchange_header(exchange, "Host");
    if (!policy->is_loopback && !policy->n_allowed_hosts)
        return true;
    if (!given)
        return true; /* HTTP/1.0: no browser */
    size_t n = strcspn(given, ":");
    if (*given == '[') { /* "[::1]:8080" */
        given++;
        n = strcspn(given, "]");
    }
    while (n && given[n - 1] == '.') /* "localhost." is the same name */
        n--;
    if (is_name(given, n, policy->host))
        return true;
    for (size_t i = 0; policy->is_loopback && i < sizeof loopback / sizeof loopback[0]; i++)
        if (is_name(given, n, loopback[i]))
            return true;
    for (size_t i = 0; i < policy->n_allowed_hosts; i++)
        if (is_name(given, n, policy->allowed_hosts[i]) || !strcmp(policy->allowed_hosts[i], "*"))
            return true;
    return false;
}

/* What Access-Control-Allow-Origin is to say; NULL: nothing. */
static const char *allowed_origin(const wick_policy *policy, const wick_exchange *exchange)
{
    const char *origin = wick_exchange_header(exchange, "Origin");
    for (size_t i = 0; origin && i < policy->n_cors_origins; i++) {
        if (!strcmp(policy->cors_origins[i], "*"))
            return "*";
        if (!strcasecmp(policy->cors_origins[i], origin))
            return origin;
    }
    return NULL;
}

void wick_policy_cors(const wick_policy *policy, wick_exchange *exchange)
{
    if (!policy->n_cors_origins)
        return;
    const char *origin = allowed_origin(policy, exchange);
    wick_exchange_set_header(exchange, "Vary", "Origin");
    if (!origin)
        return;
    wick_exchange_set_header(exchange, "Access-Control-Allow-Origin", origin);
    wick_exchange_set_header(exchange, "Access-Control-Expose-Headers",
                             "x-request-id, x-queue-time, x-tokenization-time, x-inference-time, Retry-After");
}

bool wick_policy_is_preflight(const wick_exchange *exchange)
{
    return wick_exchange_method(exchange) == WICK_OPTIONS && wick_exchange_header(exchange, "Origin") &&
           wick_exchange_header(exchange, "Access-Control-Request-Method");
}

void wick_policy_preflight(const wick_policy *policy, wick_exchange *exchange)
{
    if (!allowed_origin(policy, exchange))
        return;
    wick_exchange_set_header(exchange, "Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS");
    /* The official clients send headers of their own (x-stainless-os...): what was asked for is allowed. */
    const char *asked = wick_exchange_header(exchange, "Access-Control-Request-Headers");
    wick_exchange_set_header(exchange, "Access-Control-Allow-Headers",
                             asked && strlen(asked) < 1024 ? asked : "Authorization, Content-Type, X-Request-Id");
    wick_exchange_set_header(exchange, "Access-Control-Max-Age", "600");
}
