/* SPDX-License-Identifier: Apache-2.0
 * listing.c: the hub's JSON -> a commit, and a sorted table of files. In: bytes from whoever answers as the hub, hostile. Out: paths that
 * stay below a snapshot, digests that are hexadecimal, sizes that add up. Called by pull.c and by the fuzz target. */
#include "hub/listing.h"
#include "base/error.h"
#include "base/json.h"
#include <stdlib.h>
#include <string.h>

#define WHERE "the hub's reply"
#define MEND "try again; if it stays so, HF_ENDPOINT is no hub or the repository is damaged"
/* A file's entry has about ten values; a page of the hub a thousand files. */
#define MAX_VALUES 400000
/* 1 PiB: sums over WICK_HUB_MAX_FILES stay far below 2^64. */
#define MAX_FILE_BYTES ((int64_t)1 << 50)
#define N_SHA1_HEX 40
#define N_SHA256_HEX 64

static bool is_hex(const char *text, size_t n, size_t n_wanted)
{
    if (n != n_wanted)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

bool wick_hub_is_commit(const char *text)
{
    return is_hex(text, strnlen(text, N_SHA1_HEX + 1), N_SHA1_HEX);
}

bool wick_hub_is_digest(const char *text)
{
    const size_t n = strnlen(text, N_SHA256_HEX + 1);
    return is_hex(text, n, N_SHA1_HEX) || is_hex(text, n, N_SHA256_HEX);
}

bool wick_hub_path_is_safe(const char *path)
{
    const size_t n = strnlen(path, WICK_HUB_MAX_PATH + 1);
    if (n == 0 || n > WICK_HUB_MAX_PATH)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)path[i] < 0x20 || path[i] == 0x7F || path[i] == '\\')
            return false;
    for (const char *part = path;; part++) {
        const size_t n_part = strcspn(part, "/");
        if (n_part == 0 || n_part > 255 || (n_part == 1 && part[0] == '.') ||
            (n_part == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        part += n_part;
        if (*part == '\0')
            return true;
    }
}

/* Every value but the first stands behind one of these, so that memory is bounded before anything is parsed. */
static int parse(const char *json, size_t n, wick_json **root, wick_error *error)
{
    size_t n_values = 0;
    wick_error parsed;
    for (size_t i = 0; i < n; i++)
        n_values += json[i] == ',' || json[i] == '[' || json[i] == '{' || json[i] == ':';
    if (n_values > MAX_VALUES)
        return wick_fail(error, WICK_E_CORRUPT, WHERE, MEND, "the reply has some %zu values, at most %d are read",
                         n_values, MAX_VALUES);
    const int rc = wick_json_parse(json, n, WHERE, root, &parsed);
    return rc == WICK_OK ? rc : wick_fail(error, rc, WHERE, MEND, "%s", parsed.message);
}

/* The string under key where it has no U+0000; else NULL. */
static const char *text_of(const wick_json *object, const char *key)
{
    size_t n;
    const char *text = wick_json_string(wick_json_get(object, key), &n);
    return text && strlen(text) == n ? text : NULL;
}

int wick_hub_parse_revision(const char *json, size_t n, char commit[41], wick_error *error)
{
    wick_json *root = NULL;
    int rc = parse(json, n, &root, error);
    if (rc != WICK_OK)
        return rc;
    const char *sha = text_of(root, "sha");
    if (sha && wick_hub_is_commit(sha))
        memcpy(commit, sha, N_SHA1_HEX + 1);
    else
        rc = wick_fail(error, WICK_E_CORRUPT, WHERE, MEND, "the reply names no commit (sha)");
    wick_json_free(root);
    return rc;
}

static int bad_entry(size_t index, const char *path, const char *what, wick_error *error)
{
    return wick_fail(error, WICK_E_CORRUPT, WHERE, MEND, "the list of files, entry %zu (%.200s): %s", index,
                     path ? path : "", what);
}

static int read_file(const wick_json *entry, size_t index, wick_hub_file *file, wick_error *error)
{
    const char *path = text_of(entry, "path");
    const wick_json *lfs = wick_json_get(entry, "lfs");
    const bool is_large = wick_json_type_of(lfs) == WICK_JSON_OBJECT;
    int64_t size_bytes = 0;
    if (!path || !wick_hub_path_is_safe(path))
        return bad_entry(index, path, "the path is none that may be written", error);
    if (!wick_json_integer(wick_json_get(is_large ? lfs : entry, "size"), &size_bytes) || size_bytes < 0 ||
        size_bytes > MAX_FILE_BYTES)
        return bad_entry(index, path, "the size is none", error);
    const char *digest = text_of(is_large ? lfs : entry, "oid");
    const size_t n_digest = is_large ? N_SHA256_HEX : N_SHA1_HEX;
    if (!digest || !is_hex(digest, strlen(digest), n_digest))
        return bad_entry(index, path, is_large ? "lfs.oid is no SHA-256" : "oid is no SHA-1", error);
    *file = (wick_hub_file){.path = strdup(path),
                            .size_bytes = (uint64_t)size_bytes,
                            .kind = is_large ? WICK_HUB_SHA256 : WICK_HUB_GIT_SHA1};
    memcpy(file->digest, digest, n_digest + 1);
    return file->path ? WICK_OK : wick_fail_memory(error, "the list of files");
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const wick_hub_file *)a)->path, ((const wick_hub_file *)b)->path);
}

