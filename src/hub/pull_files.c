/* SPDX-License-Identifier: Apache-2.0
 * pull_files.c: gets blobs: each under its lock, resumed, checked, named; up to four at a time, the largest first. In: files of the listing. Out: blobs in the
 * cache, or the first error; what came of the others is kept for the next try. */
#include "base/error.h"
#include "base/log.h"
#include "hub/pull_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_THREADS 4
/* "/ORG/NAME/resolve/COMMIT/PATH", each byte of PATH as three. */
#define URL_BYTES (WICK_HUB_MAX_NAME + 64 + 3 * WICK_HUB_MAX_PATH)

bool wick_pull_should_stop(void *user)
{
    wick_pull *pull = user;
    return atomic_load(&pull->has_failed) ||
           (pull->options->should_stop && pull->options->should_stop(pull->options->user));
}

/* One file on its way. */
typedef struct transfer {
    wick_pull *pull;
    const wick_hub_file *file;
    uint64_t told_bytes; /* counted in progress.all_have_bytes */
} transfer;

/* Under the lock. */
static void tell(transfer *t, uint64_t have_bytes, bool waits)
{
    wick_pull *pull = t->pull;
    pull->progress.all_have_bytes +=
        have_bytes - t->told_bytes; /* less than before where a server began anew: wraps back */
    t->told_bytes = have_bytes;
    if (!pull->may_tell || !pull->options->progress)
        return;
    wick_hub_progress now = pull->progress;
    now.path = t->file->path;
    now.have_bytes = have_bytes;
    now.size_bytes = t->file->size_bytes;
    now.waits = waits;
    pull->options->progress(pull->options->user, &now);
}

static void on_progress(void *user, uint64_t have_bytes)
{
    transfer *t = user;
    pthread_mutex_lock(&t->pull->lock);
    tell(t, have_bytes, false);
    pthread_mutex_unlock(&t->pull->lock);
}

static void on_waiting(void *user)
{
    transfer *t = user;
    pthread_mutex_lock(&t->pull->lock);
    if (!t->pull->has_waited)
        wick_log(WICK_LOG_WARN, "%s: waiting for another process that is downloading it", t->pull->asked);
    t->pull->has_waited = true;
    tell(t, t->told_bytes, true);
    pthread_mutex_unlock(&t->pull->lock);
}

static void put_escaped(char *out, size_t room, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    size_t n = strlen(out);
    for (; *path && n + 4 < room; path++)
        n += (size_t)snprintf(out + n, room - n, strchr(plain, *path) ? "%c" : "%%%02X", (unsigned char)*path);
}

/* One try. *was_resumed: part of the content came from an earlier one. */
static int get_blob(transfer *t, wick_hub_client *client, bool *was_resumed, wick_error *error)
{
    wick_pull *pull = t->pull;
    const wick_hub_file *file = t->file;
    char url[URL_BYTES];
    wick_hub_incomplete *incomplete = NULL;
    int rc = wick_hub_store_begin(pull->store, file, on_waiting, t, &incomplete, error);
    if (rc != WICK_OK || !incomplete)
        return rc;
    const uint64_t had_bytes = incomplete->have_bytes;
    *was_resumed = had_bytes > 0;
    snprintf(url, sizeof url, "/%s/resolve/%s/", pull->name->repo, pull->listing.commit);
    put_escaped(url, sizeof url, file->path);
    on_progress(t, had_bytes);
    if (had_bytes < file->size_bytes)
        rc = wick_hub_download(client, url, incomplete->fd, had_bytes, file->size_bytes, on_progress, t, error);
    if (rc == WICK_E_CORRUPT && ftruncate(incomplete->fd, 0) != 0)
        rc = wick_fail_errno(error, WICK_E_IO, file->path, NULL, "cannot empty an incomplete file");
    if (rc != WICK_OK) {
        wick_hub_store_leave(pull->store, incomplete);
        return rc;
    }
    pthread_mutex_lock(&pull->lock);
    pull->downloaded_bytes += file->size_bytes - had_bytes;
    pthread_mutex_unlock(&pull->lock);
    return wick_hub_store_finish(pull->store, file, incomplete, error);
}

