/* SPDX-License-Identifier: Apache-2.0
 * routes.c: method and path -> route, over the tables of all dialects. HEAD is asked for as GET. Called by server.c. */
#include "server/server_internal.h"
#include <stdio.h>
#include <string.h>

static const wick_route *const tables[] = {wick_routes_openai, wick_routes_wick,   wick_routes_tei,
                                           wick_routes_ollama, wick_routes_health, wick_routes_page};
#define N_TABLES (sizeof tables / sizeof tables[0])

static bool matches(const wick_route *route, const char *path, bool by_prefix)
{
    const size_t n = strlen(route->path);
    if (route->path[n - 1] == '*')
        return by_prefix && !strncmp(route->path, path, n - 1);
    return !by_prefix && !strcmp(route->path, path);
}

/* Adds the methods of a route to the Allow header. */
static void add_method(char allow[64], wick_method method)
{
    const char *names = method == WICK_GET ? "GET, HEAD" : "POST";
    const size_t n = strlen(allow);
    if (!strstr(allow, names))
        snprintf(allow + n, 64 - n, "%s%s", n ? ", " : "", names);
}

const wick_dialect *wick_routes_dialect(const char *path)
{
    if (!strncmp(path, "/v1/", 4) || !strcmp(path, "/v1"))
        return wick_routes_openai[0].dialect;
    if (!strncmp(path, "/api/", 5) && strncmp(path, "/api/v1/", 8) != 0)
        return wick_routes_ollama[0].dialect;
    return wick_routes_wick[0].dialect;
}

const wick_route *wick_routes_find(wick_method method, const char *path, wick_refusal *refusal, char allow[64],
                                   const wick_dialect **dialect)
{
    const wick_method wanted = method == WICK_HEAD ? WICK_GET : method;
    *refusal = WICK_REFUSE_ROUTE;
    *dialect = wick_routes_dialect(path);
    allow[0] = 0;
    for (int by_prefix = 0; by_prefix < 2 && !allow[0]; by_prefix++)
        for (size_t t = 0; t < N_TABLES; t++)
            for (const wick_route *route = tables[t]; route->path; route++) {
                if (!matches(route, path, by_prefix))
                    continue;
                *dialect = route->dialect;
                if (route->method == wanted)
                    return route;
                *refusal = WICK_REFUSE_METHOD;
                add_method(allow, route->method);
            }
    return NULL;
}
