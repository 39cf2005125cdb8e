/* SPDX-License-Identifier: Apache-2.0
 * inventory_verify.c: is what the cache holds what it says? In: the cache. Out: each blob whose content is not what its name says, each link that leads nowhere or out, each
 * reference and snapshot that lacks something. */
#include "base/error.h"
#include "hub/digest.h"
#include "hub/inventory_internal.h"
#include "hub/nearest.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct verifying {
    const wick_hub_verify_options *options;
    const wick_hub_model *model;
    wick_hub_verified *out;
    uint64_t all_bytes;
    const char *cache;                   /* its folder */
    char folder[WICK_HUB_MAX_NAME + 16]; /* the model's in there */
    int cache_fd, blobs_fd;
    const char *snapshot; /* the one that is looked at */
    wick_error *error;
    int code; /* of what keeps this from going on */
} verifying;

static void tell(verifying *v, const char *folder, const char *path, const char *what)
{
    char plain[WICK_HUB_MAX_PATH + 32], whole[2 * WICK_HUB_MAX_PATH];
    wick_cache_plain(path, plain, sizeof plain);
    snprintf(whole, sizeof whole, "%s/%s", folder, plain);
    v->out->n_broken++;
    v->options->broken(v->options->user, v->model->repo, whole, what);
}

/* ---- blobs ---- */