int wick_pull_file(wick_pull *pull, wick_hub_client *client, const wick_hub_file *file, wick_error *error)
{
    transfer t = {.pull = pull, .file = file};
    bool was_resumed = false;
    if (wick_hub_store_has(pull->store, file))
        return WICK_OK;
    pthread_mutex_lock(&pull->lock);
    t.told_bytes = pull->may_tell ? wick_hub_store_partial(pull->store, file) : 0; /* what add_up has counted */
    pthread_mutex_unlock(&pull->lock);
    int rc = get_blob(&t, client, &was_resumed, error);
    if (rc == WICK_E_CORRUPT && was_resumed &&
        !wick_pull_should_stop(pull)) /* what was left may have been of another time */
        rc = get_blob(&t, client, &was_resumed, error);
    if (rc == WICK_OK) {
        pthread_mutex_lock(&pull->lock);
        pull->progress.n_done++;
        tell(&t, file->size_bytes, false);
        pthread_mutex_unlock(&pull->lock);
    }
    return rc;
}

static void note_failure(wick_pull *pull, int rc, const wick_error *error)
{
    pthread_mutex_lock(&pull->lock);
    if (pull->code == WICK_OK) {
        pull->code = rc;
        pull->failure = *error;
    }
    pthread_mutex_unlock(&pull->lock);
    atomic_store(&pull->has_failed, true);
}

static void work(wick_pull *pull, wick_hub_client *client)
{
    for (;;) {
        pthread_mutex_lock(&pull->lock);
        const wick_hub_file *file =
            pull->next < pull->n_todo && pull->code == WICK_OK ? pull->todo[pull->next++] : NULL;
        pthread_mutex_unlock(&pull->lock);
        if (!file)
            return;
        wick_error error = {0};
        const int rc = wick_pull_file(pull, client, file, &error);
        if (rc != WICK_OK)
            note_failure(pull, rc, &error);
    }
}

/* A thread beside the caller's, with a client of its own. Without one the others do its part. */
static void *work_beside(void *user)
{
    wick_pull *pull = user;
    wick_hub_client *client = NULL;
    if (wick_hub_client_open(pull->endpoint, pull->options->timing, wick_pull_should_stop, pull, &client, NULL) ==
        WICK_OK)
        work(pull, client);
    wick_hub_client_close(client);
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    const wick_hub_file *x = *(const wick_hub_file *const *)a, *y = *(const wick_hub_file *const *)b;
    return x->size_bytes < y->size_bytes ? 1 : x->size_bytes > y->size_bytes ? -1 : strcmp(x->path, y->path);
}

/* What is to be got, and the sums. */
static int add_up(wick_pull *pull, wick_error *error)
{
    uint64_t room_bytes = 0;
    pull->todo = malloc((pull->choice.n_files + 1) * sizeof *pull->todo);
    if (!pull->todo)
        return wick_fail_memory(error, "the list of files");
    pull->progress = (wick_hub_progress){.n_files = pull->choice.n_files};
    for (size_t i = 0; i < pull->choice.n_files; i++) {
        const wick_hub_file *file = pull->choice.files[i];
        uint64_t have_bytes = file->size_bytes;
        if (wick_hub_store_has(pull->store, file)) {
            pull->progress.n_done++;
        } else {
            have_bytes = wick_hub_store_partial(pull->store, file);
            room_bytes += file->size_bytes - have_bytes;
            pull->todo[pull->n_todo++] = file;
        }
        pull->progress.all_size_bytes += file->size_bytes;
        pull->progress.all_have_bytes += have_bytes;
    }
    if (pull->n_todo > 1)
        qsort(pull->todo, pull->n_todo, sizeof *pull->todo, by_size);
    pull->may_tell = true;
    return wick_hub_store_check_room(pull->store, room_bytes, error);
}

int wick_pull_files(wick_pull *pull, wick_error *error)
{
    pthread_t threads[N_THREADS - 1];
    size_t n_threads = 0;
    const int rc = add_up(pull, error);
    if (rc != WICK_OK)
        return rc;
    if (pull->options->progress)
        pull->options->progress(pull->options->user, &pull->progress);
    while (n_threads < N_THREADS - 1 && n_threads + 1 < pull->n_todo &&
           pthread_create(&threads[n_threads], NULL, work_beside, pull) == 0)
        n_threads++;
    work(pull, pull->client);
    for (size_t i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    if (pull->code != WICK_OK && error)
        *error = pull->failure;
    return pull->code;
}
