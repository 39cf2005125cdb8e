/* SPDX-License-Identifier: Apache-2.0
 * digest.h: the digests that name blobs: SHA-256 of large files, git's SHA-1 of small ones. The one place that knows libcrypto, which it opens at
 * the first use. Called by store.c and inventory.c. */
#ifndef WICK_HUB_DIGEST_H
#define WICK_HUB_DIGEST_H
#include "hub/listing.h"

typedef struct wick_hub_digest wick_hub_digest;

/* size_bytes: how much will come, which git's digest begins with. WICK_E_UNAVAILABLE where there is no libcrypto. */
int wick_hub_digest_open(wick_hub_digest_kind kind, uint64_t size_bytes, wick_hub_digest **out, wick_error *error);
int wick_hub_digest_add(wick_hub_digest *digest, const void *data, size_t n, wick_error *error);
/* 40 or 64 hexadecimal digits and a terminator. */
int wick_hub_digest_finish(wick_hub_digest *digest, char hex[65], wick_error *error);
void wick_hub_digest_close(wick_hub_digest *digest);

/* Of fd's whole content, read from its beginning with pread; *size_bytes is how much that was. should_stop (may be NULL) is asked now and then; true
 * ends it with WICK_E_UNAVAILABLE, "cancelled". WICK_E_IO. */
int wick_hub_digest_file(int fd, wick_hub_digest_kind kind, uint64_t *size_bytes, char hex[65],
                         bool (*should_stop)(void *user), void *user, wick_error *error);

#endif