/* hashed: which file it was. */
static int hash_blob(verifying *v, const wick_cache_entry *entry, uint64_t *size_bytes, char hex[65],
                     struct stat *hashed)
{
    const wick_hub_digest_kind kind = strlen(entry->name) == 64 ? WICK_HUB_SHA256 : WICK_HUB_GIT_SHA1;
    const int fd = openat(entry->folder_fd, entry->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return wick_fail_errno(v->error, WICK_E_IO, entry->path, NULL, "cannot read the blob");
    int rc = wick_hub_digest_file(fd, kind, size_bytes, hex, v->options->should_stop, v->options->user, v->error);
    if (fstat(fd, hashed) != 0)
        rc = wick_fail_errno(v->error, WICK_E_IO, entry->path, NULL, "cannot read the blob");
    close(fd);
    return rc;
}

/* A pull may have put the right one in its place meanwhile; between this look and the removal it could again, which costs one more download. */
static void remove_blob(verifying *v, const wick_cache_entry *entry, const struct stat *hashed)
{
    struct stat now;
    if (v->options->remove_broken && fstatat(entry->folder_fd, entry->name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
        now.st_ino == hashed->st_ino && now.st_dev == hashed->st_dev && unlinkat(entry->folder_fd, entry->name, 0) == 0)
        v->out->n_removed++;
}

static bool verify_blob(void *user, const wick_cache_entry *entry)
{
    verifying *v = user;
    const size_t n = strlen(entry->name);
    uint64_t size_bytes = 0;
    char hex[65];
    struct stat hashed;
    if (strchr(entry->path, '/') || !S_ISREG(entry->status.st_mode)) {
        tell(v, "blobs", entry->path, "no file of the cache's");
        return true;
    }
    if (n > 11 && strcmp(entry->name + n - 11, ".incomplete") == 0)
        return true; /* is on its way, or waits for the next pull */
    if (!wick_hub_is_digest(entry->name)) {
        v->out->n_unknown++;
        return true;
    }
    const int rc = hash_blob(v, entry, &size_bytes, hex, &hashed);
    if (rc == WICK_E_UNAVAILABLE || rc == WICK_E_NO_MEMORY) {
        v->code = rc;
        return false;
    }
    v->out->n_blobs++;
    v->out->size_bytes += size_bytes;
    if (rc != WICK_OK) {
        tell(v, "blobs", entry->path, "cannot be read");
    } else if (strcmp(hex, entry->name) != 0) {
        tell(v, "blobs", entry->path, "its content is not what its name says");
        remove_blob(v, entry, &hashed);
    }
    if (v->options->progress)
        v->options->progress(v->options->user, v->out->size_bytes, v->all_bytes, v->model->repo);
    return true;
}

/* ---- names ---- */

static bool verify_link(void *user, const wick_cache_entry *entry)
{
    verifying *v = user;
    char blob[WICK_CACHE_BLOB_BYTES], place[WICK_HUB_MAX_REVISION + 16];
    struct stat status;
    snprintf(place, sizeof place, "snapshots/%s", v->snapshot);
    if (S_ISREG(entry->status.st_mode))
        return true; /* a copy, on file systems without links */
    if (!wick_cache_blob_of(entry, blob))
        tell(v, place, entry->path, "leads out of the model's blobs");
    else if (fstatat(v->blobs_fd, blob, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
        tell(v, place, entry->path, "its blob is not there");
    return true;
}

#define LOOKS 5
#define LOOK_MS 50

/* The list is older than what was hashed since, and a pull that fills the snapshot has no lock between two files: only what stays missing is. */
static bool stays_missing(const verifying *v, const char *commit, char missing[WICK_HUB_MAX_PATH + 1])
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    char path[4096];
    const int n = snprintf(path, sizeof path, "%s/%s/snapshots/%s", v->cache, v->folder, commit);
    for (int i = 0; i < LOOKS; i++) {
        if (i > 0)
            nanosleep(&pause, NULL);
        if (wick_cache_is_pulled(v->cache_fd, v->folder) || n < 0 || (size_t)n >= sizeof path ||
            wick_hub_snapshot_state(path, missing) != WICK_HUB_MISSING)
            return false;
    }
    return true;
}

static void verify_snapshots(verifying *v, int repo_fd)
{
    const int snapshots_fd = wick_cache_open_folder(repo_fd, "snapshots");
    for (size_t i = 0; snapshots_fd >= 0 && i < v->model->n_revisions; i++) {
        const wick_hub_revision *revision = &v->model->revisions[i];
        const int fd = wick_cache_open_folder(snapshots_fd, revision->commit);
        if (fd < 0)
            continue;
        v->snapshot = revision->commit;
        const size_t n_before = v->out->n_broken;
        wick_cache_walk(fd, verify_link, v);
        close(fd);
        char missing[WICK_HUB_MAX_PATH + 1];
        if (v->out->n_broken == n_before && revision->state == WICK_HUB_MISSING &&
            stays_missing(v, revision->commit, missing)) {
            char what[WICK_HUB_MAX_PATH + 32];
            wick_cache_plain(missing, missing, sizeof missing);
            snprintf(what, sizeof what, "has no %s", missing);
            tell(v, "snapshots", revision->commit, what);
        }
    }
    if (snapshots_fd >= 0)
        close(snapshots_fd);
}

static void verify_refs(verifying *v, int repo_fd)
{
    size_t n = 0;
    wick_cache_ref *refs = wick_cache_read_refs(repo_fd, &n);
    for (size_t i = 0; refs && i < n; i++) {
        bool is_there = false;
        for (size_t k = 0; k < v->model->n_revisions && !is_there; k++)
            is_there = strcmp(v->model->revisions[k].commit, refs[i].commit) == 0;
        if (!is_there)
            tell(v, "refs", refs[i].name, "names a snapshot that is not there");
    }
    free(refs);
}

static int verify_model(verifying *v, const char *cache)
{
    int repo_fd;
    const int rc = wick_cache_open_repo(cache, v->model->repo, &v->cache_fd, &repo_fd, v->error);
    if (rc != WICK_OK)
        return rc;
    v->cache = cache;
    wick_cache_folder_name(v->model->repo, v->folder);
    v->blobs_fd = wick_cache_open_folder(repo_fd, "blobs");
    if (v->blobs_fd >= 0)
        wick_cache_walk(v->blobs_fd, verify_blob, v);
    if (v->code == WICK_OK) {
        verify_snapshots(v, repo_fd);
        verify_refs(v, repo_fd);
        v->out->n_models++;
    }
    if (v->blobs_fd >= 0)
        close(v->blobs_fd);
    close(repo_fd);
    close(v->cache_fd);
    return v->code;
}

int wick_hub_verify(const wick_hub_verify_options *options, wick_hub_verified *out, wick_error *error)
{
    wick_hub_name parsed = {0};
    wick_hub_inventory all = {0};
    verifying v = {.options = options, .out = out, .error = error};
    *out = (wick_hub_verified){0};
    int rc = options->name ? wick_hub_name_parse(options->name, &parsed, error) : WICK_OK;
    if (rc == WICK_OK)
        rc = wick_hub_inventory_read(options->cache_dir, &all, error);
    bool is_there = !options->name;
    for (size_t i = 0; i < all.n_models; i++)
        if (!options->name || strcmp(all.models[i].repo, parsed.repo) == 0) {
            v.all_bytes += all.models[i].size_bytes - all.models[i].incomplete_bytes;
            is_there = true;
        }
    if (rc == WICK_OK && !is_there) {
        char near[128];
        wick_hub_nearest(all.cache, parsed.repo, false, near, sizeof near);
        rc = wick_fail(error, WICK_E_MODEL_NOT_FOUND, all.cache, near[0] ? near : "wick models lists what is there",
                       "not in the cache: %s", options->name);
    }
    for (size_t i = 0; rc == WICK_OK && i < all.n_models; i++)
        if (!options->name || strcmp(all.models[i].repo, parsed.repo) == 0) {
            v.model = &all.models[i];
            rc = verify_model(&v, all.cache);
            if (rc == WICK_E_MODEL_NOT_FOUND && !options->name) /* removed since the list was made */
                rc = WICK_OK;
        }
    wick_hub_inventory_clear(&all);
    return rc;
}
