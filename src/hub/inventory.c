/* SPDX-License-Identifier: Apache-2.0
 * inventory.c: what the hub cache holds; see inventory.h. In: the cache's folder. Out: models with their revisions, sizes and last use. Only looks. */
#include "hub/inventory.h"
#include "base/error.h"
#include "base/path.h"
#include "hub/inventory_internal.h"
#include "hub/nearest.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void wick_cache_folder_name(const char *repo, char out[WICK_HUB_MAX_NAME + 16])
{
    const char *slash = strchr(repo, '/');
    if (slash)
        snprintf(out, WICK_HUB_MAX_NAME + 16, "models--%.*s--%s", (int)(slash - repo), repo, slash + 1);
    else
        snprintf(out, WICK_HUB_MAX_NAME + 16, "models--%s", repo);
}

int wick_cache_open_repo(const char *cache, const char *repo, int *cache_fd, int *repo_fd, wick_error *error)
{
    char folder[WICK_HUB_MAX_NAME + 16];
    wick_cache_folder_name(repo, folder);
    *repo_fd = -1;
    *cache_fd = open(cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*cache_fd >= 0)
        *repo_fd = wick_cache_open_folder(*cache_fd, folder);
    if (*repo_fd >= 0)
        return WICK_OK;
    const int number = errno;
    if (*cache_fd >= 0)
        close(*cache_fd);
    *cache_fd = -1;
    errno = number;
    if (number == ENOENT) {
        char near[128];
        wick_hub_nearest(cache, repo, false, near, sizeof near);
        return wick_fail(error, WICK_E_MODEL_NOT_FOUND, cache, near[0] ? near : "wick models lists what is there",
                         "not in the cache: %s", repo);
    }
    if (number == ELOOP || number == ENOTDIR)
        return wick_fail(error, WICK_E_IO, cache, "look at it, and remove it by hand",
                         "%s is no folder of the cache's, but a link or a file", folder);
    return wick_fail_errno(error, WICK_E_IO, cache, NULL, "cannot open the model's folder");
}

/* ---- one revision ---- */

static double later(double a, double b)
{
    return a > b ? a : b;
}

static double used_at(const struct stat *status)
{
    return later((double)status->st_atime, (double)status->st_mtime);
}

typedef struct counting {
    wick_hub_revision *revision;
    int blobs_fd;
    uint64_t own_bytes; /* of files that are no links, soft or hard: on file systems without them */
} counting;

