/* SPDX-License-Identifier: Apache-2.0
 * inventory_walk.c: folders of the cache, looked into by descriptor and without following links. In: descriptors. Out: their entries, each once, or none of them any more. */
#include "base/error.h"
#include "hub/inventory_internal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define MAX_DEPTH 32
#define MAX_ENTRIES 100000
#define MAX_REF_BYTES 256

int wick_cache_open_folder(int fd, const char *name)
{
    return openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* readdir on a descriptor of its own: closing it leaves fd alone. */
static DIR *open_stream(int fd)
{
    const int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = own >= 0 ? fdopendir(own) : NULL;
    if (!stream && own >= 0)
        close(own);
    return stream;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* ---- walking ---- */

typedef struct walk {
    bool (*visit)(void *user, const wick_cache_entry *entry);
    void *user;
    size_t n_entries;
    char path[WICK_HUB_MAX_PATH + 1];
} walk;

static bool walk_folder(walk *w, int fd, size_t n_path, unsigned depth);

static bool walk_entry(walk *w, int fd, const char *name, size_t n_path, unsigned depth)
{
    const size_t room = sizeof w->path - n_path, n = strlen(name);
    struct stat status;
    if (n >= room || fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return true;
    memcpy(w->path + n_path, name, n + 1);
    if (!S_ISDIR(status.st_mode)) {
        const wick_cache_entry entry = {w->path, fd, name, status};
        return w->visit(w->user, &entry);
    }
    const int below = n + 1 < room && depth < MAX_DEPTH ? wick_cache_open_folder(fd, name) : -1;
    if (below < 0)
        return true;
    w->path[n_path + n] = '/';
    const bool goes_on = walk_folder(w, below, n_path + n + 1, depth + 1);
    close(below);
    return goes_on;
}

static bool walk_folder(walk *w, int fd, size_t n_path, unsigned depth)
{
    DIR *stream = open_stream(fd);
    const struct dirent *entry;
    bool goes_on = true;
    while (stream && goes_on && (entry = readdir(stream)))
        if (!is_dots(entry->d_name))
            goes_on = ++w->n_entries <= MAX_ENTRIES && walk_entry(w, fd, entry->d_name, n_path, depth);
    if (stream)
        closedir(stream);
    return goes_on;
}

void wick_cache_walk(int fd, bool (*visit)(void *user, const wick_cache_entry *entry), void *user)
{
    walk w = {.visit = visit, .user = user};
    walk_folder(&w, fd, 0, 0);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int wick_cache_names(int fd, bool folders, char ***out, size_t *n_out, wick_error *error)
{
    char **names = NULL;
    size_t n = 0, capacity = 0;
    DIR *stream = open_stream(fd);
    const struct dirent *entry;
    struct stat status;
    bool is_whole = true;
    while (stream && is_whole && n < MAX_ENTRIES && (entry = readdir(stream))) {
        if (is_dots(entry->d_name) || fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            S_ISDIR(status.st_mode) != folders)
            continue;
        if (n == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            char **more = realloc(names, capacity * sizeof *names);
            is_whole = more != NULL;
            names = more ? more : names;
        }
        if (is_whole)
            is_whole = (names[n] = strdup(entry->d_name)) != NULL;
        n += is_whole;
    }
    if (stream)
        closedir(stream);
    if (!is_whole) {
        wick_hub_names_free(names, n);
        return wick_fail_memory(error, "the list of the cache");
    }
    if (n > 1)
        qsort(names, n, sizeof *names, by_text);
    *out = names;
    *n_out = n;
    return WICK_OK;
}

/* ---- downloads under way ---- */

bool wick_cache_is_pulled(int cache_fd, const char *folder)
{
    char **names = NULL;
    size_t n = 0;
    bool is_locked = false;
    const int all = wick_cache_open_folder(cache_fd, ".locks");
    const int own = all >= 0 ? wick_cache_open_folder(all, folder) : -1;
    if (own >= 0 && wick_cache_names(own, false, &names, &n, NULL) == WICK_OK)
        for (size_t i = 0; i < n && !is_locked; i++) {
            const int fd = openat(own, names[i], O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
            is_locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
            if (fd >= 0)
                close(fd);
        }
    wick_hub_names_free(names, n);
    if (own >= 0)
        close(own);
    if (all >= 0)
        close(all);
    return is_locked;
}

/* ---- removing ---- */

static int remove_at(int fd, const char *name, unsigned depth);

/* Until a pass finds nothing more that goes: what is removed while a folder is read may hide what stands behind it. */
static int empty_folder(int folder, unsigned depth)
{
    DIR *stream = open_stream(folder);
    int number = stream ? 0 : errno;
    for (size_t n_gone = 1; stream && n_gone > 0; rewinddir(stream)) {
        const struct dirent *entry;
        n_gone = 0;
        number = 0;
        while ((entry = readdir(stream))) {
            if (is_dots(entry->d_name))
                continue;
            if (remove_at(folder, entry->d_name, depth + 1) == 0)
                n_gone++;
            else
                number = errno; /* the rest goes all the same */
        }
    }
    if (stream)
        closedir(stream);
    errno = number;
    return number ? -1 : 0;
}

static int remove_at(int fd, const char *name, unsigned depth)
{
    const int folder = wick_cache_open_folder(fd, name);
    if (folder < 0 && (errno == ENOTDIR || errno == ELOOP))
        return unlinkat(fd, name, 0) == 0 || errno == ENOENT ? 0 : -1;
    if (folder < 0)
        return errno == ENOENT ? 0 : -1;
    const int rc = depth < MAX_DEPTH ? empty_folder(folder, depth) : (errno = ELOOP, -1);
    const int number = errno;
    close(folder);
    errno = number;
    if (rc != 0)
        return rc;
    return unlinkat(fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -1;
}

int wick_cache_remove_tree(int fd, const char *name)
{
    return remove_at(fd, name, 0);
}

/* ---- names ---- */

bool wick_cache_is_snapshot(const char *name)
{
    wick_hub_name parsed;
    char whole[WICK_HUB_MAX_REVISION + 8];
    const int n = snprintf(whole, sizeof whole, "a/b@%s", name); /* what a revision may be, cache.c knows */
    return n > 0 && (size_t)n < sizeof whole && !strchr(name, '/') &&
           wick_hub_name_parse(whole, &parsed, NULL) == WICK_OK;
}

bool wick_cache_blob_of(const wick_cache_entry *entry, char blob[WICK_CACHE_BLOB_BYTES])
{
    char target[WICK_CACHE_BLOB_BYTES + 3 * (MAX_DEPTH + 4)];
    const ssize_t n =
        S_ISLNK(entry->status.st_mode) ? readlinkat(entry->folder_fd, entry->name, target, sizeof target - 1) : -1;
    if (n < 0)
        return false;
    target[n] = '\0';
    const char *rest = target;
    size_t n_up = 2;
    for (const char *c = entry->path; *c; c++)
        n_up += *c == '/';
    for (; n_up > 0; n_up--, rest += 3)
        if (strncmp(rest, "../", 3) != 0)
            return false;
    static const char folder[] = "blobs/";
    if (strncmp(rest, folder, sizeof folder - 1) != 0)
        return false;
    rest += sizeof folder - 1;
    if (strchr(rest, '/') || is_dots(rest) || rest[0] == '\0' || strlen(rest) >= WICK_CACHE_BLOB_BYTES)
        return false;
    memcpy(blob, rest, strlen(rest) + 1);
    return true;
}

void wick_cache_plain(const char *text, char *out, size_t n_out)
{
    size_t n = 0;
    for (; text[n] && n + 1 < n_out; n++)
        out[n] = text[n] >= ' ' && text[n] < 0x7F ? text[n] : '?';
    out[n] = '\0';
}

/* ---- references ---- */

typedef struct ref_list {
    wick_cache_ref *refs;
    size_t n, capacity;
    bool failed;
} ref_list;

static bool add_ref(void *user, const wick_cache_entry *entry)
{
    ref_list *list = user;
    char text[MAX_REF_BYTES + 1];
    if (!S_ISREG(entry->status.st_mode) || strlen(entry->path) > WICK_HUB_MAX_REVISION)
        return true;
    const int fd = openat(entry->folder_fd, entry->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, text, MAX_REF_BYTES) : -1;
    if (fd >= 0)
        close(fd);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        n--;
    if (n < 0 || n > WICK_HUB_MAX_REVISION)
        return true;
    text[n] = '\0';
    if (list->n == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 8;
        wick_cache_ref *more = realloc(list->refs, list->capacity * sizeof *more);
        list->failed = !more;
        if (!more)
            return false;
        list->refs = more;
    }
    wick_cache_ref *ref = &list->refs[list->n++];
    memcpy(ref->name, entry->path, strlen(entry->path) + 1);
    memcpy(ref->commit, text, strlen(text) + 1); /* as much as there is before a zero byte */
    return list->n < WICK_CACHE_MAX_FOLDERS;
}

wick_cache_ref *wick_cache_read_refs(int repo_fd, size_t *n_refs)
{
    ref_list list = {.refs = malloc(sizeof *list.refs), .capacity = 1};
    const int fd = wick_cache_open_folder(repo_fd, "refs");
    *n_refs = 0;
    if (fd >= 0 && list.refs)
        wick_cache_walk(fd, add_ref, &list);
    if (fd >= 0)
        close(fd);
    if (list.failed || !list.refs) {
        free(list.refs);
        return NULL;
    }
    *n_refs = list.n;
    return list.refs;
}