static int add_entries(wick_hub_listing *listing, const wick_json *root, wick_error *error)
{
    const size_t n = wick_json_count(root);
    if (n > WICK_HUB_MAX_FILES || listing->n_files + n > WICK_HUB_MAX_FILES)
        return wick_fail(error, WICK_E_UNSUPPORTED, WHERE, "choose a smaller repository",
                         "the repository has more than %d files", WICK_HUB_MAX_FILES);
    if (n == 0)
        return WICK_OK;
    wick_hub_file *files = realloc(listing->files, (listing->n_files + n) * sizeof *files);
    if (!files)
        return wick_fail_memory(error, "the list of files");
    listing->files = files;
    for (size_t i = 0; i < n; i++) {
        const wick_json *entry = wick_json_at(root, i);
        const char *type = text_of(entry, "type");
        if (!type)
            return bad_entry(i, text_of(entry, "path"), "the type is absent", error);
        if (strcmp(type, "file") != 0)
            continue;
        const int rc = read_file(entry, i, &listing->files[listing->n_files], error);
        if (rc != WICK_OK)
            return rc;
        listing->n_files++;
    }
    if (listing->n_files > 1)
        qsort(listing->files, listing->n_files, sizeof *listing->files, compare_files);
    for (size_t i = 1; i < listing->n_files; i++)
        if (compare_files(&listing->files[i - 1], &listing->files[i]) == 0)
            return bad_entry(i, listing->files[i].path, "the path is there twice", error);
    return WICK_OK;
}

int wick_hub_listing_add(wick_hub_listing *listing, const char *json, size_t n, wick_error *error)
{
    wick_json *root = NULL;
    int rc = parse(json, n, &root, error);
    if (rc == WICK_OK && wick_json_type_of(root) != WICK_JSON_ARRAY)
        rc = wick_fail(error, WICK_E_CORRUPT, WHERE, MEND, "the list of files is %s, expected an array",
                       wick_json_type_name(wick_json_type_of(root)));
    if (rc == WICK_OK)
        rc = add_entries(listing, root, error);
    wick_json_free(root);
    return rc;
}

const wick_hub_file *wick_hub_listing_find(const wick_hub_listing *listing, const char *path)
{
    const wick_hub_file key = {.path = (char *)(uintptr_t)path};
    return listing->n_files > 0 ? bsearch(&key, listing->files, listing->n_files, sizeof *listing->files, compare_files)
                                : NULL;
}

void wick_hub_listing_clear(wick_hub_listing *listing)
{
    for (size_t i = 0; i < listing->n_files; i++)
        free(listing->files[i].path);
    free(listing->files);
    *listing = (wick_hub_listing){0};
}
