/* SPDX-License-Identifier: Apache-2.0
 * cache.c: looks a model up in the Hugging Face hub cache, laid out as huggingface_hub does:
 *
 *     CACHE/models--ORG--NAME/refs/REVISION     holds a commit's hash
 *     CACHE/models--ORG--NAME/snapshots/HASH/   the files (links into ../../blobs)
 *
 * In: a name from a user, a configuration or a request, never trusted. Out: a folder. */
#include "hub/cache.h"
#include "base/error.h"
#include "base/mapped.h"
#include "base/pack.h"
#include "base/path.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_REF_BYTES 256
#define MEND_GET "`wick pull` gets its files; or give the path of a folder that has them"
#define MEND_PATH "check the path; names on the hub are org/name"
#define MEND_LOOK "check HF_HUB_CACHE or --cache-dir, and what this user may read there"

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* One part of a path: letters, digits, '_', '-' and '.', the last two not at either end, no "..". */
static bool is_safe_part(const char *part, size_t n)
{
    if (n == 0 || !is_word(part[0]) || !is_word(part[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!is_word(part[i]) && part[i] != '-' && part[i] != '.')
            return false;
        if (part[i] == '.' && part[i + 1] == '.')
            return false;
    }
    return true;
}

/* Parts between slashes, all safe. */
static bool is_safe_path(const char *path, size_t n, size_t max_parts)
{
    size_t n_parts = 0;
    for (size_t start = 0; start <= n; n_parts++) {
        const char *slash = memchr(path + start, '/', n - start);
        const size_t end = slash ? (size_t)(slash - path) : n;
        if (n_parts == max_parts || !is_safe_part(path + start, end - start))
            return false;
        start = end + 1;
    }
    return true;
}

static bool is_repo(const char *name, size_t n)
{
    if (n > WICK_HUB_MAX_NAME || !is_safe_path(name, n, 2))
        return false;
    /* "--" stands for the slash in the cache; names that end in .git are refused by the hub. */
    for (size_t i = 0; i + 1 < n; i++)
        if (name[i] == '-' && name[i + 1] == '-')
            return false;
    return n < 4 || memcmp(name + n - 4, ".git", 4) != 0;
}

bool wick_hub_name_is_path(const char *name)
{
    struct stat status;
    return name[0] == '/' || name[0] == '~' || strncmp(name, "./", 2) == 0 || strncmp(name, "../", 3) == 0 ||
           stat(name, &status) == 0;
}

void wick_hub_mend_folder(const char *name, char *mend, size_t mend_bytes)
{
    const size_t n = strlen(mend);
    if (name[0] && n < mend_bytes && !strpbrk(name, "/@"))
        snprintf(mend + n, mend_bytes - n, "%sa folder here is written ./%.80s", n > 0 ? "; " : "", name);
}

int wick_hub_name_parse(const char *name, wick_hub_name *out, wick_error *error)
{
    static const char mend[] =
        "a name is org/name or org/name@revision, of letters, digits, '.', '_' and '-'; a path begins with ./ or /";
    const char *at = strchr(name, '@');
    const size_t n_repo = at ? (size_t)(at - name) : strlen(name);
    if (!is_repo(name, n_repo))
        return wick_fail(error, WICK_E_INVALID_INPUT, "model", mend, "not a model's name: %s", name);
    const char *revision = at ? at + 1 : "main";
    const size_t n_revision = strlen(revision);
    if (n_revision > WICK_HUB_MAX_REVISION || !is_safe_path(revision, n_revision, SIZE_MAX))
        return wick_fail(error, WICK_E_INVALID_INPUT, "model", mend, "not a model's revision: %s", name);
    memcpy(out->repo, name, n_repo);
    out->repo[n_repo] = '\0';
    memcpy(out->revision, revision, n_revision + 1);
    return WICK_OK;
}

/* The variable's value joined with tail; NULL where it is not set or memory is out (*out_of_memory). */
static char *cache_below(const char *variable, const char *tail, bool *out_of_memory)
{
    const char *value = getenv(variable);
    if (!value || value[0] == '\0')
        return NULL;
    char *expanded = wick_path_expand(value);
    char *path = expanded && tail ? wick_path_join(expanded, tail) : expanded;
    if (path != expanded)
        free(expanded);
    *out_of_memory = !path;
    return path;
}

int wick_hub_cache_dir(const char *cache_dir, char **out, wick_error *error)
{
    static const struct {
        const char *variable, *tail;
    } places[] = {{"HF_HUB_CACHE", NULL},
                  {"HUGGINGFACE_HUB_CACHE", NULL}, /* its older name */
                  {"HF_HOME", "hub"},
                  {"XDG_CACHE_HOME", "huggingface/hub"},
                  {"HOME", ".cache/huggingface/hub"}};
    bool out_of_memory = false;
    *out = NULL;
    if (cache_dir && cache_dir[0] != '\0') {
        if (!wick_path_can_expand(cache_dir))
            return wick_fail(error, WICK_E_INVALID_INPUT, "cache_dir", WICK_MEND_TILDE, "nobody's home is known: %s",
                             cache_dir);
        *out = wick_path_expand(cache_dir);
        out_of_memory = !*out;
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0] && !*out && !out_of_memory; i++)
        *out = cache_below(places[i].variable, places[i].tail, &out_of_memory);
    if (*out)
        return WICK_OK;
    if (out_of_memory)
        return wick_fail_memory(error, "the hub cache's path");
    return wick_fail(error, WICK_E_MODEL_NOT_FOUND, "environment",
                     "set HF_HUB_CACHE or HOME, or give a folder of files",
                     "there is no model cache: neither HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME nor HOME is set");
}

