/* SPDX-License-Identifier: Apache-2.0
 * pull_remote.c: what the hub has under a name -> a snapshot in the cache: the revision's commit, its list of files, the choice, their blobs, and last the names:
 * links, what is not there, the reference. In: a checked name, a client's endpoint. Out: the snapshot's folder. */
#include "base/error.h"
#include "base/log.h"
#include "hub/complete.h"
#include "hub/nearest.h"
#include "hub/pull_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_REPLY_BYTES ((size_t)8 << 20)
/* Pages of a thousand files; a hub that gives fewer a page may need more of them. */
#define MAX_PAGES 100

/* The hub hides what is private: to whom gives no token it says 401 for a name that does not exist. */
static bool is_not_found(const wick_pull *pull, int rc, const wick_hub_reply *reply)
{
    if (rc == WICK_E_MODEL_NOT_FOUND)
        return true;
    if (reply->status != 401 || strcmp(reply->error_code, "GatedRepo") == 0)
        return false;
    return strcmp(reply->error_code, "RepoNotFound") == 0 || !pull->endpoint->token;
}

static int fail_not_found(const wick_pull *pull, const wick_hub_reply *reply, wick_error *error)
{
    char near[160], mend[256];
    if (strcmp(reply->error_code, "RevisionNotFound") == 0 || strcmp(reply->error_code, "EntryNotFound") == 0)
        return wick_fail(error, WICK_E_MODEL_NOT_FOUND, pull->endpoint->url,
                         "name a branch, a tag or a commit that it has",
                         "model not found: %s (the repository has no revision %s)", pull->asked, pull->name->revision);
    wick_hub_nearest(pull->cache, pull->name->repo, true, near, sizeof near);
    snprintf(mend, sizeof mend, "%s%scheck the name; a private model needs a token (HF_TOKEN)", near,
             near[0] ? " else " : "");
    return wick_fail(error, WICK_E_MODEL_NOT_FOUND, pull->endpoint->url, mend, "model not found: %s", pull->asked);
}

/* GET of an api path; what a missing repository gives becomes "model not found". */
static int get(wick_pull *pull, const char *path, char **text, size_t *n, wick_hub_reply *reply, wick_error *error)
{
    *reply = (wick_hub_reply){0};
    const int rc = wick_hub_get(pull->client, path, MAX_REPLY_BYTES, text, n, reply, error);
    return rc != WICK_OK && is_not_found(pull, rc, reply) ? fail_not_found(pull, reply, error) : rc;
}

static int get_commit(wick_pull *pull, wick_error *error)
{
    const char *revision = pull->name->revision;
    char path[WICK_HUB_MAX_NAME + 3 * WICK_HUB_MAX_REVISION + 64], *text = NULL;
    wick_hub_reply reply;
    size_t n_text = 0;
    if (wick_hub_is_commit(revision)) {
        memcpy(pull->listing.commit, revision, sizeof pull->listing.commit);
        return WICK_OK;
    }
    size_t n = (size_t)snprintf(path, sizeof path, "/api/models/%s/revision/", pull->name->repo);
    for (const char *c = revision; *c; c++) /* letters, digits, '_', '-', '.' and '/': cache.h */
        n += (size_t)snprintf(path + n, sizeof path - n, *c == '/' ? "%%2F" : "%c", *c);
    int rc = get(pull, path, &text, &n_text, &reply, error);
    if (rc == WICK_OK)
        rc = wick_hub_parse_revision(text, n_text, pull->listing.commit, error);
    free(text);
    return rc;
}

static int get_listing(wick_pull *pull, wick_error *error)
{
    char path[sizeof(((wick_hub_reply *)0)->next)];
    wick_hub_reply reply;
    snprintf(path, sizeof path, "/api/models/%s/tree/%s?recursive=true", pull->name->repo, pull->listing.commit);
    for (size_t i = 0; i < MAX_PAGES; i++) {
        char *text = NULL;
        size_t n = 0;
        int rc = get(pull, path, &text, &n, &reply, error);
        if (rc == WICK_OK)
            rc = wick_hub_listing_add(&pull->listing, text, n, error);
        free(text);
        if (rc != WICK_OK || !reply.next[0])
            return rc;
        snprintf(path, sizeof path, "%s", reply.next);
    }
    return wick_fail(error, WICK_E_CORRUPT, pull->endpoint->url, "try again; if it stays so, HF_ENDPOINT is no hub",
                     "the list of files has more than %d pages", MAX_PAGES);
}

static int read_file(void *user, const wick_hub_file *file, size_t max_bytes, char **text, size_t *n, wick_error *error)
{
    wick_pull *pull = user;
    const int rc = wick_pull_file(pull, pull->client, file, error);
    return rc == WICK_OK ? wick_hub_store_read(pull->store, file, max_bytes, text, n, error) : rc;
}

/* Links in the choice's order, which ends with the weights: a snapshot that seems whole is whole. */
static int put_names(wick_pull *pull, wick_error *error)
{
    const char *commit = pull->listing.commit;
    int rc = WICK_OK;
    wick_error own = {0};
    for (size_t i = 0; i < pull->choice.n_absent; i++)
        if (wick_hub_store_note_absent(pull->store, commit, pull->choice.absent[i], &own) != WICK_OK)
            wick_log(WICK_LOG_DEBUG, "%s: %s", own.where, own.message); /* only costs a question next time */
    for (size_t i = 0; i < pull->choice.n_files && rc == WICK_OK; i++)
        rc = wick_hub_store_link(pull->store, commit, pull->choice.files[i], error);
    if (rc != WICK_OK)
        return rc;
    rc = wick_hub_store_set_ref(pull->store, pull->name->revision, commit, &own);
    if (rc != WICK_OK && pull->downloaded_bytes == 0) { /* a cache that is only read, and has all */
        wick_log(WICK_LOG_WARN, "%s: %s", own.where, own.message);
        return WICK_OK;
    }
    if (rc != WICK_OK && error)
        *error = own;
    return rc;
}

