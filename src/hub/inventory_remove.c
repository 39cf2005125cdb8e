/* SPDX-License-Identifier: Apache-2.0
 * inventory_remove.c: models and revisions out of the cache; see inventory.h. In: a name. Out: what went. A folder gets another name first, in one step, so that
 * nobody finds half a model; programs that have its files mapped keep them until they end. */
#include "base/error.h"
#include "hub/inventory_internal.h"
#include "hub/store_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRASH ".wick-removed-"

typedef struct removing {
    const char *cache, *repo; /* the cache's folder, "org/name" */
    char folder[WICK_HUB_MAX_NAME + 16];
    int cache_fd, repo_fd;
    wick_hub_removal *out;
    char **names; /* blobs of the snapshot that goes, sorted, each once */
    size_t n_names, capacity;
    bool failed;
} removing;

static int fail_io(const removing *r, const char *what, wick_error *error)
{
    const wick_hub_store place = {.cache = (char *)(uintptr_t)r->cache};
    return wick_store_fail(&place, what, error);
}

/* ---- out of sight, then gone ---- */

/* fd/name gets a name in the cache's folder that nobody looks for, and is removed there. */
static int discard(const removing *r, int fd, const char *name, wick_error *error)
{
    char unique[WICK_STORE_TEMPORARY_BYTES], trash[64];
    wick_store_temporary(unique);
    snprintf(trash, sizeof trash, TRASH "%s", unique + 1);
    if (renameat(fd, name, r->cache_fd, trash) != 0)
        return errno == ENOENT ? WICK_OK : fail_io(r, "cannot remove from the hub cache", error);
    if (wick_cache_remove_tree(r->cache_fd, trash) != 0)
        return fail_io(r, "cannot remove all of the model's files", error);
    return WICK_OK;
}

/* What an earlier removal left that was stopped midway. */
static void empty_trash(const removing *r)
{
    char **names = NULL;
    size_t n = 0;
    if (wick_cache_names(r->cache_fd, true, &names, &n, NULL) == WICK_OK)
        for (size_t i = 0; i < n; i++)
            if (strncmp(names[i], TRASH, sizeof TRASH - 1) == 0)
                wick_cache_remove_tree(r->cache_fd, names[i]);
    wick_hub_names_free(names, n);
}

static int remove_whole(const removing *r, wick_error *error)
{
    const int rc = discard(r, r->cache_fd, r->folder, error);
    const int locks = rc == WICK_OK ? wick_cache_open_folder(r->cache_fd, ".locks") : -1;
    if (locks >= 0) {
        wick_cache_remove_tree(locks, r->folder); /* empty files: no harm where they stay */
        close(locks);
    }
    return rc;
}

/* ---- one revision ---- */

