/* SPDX-License-Identifier: Apache-2.0
 * nearest.c: edit distance from a name to those of the cache's folders and to well-known ones. In: a name that the hub or the cache does not know. Out: words for the error's mend. */
#include "hub/nearest.h"
#include "base/edit_distance.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_FOLDERS 10000
#define N_NEAREST 3
#define LEAST_BEGINNING 4 /* fewer letters say nothing */
_Static_assert(WICK_HUB_MAX_NAME <= WICK_EDIT_MAX_BYTES, "names are compared to their end");

/* What is most often asked for on the hub of what Wick runs: people leave the organisation out, or misspell it. */
static const char *const known[] = {
    "sentence-transformers/all-MiniLM-L6-v2",
    "sentence-transformers/all-MiniLM-L12-v2",
    "sentence-transformers/paraphrase-MiniLM-L6-v2",
    "sentence-transformers/multi-qa-MiniLM-L6-cos-v1",
    "BAAI/bge-small-en-v1.5",
    "BAAI/bge-base-en-v1.5",
    "BAAI/bge-large-en-v1.5",
    "intfloat/e5-small-v2",
    "intfloat/e5-base-v2",
    "intfloat/e5-large-v2",
    "thenlper/gte-small",
    "thenlper/gte-base",
    "thenlper/gte-large",
    "mixedbread-ai/mxbai-embed-large-v1",
};

typedef struct candidate {
    char name[WICK_HUB_MAX_NAME + 1];
    size_t distance;
} candidate;

/* The nearest first; one more than is told has room. */
typedef struct ranking {
    candidate best[N_NEAREST + 1];
    size_t n;
} ranking;

static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

/* How far apart two names may be and still be taken for one another; the same last part or its beginning under another organisation is near, and to a name without one the last part alone counts. */
static bool is_near(const char *wanted, const char *name, size_t *distance)
{
    if (strcmp(wanted, name) == 0)
        return false; /* it is there, but not as it was asked for */
    const char *compared = strchr(wanted, '/') ? name : last_part(name);
    *distance = wick_edit_distance(wanted, strlen(wanted), compared, strlen(compared), WICK_EDIT_ANY_CASE);
    const char *beginning = last_part(wanted);
    const size_t n = strlen(beginning);
    if (*distance > 1 && n >= LEAST_BEGINNING && strncasecmp(last_part(name), beginning, n) == 0)
        *distance = 1;
    return *distance <= 1 + strlen(wanted) / 5;
}

static void rank(ranking *r, const char *wanted, const char *name)
{
    size_t distance, k = r->n;
    if (!is_near(wanted, name, &distance))
        return;
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->best[i].name, name) == 0)
            return; /* known, and cached */
    for (; k > 0 && (r->best[k - 1].distance > distance ||
                     (r->best[k - 1].distance == distance && strcmp(r->best[k - 1].name, name) > 0));
         k--)
        r->best[k] = r->best[k - 1];
    memcpy(r->best[k].name, name, strlen(name) + 1);
    r->best[k].distance = distance;
    r->n += r->n < N_NEAREST;
}

void wick_hub_nearest(const char *cache, const char *repo, bool and_known, char *out, size_t n_out)
{
    ranking r = {.n = 0};
    out[0] = '\0';
    DIR *folder = opendir(cache);
    const struct dirent *entry;
    for (size_t i = 0; folder && i < MAX_FOLDERS && (entry = readdir(folder)); i++) {
        char name[WICK_HUB_MAX_NAME + 1];
        if (wick_hub_repo_of_folder(entry->d_name, name))
            rank(&r, repo, name);
    }
    if (folder)
        closedir(folder);
    for (size_t i = 0; and_known && i < sizeof known / sizeof *known; i++)
        rank(&r, repo, known[i]);
    size_t used = 0;
    for (size_t i = 0; i < r.n && used < n_out; i++)
        used += (size_t)snprintf(out + used, n_out - used, "%s%s%s",
                                 i == 0        ? "did you mean "
                                 : i + 1 < r.n ? ", "
                                               : " or ",
                                 r.best[i].name, i + 1 == r.n ? "?" : "");
}
