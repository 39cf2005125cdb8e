/* SPDX-License-Identifier: Apache-2.0
 * fetch_url.c: origins, redirects and next pages; see fetch_url.h. */
#include "hub/fetch_url.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PUBLIC_HUB "https://huggingface.co"

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
}

/* Length of a host name, an IPv4 address or a bracketed IPv6 one at text; 0: none. */
static size_t host_length(const char *text)
{
    size_t n = 0;
    if (text[0] == '[') {
        n = 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
        return n > 1 && text[n] == ']' ? n + 1 : 0;
    }
    while (is_host_char(text[n]))
        n++;
    return n;
}

/* Reads ":port" at *text, if there is one. */
static bool read_port(const char **text, unsigned *port)
{
    if (**text != ':')
        return true;
    const char *digit = *text + 1;
    unsigned number = 0;
    for (; *digit >= '0' && *digit <= '9' && number <= 65535; digit++)
        number = number * 10 + (unsigned)(*digit - '0');
    if (digit == *text + 1 || number == 0 || number > 65535)
        return false;
    *port = number;
    *text = digit;
    return true;
}

bool wick_url_parse(const char *text, wick_url *out)
{
    size_t n = 0;
    for (; text[n]; n++)
        if ((unsigned char)text[n] <= 0x20 || (unsigned char)text[n] >= 0x7F || text[n] == '\\' ||
            n >= WICK_URL_BYTES - 1)
            return false;
    out->is_https = strncasecmp(text, "https://", 8) == 0;
    if (!out->is_https && strncasecmp(text, "http://", 7) != 0)
        return false;
    out->host = text + (out->is_https ? 8 : 7);
    out->n_host = host_length(out->host);
    out->port = out->is_https ? 443 : 80;
    out->rest = out->host + out->n_host;
    return out->n_host > 0 && read_port(&out->rest, &out->port) && strchr("/?#", out->rest[0]);
}

bool wick_url_same_origin(const wick_url *a, const wick_url *b)
{
    return a->is_https == b->is_https && a->port == b->port && a->n_host == b->n_host &&
           strncasecmp(a->host, b->host, a->n_host) == 0;
}

bool wick_url_resolve(const char *base, const char *location, char out[WICK_URL_BYTES])
{
    wick_url from, to;
    int n;
    if (!wick_url_parse(base, &from))
        return false;
    const int origin = (int)(from.rest - base);
    if (location[0] == '/' && location[1] == '/')
        n = snprintf(out, WICK_URL_BYTES, "%s:%s", from.is_https ? "https" : "http", location);
    else if (location[0] == '/')
        n = snprintf(out, WICK_URL_BYTES, "%.*s%s", origin, base, location);
    else
        n = snprintf(out, WICK_URL_BYTES, "%s", location);
    return n > 0 && n < WICK_URL_BYTES && wick_url_parse(out, &to) && (to.is_https || !from.is_https);
}

bool wick_url_below(const char *endpoint, const char *link, char *out, size_t out_bytes)
{
    wick_url ours, theirs, hub;
    char absolute[WICK_URL_BYTES];
    if (!wick_url_parse(endpoint, &ours) || !wick_url_resolve(endpoint, link, absolute) ||
        !wick_url_parse(absolute, &theirs) || !wick_url_parse(PUBLIC_HUB, &hub))
        return false;
    const char *path = theirs.rest;
    if (wick_url_same_origin(&ours, &theirs)) {
        const size_t n_below = strlen(ours.rest);
        if (strncmp(path, ours.rest, n_below) != 0)
            return false;
        path += n_below;
    } else if (!wick_url_same_origin(&hub, &theirs)) {
        return false;
    }
    const size_t n = strlen(path);
    if (path[0] != '/' || strchr(path, '#') || strstr(path, "/../") || n >= out_bytes)
        return false;
    memcpy(out, path, n + 1);
    return true;
}

void wick_url_origin_text(const char *url, char *out, size_t out_bytes)
{
    wick_url parsed;
    if (wick_url_parse(url, &parsed))
        snprintf(out, out_bytes, "%s://%.*s:%u", parsed.is_https ? "https" : "http", (int)parsed.n_host, parsed.host,
                 parsed.port);
    else
        snprintf(out, out_bytes, "?");
}
