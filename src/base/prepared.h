/* SPDX-License-Identifier: Apache-2.0
 * prepared.h: what was computed of a model's files (packed weights, tokenizer tables), kept from one start to the next: written once, mapped read-only
 * after that, so that opening takes milliseconds and processes on one host share the pages. Called by src/cpu/model_cpu.c and src/text/tokenizer_kept.c.
 *
 * A file is only used if its header says what this process would build (the key below, the library's version, the byte order), it belongs to this user, nobody
 * else may write it, and its checksum holds. Anything else is built anew. */
#ifndef WICK_BASE_PREPARED_H
#define WICK_BASE_PREPARED_H
#include "base/pool.h"

/* What a payload is made of. kind and source name the file, so that what was made of an older source is replaced. */
typedef struct wick_prepared_key {
    const char *kind;   /* what it is and for whom, at most 31 bytes: "weights avx512 int8", "tokenizer" */
    const char *source; /* path of the file or folder that it was made from */
    uint32_t format;    /* to be raised whenever the same source gives another payload */
    uint64_t identity;  /* of the source's content (wick_mapped.identity) */
    uint64_t settings;  /* hash of all else that the payload depends on */
} wick_prepared_key;

typedef struct wick_prepared {
    uint8_t *payload; /* [size_bytes] read-only, page aligned; NULL: none */
    size_t size_bytes;
} wick_prepared;

/* Maps the payload that folder (NULL: none) has for key. False where there is none that may be used; out is {0} then. pool: threads
 * that check the pages, or NULL. Close with wick_prepared_close. */
bool wick_prepared_open(const char *folder, const wick_prepared_key *key, wick_pool *pool, wick_prepared *out);
void wick_prepared_close(wick_prepared *prepared);

/* Writes payload[0..size_bytes) under key, all at once or not at all, and removes what was not used for months. A folder that cannot be written to is logged and is
 * no error. */
void wick_prepared_save(const char *folder, const wick_prepared_key *key, const void *payload, size_t size_bytes,
                        wick_pool *pool);

#endif