static int get_all(wick_pull *pull, wick_error *error)
{
    const wick_hub_chooser chooser = {
        .read = read_file, .check = pull->options->check, .read_user = pull, .check_user = pull->options->check_user};
    int rc = wick_hub_choose(&pull->listing, pull->asked, &chooser, &pull->choice, error);
    if (rc != WICK_OK)
        return rc;
    uint64_t size_bytes = 0;
    size_t n_files = 0;
    for (size_t i = 0; i < pull->choice.n_files; i++)
        if (!wick_hub_store_has(pull->store, pull->choice.files[i])) {
            size_bytes += pull->choice.files[i]->size_bytes;
            n_files++;
        }
    if (n_files > 0) /* a warning: who did not expect this process to use the network learns that it does */
        wick_log(WICK_LOG_WARN, "downloading %s from %s: %zu file%s, %.1f MB", pull->asked, pull->endpoint->url,
                 n_files, n_files == 1 ? "" : "s", (double)size_bytes / 1e6);
    rc = wick_pull_files(pull, error);
    return rc == WICK_OK ? put_names(pull, error) : rc;
}

/* The commit's snapshot may be there already, from another revision or with an older reference. */
static bool take_snapshot(wick_pull *pull, const char *cached_commit, wick_hub_pulled *out)
{
    char missing[WICK_HUB_MAX_PATH + 1], name[WICK_HUB_MAX_NAME + 48], *folder = NULL;
    snprintf(name, sizeof name, "%s@%s", pull->name->repo, pull->listing.commit);
    if (wick_hub_find(name, pull->cache, &folder, NULL) != WICK_OK ||
        wick_hub_snapshot_state(folder, missing) != WICK_HUB_COMPLETE) {
        free(folder);
        return false;
    }
    out->folder = folder;
    out->from_cache = true;
    if (strcmp(cached_commit, pull->listing.commit) == 0)
        return true;
    wick_error own = {0}; /* a cache that is only read serves all the same; the hub is asked again next time */
    if (wick_hub_store_open(pull->cache, pull->name->repo, wick_pull_should_stop, pull, &pull->store, &own) !=
            WICK_OK ||
        wick_hub_store_set_ref(pull->store, pull->name->revision, pull->listing.commit, &own) != WICK_OK)
        wick_log(WICK_LOG_WARN, "%s: %s", own.where, own.message);
    return true;
}

/* Between the last blob and the names nobody holds a lock, and a folder that goes takes what is written into it along: whoever removed the model, or a
 * revision that had a blob in common, must not make a folder of this that is not whole. */
static int check_there(const wick_pull *pull, int rc, const wick_hub_pulled *out, wick_error *error)
{
    char missing[WICK_HUB_MAX_PATH + 1];
    const bool is_gone = rc == WICK_OK ? wick_hub_snapshot_state(out->folder, missing) == WICK_HUB_MISSING
                                       : rc == WICK_E_IO && pull->store && !wick_hub_store_is_there(pull->store);
    if (!is_gone)
        return rc;
    rc = wick_fail(error, WICK_E_IO, pull->cache, "try again", "%s was removed from the cache while it came",
                   pull->asked);
    if (error)
        error->retriable = true;
    return rc;
}

static int pull_opened(wick_pull *pull, const char *cached_commit, wick_hub_pulled *out, wick_error *error)
{
    int rc = get_commit(pull, error);
    if (rc != WICK_OK || take_snapshot(pull, cached_commit, out))
        return rc;
    rc = get_listing(pull, error);
    if (rc == WICK_OK)
        rc = wick_hub_store_open(pull->cache, pull->name->repo, wick_pull_should_stop, pull, &pull->store, error);
    if (rc == WICK_OK)
        rc = get_all(pull, error);
    if (rc == WICK_OK && !(out->folder = wick_hub_store_snapshot(pull->store, pull->listing.commit)))
        rc = wick_fail_memory(error, "the model's path");
    return check_there(pull, rc, out, error);
}

int wick_pull_remote(wick_pull *pull, const char *cached_commit, wick_hub_pulled *out, wick_error *error)
{
    if (pthread_mutex_init(&pull->lock, NULL) != 0)
        return wick_fail_memory(error, "a lock");
    int rc =
        wick_hub_client_open(pull->endpoint, pull->options->timing, wick_pull_should_stop, pull, &pull->client, error);
    if (rc == WICK_OK)
        rc = pull_opened(pull, cached_commit, out, error);
    if (rc == WICK_OK)
        memcpy(out->commit, pull->listing.commit, sizeof out->commit);
    out->downloaded_bytes = pull->downloaded_bytes;
    wick_hub_client_close(pull->client);
    wick_hub_store_close(pull->store);
    wick_hub_choice_clear(&pull->choice);
    wick_hub_listing_clear(&pull->listing);
    free(pull->todo);
    pthread_mutex_destroy(&pull->lock);
    return rc;
}
