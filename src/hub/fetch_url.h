/* SPDX-License-Identifier: Apache-2.0
 * fetch_url.h: the URLs of a conversation with a hub: whose they are, and where a redirect or a next page leads. Redirects and links come from servers that may be hostile: a URL that another
 * reader could take for another host (user names, backslashes, escapes or blanks in it) is none. Used by endpoint.c, fetch.c and fetch_head.c. */
#ifndef WICK_HUB_FETCH_URL_H
#define WICK_HUB_FETCH_URL_H
#include <stdbool.h>
#include <stddef.h>

#define WICK_URL_BYTES 8192 /* the hub's signed URLs have some 1,500 */

typedef struct wick_url {
    bool is_https;
    const char *host; /* [n_host], in the URL's own text; of an IPv6 address with its brackets */
    size_t n_host;
    unsigned port;    /* the scheme's own where the URL says none */
    const char *rest; /* behind the host and port: "" or from '/', '?' or '#' on */
} wick_url;

/* False unless text is an http(s) URL as above of less than WICK_URL_BYTES. */
bool wick_url_parse(const char *text, wick_url *out);
/* The same scheme, host (case aside) and port. */
bool wick_url_same_origin(const wick_url *a, const wick_url *b);
/* Where location, of a reply to the URL base, leads. False: to no http(s) URL, or from https to http. */
bool wick_url_resolve(const char *base, const char *location, char out[WICK_URL_BYTES]);
/* link, of a reply by the endpoint, as a path below the endpoint, for the next GET: links of the endpoint's origin below its path, paths, and links of the public hub, which a mirror may pass on
 * as they are. False: it leads elsewhere. */
bool wick_url_below(const char *endpoint, const char *link, char *out, size_t out_bytes);
/* "scheme://host:port" of a URL for errors; "?" for none. What stands behind may be a signature, and is nobody's business. */
void wick_url_origin_text(const char *url, char *out, size_t out_bytes);

#endif