static int not_found(const char *name, const char *where, const char *mend, wick_error *error)
{
    return wick_fail(error, WICK_E_MODEL_NOT_FOUND, where, mend, "model not found: %s", name);
}

static bool is_absent(int number)
{
    return number == ENOENT || number == ENOTDIR || number == ENAMETOOLONG;
}

static int find_path(const char *name, char **folder, wick_error *error)
{
    char *path = wick_path_expand(name);
    if (!path)
        return wick_fail_memory(error, "the model's path");
    struct stat status;
    int rc = WICK_OK;
    if (stat(path, &status) != 0)
        rc = is_absent(errno)
                 ? not_found(name, path, MEND_PATH, error)
                 : wick_fail_errno(error, WICK_E_IO, path, "check what this user may read", "cannot look at the model");
    else if (!S_ISDIR(status.st_mode))
        rc = wick_fail(error, WICK_E_MODEL_NOT_FOUND, path,
                       "name the folder that holds config.json, or a file that `wick pack` wrote",
                       "model not found: %s is a file, not a model's folder", name);
    if (rc == WICK_OK)
        *folder = path;
    else
        free(path);
    return rc;
}

char *wick_hub_repo_folder(const char *cache, const char *repo)
{
    char name[sizeof "models--" + WICK_HUB_MAX_NAME + 2];
    const char *slash = strchr(repo, '/');
    if (slash)
        snprintf(name, sizeof name, "models--%.*s--%s", (int)(slash - repo), repo, slash + 1);
    else
        snprintf(name, sizeof name, "models--%s", repo);
    return wick_path_join(cache, name);
}

bool wick_hub_repo_of_folder(const char *folder, char repo[WICK_HUB_MAX_NAME + 1])
{
    static const char prefix[] = "models--";
    wick_hub_name parsed;
    if (strncmp(folder, prefix, sizeof prefix - 1) != 0)
        return false;
    folder += sizeof prefix - 1;
    const char *gap = strstr(folder, "--");
    const int n = gap ? snprintf(repo, WICK_HUB_MAX_NAME + 1, "%.*s/%s", (int)(gap - folder), folder, gap + 2)
                      : snprintf(repo, WICK_HUB_MAX_NAME + 1, "%s", folder);
    return n > 0 && n <= WICK_HUB_MAX_NAME && wick_hub_name_parse(repo, &parsed, NULL) == WICK_OK && !strchr(repo, '@');
}

