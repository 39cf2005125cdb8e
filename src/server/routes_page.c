/* SPDX-License-Identifier: Apache-2.0
 * routes_page.c: the page for people: GET / and what it is made of. In: the files of src/server/page, which the build makes into C (cmake/embed.cmake).
 * Out: replies that a browser may keep as long as their ETag holds, and that let the page load nothing from elsewhere and run no script but its own.
 * Called through the table of routes. */
#include "base/hash.h"
#include "server/request.h"
#include <stdio.h>
#include <string.h>

#define FILES(X)                                                                                                       \
    X(index_html, "/", "text/html; charset=utf-8")                                                                     \
    X(page_css, "/page/page.css", "text/css; charset=utf-8")                                                           \
    X(results_css, "/page/results.css", "text/css; charset=utf-8")                                                     \
    X(page_js, "/page/page.js", "text/javascript; charset=utf-8")                                                      \
    X(api_js, "/page/api.js", "text/javascript; charset=utf-8")                                                        \
    X(charts_js, "/page/charts.js", "text/javascript; charset=utf-8")                                                  \
    X(color_js, "/page/color.js", "text/javascript; charset=utf-8")                                                    \
    X(live_js, "/page/live.js", "text/javascript; charset=utf-8")                                                      \
    X(math_js, "/page/math.js", "text/javascript; charset=utf-8")                                                      \
    X(page_svg, "/page/page.svg", "image/svg+xml")

#define DECLARE(symbol, path, type)                                                                                    \
    extern const unsigned char wick_page_##symbol[];                                                                   \
    extern const size_t wick_page_##symbol##_bytes;
FILES(DECLARE)

typedef struct page_file {
    const char *path, *content_type;
    const unsigned char *bytes;
    const size_t *n_bytes;
} page_file;

#define FILE_OF(symbol, path, type) {path, type, wick_page_##symbol, &wick_page_##symbol##_bytes},
static const page_file files[] = {FILES(FILE_OF)};

/* Trusted Types: a text that is taken for markup throws, even if somebody writes such a line into the page one day. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'";

static const char *const headers[][2] = {
    {"Content-Security-Policy", policy},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-cache"}, /* kept, and asked for again by its ETag: a new version shows at once */
};

/* Does If-None-Match name it? "*", or a list of tags, weak ones too. */
static bool is_known(const char *given, const char *tag)
{
    return given && (strcmp(given, "*") == 0 || strstr(given, tag));
}

static int answer_file(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error)
{
    const page_file *file = files;
    while (strcmp(file->path, call->route->path) != 0) /* the two tables are made of one list */
        file++;
    char tag[24];
    snprintf(tag, sizeof tag, "\"%016llx\"", (unsigned long long)wick_hash64(file->bytes, *file->n_bytes, 0));
    *content_type = file->content_type;
    if (call->exchange) {
        for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
            wick_exchange_set_header(call->exchange, headers[i][0], headers[i][1]);
        wick_exchange_set_header(call->exchange, "ETag", tag);
        if (is_known(wick_exchange_header(call->exchange, "If-None-Match"), tag))
            return 304;
    }
    wick_buffer_put(out, file->bytes, *file->n_bytes);
    return 200;
}

#define ROUTE_OF(symbol, route_path, type)                                                                             \
    {.method = WICK_GET,                                                                                               \
     .path = route_path,                                                                                               \
     .dialect = &wick_dialect_wick,                                                                                    \
     .kind = WICK_ROUTE_PLAIN,                                                                                         \
     .is_public = true,                                                                                                \
     .answer = answer_file},

const wick_route wick_routes_page[] = {FILES(ROUTE_OF){0}};