static bool count_file(void *user, const wick_cache_entry *entry)
{
    counting *c = user;
    char blob[WICK_CACHE_BLOB_BYTES];
    struct stat status = entry->status;
    if (wick_cache_blob_of(entry, blob)) {
        if (fstatat(c->blobs_fd, blob, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
            return true;
    } else if (S_ISREG(status.st_mode)) {
        c->own_bytes += status.st_nlink > 1 ? 0 : (uint64_t)status.st_size;
    } else {
        return true; /* a link to somewhere else is none of the cache's files */
    }
    c->revision->n_files++;
    c->revision->size_bytes += (uint64_t)status.st_size;
    c->revision->last_used = later(c->revision->last_used, used_at(&status));
    return true;
}

static void join_refs(const wick_cache_ref *refs, size_t n_refs, wick_hub_revision *out)
{
    size_t n = 0;
    for (size_t i = 0; i < n_refs; i++) {
        char plain[sizeof refs[i].name];
        if (strcmp(refs[i].commit, out->commit) != 0)
            continue;
        wick_cache_plain(refs[i].name, plain, sizeof plain);
        const size_t length = strlen(plain) + (n > 0 ? 2 : 0);
        if (n + length >= sizeof out->refs)
            break;
        snprintf(out->refs + n, sizeof out->refs - n, "%s%s", n > 0 ? ", " : "", plain);
        n += length;
    }
}

/* ---- one model ---- */

static bool count_blob(void *user, const wick_cache_entry *entry)
{
    static const char incomplete[] = ".incomplete";
    wick_hub_model *model = user;
    const size_t n = strlen(entry->name), n_end = sizeof incomplete - 1;
    if (!S_ISREG(entry->status.st_mode))
        return true;
    model->size_bytes += (uint64_t)entry->status.st_size;
    if (n > n_end && strcmp(entry->name + n - n_end, incomplete) == 0)
        model->incomplete_bytes += (uint64_t)entry->status.st_size;
    return true;
}

static int by_use(const void *a, const void *b)
{
    const wick_hub_revision *x = a, *y = b;
    return x->last_used < y->last_used ? 1 : x->last_used > y->last_used ? -1 : strcmp(x->commit, y->commit);
}

/* path: the snapshots' folder. */
static void read_revision(int snapshots_fd, int blobs_fd, const char *path, const char *name,
                          const wick_cache_ref *refs, size_t n_refs, wick_hub_model *model)
{
    wick_hub_revision *revision = &model->revisions[model->n_revisions];
    counting c = {.revision = revision, .blobs_fd = blobs_fd};
    const int fd = wick_cache_is_snapshot(name) ? wick_cache_open_folder(snapshots_fd, name) : -1;
    char *folder = fd >= 0 ? wick_path_join(path, name) : NULL;
    if (folder) {
        *revision = (wick_hub_revision){0};
        snprintf(revision->commit, sizeof revision->commit, "%s", name);
        wick_cache_walk(fd, count_file, &c);
        join_refs(refs, n_refs, revision);
        revision->state = wick_hub_snapshot_state(folder, revision->missing);
        wick_cache_plain(revision->missing, revision->missing, sizeof revision->missing);
        model->size_bytes += c.own_bytes;
        model->last_used = later(model->last_used, revision->last_used);
        model->n_revisions++;
    }
    free(folder);
    if (fd >= 0)
        close(fd);
}

/* path: of the model's folder. */
static int read_revisions(int repo_fd, int blobs_fd, const char *path, wick_hub_model *model, wick_error *error)
{
    char **names = NULL;
    size_t n_names = 0, n_refs = 0;
    const int fd = wick_cache_open_folder(repo_fd, "snapshots");
    if (fd < 0)
        return WICK_OK;
    char *snapshots = wick_path_join(path, "snapshots");
    wick_cache_ref *refs = wick_cache_read_refs(repo_fd, &n_refs);
    int rc = wick_cache_names(fd, true, &names, &n_names, error);
    if (rc == WICK_OK)
        model->revisions = calloc(n_names + 1, sizeof *model->revisions);
    if (rc == WICK_OK && (!snapshots || !refs || !model->revisions))
        rc = wick_fail_memory(error, "the list of revisions");
    for (size_t i = 0; rc == WICK_OK && i < n_names && i < WICK_CACHE_MAX_FOLDERS; i++)
        read_revision(fd, blobs_fd, snapshots, names[i], refs, n_refs, model);
    if (model->n_revisions > 1)
        qsort(model->revisions, model->n_revisions, sizeof *model->revisions, by_use);
    wick_hub_names_free(names, n_names);
    free(refs);
    free(snapshots);
    close(fd);
    return rc;
}

static int read_model(int cache_fd, const char *cache, const char *folder, wick_hub_model *model, wick_error *error)
{
    const int repo_fd = wick_cache_open_folder(cache_fd, folder);
    if (repo_fd < 0)
        return WICK_OK;
    const int blobs_fd = wick_cache_open_folder(repo_fd, "blobs");
    char *path = wick_path_join(cache, folder);
    int rc = path ? WICK_OK : wick_fail_memory(error, "a path in the hub cache");
    if (blobs_fd >= 0)
        wick_cache_walk(blobs_fd, count_blob, model);
    if (rc == WICK_OK)
        rc = read_revisions(repo_fd, blobs_fd, path, model, error);
    free(path);
    if (blobs_fd >= 0)
        close(blobs_fd);
    close(repo_fd);
    return rc;
}

/* ---- the cache ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const wick_hub_model *)a)->repo, ((const wick_hub_model *)b)->repo);
}

static int read_cache(int cache_fd, wick_hub_inventory *out, wick_error *error)
{
    char **names = NULL;
    size_t n_names = 0;
    int rc = wick_cache_names(cache_fd, true, &names, &n_names, error);
    if (rc == WICK_OK && !(out->models = calloc(n_names + 1, sizeof *out->models)))
        rc = wick_fail_memory(error, "the list of models");
    for (size_t i = 0; rc == WICK_OK && i < n_names && out->n_models < WICK_CACHE_MAX_FOLDERS; i++) {
        wick_hub_model *model = &out->models[out->n_models];
        if (!wick_hub_repo_of_folder(names[i], model->repo))
            continue;
        out->n_models++; /* its memory is the inventory's, whatever comes of it */
        rc = read_model(cache_fd, out->cache, names[i], model, error);
        if (rc == WICK_OK && model->n_revisions == 0 && model->size_bytes == 0) { /* folders of nothing */
            free(model->revisions);
            *model = (wick_hub_model){0};
            out->n_models--;
        }
    }
    if (out->n_models > 1)
        qsort(out->models, out->n_models, sizeof *out->models, by_name);
    wick_hub_names_free(names, n_names);
    return rc;
}

int wick_hub_inventory_read(const char *cache_dir, wick_hub_inventory *out, wick_error *error)
{
    *out = (wick_hub_inventory){0};
    int rc = wick_hub_cache_dir(cache_dir, &out->cache, error);
    if (rc != WICK_OK)
        return rc;
    const int fd = open(out->cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? WICK_OK
                               : wick_fail_errno(error, WICK_E_IO, out->cache, "check HF_HUB_CACHE or --cache-dir",
                                                 "cannot open the hub cache");
    rc = read_cache(fd, out, error);
    close(fd);
    return rc;
}

void wick_hub_inventory_clear(wick_hub_inventory *inventory)
{
    for (size_t i = 0; i < inventory->n_models; i++)
        free(inventory->models[i].revisions);
    free(inventory->models);
    free(inventory->cache);
    *inventory = (wick_hub_inventory){0};
}
