/* SPDX-License-Identifier: Apache-2.0
 * listing.h: what files a repository of the hub holds at one commit, with sizes and digests. The JSON is hostile input.
 * Sources: GET /api/models/NAME/revision/REV -> {"sha", "gated", "siblings"...}; GET /api/models/NAME/tree/SHA?recursive=true -> [{"type", "path", "size", "oid", "lfs": {"oid", "size"}}...],
 * in pages linked by the Link header's rel="next". */
#ifndef WICK_HUB_LISTING_H
#define WICK_HUB_LISTING_H
#include <wick.h>

#define WICK_HUB_MAX_FILES 10000
#define WICK_HUB_MAX_PATH 512

typedef enum wick_hub_digest_kind { WICK_HUB_GIT_SHA1, WICK_HUB_SHA256 } wick_hub_digest_kind;

typedef struct wick_hub_file {
    /* "1_Pooling/config.json": parts between slashes, none empty, "." or "..", no control characters, no backslash */
    char *path;
    uint64_t size_bytes;
    wick_hub_digest_kind kind;
    char digest[65]; /* 40 or 64 lower-case hexadecimal digits; the blob's name in the cache */
} wick_hub_file;

typedef struct wick_hub_listing {
    char commit[41];
    wick_hub_file *files; /* [n_files] sorted by path */
    size_t n_files;
} wick_hub_listing;

/* Reads "sha" out of the revision's reply. WICK_E_CORRUPT. */
int wick_hub_parse_revision(const char *json, size_t n, char commit[41], wick_error *error);
/* Adds the files of one page of the tree. WICK_E_CORRUPT names the entry; WICK_E_UNSUPPORTED: more than WICK_HUB_MAX_FILES. Clear the listing after an error too. */
int wick_hub_listing_add(wick_hub_listing *listing, const char *json, size_t n, wick_error *error);
const wick_hub_file *wick_hub_listing_find(const wick_hub_listing *listing, const char *path);
void wick_hub_listing_clear(wick_hub_listing *listing);

/* Whether path may be a file's path in a snapshot. */
bool wick_hub_path_is_safe(const char *path);
/* 40 lower-case hexadecimal digits. */
bool wick_hub_is_commit(const char *text);
/* 40 or 64 of them: what a blob may be called. */
bool wick_hub_is_digest(const char *text);

#endif