static bool note_blob(void *user, const wick_cache_entry *entry)
{
    removing *r = user;
    char blob[WICK_CACHE_BLOB_BYTES];
    if (S_ISREG(entry->status.st_mode))
        r->out->size_bytes += (uint64_t)entry->status.st_size;
    if (!wick_cache_blob_of(entry, blob))
        return true;
    if (r->n_names == r->capacity) {
        r->capacity = r->capacity ? 2 * r->capacity : 32;
        char **more = realloc(r->names, r->capacity * sizeof *more);
        r->failed = !more;
        if (!more)
            return false;
        r->names = more;
    }
    r->names[r->n_names] = strdup(blob);
    r->failed = !r->names[r->n_names];
    r->n_names += !r->failed;
    return !r->failed;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A blob that another snapshot has stays. */
static bool spare_blob(void *user, const wick_cache_entry *entry)
{
    removing *r = user;
    char blob[WICK_CACHE_BLOB_BYTES], *key = blob;
    if (!wick_cache_blob_of(entry, blob) || r->n_names == 0)
        return true;
    char **found = bsearch(&key, r->names, r->n_names, sizeof *r->names, by_text);
    if (found) {
        free(*found);
        r->n_names--;
        memmove(found, found + 1, (size_t)(r->names + r->n_names - found) * sizeof *found);
    }
    return true;
}

/* Which blobs only this snapshot has. */
static int find_own_blobs(removing *r, int snapshots_fd, const char *commit, wick_error *error)
{
    char **others = NULL;
    size_t n_others = 0;
    const int fd = wick_cache_open_folder(snapshots_fd, commit);
    if (fd >= 0) {
        wick_cache_walk(fd, note_blob, r);
        close(fd);
    }
    int rc = r->failed ? wick_fail_memory(error, "the list of blobs")
                       : wick_cache_names(snapshots_fd, true, &others, &n_others, error);
    if (rc != WICK_OK)
        return rc;
    if (r->n_names > 1)
        qsort(r->names, r->n_names, sizeof *r->names, by_text);
    size_t n = 0; /* two paths may have one blob */
    for (size_t i = 0; i < r->n_names; i++)
        if (n > 0 && strcmp(r->names[n - 1], r->names[i]) == 0)
            free(r->names[i]);
        else
            r->names[n++] = r->names[i];
    r->n_names = n;
    for (size_t i = 0; i < n_others; i++) {
        const int other = strcmp(others[i], commit) != 0 ? wick_cache_open_folder(snapshots_fd, others[i]) : -1;
        if (other < 0)
            continue;
        wick_cache_walk(other, spare_blob, r);
        close(other);
    }
    wick_hub_names_free(others, n_others);
    return WICK_OK;
}

static void add_blob_sizes(const removing *r, int blobs_fd)
{
    struct stat status;
    for (size_t i = 0; i < r->n_names; i++)
        if (fstatat(blobs_fd, r->names[i], &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode))
            r->out->size_bytes += (uint64_t)status.st_size;
}

static void remove_refs(const removing *r, const char *commit)
{
    size_t n = 0;
    wick_cache_ref *refs = wick_cache_read_refs(r->repo_fd, &n);
    const int refs_fd = wick_cache_open_folder(r->repo_fd, "refs");
    for (size_t i = 0; refs && refs_fd >= 0 && i < n; i++) {
        const char *last = NULL;
        const int fd = strcmp(refs[i].commit, commit) == 0 ? wick_store_parent(refs_fd, refs[i].name, &last) : -1;
        if (fd < 0)
            continue;
        unlinkat(fd, last, 0);
        close(fd);
    }
    if (refs_fd >= 0)
        close(refs_fd);
    free(refs);
}

/* References first, then the snapshot: what is left at any moment is whole. */
static int remove_revision(removing *r, int snapshots_fd, int blobs_fd, const char *commit, wick_error *error)
{
    char tree[WICK_HUB_MAX_REVISION + 8];
    remove_refs(r, commit);
    const int rc = discard(r, snapshots_fd, commit, error);
    for (size_t i = 0; rc == WICK_OK && i < r->n_names; i++)
        if (unlinkat(blobs_fd, r->names[i], 0) != 0 && errno != ENOENT)
            return fail_io(r, "cannot remove a blob", error);
    const int absent = wick_cache_open_folder(r->repo_fd, ".no_exist");
    const int trees = wick_cache_open_folder(r->repo_fd, "trees");
    snprintf(tree, sizeof tree, "%s.json", commit);
    if (absent >= 0) {
        wick_cache_remove_tree(absent, commit);
        close(absent);
    }
    if (trees >= 0) {
        unlinkat(trees, tree, 0);
        close(trees);
    }
    return rc;
}

static int take_revision(removing *r, const char *commit, bool is_rehearsal, wick_error *error)
{
    const int snapshots_fd = wick_cache_open_folder(r->repo_fd, "snapshots");
    const int blobs_fd = wick_cache_open_folder(r->repo_fd, "blobs");
    r->out->size_bytes = 0;
    r->out->n_revisions = 1;
    int rc = snapshots_fd < 0 ? fail_io(r, "cannot open the model's snapshots", error)
                              : find_own_blobs(r, snapshots_fd, commit, error);
    if (rc == WICK_OK)
        add_blob_sizes(r, blobs_fd);
    if (rc == WICK_OK && !is_rehearsal)
        rc = remove_revision(r, snapshots_fd, blobs_fd, commit, error);
    wick_hub_names_free(r->names, r->n_names);
    if (blobs_fd >= 0)
        close(blobs_fd);
    if (snapshots_fd >= 0)
        close(snapshots_fd);
    return rc;
}

/* ---- by name ---- */

/* The commit that revision means; empty where the model has no such. */
static void find_commit(const removing *r, const wick_hub_model *model, const char *revision, wick_hub_removal *out)
{
    size_t n = 0;
    wick_cache_ref *refs = wick_cache_read_refs(r->repo_fd, &n);
    const char *commit = revision;
    for (size_t i = 0; refs && i < n; i++)
        if (strcmp(refs[i].name, revision) == 0)
            commit = refs[i].commit;
    for (size_t i = 0; i < model->n_revisions; i++)
        if (strcmp(model->revisions[i].commit, commit) == 0) {
            memcpy(out->commit, model->revisions[i].commit, sizeof out->commit);
            memcpy(out->refs, model->revisions[i].refs, sizeof out->refs);
        }
    free(refs);
}

static int take(removing *r, const wick_hub_model *model, const char *revision, bool is_rehearsal, wick_error *error)
{
    wick_hub_removal *out = r->out;
    if (revision) {
        find_commit(r, model, revision, out);
        if (out->commit[0] == '\0')
            return wick_fail(error, WICK_E_MODEL_NOT_FOUND, r->cache, "wick models lists what is there",
                             "not in the cache: %s@%s", r->repo, revision);
    }
    if (!is_rehearsal && wick_cache_is_pulled(r->cache_fd, r->folder))
        return wick_fail(error, WICK_E_UNAVAILABLE, r->cache, "wait for it, or stop it",
                         "%s is being downloaded by another process", r->repo);
    if (revision && model->n_revisions > 1)
        return take_revision(r, out->commit, is_rehearsal, error);
    out->is_whole = true;
    out->n_revisions = model->n_revisions;
    out->size_bytes = model->size_bytes;
    if (is_rehearsal)
        return WICK_OK;
    return remove_whole(r, error);
}

int wick_hub_remove(const char *cache_dir, const char *name, bool is_rehearsal, wick_hub_removal *out,
                    wick_error *error)
{
    wick_hub_name parsed;
    wick_hub_inventory all = {0};
    removing r = {.cache_fd = -1, .repo_fd = -1, .out = out};
    *out = (wick_hub_removal){0};
    int rc = wick_hub_name_parse(name, &parsed, error);
    if (rc == WICK_OK)
        rc = wick_hub_inventory_read(cache_dir, &all, error);
    if (rc == WICK_OK)
        rc = wick_cache_open_repo(all.cache, parsed.repo, &r.cache_fd, &r.repo_fd, error);
    if (rc == WICK_OK) {
        static const wick_hub_model empty;
        const wick_hub_model *model = &empty;
        for (size_t i = 0; i < all.n_models; i++)
            if (strcmp(all.models[i].repo, parsed.repo) == 0)
                model = &all.models[i];
        r.cache = all.cache;
        r.repo = parsed.repo;
        wick_cache_folder_name(parsed.repo, r.folder);
        if (!is_rehearsal)
            empty_trash(&r);
        rc = take(&r, model, strchr(name, '@') ? parsed.revision : NULL, is_rehearsal, error);
    }
    if (r.repo_fd >= 0)
        close(r.repo_fd);
    if (r.cache_fd >= 0)
        close(r.cache_fd);
    wick_hub_inventory_clear(&all);
    return rc;
}
