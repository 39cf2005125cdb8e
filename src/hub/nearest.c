/* SPDX-License-Identifier: Apache-2.0
 * nearest.c: edit distance from a name to those of the cache's folders. In: a name that the hub or the cache does not know. Out: words for the error's mend. */
#include "hub/nearest.h"
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define MAX_FOLDERS 10000
#define N_NEAREST 3

size_t wick_hub_distance(const char *a, const char *b)
{
    size_t row[WICK_HUB_MAX_NAME + 2];
    const size_t n_a = strnlen(a, WICK_HUB_MAX_NAME), n_b = strnlen(b, WICK_HUB_MAX_NAME);
    for (size_t k = 0; k <= n_b; k++)
        row[k] = k;
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= n_b; k++) {
            const bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[k - 1]);
            const size_t replaced = diagonal + !same;
            diagonal = row[k];
            const size_t changed = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;
            row[k] = replaced < changed ? replaced : changed;
        }
    }
    return row[n_b];
}

/* How far apart two names may be and still be taken for one another; the same last part under another organisation is near. */
static bool is_near(const char *wanted, const char *name, size_t *distance)
{
    const char *a = strrchr(wanted, '/'), *b = strrchr(name, '/');
    *distance = wick_hub_distance(wanted, name);
    if (strcmp(wanted, name) == 0)
        return false; /* it is there, but not as it was asked for */
    if (strcmp(a ? a + 1 : wanted, b ? b + 1 : name) == 0 && *distance > 1)
        *distance = 1;
    return *distance <= 1 + strlen(wanted) / 5;
}

void wick_hub_nearest(const char *cache, const char *repo, char *out, size_t n_out)
{
    struct {
        char name[WICK_HUB_MAX_NAME + 1];
        size_t distance;
    } best[N_NEAREST + 1];
    size_t n = 0;
    out[0] = '\0';
    DIR *folder = opendir(cache);
    const struct dirent *entry;
    for (size_t i = 0; folder && i < MAX_FOLDERS && (entry = readdir(folder)); i++) {
        size_t distance, k = n;
        char name[WICK_HUB_MAX_NAME + 1];
        if (!wick_hub_repo_of_folder(entry->d_name, name) || !is_near(repo, name, &distance))
            continue;
        for (; k > 0 && (best[k - 1].distance > distance ||
                         (best[k - 1].distance == distance && strcmp(best[k - 1].name, name) > 0));
             k--)
            best[k] = best[k - 1];
        memcpy(best[k].name, name, sizeof name);
        best[k].distance = distance;
        n += n < N_NEAREST;
    }
    if (folder)
        closedir(folder);
    size_t used = 0;
    for (size_t i = 0; i < n && used < n_out; i++)
        used += (size_t)snprintf(out + used, n_out - used, "%s%s%s",
                                 i == 0      ? "did you mean "
                                 : i + 1 < n ? ", "
                                             : " or ",
                                 best[i].name, i + 1 == n ? "?" : "");
}
