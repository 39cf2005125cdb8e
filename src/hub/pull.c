/* SPDX-License-Identifier: Apache-2.0
 * pull.c: a model's name -> a folder that has its files: the cached one where it is whole, else what the hub has; where the hub must not or cannot be asked, what
 * the cache has, with a line in the log. In: a name, HF_*. Out: wick_hub_pulled. */
#include "hub/pull.h"
#include "base/error.h"
#include "base/log.h"
#include "hub/complete.h"
#include "hub/nearest.h"
#include "hub/pull_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the cache has under the name. */
typedef struct cached {
    char *folder; /* NULL: nothing */
    char commit[41];
    wick_hub_state state;
    char missing[WICK_HUB_MAX_PATH + 1]; /* what decided the state */
    int code;                            /* why there is nothing */
    wick_error error;
} cached;

static void look_up(const char *name, const char *cache, cached *out)
{
    *out = (cached){.state = WICK_HUB_MISSING};
    out->code = wick_hub_find(name, cache, &out->folder, &out->error);
    if (out->code != WICK_OK)
        return;
    out->state = wick_hub_snapshot_state(out->folder, out->missing);
    const char *commit = strrchr(out->folder, '/');
    if (commit && wick_hub_is_commit(commit + 1))
        memcpy(out->commit, commit + 1, sizeof out->commit);
}

static int serve(cached *from, wick_hub_pulled *out)
{
    *out = (wick_hub_pulled){.folder = from->folder, .from_cache = true};
    memcpy(out->commit, from->commit, sizeof out->commit);
    from->folder = NULL;
    return WICK_OK;
}

static int pull_offline(const char *asked, const wick_hub_name *name, const char *cache, cached *found,
                        wick_hub_pulled *out, wick_error *error)
{
    static const char mend[] =
        "HF_HUB_OFFLINE is set: unset it to download, or copy the files from a machine that has them";
    char near[128], both[256];
    if (found->state != WICK_HUB_MISSING) {
        if (found->state == WICK_HUB_UNSURE)
            wick_log(WICK_LOG_WARN, "%s: %s is not in the cache, and whether the model has one is not known (offline)",
                     asked, found->missing);
        return serve(found, out);
    }
    if (found->folder)
        return wick_fail(error, WICK_E_MODEL_NOT_FOUND, found->folder, mend,
                         "the cached model is not whole: %s has no %s", asked, found->missing);
    if (found->code != WICK_E_MODEL_NOT_FOUND) {
        if (error)
            *error = found->error;
        return found->code;
    }
    wick_hub_nearest(cache, name->repo, false, near, sizeof near);
    snprintf(both, sizeof both, "%s%s%s", near, near[0] ? " " : "", mend);
    wick_hub_mend_folder(asked, both, sizeof both);
    return wick_fail(error, WICK_E_MODEL_NOT_FOUND, cache, both, "model not found: %s", asked);
}

/* Whether what the cache has may stand in after this error of the hub's. Who asks for a refresh wants to hear of more than others do: for them only a hub that
 * cannot be reached is no error. */
static bool may_stand_in(const cached *found, const wick_hub_pull_options *options, int rc)
{
    if (found->state == WICK_HUB_MISSING || (options->should_stop && options->should_stop(options->user)))
        return false;
    if (rc == WICK_E_INTERNAL || rc == WICK_E_TIMEOUT || rc == WICK_E_UNAVAILABLE)
        return true;
    return !options->refresh && (rc == WICK_E_INVALID_INPUT || rc == WICK_E_MODEL_NOT_FOUND);
}

static int pull_online(const char *asked, const wick_hub_name *name, const char *cache,
                       const wick_hub_endpoint *endpoint, const wick_hub_pull_options *options, cached *found,
                       wick_hub_pulled *out, wick_error *error)
{
    wick_pull pull = {.asked = asked, .name = name, .cache = cache, .endpoint = endpoint, .options = options};
    wick_error own = {0};
    int rc = wick_pull_remote(&pull, found->state == WICK_HUB_COMPLETE ? found->commit : "", out, &own);
    if (rc == WICK_OK)
        return rc;
    wick_hub_pulled_clear(out);
    if (may_stand_in(found, options, rc)) {
        wick_log(WICK_LOG_WARN, "%s: the cached files serve: %s", asked, own.message);
        return serve(found, out);
    }
    if (own.retriable || rc == WICK_E_MODEL_NOT_FOUND)
        wick_hub_mend_folder(asked, own.mend, sizeof own.mend);
    if (error)
        *error = own;
    return rc;
}

static int pull_name(const char *asked, const wick_hub_name *name, const char *cache,
                     const wick_hub_pull_options *options, wick_hub_pulled *out, wick_error *error)
{
    cached found;
    look_up(asked, cache, &found);
    int rc = WICK_OK;
    if (found.code == WICK_E_IO) { /* the cache cannot be read: what comes would have no place, and may be there */
        rc = found.code;
        if (error)
            *error = found.error;
    } else if (found.state == WICK_HUB_COMPLETE && !options->refresh) {
        rc = serve(&found, out);
    } else {
        wick_hub_endpoint endpoint = {0};
        rc = wick_hub_endpoint_read(&endpoint, error);
        if (rc == WICK_OK && endpoint.offline && options->refresh)
            wick_log(WICK_LOG_WARN, "%s: not asked whether it has moved on: HF_HUB_OFFLINE is set", asked);
        if (rc == WICK_OK)
            rc = endpoint.offline ? pull_offline(asked, name, cache, &found, out, error)
                                  : pull_online(asked, name, cache, &endpoint, options, &found, out, error);
        wick_hub_endpoint_clear(&endpoint);
    }
    free(found.folder);
    return rc;
}

int wick_hub_pull(const char *name, const wick_hub_pull_options *options, wick_hub_pulled *out, wick_error *error)
{
    static const wick_hub_pull_options defaults = {0};
    wick_hub_name parsed;
    char *cache = NULL;
    *out = (wick_hub_pulled){0};
    options = options ? options : &defaults;
    if (!name || name[0] == '\0' || wick_hub_name_is_path(name)) {
        const int rc = wick_hub_find(name, options->cache_dir, &out->folder, error);
        out->from_cache = rc == WICK_OK;
        return rc;
    }
    int rc = wick_hub_name_parse(name, &parsed, error);
    if (rc == WICK_OK)
        rc = wick_hub_cache_dir(options->cache_dir, &cache, error);
    if (rc == WICK_OK)
        rc = pull_name(name, &parsed, cache, options, out, error);
    free(cache);
    return rc;
}

void wick_hub_pulled_clear(wick_hub_pulled *pulled)
{
    free(pulled->folder);
    *pulled = (wick_hub_pulled){0};
}