/* Whether path is there. What cannot be looked at is not "not there": a download would not help. WICK_E_IO. */
static int look_at(const char *path, struct stat *status, bool *is_there, wick_error *error)
{
    *is_there = stat(path, status) == 0;
    return *is_there || is_absent(errno)
               ? WICK_OK
               : wick_fail_errno(error, WICK_E_IO, path, MEND_LOOK, "cannot look into the hub cache");
}

/* The cache may be absent, but not be something else than a folder, nor lie below such a thing. */
static int check_cache(const char *cache, wick_error *error)
{
    struct stat status;
    if (stat(cache, &status) != 0) {
        if (errno == ENOENT)
            return WICK_OK;
    } else if (S_ISDIR(status.st_mode)) {
        return WICK_OK;
    } else {
        errno = ENOTDIR;
    }
    return wick_fail_errno(error, WICK_E_IO, cache, MEND_LOOK, "cannot look into the hub cache");
}

/* The commit that refs/REVISION names, or the revision itself where there is no such reference: it may be a commit. */
static int read_reference(const char *repo_path, const char *revision, char commit[WICK_HUB_MAX_REVISION + 1],
                          wick_error *error)
{
    char *refs = wick_path_join(repo_path, "refs"), *path = refs ? wick_path_join(refs, revision) : NULL, *text = NULL;
    free(refs);
    if (!path)
        return wick_fail_memory(error, "a path in the hub cache");
    struct stat status;
    size_t n = strlen(revision);
    bool is_there;
    int rc = look_at(path, &status, &is_there, error);
    if (rc != WICK_OK || !is_there) {
        free(path);
        memcpy(commit, revision, n + 1);
        return rc;
    }
    rc = wick_file_read(path, MAX_REF_BYTES, &text, &n, error);
    while (rc == WICK_OK && n > 0 && strchr(" \t\r\n", text[n - 1]))
        text[--n] = '\0';
    if (rc == WICK_OK && (n > WICK_HUB_MAX_REVISION || !is_safe_part(text, n)))
        rc = wick_fail(error, WICK_E_CORRUPT, path, "remove the model's folder from the cache and get it again",
                       "the reference does not name a snapshot");
    if (rc == WICK_OK)
        memcpy(commit, text, n + 1);
    free(text);
    free(path);
    return rc;
}

static int find_cached(const char *name, const char *cache, char **folder, wick_error *error)
{
    wick_hub_name parsed;
    char commit[WICK_HUB_MAX_REVISION + 1];
    struct stat status;
    bool is_there = false;
    int rc = wick_hub_name_parse(name, &parsed, error);
    if (rc == WICK_OK)
        rc = check_cache(cache, error);
    if (rc != WICK_OK)
        return rc;
    char *repo_path = wick_hub_repo_folder(cache, parsed.repo), *snapshots = NULL, *snapshot = NULL;
    if (!repo_path)
        return wick_fail_memory(error, "a path in the hub cache");
    rc = read_reference(repo_path, parsed.revision, commit, error);
    if (rc != WICK_OK)
        goto done;
    snapshots = wick_path_join(repo_path, "snapshots");
    snapshot = snapshots ? wick_path_join(snapshots, commit) : NULL;
    rc = snapshot ? look_at(snapshot, &status, &is_there, error) : wick_fail_memory(error, "a path in the hub cache");
    if (rc == WICK_OK && (!is_there || !S_ISDIR(status.st_mode))) {
        /* Here a download would begin. */
        rc = not_found(name, cache, MEND_GET, error);
    } else if (rc == WICK_OK) {
        *folder = snapshot;
        snapshot = NULL;
    }
done:
    free(snapshot);
    free(snapshots);
    free(repo_path);
    return rc;
}

int wick_hub_find(const char *name, const char *cache_dir, char **folder, wick_error *error)
{
    *folder = NULL;
    if (!name || name[0] == '\0')
        return wick_fail(error, WICK_E_INVALID_INPUT, "model", "name a model: org/name, or a folder's path",
                         "no model is named");
    if (wick_hub_name_is_path(name))
        return find_path(name, folder, error);
    char *cache = NULL;
    int rc = wick_hub_cache_dir(cache_dir, &cache, error);
    if (rc == WICK_OK)
        rc = find_cached(name, cache, folder, error);
    free(cache);
    return rc;
}
