/* SPDX-License-Identifier: Apache-2.0
 * service_models.c: service_models.h. In: served models, the hub cache's folder. Out: JSON about them. Called by the dialects. */
#include "server/service_models.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/path.h"
#include "hub/cache.h"

#define MAX_CACHED 1000

const char *wick_call_model_name(const wick_call *call)
{
    if (call->reply_model)
        return call->reply_model;
    return call->model && call->model[0] ? call->model : call->served->name;
}

const char *wick_served_commit(const wick_served *served)
{
    static const char parent[] = "/snapshots/";
    const char *path = served->info.path, *at = path ? strstr(path, parent) : NULL;
    for (const char *next = at; next; next = strstr(next + 1, parent))
        at = next;
    return at && at[sizeof parent - 1] && !strchr(at + sizeof parent - 1, '/') ? at + sizeof parent - 1 : NULL;
}

/* There is a snapshot with a model's configuration in it. */
static bool is_complete(const char *name, const char *cache_dir)
{
    char *folder = NULL;
    if (wick_hub_find(name, cache_dir, &folder, NULL) != WICK_OK)
        return false;
    char *config = wick_path_join(folder, "config.json");
    bool found = config && access(config, R_OK) == 0;
    free(config);
    free(folder);
    return found;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

void wick_service_put_cached(const char *cache_dir, wick_buffer *out)
{
    char *cache = NULL, (*names)[WICK_HUB_MAX_NAME + 1] = malloc(MAX_CACHED * sizeof *names);
    size_t n = 0;
    DIR *folder = names && wick_hub_cache_dir(cache_dir, &cache, NULL) == WICK_OK ? opendir(cache) : NULL;
    for (struct dirent *entry; folder && n < MAX_CACHED && (entry = readdir(folder));)
        if (wick_hub_repo_of_folder(entry->d_name, names[n]) && is_complete(names[n], cache_dir))
            n++;
    if (n > 0)
        qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++) {
        wick_buffer_text(out, i ? "," : "");
        wick_json_put_text(out, names[i]);
    }
    if (folder)
        closedir(folder);
    free(cache);
    free(names);
}

void wick_json_put_time(wick_buffer *out, double seconds)
{
    char text[32];
    const time_t whole = (time_t)seconds;
    struct tm parts;
    if (!gmtime_r(&whole, &parts) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        text[0] = '\0';
    wick_json_put_text(out, text);
}

void wick_service_put_names(const wick_service *service,
                            void (*put)(const wick_served *served, const char *name, wick_buffer *out),
                            wick_buffer *out)
{
    wick_served *served[WICK_SERVICE_MAX_MODELS];
    const size_t n = wick_models_borrow_all(service->models, served, WICK_SERVICE_MAX_MODELS);
    const char *comma = "";
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < served[i]->n_names; k++) {
            wick_buffer_text(out, comma);
            put(served[i], served[i]->names[k], out);
            comma = ",";
        }
        wick_models_return(service->models, served[i]);
    }
}
